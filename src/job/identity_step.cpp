#include "job/identity_step.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "job/plan_step.hpp"
#include "plan/plan.hpp"

namespace pgstride::job {

namespace {

using checkpoint::TableRecord;
using checkpoint::TableTotals;

enum class Change { none, left_tree, gone, columns, key, collation, identity, rewritten };

bool same_column(const Column& planned, const Column& now) {
  return now.name == planned.name && now.attnum == planned.attnum &&
         now.type_oid == planned.type_oid && now.type == planned.type;
}

// A key column that may be NULL by now would need a chunk that the plan does not have; without its
// primary key a table's ranges don't tell rows any more. The job need not read the key's columns.
bool key_changed(const Table& planned, const plan::LeafIdentity& now) {
  const auto& key = planned.key;
  if (!key) {
    return false;
  }
  const bool columns_stand =
      std::all_of(key->columns.begin(), key->columns.end(), [&](const KeyColumn& column) {
        return std::any_of(now.columns.begin(), now.columns.end(), [&](const Column& other) {
          return other.name == column.name && other.not_null == column.not_null;
        });
      });
  const bool still_primary =
      key->columns.size() <= now.primary_key.size() &&
      std::equal(
          key->columns.begin(), key->columns.end(), now.primary_key.begin(),
          [](const KeyColumn& column, const std::string& name) { return column.name == name; });
  return !columns_stand || (key->primary && !still_primary);
}

// A column more is a change too, unless the user chose the columns.
bool columns_changed(const Job& job, const Table& planned, const std::vector<Column>& now) {
  const bool all_there =
      std::all_of(planned.columns.begin(), planned.columns.end(), [&](const Column& column) {
        return std::any_of(now.begin(), now.end(),
                           [&](const Column& other) { return same_column(column, other); });
      });
  return !all_there || (job.select.columns.empty() && planned.columns.size() != now.size());
}

std::string words(Change change) {
  switch (change) {
  case Change::columns:
    return "its columns changed after the plan";
  case Change::key:
    return "its key changed after the plan";
  case Change::collation:
    return "the collation of its key has another version than when it was planned";
  case Change::identity:
    return "its replica identity changed after the plan";
  case Change::rewritten:
    return "it was truncated or rewritten after the plan";
  default:
    return "it was dropped, renamed or made again after the plan";
  }
}

/// What the server has now of the trees that are looked at.
struct Now {
  std::map<std::uint32_t, plan::LeafIdentity> identities;
  std::map<std::uint32_t, std::map<std::uint32_t, plan::TreeMember>> trees;  ///< by root, by oid
  std::map<std::string, std::string> collations;  ///< versions of those that keys are cut along

  [[nodiscard]] bool has_leaves(std::uint32_t root) const {
    const auto tree = trees.find(root);
    return tree != trees.end() &&
           std::any_of(tree->second.begin(), tree->second.end(),
                       [](const auto& member) { return !member.second.partitioned; });
  }
};

// Text is in another order then: ranges that are done and those that are left don't fit together.
bool collation_changed(const Table& planned, const Now& now) {
  return planned.key && std::any_of(planned.key->columns.begin(), planned.key->columns.end(),
                                    [&](const KeyColumn& column) {
                                      const auto found = now.collations.find(column.collation);
                                      return !column.collation_version.empty() &&
                                             found != now.collations.end() &&
                                             found->second != column.collation_version;
                                    });
}

Now look_at(pg::Connection& connection, const std::vector<TableRecord>& records) {
  std::vector<std::uint32_t> oids;
  std::set<std::uint32_t> roots;
  std::set<std::string> collations;
  for (const auto& record : records) {
    oids.push_back(record.table.oid);
    roots.insert(record.table.root_oid);
    for (const auto& column :
         record.table.key ? record.table.key->columns : std::vector<KeyColumn>{}) {
      if (!column.collation_version.empty()) {
        collations.insert(column.collation);
      }
    }
  }
  Now now;
  now.collations =
      plan::present_collation_versions(connection, {collations.begin(), collations.end()});
  for (auto& identity : plan::leaf_identities(connection, oids)) {
    now.identities.emplace(identity.oid, std::move(identity));
  }
  for (auto& member : plan::tree_members(connection, {roots.begin(), roots.end()})) {
    now.trees[member.root_oid].emplace(member.oid, member);
  }
  return now;
}

Change change_of(const Job& job, const Table& planned, const Now& now, Compared compared) {
  const bool alone = planned.oid == planned.root_oid;
  const auto tree = now.trees.find(planned.root_oid);
  if (tree == now.trees.end()) {
    return Change::gone;  // and with it, perhaps, its leaves
  }
  const auto& root = tree->second.at(planned.root_oid);
  if (planned.is_leaf() && (root.schema != planned.schema || root.name != planned.name)) {
    return Change::gone;
  }
  const auto member = tree->second.find(planned.oid);
  const auto identity = now.identities.find(planned.oid);
  if (member == tree->second.end() || identity == now.identities.end()) {
    return Change::left_tree;
  }
  if (member->second.partitioned && now.has_leaves(planned.root_oid)) {
    return Change::left_tree;  // it had no partition when it was planned as itself
  }
  const auto& leaf = identity->second;
  if (leaf.schema != planned.leaf_schema || leaf.name != planned.leaf_name) {
    return alone ? Change::gone : Change::left_tree;  // a leaf comes back under its new name
  }
  if (columns_changed(job, planned, leaf.columns)) {
    return Change::columns;
  }
  if (key_changed(planned, leaf)) {
    return Change::key;
  }
  if (collation_changed(planned, now)) {
    return Change::collation;
  }
  if (leaf.relfilenode != planned.relfilenode) {
    return Change::rewritten;
  }
  const bool other_identity = leaf.replica_identity != planned.replica_identity;
  return compared == Compared::all && other_identity ? Change::identity : Change::none;
}

/// The tables of the user's own selection as they are now, or why they can't be read.
struct Fresh {
  std::vector<Table> tables;
  std::string error;

  [[nodiscard]] const Table* by_oid(std::uint32_t oid) const {
    return find([&](const Table& table) { return table.oid == oid; });
  }
  [[nodiscard]] const Table* by_name(const Table& wanted) const {
    return find([&](const Table& table) {
      return table.leaf_schema == wanted.leaf_schema && table.leaf_name == wanted.leaf_name;
    });
  }

 private:
  template <typename Test> [[nodiscard]] const Table* find(Test test) const {
    const auto found = std::find_if(tables.begin(), tables.end(), test);
    return found == tables.end() ? nullptr : &*found;
  }
};

Fresh read_again(Job& job, pg::Connection& connection) {
  try {
    return {plan::read_tables(connection, job.select, job.chunk), ""};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) {
      throw;
    }
    return {{}, error.what()};
  }
}

/// Brings the plan in line with what the server has, in one batch.
class Reconciler {
 public:
  Reconciler(Job& job, pg::Connection& connection, Compared compared)
      : m_job(job), m_connection(connection), m_compared(compared) {
    for (const auto& sum : job.store->totals()) {
      m_totals[sum.table_id] = sum;
    }
  }

  bool run() {
    load_records();
    if (m_records.empty()) {
      return false;
    }
    m_now = look_at(m_connection, m_records);
    std::vector<std::pair<const TableRecord*, Change>> changes;
    for (const auto& record : m_records) {
      if (const auto change = change_of(m_job, record.table, m_now, m_compared);
          change != Change::none) {
        changes.emplace_back(&record, change);
      }
    }
    const auto strangers = unknown_members();
    if (changes.empty() && strangers.empty()) {
      return false;
    }
    m_fresh = read_again(m_job, m_connection);
    m_survivors = surviving_roots(strangers);
    const auto batch = m_job.store->batch();
    bool changed = false;
    for (const auto& [record, change] : changes) {
      changed = apply(*record, change) || changed;
    }
    for (const auto& member : strangers) {
      changed = meet(member) || changed;
    }
    batch->commit();
    return changed;
  }

 private:
  // Leaves that are done are looked at too: rows move between the leaves of one root.
  void load_records() {
    std::set<std::uint32_t> roots;
    for (const auto& open : m_compared == Compared::all ? kept_tables(m_job) : open_tables(m_job)) {
      roots.insert(open.record.table.root_oid);
    }
    for (auto& record : m_job.store->tables()) {
      if (record.state != "removed" && record.state != "failed" &&
          roots.contains(record.table.root_oid)) {
        m_records.push_back(std::move(record));
      }
    }
  }

  // Members that hold rows and that no record stands for: new ones, or those the user left out.
  [[nodiscard]] std::vector<plan::TreeMember> unknown_members() const {
    std::set<std::uint32_t> known;
    for (const auto& record : m_records) {
      if (change_of(m_job, record.table, m_now, m_compared) != Change::left_tree) {
        known.insert(record.table.oid);
      }
    }
    for (const auto& record : m_job.store->tables()) {
      if (record.state == "failed") {
        known.insert(record.table.oid);
      }
    }
    std::vector<plan::TreeMember> out;
    for (const auto& [root, members] : m_now.trees) {
      for (const auto& [oid, member] : members) {
        if (!member.partitioned && !known.contains(oid)) {
          out.push_back(member);
        }
      }
    }
    return out;
  }

  bool apply(TableRecord record, Change change) {
    const auto& table = record.table;
    if (change == Change::left_tree && !m_survivors.contains(table.root_oid)) {
      fail_table(m_job, record,
                 fmt::format("table {} has none of its leaves left, or none that can be read{}{}",
                             table.display_name(), m_fresh.error.empty() ? "" : ": ",
                             m_fresh.error));
      return true;
    }
    if (change == Change::left_tree) {
      m_job.store->drop_chunks(table.id);
      record.state = "removed";
      record.error = "it is no leaf of its table any more";
      m_job.store->put_table(record);
      m_job.warn(fmt::format("{} is no leaf of {} any more: it is left out",
                             table.leaf_display_name(), table.display_name()),
                 "it was dropped, detached or renamed after the plan");
      return true;
    }
    const auto& sum = m_totals[table.id];
    if (change == Change::rewritten && m_compared == Compared::with_work_left && sum.done > 0 &&
        table.key && table.key->primary) {
      // Its rows are told by primary key; the job is fuzzy about them already.
      record.table.relfilenode = m_now.identities.at(table.oid).relfilenode;
      m_job.store->put_table(record);
      return true;
    }
    const auto* fresh = change == Change::gone ? m_fresh.by_name(table) : m_fresh.by_oid(table.oid);
    if (fresh == nullptr) {
      fail_table(m_job, record,
                 fmt::format("table {}: {}{}", table.leaf_display_name(), words(change),
                             m_fresh.error.empty() ? "" : "; " + m_fresh.error));
      return true;
    }
    const auto redone = replan_table(m_job, m_connection, record, *fresh, words(change));
    if (redone > 0) {
      m_job.warn(fmt::format("table {} is {} again whole: {}", fresh->leaf_display_name(),
                             transferred(m_job), words(change)),
                 fmt::format("{} finished chunks are redone", redone));
    }
    return true;
  }

  // A leaf that has no record: added if the user's selection has it. If that can't be told, the
  // table must not pass for complete.
  bool meet(const plan::TreeMember& member) {
    if (const auto* fresh = m_fresh.by_oid(member.oid)) {
      add_leaf(m_job, m_connection, *fresh);
      return true;
    }
    if (m_fresh.error.empty()) {
      return false;  // the user left it out
    }
    bool failed = false;
    for (const auto& record : m_job.store->tables()) {
      if (record.table.root_oid == member.root_oid && record.state != "removed" &&
          record.state != "failed") {
        fail_table(
            m_job, record,
            fmt::format("table {}: whether its leaf {}.{} belongs to the job can't be told: {}",
                        record.table.display_name(), member.schema, member.name, m_fresh.error));
        failed = true;
      }
    }
    return failed;
  }

  // Roots that keep or get a leaf: of any other, the last ones to leave would leave nothing behind.
  [[nodiscard]] std::set<std::uint32_t>
  surviving_roots(const std::vector<plan::TreeMember>& strangers) const {
    std::set<std::uint32_t> roots;
    for (const auto& record : m_records) {
      if (change_of(m_job, record.table, m_now, m_compared) != Change::left_tree) {
        roots.insert(record.table.root_oid);
      }
    }
    for (const auto& member : strangers) {
      if (m_fresh.by_oid(member.oid) != nullptr) {
        roots.insert(member.root_oid);
      }
    }
    return roots;
  }

  Job& m_job;
  pg::Connection& m_connection;
  Compared m_compared;
  std::map<std::int64_t, TableTotals> m_totals;
  std::vector<TableRecord> m_records;
  Now m_now;
  Fresh m_fresh;
  std::set<std::uint32_t> m_survivors;
};

}  // namespace

std::vector<OpenTable> kept_tables(Job& job) {
  std::map<std::int64_t, TableTotals> totals;
  for (auto& sum : job.store->totals()) {
    totals[sum.table_id] = sum;
  }
  std::vector<OpenTable> out;
  for (auto& record : job.store->tables()) {
    if (record.state != "removed" && record.state != "failed") {
      const auto id = record.table.id;
      out.push_back({std::move(record), totals[id]});
    }
  }
  return out;
}

std::vector<OpenTable> open_tables(Job& job) {
  auto tables = kept_tables(job);
  std::erase_if(tables, [](const auto& open) { return open.totals.done >= open.totals.chunks; });
  return tables;
}

void fail_table(Job& job, TableRecord record, const std::string& error) {
  job.store->set_aside(record.table.id, 0, error);
  job.set_aside.insert({record.table.id, 0});
  record.state = "failed";
  record.error = error;
  job.store->put_table(record);
  job.warn(error, "the other tables go on; `pgstride resume` tries this one again");
}

bool reconcile_tables(Job& job, pg::Connection& connection, Compared compared) {
  return Reconciler(job, connection, compared).run();
}

}  // namespace pgstride::job
