// `pgstride status`: where a job stands, from its checkpoint and its lock; also while it runs or
// after it died.

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "handoff/snapshot.hpp"
#include "job/directory.hpp"
#include "job/end_step.hpp"
#include "job/job.hpp"
#include "job/settings.hpp"
#include "pgstride/job.hpp"

namespace pgstride {

namespace {

// A table that is partly done is in the state of its job.
std::string table_state(const JobStatus& job, const job::ParentTable& parent, std::int64_t done,
                        std::int64_t running) {
  const auto any_failed = std::any_of(parent.leaves.begin(), parent.leaves.end(),
                                      [](const auto& leaf) { return leaf.state == "failed"; });
  if (any_failed) {
    return "failed";
  }
  if (done == parent.chunks) {
    return "done";
  }
  return done > 0 || running > 0 ? job.state : "planned";
}

void add_redone(TableStatus& table, const job::ParentTable& parent,
                const std::map<std::int64_t, std::vector<checkpoint::RedoneChunks>>& redone) {
  std::map<std::string, std::int64_t> reasons;
  for (const auto& leaf : parent.leaves) {
    const auto found = redone.find(leaf.table.id);
    if (found != redone.end()) {
      for (const auto& part : found->second) {
        reasons[part.reason] += part.chunks;
        table.redone += part.chunks;
      }
    }
  }
  std::vector<std::pair<std::string, std::int64_t>> sorted(reasons.begin(), reasons.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [reason, chunks] : sorted) {
    table.redo_reason += (table.redo_reason.empty() ? "" : "; ") + reason;
  }
}

void fill_tables(JobStatus& status, checkpoint::CheckpointStore& store) {
  std::map<std::int64_t, checkpoint::TableTotals> totals;
  for (const auto& sum : store.totals()) {
    totals[sum.table_id] = sum;
  }
  const auto published = store.published();
  std::map<std::int64_t, std::vector<checkpoint::RedoneChunks>> redone;
  for (auto& part : store.redone()) {
    redone[part.table_id].push_back(std::move(part));
  }
  for (const auto& parent : job::parent_tables(store)) {
    TableStatus table;
    job::tell_published(parent, published, table.published, table.unpublished);
    table.name = parent.table.schema + "." + parent.table.name;
    table.split = parent.table.split;
    for (const auto& column : parent.table.key) {
      table.key += (table.key.empty() ? "" : ",") + column;
    }
    table.chunks = parent.chunks;
    table.rows = parent.table.rows;
    table.bytes = parent.table.bytes;
    std::int64_t running = 0;
    for (const auto& leaf : parent.leaves) {
      table.done += totals[leaf.table.id].done;
      running += totals[leaf.table.id].running;
      table.rejected += totals[leaf.table.id].rejected;
      if (table.error.empty()) {
        table.error = leaf.error;
      }
    }
    add_redone(table, parent, redone);
    table.state = table_state(status, parent, table.done, running);
    if (table.done > 0) {
      // The files of an import tell of themselves, or don't.
      table.consistency = status.verb == "import" ? status.consistency : parent.table.consistency;
    }
    status.tables.push_back(std::move(table));
  }
}

void fill_sums(JobStatus& status, checkpoint::CheckpointStore& store,
               const checkpoint::JobRecord& record) {
  std::int64_t estimated = 0;
  std::int64_t done = 0;
  for (const auto& sum : store.totals()) {
    status.chunks_total += sum.chunks;
    status.chunks_done += sum.done;
    status.chunks_running += sum.running;
    status.chunks_failed += sum.failed;
    status.chunks_redo += sum.redo;
    status.rows += sum.rows;
    status.bytes += sum.bytes;
    status.estimated_rows += sum.estimated_rows;
    estimated += sum.estimated_bytes;
    done += sum.done_estimated_bytes;
  }
  if (status.chunks_total > 0 && status.chunks_done == status.chunks_total) {
    status.percent = 100.0;
  } else if (estimated > 0) {
    status.percent = 100.0 * static_cast<double>(done) / static_cast<double>(estimated);
  } else if (status.chunks_total > 0) {
    status.percent =
        100.0 * static_cast<double>(status.chunks_done) / static_cast<double>(status.chunks_total);
  }
  if (status.state == "running" && status.percent > 0) {
    const auto worked = record.worked_us + (now_us() - record.started_us);
    status.eta_s = static_cast<double>(worked) / 1e6 * (100.0 - status.percent) / status.percent;
  }
}

void fill_chunks(JobStatus& status, checkpoint::CheckpointStore& store) {
  for (const auto& record : store.tables()) {
    store.each_delivery(record.table.id, "", [&](const checkpoint::Delivery& delivery) {
      status.chunks.push_back({record.table.display_name(),
                               record.table.is_leaf() ? record.table.leaf_display_name() : "",
                               delivery.chunk, delivery.state, delivery.redo_reason,
                               delivery.result});
    });
  }
}

// One chunk more than there are workers is claimed, so that none waits: the last ones are not
// begun. `most`: deliveries that may be under way at once, 0 if unknown.
void leave_out_waiting(JobStatus& status, int most) {
  if (most == 0 || status.chunks_running <= most) {
    return;
  }
  status.chunks_running = most;
  std::vector<ChunkStatus*> claimed;
  for (auto& chunk : status.chunks) {
    if (chunk.state == "running") {
      claimed.push_back(&chunk);
    }
  }
  std::sort(claimed.begin(), claimed.end(), [](const auto* a, const auto* b) {
    return a->result.started_us < b->result.started_us;
  });
  for (auto i = static_cast<std::size_t>(most); i < claimed.size(); ++i) {
    claimed[i]->state = "planned";
    claimed[i]->result.started_us = 0;
  }
}

// Liveness is the lock: a checkpoint that says `running` without it is a process that died.
std::string state_now(const checkpoint::JobRecord& record, const job::Liveness& alive) {
  if (alive.running) {
    return "running";
  }
  return record.state == "running" || record.state == "planned" ? "interrupted" : record.state;
}

}  // namespace

JobStatus job_status(const std::filesystem::path& directory, bool with_chunks) {
  const auto store = checkpoint::open_store_read_only(directory);
  const auto alive = job::liveness(directory);
  JobStatus status;
  if (job::is_discarding(directory)) {
    status.job = job::job_name(directory);
    status.verb = "export";
    status.state = alive.running ? "planned" : "interrupted";
    status.alive = alive.running;
    status.pid = alive.pid;
    status.reason = "it is being discarded by --restart; run the export command again";
    return status;
  }
  status.job = job::job_name(directory);
  status.alive = alive.running || alive.held;
  status.held = alive.held && !alive.running;
  status.pid = alive.pid;
  const auto record = store->job();
  if (!record) {
    status.verb = "export";
    status.state = alive.running ? "planned" : "interrupted";
    status.reason = "the plan is not made yet";
    return status;
  }
  status.verb = record->verb;
  status.state = state_now(*record, alive);
  status.reason = status.state == "interrupted"
                      ? "its process ended without a word; `pgstride resume` goes on"
                      : record->reason;
  status.started_us = record->created_us;
  status.finished_us = record->finished_us;
  status.start_lsn = record->start_lsn;
  status.end_lsn = record->end_lsn;
  status.slot = record->slot;
  status.publication = record->publication;
  if (record->verb != "export") {
    status.ledger = job::load_settings(record->settings).ledger;
  }
  status.consistency = record->consistency;
  status.consistency_note = job::consistency_note(*record, *store);
  status.snapshot = record->snapshot;
  if (status.alive) {
    for (const auto& holder : handoff::parse_holders(record->holders)) {
      status.holders.push_back(holder.exported_id);
    }
  }
  fill_tables(status, *store);
  fill_sums(status, *store, *record);
  if (with_chunks) {
    fill_chunks(status, *store);
  }
  leave_out_waiting(status, job::workers_of(record->run_settings) *
                                static_cast<int>(store->targets().size()));
  return status;
}

}  // namespace pgstride
