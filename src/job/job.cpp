#include "job/job.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "base/clock.hpp"

namespace pgstride::job {

pg::Connection Job::connect(const std::string& role) const {
  // Holders serve the chunks in flight, which a first stop lets finish; all else ends with it.
  const bool holder = role.starts_with(handoff::k_holder_role);
  return pg::Connection({conninfo, fmt::format("pgstride/{}/{}", name, role),
                         holder ? stop.cancel : stop.drain, std::chrono::milliseconds(0)});
}

pg::Connection& Job::questions() {
  if (!question_session || !question_session->still_connected()) {
    question_session.reset();
    question_session.emplace(connect("plan"));
  }
  question_session->abandon_transaction();
  return *question_session;
}

pg::Connection Job::connect_target(const JobTarget& target, const std::string& role) const {
  return pg::Connection({target.conninfo, fmt::format("pgstride/{}/{}", name, role), stop.drain,
                         std::chrono::milliseconds(0)});
}

handoff::Connect Job::connector() const {
  return [this](const std::string& role) { return connect(role); };
}

void Job::set_aside_failed() {
  for (const auto& [table, target] : set_aside) {
    store->set_aside(table, target, "it failed before in this run");
  }
}

void Job::note(const std::string& kind, const std::string& message) {
  store->add_event({now_us(), kind, message});
}

void Job::warn(const std::string& message, const std::string& hint) {
  events->warning(message, hint);
  note("warning", message);
}

handoff::Waiting Job::waiting() {
  return [this](const std::string& message, const std::string& hint) { warn(message, hint); };
}

int worker_count(const RunOptions& run) {
  if (run.jobs > 0) {
    return run.jobs;
  }
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(cores, 1, 8);
}

const char* transferred(const Job& job) {
  return job.loads() ? "loaded" : "exported";
}

namespace {

// Their rows come from other servers, which know nothing of the snapshot; so do those of a view
// that reads such a table.
std::string foreign_tables_note(const checkpoint::JobRecord& job,
                                checkpoint::CheckpointStore& store) {
  std::string names;
  for (const auto& record : store.tables()) {
    const bool view = record.table.kind == RelationKind::view && job.consistency == "exact" &&
                      record.consistency == "fuzzy";
    if ((record.table.kind == RelationKind::foreign_table || view) && record.state != "removed") {
      names += (names.empty() ? "" : ", ") + record.table.leaf_display_name();
    }
  }
  return names.empty() ? ""
                       : "; this does not hold for foreign tables and views of them, whose rows "
                         "are as of the moment "
                         "they were read: " +
                             names;
}

}  // namespace

std::string consistency_note(const checkpoint::JobRecord& record,
                             checkpoint::CheckpointStore& store) {
  if (record.consistency.empty()) {
    return "";
  }
  if (record.consistency == "exact") {
    return fmt::format("every row is as of one snapshot, which shows all that was committed below "
                       "{} ({}){}",
                       record.start_lsn.text(),
                       record.slot.empty()
                           ? "no slot keeps the WAL from there on"
                           : fmt::format("slot \"{}\" has the changes from there on", record.slot),
                       foreign_tables_note(record, store));
  }
  return fmt::format(
      "the snapshot was lost on the way and another taken, so rows are of different moments "
      "between "
      "{} and {}: a row that changed in that time may be there old or new, and one that moved to "
      "another key may be missing or there twice. Replaying all changes from {} with upsert and "
      "delete by primary key makes those tables whole that were split by their primary key, where "
      "it "
      "never changes and the changes carry all columns (REPLICA IDENTITY FULL, or no TOAST){}",
      record.start_lsn.text(), record.end_lsn.text(), record.start_lsn.text(),
      foreign_tables_note(record, store));
}

}  // namespace pgstride::job
