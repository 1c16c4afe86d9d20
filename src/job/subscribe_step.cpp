#include "job/subscribe_step.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "handoff/publications.hpp"
#include "handoff/slot.hpp"
#include "job/handoff_facts.hpp"
#include "job/server_source.hpp"
#include "job/slot_watch.hpp"
#include "job/target_identity.hpp"
#include "pg/conninfo.hpp"
#include "pg/conninfo_parts.hpp"
#include "pg/quote.hpp"
#include "target/target_table.hpp"

namespace pgstride::job {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds k_poll{100};
constexpr std::chrono::seconds k_tell_every{5};

/// A subscription as the target has it.
struct Found {
  bool exists = false;
  bool enabled = false;
  bool ours = false;
};

Found find_subscription(pg::Connection& connection, const Job& job,
                        const handoff::HandoffTarget& target) {
  const auto result =
      connection.query(R"sql(
    SELECT s.subenabled, coalesce(pg_catalog.obj_description(s.oid, 'pg_subscription') = $2
                                  AND s.subslotname = $3, false)
      FROM pg_catalog.pg_subscription s
      JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
     WHERE d.datname = pg_catalog.current_database() AND s.subname = $1
  )sql",
                       {target.subscription, handoff::job_mark(job.record.uid), target.slot});
  if (result.rows() == 0) {
    return {};
  }
  return {true, result.boolean(0, 0), result.boolean(0, 1)};
}

// What apply workers would stop at, found before they are let loose.
void check_tables(pg::Connection& connection, const handoff::Handoff& handoff) {
  std::vector<target::TableName> names;
  std::vector<const handoff::HandoffTable*> tables;
  for (const auto& table : handoff.tables) {
    if (table.published) {
      names.push_back({table.schema, table.name});
      tables.push_back(&table);
    }
  }
  const auto found = target::read_target_tables(connection, names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& there = found.tables[i];
    const auto name = fmt::format("{}.{}", names[i].schema, names[i].name);
    if (!there.exists()) {
      throw Error(ErrorKind::usage,
                  fmt::format("the target has no table {}, but its changes are published", name),
                  "make it there, or take it out of the publication");
    }
    const bool keyed = std::any_of(there.unique_indexes.begin(), there.unique_indexes.end(),
                                   [](const auto& index) { return index.primary; });
    // Under FULL the whole old row comes, and serves as the key.
    if (!keyed && !tables[i]->key.empty()) {
      throw Error(ErrorKind::usage,
                  fmt::format("table {} has no primary key on the target: updates and deletes "
                              "could not be applied",
                              name),
                  "add the primary key there");
    }
  }
}

/// Makes the subscription of one target and watches it.
class Subscriber {
 public:
  Subscriber(Job& job, pg::Connection& source, const handoff::Handoff& handoff,
             const JobTarget& target, const handoff::HandoffTarget& plan)
      : m_job(job), m_source(source), m_handoff(handoff), m_plan(plan),
        m_connection(job.connect_target(target, "handoff")) {
    check_target(m_connection, target);
  }

  void prepare() {
    const auto found = find_subscription(m_connection, m_job, m_plan);
    if (found.exists && !found.ours) {
      throw Error(ErrorKind::usage,
                  fmt::format("target {} has a subscription \"{}\" already, which is not the job's",
                              m_plan.id, m_plan.subscription),
                  "drop or rename it");
    }
    if (found.exists) {
      return;
    }
    check_tables(m_connection, m_handoff);
    if (m_plan.slot != m_handoff.slot) {
      copy_slot();
    }
    check_place(m_plan.slot);
  }

  // Durable words first: a slot that may have a consumer is never dropped.
  void subscribe(const std::string& conninfo) {
    auto found = find_subscription(m_connection, m_job, m_plan);
    if (!found.exists) {
      record("subscribed");
      create(conninfo);
      crash_point("subscription_made");
      found = find_subscription(m_connection, m_job, m_plan);
    }
    if (!found.enabled) {
      m_connection.exec(handoff::advance_origin(m_plan, m_handoff.start_lsn));
      crash_point("origin_advanced");
      m_connection.exec(handoff::enable_subscription(m_plan));
      crash_point("subscription_enabled");
    }
    m_errors = apply_errors();
  }

  Subscribed wait_until(Lsn lsn) {
    auto tell_at = Clock::now() + k_tell_every;
    for (;;) {
      const auto slot = handoff::read_slot(m_source, m_plan.slot);
      if (!slot || slot->lost()) {
        throw Error(ErrorKind::server, fmt::format("slot \"{}\" is lost", m_plan.slot));
      }
      const auto now =
          Lsn::parse(m_source.exec("SELECT pg_catalog.pg_current_wal_flush_lsn()").get(0, 0));
      const auto behind = [&](Lsn to) {
        return to > slot->confirmed_flush
                   ? static_cast<std::int64_t>(to.value - slot->confirmed_flush.value)
                   : 0;
      };
      if (slot->confirmed_flush >= lsn) {
        return {m_plan.id,   m_plan.database,       m_plan.subscription,
                m_plan.slot, slot->confirmed_flush, behind(now)};
      }
      check_errors();
      if (Clock::now() >= tell_at) {
        m_job.events->info(fmt::format("target {}: {} bytes of WAL behind{}", m_plan.id,
                                       behind(lsn),
                                       has_worker() ? "" : "; no apply worker runs there now"));
        tell_at = Clock::now() + k_tell_every;
      }
      if (!sleep_for(k_poll, m_job.stop.drain)) {
        throw Error(ErrorKind::stopped,
                    "stopped; the subscriptions are made and go on by themselves");
      }
    }
  }

 private:
  // Throws unless the slot still has all changes after the job's rows.
  void check_place(const std::string& name) {
    const auto slot = handoff::read_slot(m_source, name);
    const bool used = slot && slot->active && name == m_plan.slot;
    if (!slot || slot->lost() || used || slot->confirmed_flush > m_handoff.start_lsn) {
      throw Error(ErrorKind::usage,
                  fmt::format("slot \"{}\" can't be handed over to target {}: {}", name, m_plan.id,
                              !slot          ? "it is gone"
                              : slot->lost() ? "it is lost"
                              : used         ? "somebody reads from it"
                                     : fmt::format("changes were read from it already, up to {}",
                                                   slot->confirmed_flush.text())),
                  "make the job anew with --restart, or another job for this target");
    }
  }

  void record(const std::string& state) {
    const auto batch = m_job.store->batch();
    m_job.store->put_consumer({m_plan.id, m_plan.slot, m_plan.subscription, state});
    if (state == "subscribed" && m_plan.slot == m_handoff.slot) {
      m_job.slot->handed_over = true;
      m_job.store->put_slot(*m_job.slot);
    }
    batch->commit();
  }

  // A copy begins where the job's slot stands, so it is made before anybody reads from that.
  void copy_slot() {
    const auto known = m_job.store->consumers();
    const bool begun = std::any_of(known.begin(), known.end(), [&](const auto& consumer) {
      return consumer.target_id == m_plan.id;
    });
    if (const auto there = handoff::read_slot(m_source, m_plan.slot)) {
      if (!begun || there->database != m_job.record.database) {
        throw Error(ErrorKind::usage, fmt::format("a slot \"{}\" exists already", m_plan.slot),
                    "drop it");
      }
      record("copied");
      return;
    }
    check_place(m_handoff.slot);
    record("copying");
    m_source.exec(handoff::copy_slot(m_handoff.slot, m_plan.slot));
    crash_point("slot_copied");
    record("copied");
  }

  void create(const std::string& conninfo) {
    try {
      m_connection.exec(
          fmt::format("BEGIN; {}; COMMENT ON SUBSCRIPTION {} IS {}; COMMIT",
                      handoff::create_subscription(m_plan, m_handoff.publication, conninfo),
                      pg::quote_identifier(m_plan.subscription),
                      pg::quote_literal(handoff::job_mark(m_job.record.uid))));
    } catch (const Error& error) {
      m_connection.abandon_transaction();
      if (error.kind() != ErrorKind::server) {
        throw;
      }
      if (m_plan.slot == m_handoff.slot) {
        m_job.slot->handed_over = false;
        m_job.store->put_slot(*m_job.slot);
      }
      record("copied");
      // Without the statement: it may hold a password.
      throw Error(ErrorKind::server,
                  fmt::format("target {}: can't make subscription \"{}\": {}", m_plan.id,
                              m_plan.subscription, error.what()),
                  error.hint().empty() ? "the target's server must reach the source by the "
                                         "connection string of --source, and the role may make "
                                         "subscriptions"
                                       : error.hint())
          .with_server(error.sqlstate(), error.detail(), "", "");
    }
  }

  bool has_worker() {
    return m_connection
        .query("SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_subscription "
               "WHERE subname = $1 AND pid IS NOT NULL)",
               {m_plan.subscription})
        .boolean(0, 0);
  }

  std::int64_t apply_errors() {
    constexpr int k_counted_from = 150000;
    if (m_connection.server_version() < k_counted_from) {
      return 0;
    }
    return m_connection
        .query("SELECT coalesce(pg_catalog.sum(apply_error_count), 0)::pg_catalog.int8 "
               "FROM pg_catalog.pg_stat_subscription_stats WHERE subname = $1",
               {m_plan.subscription})
        .int64(0, 0);
  }

  void check_errors() {
    if (apply_errors() > m_errors) {
      throw Error(ErrorKind::server,
                  fmt::format("target {}: subscription \"{}\" fails to apply a change", m_plan.id,
                              m_plan.subscription),
                  "the target's server log says why; it tries again by itself");
    }
  }

  Job& m_job;
  pg::Connection& m_source;
  const handoff::Handoff& m_handoff;
  const handoff::HandoffTarget& m_plan;
  pg::Connection m_connection;
  std::int64_t m_errors = 0;
};

}  // namespace

void check_slot_usable(Job& job, pg::Connection& source) {
  const auto slot = handoff::read_slot(source, job.slot->name);
  check_slot_alive(job, slot);
  if (slot->confirmed_flush > job.record.start_lsn && !job.slot->handed_over) {
    job.events->warning(fmt::format("slot \"{}\" was read up to {}, beyond the job's start {}",
                                    job.slot->name, slot->confirmed_flush.text(),
                                    job.record.start_lsn.text()),
                        "only the consumer that has read from it may go on");
  }
}

void name_targets(Job& job, const std::vector<std::string>& conninfos) {
  if (conninfos.empty()) {
    throw Error(ErrorKind::usage, "--create needs the database that the files were loaded into",
                "name it with --target CONN");
  }
  identify_targets(job, conninfos);
}

std::vector<Subscribed> subscribe_targets(Job& job, handoff::Handoff handoff) {
  check_identity(job);
  auto source = job.connect("handoff");
  refuse_source_as_target(job, source);
  check_slot_usable(job, source);
  if (job.record.verb == "export") {
    const auto plan = handoff.targets.front();
    handoff.targets.clear();
    for (const auto& target : job.targets) {
      auto& added = handoff.targets.emplace_back(plan);
      added.id = target.record.id;
      added.database = target.record.database;
      added.slot = target_slot(plan.slot, added.id);
      added.subscription = added.slot;
    }
  }
  for (const auto& table : handoff.tables) {
    if (!table.published) {
      job.events->warning(fmt::format("table {}.{} is not in the stream: {}", table.schema,
                                      table.name, table.reason),
                          "on the targets its rows stay as they were loaded");
    }
  }
  std::vector<std::unique_ptr<Subscriber>> subscribers;
  for (const auto& plan : handoff.targets) {
    const auto target =
        std::find_if(job.targets.begin(), job.targets.end(),
                     [&](const JobTarget& known) { return known.record.id == plan.id; });
    subscribers.push_back(std::make_unique<Subscriber>(job, source, handoff, *target, plan));
    subscribers.back()->prepare();
  }
  const auto conninfo = pg::portable_conninfo(source, job.conninfo);
  for (auto& subscriber : subscribers) {
    subscriber->subscribe(conninfo);
  }
  const auto now =
      Lsn::parse(source.exec("SELECT pg_catalog.pg_current_wal_flush_lsn()").get(0, 0));
  std::vector<Subscribed> out;
  out.reserve(subscribers.size());
  for (auto& subscriber : subscribers) {
    out.push_back(subscriber->wait_until(now));
    job.note("handoff", fmt::format("target {} follows the source by subscription \"{}\"",
                                    out.back().target, out.back().subscription));
  }
  return out;
}

}  // namespace pgstride::job
