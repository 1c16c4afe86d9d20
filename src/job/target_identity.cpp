#include "job/target_identity.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "job/mark_book.hpp"
#include "job/settings.hpp"
#include "pg/conninfo.hpp"
#include "target/ledger_book.hpp"

namespace pgstride::job {

namespace {

bool is(const checkpoint::TargetRecord& target, const pg::ServerIdentity& identity) {
  return target.system_identifier == identity.system_identifier &&
         target.database == identity.database;
}

void check_role(const pg::ServerIdentity& identity) {
  if (identity.standby) {
    throw Error(
        ErrorKind::usage,
        fmt::format("the target \"{}\" is a standby, which can't be written", identity.database),
        "give its primary");
  }
}

std::shared_ptr<target::LoadBook> make_book(Job& job, std::int64_t target_id, bool ledger) {
  if (ledger) {
    return target::ledger_book(job.record.uid, job.name);
  }
  return std::make_shared<MarkBook>(job, target_id);
}

}  // namespace

std::string shown(const checkpoint::TargetRecord& target) {
  return fmt::format("database \"{}\" of system {}", target.database, target.system_identifier);
}

void identify_targets(Job& job, const std::vector<std::string>& conninfos) {
  for (const auto& conninfo : conninfos) {
    JobTarget target;
    target.conninfo = conninfo;
    target.record.id = static_cast<std::int64_t>(job.targets.size()) + 1;
    target.record.kind = "database";
    auto connection = job.connect_target(target, "identity");
    const auto identity = pg::server_identity(connection);
    check_role(identity);
    for (const auto& other : job.targets) {
      if (is(other.record, identity)) {
        throw Error(ErrorKind::usage,
                    fmt::format("two --target name the same database \"{}\"", identity.database),
                    "leave one of them out");
      }
    }
    target.record.conninfo = pg::storable_conninfo(connection, conninfo);
    target.record.system_identifier = identity.system_identifier;
    target.record.database = identity.database;
    target.book = make_book(job, target.record.id, job.load.ledger);
    job.targets.push_back(std::move(target));
  }
}

void refuse_source_as_target(const Job& job, pg::Connection& source) {
  const auto identity = pg::server_identity(source);
  for (const auto& target : job.targets) {
    if (is(target.record, identity)) {
      throw Error(ErrorKind::usage,
                  fmt::format("--target is the source itself (database \"{}\")", identity.database),
                  "give another database");
    }
  }
}

void check_target(pg::Connection& connection, const JobTarget& target) {
  const auto identity = pg::server_identity(connection);
  if (!is(target.record, identity)) {
    throw Error(ErrorKind::identity,
                fmt::format("target {} is database \"{}\" of system {}, but the job's is {}",
                            target.record.id, identity.database, identity.system_identifier,
                            shown(target.record)),
                "give the job's own server with --target");
  }
  check_role(identity);
}

void match_targets(Job& job, const std::vector<std::string>& conninfos) {
  const bool ledger = load_settings(job.record.settings).ledger;
  for (auto& record : job.store->targets()) {
    JobTarget target;
    target.conninfo = record.conninfo;
    target.record = std::move(record);
    target.book = make_book(job, target.record.id, ledger);
    job.targets.push_back(std::move(target));
  }
  for (const auto& conninfo : conninfos) {
    JobTarget given;
    given.conninfo = conninfo;
    auto connection = job.connect_target(given, "identity");
    const auto identity = pg::server_identity(connection);
    const auto match =
        std::find_if(job.targets.begin(), job.targets.end(),
                     [&](const JobTarget& target) { return is(target.record, identity); });
    if (match == job.targets.end()) {
      throw Error(
          ErrorKind::identity,
          fmt::format("--target is database \"{}\" of system {}, which is none of the job's",
                      identity.database, identity.system_identifier),
          "pgstride status names them; begin another job for another target");
    }
    match->conninfo = conninfo;
  }
}

}  // namespace pgstride::job
