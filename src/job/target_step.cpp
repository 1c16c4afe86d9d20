#include "job/target_step.hpp"

#include <algorithm>
#include <set>
#include <string>

#include <fmt/format.h>

#include "job/book_settlement.hpp"
#include "job/identity_step.hpp"
#include "job/load_plan.hpp"
#include "job/target_identity.hpp"
#include "job/target_tables.hpp"

namespace pgstride::job {

namespace {

// Nobody can tell what of them is there: they are loaded again whole where that can be.
void give_up_untold(Job& job, pg::Connection& connection, const JobTarget& target) {
  const auto untold = target.book->untold();
  const auto full = known_to_hold_rows(target, connection);
  std::set<std::string> told;
  for (auto& record : job.store->tables()) {
    const auto why = untold.find(table_key(record.table));
    if (record.state == "removed" || why == untold.end()) {
      continue;
    }
    if (const auto held = full.find(why->first); held != full.end() && held->second) {
      fail_table(
          job, record,
          fmt::format("table {} of target {}: {}. It held rows before the job, so it can't be "
                      "loaded again whole: compare it with the source by hand, and give the job up "
                      "with `pgstride clean --yes`, or empty it and begin again with --restart",
                      record.table.display_name(), target.record.id, why->second));
      continue;
    }
    const auto batch = job.store->batch();
    job.store->redo_table(record.table.id, target.record.id, why->second);
    record.state = "planned";
    job.store->put_table(record);
    batch->commit();
    if (told.insert(why->first).second) {
      job.warn(fmt::format("table {} is loaded again whole into target {}: {}",
                           record.table.display_name(), target.record.id, why->second),
               "a ledger in the target would tell");
    }
  }
}

void enter_target(Job& job, JobTarget& target) {
  auto connection = job.connect_target(target, "ledger");
  check_target(connection, target);
  target.book->enter(
      connection, target.record.has_ledger,
      [&](const std::string& message, const std::string& hint) { job.warn(message, hint); });
  if (!target.record.has_ledger) {
    target.record.has_ledger = true;
    job.store->put_target(target.record);
  }
  BookSettlement(job, connection, target).settle();
  give_up_untold(job, connection, target);
}

bool is_set_aside(const Job& job, const JobTarget& target) {
  return job.set_aside.contains({0, target.record.id});
}

void give_up_target(Job& job, const JobTarget& target, const Error& error) {
  job.set_aside.insert({0, target.record.id});
  job.store->set_aside(0, target.record.id, error.full_text());
  job.warn(fmt::format("target {} ({}) is left out of this run: {}", target.record.id,
                       shown(target.record), error.what()),
           "`pgstride resume` goes on with what it lacks");
}

std::size_t targets_left(const Job& job) {
  return static_cast<std::size_t>(
      std::count_if(job.targets.begin(), job.targets.end(),
                    [&](const JobTarget& target) { return !is_set_aside(job, target); }));
}

}  // namespace

void enter_targets(Job& job) {
  for (auto& target : job.targets) {
    if (is_set_aside(job, target)) {
      continue;
    }
    try {
      enter_target(job, target);
    } catch (const Error& error) {
      if (!error.is_transient() || targets_left(job) < 2) {
        throw;
      }
      give_up_target(job, target, error);
    }
  }
}

void start_target_tables(Job& job) {
  for (auto& target : job.targets) {
    if (!is_set_aside(job, target)) {
      start_tables_of(job, target);
    }
  }
}

std::optional<Error> confirm_targets(Job& job) {
  std::string names;
  for (auto& target : job.targets) {
    auto connection = job.connect_target(target, "confirm");
    target.book->check(connection);
    target::check_tables(target.book->tables(connection), tables_to_start(job, target, connection));
    if (const int lost = BookSettlement(job, connection, target).settle(); lost > 0) {
      names += fmt::format("{}target {} has lost {} chunks that it had confirmed",
                           names.empty() ? "" : ", ", target.record.id, lost);
    }
  }
  if (names.empty()) {
    return std::nullopt;
  }
  return Error(ErrorKind::connection, names,
               "it was restored, or a standby took its place; they are loaded again");
}

}  // namespace pgstride::job
