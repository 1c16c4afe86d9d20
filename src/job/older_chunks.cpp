#include "job/older_chunks.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "job/identity_step.hpp"
#include "job/load_plan.hpp"

namespace pgstride::job {

namespace {

/// The leaves of one parent with what is done of them on each target: rows move between partitions,
/// so they stand and fall together. What one target has of a table does not concern another.
struct Parent {
  struct Done {
    std::int64_t chunks = 0;
    std::int64_t done = 0;
    [[nodiscard]] bool partly() const { return done > 0 && done < chunks; }
  };
  std::vector<checkpoint::TableRecord> leaves;
  std::map<std::int64_t, Done> targets;
  bool by_primary_key = true;

  [[nodiscard]] bool any_partly() const {
    return std::any_of(targets.begin(), targets.end(),
                       [](const auto& target) { return target.second.partly(); });
  }
};

std::map<std::string, Parent> partly_done_parents(Job& job) {
  std::map<std::int64_t, std::vector<checkpoint::TableTotals>> totals;
  for (const auto& sum : job.store->totals_of_targets()) {
    totals[sum.table_id].push_back(sum);
  }
  std::map<std::string, Parent> parents;
  for (auto& record : job.store->tables()) {
    if (record.state == "removed") {
      continue;
    }
    const auto& table = record.table;
    auto& parent = parents[table.display_name()];
    for (const auto& sum : totals[table.id]) {
      parent.targets[sum.target_id].chunks += sum.chunks;
      parent.targets[sum.target_id].done += sum.done;
    }
    parent.by_primary_key =
        parent.by_primary_key && ((table.split == Split::key && table.key && table.key->primary) ||
                                  totals[table.id].empty());
    parent.leaves.push_back(std::move(record));
  }
  std::erase_if(parents, [](const auto& entry) { return !entry.second.any_partly(); });
  return parents;
}

// A target that can't take a table again whole, or nothing.
std::optional<std::int64_t> full_target(const Job& job, const Parent& parent) {
  for (const auto& target : job.targets) {
    const auto done = parent.targets.find(target.record.id);
    if (done != parent.targets.end() && done->second.partly() &&
        target.full.contains(table_key(parent.leaves.front().table))) {
      return target.record.id;
    }
  }
  return std::nullopt;
}

// What was copied of a table under a snapshot that is gone: kept, or copied again whole to the
// targets that lack some of it.
void keep_or_redo(Job& job, const std::string& name, Parent& parent, std::vector<Redo>& redos) {
  const bool keep = parent.by_primary_key || job.run.consistency == Consistency::fuzzy;
  const std::string why =
      "the snapshot is gone and the table is not split by its primary key, so rows may have moved "
      "between what is read and what is not";
  if (const auto full = keep ? std::nullopt : full_target(job, parent)) {
    for (const auto& record : parent.leaves) {
      if (record.state != "failed" || !job.set_aside.contains({record.table.id, 0})) {
        fail_table(
            job, record,
            fmt::format("table {} can't be copied again whole, as target {} held rows before "
                        "the job; {}; --consistency fuzzy keeps what is loaded and goes on",
                        name, *full, why));
      }
    }
    return;
  }
  const bool done_elsewhere =
      std::any_of(parent.targets.begin(), parent.targets.end(), [](const auto& target) {
        return target.second.done > 0 && !target.second.partly();
      });
  std::int64_t redone = 0;
  for (auto& record : parent.leaves) {
    if (!keep) {
      for (const auto& [target, done] : parent.targets) {
        redone += done.partly() ? job.store->redo_table(record.table.id, target, why) : 0;
      }
      if (record.state == "failed") {
        job.set_aside_failed();  // not in this run
      } else {
        record.state = "planned";
      }
    }
    if (keep) {
      record.consistency = "fuzzy";
    } else if (!done_elsewhere) {
      record.consistency.clear();
    }
    job.store->put_table(record);
  }
  if (!keep) {
    redos.push_back(
        {name, fmt::format("table {} is {} again whole: {}", name, transferred(job), why),
         fmt::format("{} finished chunks are redone; --consistency fuzzy would keep them",
                     redone)});
    job.note("redo", redos.back().message);
  }
}

}  // namespace

// A table that turned out to be gone is told as failed, not as exported again.
void tell_redos(Job& job, std::vector<Redo>& redos) {
  const auto records = redos.empty() ? std::vector<checkpoint::TableRecord>{} : job.store->tables();
  for (const auto& redo : redos) {
    const bool goes_on = std::any_of(records.begin(), records.end(), [&](const auto& record) {
      return record.table.display_name() == redo.table && record.state == "planned";
    });
    if (goes_on) {
      job.events->warning(redo.message, redo.hint);
    }
  }
  redos.clear();
}

// Every table that is partly done, also those that failed: never may chunks of two snapshots meet
// in a table unless that is allowed (correctness.md, 3). True if anything of an older snapshot
// stays.
void settle_old_chunks(Job& job, std::vector<Redo>& redos) {
  const auto batch = job.store->batch();
  for (auto& [name, parent] : partly_done_parents(job)) {
    keep_or_redo(job, name, parent, redos);
  }
  const auto after = job.store->totals();
  const bool mixed =
      std::any_of(after.begin(), after.end(), [](const auto& sum) { return sum.done > 0; });
  if (mixed && job.run.consistency == Consistency::exact) {
    throw Error(
        ErrorKind::snapshot,
        "--consistency exact can't be kept: the snapshot that the finished chunks were read "
        "under is gone, and no slot tells what changed since",
        "go on with --consistency auto, or begin again with --restart");
  }
  batch->commit();
}

std::vector<std::string> tables_to_redo(Job& job) {
  std::vector<std::string> names;
  for (const auto& [name, parent] : partly_done_parents(job)) {
    if (!parent.by_primary_key) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace pgstride::job
