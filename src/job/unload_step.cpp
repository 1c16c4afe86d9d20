#include "job/unload_step.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "job/identity_step.hpp"
#include "job/key_order.hpp"
#include "job/load_plan.hpp"
#include "plan/chunk_sql.hpp"
#include "plan/plan.hpp"
#include "target/target_table.hpp"
#include "target/triggers.hpp"
#include "target/truncate.hpp"
#include "target/unload.hpp"

namespace pgstride::job {

namespace {

/// What a target has of one table's dirty chunks.
struct Stale {
  Table table;
  std::vector<Chunk> chunks;
};

/// One target's dirty chunks, by their rows or with their whole tables.
class Unloading {
 public:
  Unloading(Job& job, JobTarget& target)
      : m_job(job), m_target(target), m_connection(job.connect_target(target, "unload")) {
    for (const auto& chunk : target.book->chunks(m_connection)) {
      m_loaded.emplace(chunk.chunk_id, chunk);
    }
  }

  std::vector<Stale> find() {
    std::vector<Stale> all;
    for (const auto& record : m_job.store->tables()) {
      if (record.state == "removed" || record.state == "failed") {
        continue;
      }
      Stale stale{record.table, {}};
      m_job.store->each_delivery(record.table.id, "planned", [&](const auto& delivery) {
        const auto loaded = m_loaded.find(delivery.chunk.id);
        if (delivery.result.target_id == m_target.record.id && loaded != m_loaded.end() &&
            loaded->second.valid_lsn < delivery.needed_lsn) {
          stale.chunks.push_back(delivery.chunk);
        }
      });
      if (!stale.chunks.empty()) {
        all.push_back(std::move(stale));
      }
    }
    return all;
  }

  void unload(const Stale& stale) {
    const auto key = table_key(stale.table);
    if (m_whole.contains(key)) {
      return;
    }
    if (m_target.full.contains(key)) {
      refuse({key}, "which held rows before the job");
      return;
    }
    const auto name = target_name(m_job.load, stale.table);
    const auto facts = target::read_target_tables(m_connection, {name}).tables.front();
    const auto why = unload_by_range(stale, name, facts);
    if (!why.empty()) {
      redo_with_referring(stale.table, why);
    } else {
      m_job.note("redo", fmt::format("{} chunks were taken out of table {} of target {}",
                                     stale.chunks.size(), name.display(), m_target.record.id));
    }
  }

 private:
  std::string unload_by_range(const Stale& stale, const target::TableName& name,
                              const target::TargetTable& facts) {
    if (auto why = target::deletion_obstacle(facts, m_job.load.disable_triggers); !why.empty()) {
      return why;
    }
    auto source = m_job.connect("order");
    if (auto why = order_difference(source, stale.table, m_connection, facts); !why.empty()) {
      return why;
    }
    std::string of_leaf;
    if (stale.table.is_leaf()) {
      auto condition = partition_condition(source, stale.table, m_connection, facts);
      if (!condition.why_not.empty()) {
        return condition.why_not;
      }
      of_leaf = std::move(condition.sql);
    }
    std::map<std::string, target::LoadedRange> ranges;
    auto table = stale.table;
    table.where.reset();  // the target has no other rows
    for (auto chunk : stale.chunks) {
      if (chunk.kind != ChunkKind::range && chunk.kind != ChunkKind::null_keys) {
        return "its chunks are no ranges of a key";
      }
      if (m_loaded.at(chunk.id).counts.updated != 0) {
        return "it was written over rows of somebody else";
      }
      chunk.page_lower.reset();  // pages are the source's
      chunk.page_upper.reset();
      const auto condition = plan::and_also(plan::chunk_condition(table, chunk), of_leaf);
      auto& range = ranges[condition];
      range.condition = condition;
      range.chunk_ids.push_back(chunk.id);
      range.rows += m_loaded.at(chunk.id).counts.rows;
    }
    if (m_job.load.disable_triggers) {
      target::disable_triggers(m_connection);
    }
    std::vector<target::LoadedRange> all;
    all.reserve(ranges.size());
    for (auto& [condition, range] : ranges) {
      all.push_back(std::move(range));
    }
    return m_target.book->unload(m_connection, name, all);
  }

  void refuse(const std::set<std::string>& keys, const std::string& why) {
    for (const auto& record : m_job.store->tables()) {
      if (record.state != "removed" && record.state != "failed" &&
          keys.contains(table_key(record.table))) {
        fail_table(m_job, record,
                   fmt::format("table {}: rows of it changed since they were copied, and can't be "
                               "taken out of target {}, {}; --consistency fuzzy keeps what is "
                               "loaded and goes on",
                               record.table.leaf_display_name(), m_target.record.id, why));
      }
    }
  }

  // What refers to a table must be emptied with it, which only the job's own tables can be. Nothing
  // is given up before that is known: what is given up must be emptied.
  void redo_with_referring(const Table& table, const std::string& why) {
    std::map<std::string, target::TableName> names;
    for (const auto& record : m_job.store->tables()) {
      if (record.state != "removed") {
        names.emplace(table_key(record.table), target_name(m_job.load, record.table));
      }
    }
    std::set<std::string> keys{table_key(table)};
    std::vector<target::TableName> emptied{names.at(table_key(table))};
    for (std::size_t i = 0; i < emptied.size(); ++i) {
      const auto facts = target::read_target_tables(m_connection, {emptied[i]}).tables.front();
      for (const auto& reference : facts.references) {
        const auto own = std::find_if(names.begin(), names.end(), [&](const auto& entry) {
          return entry.second == reference.table;
        });
        if (own != names.end() && keys.insert(own->first).second) {
          emptied.push_back(own->second);
        }
      }
    }
    for (const auto& key : keys) {
      if (m_target.full.contains(key)) {
        refuse({table_key(table)},
               fmt::format("as {} refers to it, which held rows before the job", key));
        return;
      }
    }
    if (const auto obstacle =
            target::truncate_obstacle(m_connection, emptied, m_job.run.lock_timeout);
        !obstacle.empty()) {
      refuse({table_key(table)}, fmt::format("by range ({}), nor whole ({})", why, obstacle));
      return;
    }
    redo_whole(keys, table, why);
  }

  // All leaves load into one table: it is emptied under a higher generation.
  void redo_whole(const std::set<std::string>& keys, const Table& table, const std::string& why) {
    const auto batch = m_job.store->batch();
    for (auto record : m_job.store->tables()) {
      const auto key = table_key(record.table);
      if (record.state == "removed" || record.state == "failed" || !keys.contains(key)) {
        continue;
      }
      m_job.store->redo_table(
          record.table.id, m_target.record.id,
          key == table_key(table)
              ? "rows of it changed, and they can't be taken out by range: " + why
              : fmt::format("it refers to {}, which is loaded again whole", table.display_name()));
      record.state = "planned";
      m_job.store->put_table(record);
    }
    m_job.warn(fmt::format("table {} is loaded again whole into target {}{}: rows of it changed, "
                           "and they can't be taken out by range: {}",
                           table.display_name(), m_target.record.id,
                           keys.size() > 1 ? ", with those that refer to it" : "", why),
               "");
    batch->commit();
    m_whole.insert(keys.begin(), keys.end());
  }

  Job& m_job;
  JobTarget& m_target;
  pg::Connection m_connection;
  std::unordered_map<std::int64_t, target::BookedChunk> m_loaded;
  std::set<std::string> m_whole;  ///< keys of those that are given up
};

}  // namespace

void unload_dirty(Job& job, JobTarget& target) {
  if (!job.slot || job.record.consistency != "exact") {
    return;
  }
  bool any = false;  // what the target holds need not be read else
  job.store->each_delivery(0, "planned", [&](const auto& delivery) {
    any = any || (delivery.result.target_id == target.record.id && delivery.needed_lsn != Lsn{});
  });
  if (!any) {
    return;
  }
  Unloading unloading(job, target);
  for (const auto& stale : unloading.find()) {
    unloading.unload(stale);
  }
}

}  // namespace pgstride::job
