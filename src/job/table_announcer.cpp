#include "job/table_announcer.hpp"

#include "base/clock.hpp"
#include "base/crash_point.hpp"

namespace pgstride::job {

void TableAnnouncer::add(const checkpoint::TableRecord& leaf, bool open) {
  auto& parent = m_parents[leaf.table.display_name()];
  parent.leaves.emplace(leaf.table.id, &leaf);
  parent.leaves_left += open ? 1 : 0;
}

void TableAnnouncer::begun(const TableStarted& event) {
  auto& parent = m_parents[event.table];
  if (!parent.started) {
    parent.started = true;
    parent.started_us = now_us();
    m_job.events->table_started(event);
  }
}

void TableAnnouncer::finished(const Table& leaf) {
  auto& parent = m_parents[leaf.display_name()];
  if (--parent.leaves_left > 0) {
    return;
  }
  crash_point("table_finished");
  m_meter.table_done();
  TableDone event;
  event.table = leaf.display_name();
  for (const auto& sum : m_job.store->totals()) {
    const auto found = parent.leaves.find(sum.table_id);
    if (found == parent.leaves.end()) {
      continue;
    }
    event.chunks += sum.chunks;
    event.rows += sum.rows;
    event.bytes += sum.bytes;
    event.raw_bytes += sum.raw_bytes;
    event.ignored += sum.ignored;
    event.superseded += sum.superseded;
    event.rejected += sum.rejected;
    event.files += sum.files;
    if (found->second->state == "failed") {
      event.failed = true;
      event.error = found->second->error;
    }
  }
  if (event.files == 0 && !event.failed && !m_job.loads()) {
    event.files = 1;  // the one that an empty table makes at the end
  }
  event.seconds = static_cast<double>(now_us() - parent.started_us) / 1e6;
  m_job.table_seconds[event.table] = event.seconds;
  m_job.events->table_done(event);
}

}  // namespace pgstride::job
