// Tells the events of the tables of a transfer: when the first chunk of a parent or any of its
// leaves goes to a worker, and when the last is done. Belongs to the job's thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "job/job.hpp"
#include "job/progress_meter.hpp"

namespace pgstride::job {

class TableAnnouncer {
 public:
  TableAnnouncer(Job& job, ProgressMeter& meter) : m_job(job), m_meter(meter) {}

  /// A leaf of the job, which must live as long as this; `open`: it has chunks left.
  void add(const checkpoint::TableRecord& leaf, bool open);
  /// A chunk of this table goes to a worker: told if it is the first.
  void begun(const TableStarted& event);
  /// The last of this leaf is done, or failed.
  void finished(const Table& leaf);

 private:
  /// With its leaves.
  struct Parent {
    std::int64_t leaves_left = 0;
    bool started = false;
    std::int64_t started_us = 0;
    std::map<std::int64_t, const checkpoint::TableRecord*> leaves;  ///< by table id
  };

  Job& m_job;
  ProgressMeter& m_meter;
  std::map<std::string, Parent> m_parents;  ///< by displayed name
};

}  // namespace pgstride::job
