#include "job/identity_step.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "job/plan_step.hpp"
#include "pg/quote.hpp"
#include "plan/plan.hpp"

namespace pgstride::job {

namespace {

using checkpoint::TableRecord;

enum class Change { none, moved, rewritten, columns, gone };

bool same_columns(const Table& planned, const std::vector<Column>& now) {
  return std::all_of(planned.columns.begin(), planned.columns.end(), [&](const Column& column) {
    return std::any_of(now.begin(), now.end(), [&](const Column& other) {
      return other.name == column.name && other.attnum == column.attnum &&
             other.type_oid == column.type_oid && other.type == column.type;
    });
  });
}

// A column more is a change too, unless the user chose the columns.
bool columns_changed(const Job& job, const Table& planned, const plan::LeafIdentity& now) {
  if (!same_columns(planned, now.columns)) {
    return true;
  }
  return job.select.columns.empty() && planned.columns.size() != now.columns.size();
}

Change change_of(const Job& job, const Table& planned, const plan::LeafIdentity* now) {
  if (now == nullptr) {
    return Change::gone;
  }
  if (now->schema != planned.leaf_schema || now->name != planned.leaf_name) {
    return Change::moved;
  }
  if (columns_changed(job, planned, *now)) {
    return Change::columns;
  }
  return now->relfilenode != planned.relfilenode ? Change::rewritten : Change::none;
}

std::string words(Change change) {
  switch (change) {
  case Change::columns:
    return "its columns changed after the plan";
  case Change::rewritten:
    return "it was truncated or rewritten after the plan";
  default:
    return "it was dropped, renamed or made again after the plan";
  }
}

std::string exact_pattern(const std::string& schema, const std::string& name) {
  return pg::quote_qualified(schema, name);
}

// The tables of the given parents as the server has them now; parents that are gone are left out.
std::vector<Table> read_again(Job& job, pg::Connection& connection,
                              const std::set<std::pair<std::string, std::string>>& parents) {
  std::vector<Table> tables;
  for (const auto& [schema, name] : parents) {
    auto select = job.select;
    select.tables = {exact_pattern(schema, name)};
    select.schemas.clear();
    select.exclude_tables.clear();
    select.exclude_schemas.clear();
    const auto other = [&](const TableOption& option) {
      return option.table != name && option.table != schema + "." + name &&
             option.table != pg::quote_identifier(name) &&
             option.table != exact_pattern(schema, name);
    };
    auto chunk = job.chunk;
    std::erase_if(select.where, other);
    std::erase_if(select.columns, other);
    std::erase_if(chunk.keys, other);
    std::erase_if(chunk.intervals, other);
    std::erase_if(chunk.bounds, other);
    try {
      for (auto& table : plan::read_tables(connection, select, chunk)) {
        tables.push_back(std::move(table));
      }
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::usage) {
        throw;
      }
    }
  }
  return tables;
}

const Table* find_leaf(const std::vector<Table>& tables, const Table& wanted) {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const Table& table) {
    return table.leaf_schema == wanted.leaf_schema && table.leaf_name == wanted.leaf_name &&
           table.schema == wanted.schema && table.name == wanted.name;
  });
  return found == tables.end() ? nullptr : &*found;
}

void remove_leaf(Job& job, TableRecord record) {
  job.store->drop_chunks(record.table.id);
  record.state = "removed";
  record.error = "the partition was dropped or detached after the plan";
  job.store->put_table(record);
  job.warn(fmt::format("partition {} was dropped or detached; it is left out",
                       record.table.leaf_display_name()),
           "its rows are not part of the export");
}

// A rewritten table keeps its done chunks only if its rows can be told by primary key.
bool keeps_done_chunks(const OpenTable& open) {
  return open.record.table.split == Split::key && open.record.table.key &&
         open.record.table.key->primary;
}

void apply_change(Job& job, pg::Connection& locker, const OpenTable& open, Change change,
                  const Table* fresh) {
  auto record = open.record;
  if (fresh == nullptr) {
    if (record.table.is_leaf()) {
      remove_leaf(job, record);
    } else {
      fail_table(job, record,
                 fmt::format("table {} was dropped or renamed after the plan",
                             record.table.display_name()));
    }
    return;
  }
  if (change == Change::rewritten && open.totals.done > 0 && keeps_done_chunks(open)) {
    record.table.relfilenode = fresh->relfilenode;
    job.store->put_table(record);
    return;
  }
  const auto redone = replan_table(job, locker, record, *fresh, words(change));
  if (redone > 0) {
    job.warn(fmt::format("table {} is exported again whole: {}", record.table.leaf_display_name(),
                         words(change)),
             fmt::format("{} finished chunks are redone", redone));
  }
}

// Leaves that the parents of partitioned tables have got since.
bool add_new_leaves(Job& job, pg::Connection& locker, const std::vector<Table>& fresh) {
  const auto known = job.store->tables();
  bool added = false;
  for (const auto& table : fresh) {
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const TableRecord& record) {
      return record.state != "removed" && record.table.leaf_schema == table.leaf_schema &&
             record.table.leaf_name == table.leaf_name;
    });
    if (!is_known) {
      add_leaf(job, locker, table);
      added = true;
    }
  }
  return added;
}

}  // namespace

std::vector<OpenTable> open_tables(Job& job) {
  std::map<std::int64_t, checkpoint::TableTotals> totals;
  for (auto& sum : job.store->totals()) {
    totals[sum.table_id] = sum;
  }
  std::vector<OpenTable> out;
  for (auto& record : job.store->tables()) {
    const auto& sum = totals[record.table.id];
    if (record.state != "removed" && record.state != "failed" && sum.done < sum.chunks) {
      out.push_back({std::move(record), sum});
    }
  }
  return out;
}

void fail_table(Job& job, TableRecord record, const std::string& error) {
  job.store->set_aside(record.table.id, error);
  record.state = "failed";
  record.error = error;
  job.store->put_table(record);
  job.warn(error, "the other tables go on; `pgstride resume` tries this one again");
}

bool reconcile_tables(Job& job, pg::Connection& locker, const std::vector<OpenTable>& tables) {
  std::vector<std::uint32_t> oids;
  std::set<std::pair<std::string, std::string>> to_read;
  oids.reserve(tables.size());
  for (const auto& open : tables) {
    oids.push_back(open.record.table.oid);
  }
  const auto identities = plan::leaf_identities(locker, oids);
  std::map<std::uint32_t, const plan::LeafIdentity*> by_oid;
  for (const auto& identity : identities) {
    by_oid[identity.oid] = &identity;
  }
  std::vector<std::pair<const OpenTable*, Change>> changed;
  for (const auto& open : tables) {
    const auto& table = open.record.table;
    const auto found = by_oid.find(table.oid);
    const auto change = change_of(job, table, found == by_oid.end() ? nullptr : found->second);
    if (change != Change::none) {
      changed.emplace_back(&open, change);
    }
    if (change != Change::none || table.is_leaf()) {
      to_read.emplace(table.schema, table.name);
    }
  }
  if (to_read.empty()) {
    return false;
  }
  const auto fresh = read_again(job, locker, to_read);
  // A leaf that was detached keeps its oid and name, but is no leaf of its parent any more.
  for (const auto& open : tables) {
    if (open.record.table.is_leaf() && find_leaf(fresh, open.record.table) == nullptr &&
        std::none_of(changed.begin(), changed.end(),
                     [&](const auto& pair) { return pair.first == &open; })) {
      changed.emplace_back(&open, Change::gone);
    }
  }
  const auto batch = job.store->batch();
  for (const auto& [open, change] : changed) {
    apply_change(job, locker, *open, change, find_leaf(fresh, open->record.table));
  }
  const bool added = add_new_leaves(job, locker, fresh);
  batch->commit();
  return added || !changed.empty();
}

}  // namespace pgstride::job
