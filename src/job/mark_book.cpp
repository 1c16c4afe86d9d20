#include "job/mark_book.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "target/truncate.hpp"

namespace pgstride::job {

using checkpoint::BookTableRecord;
using target::BookedTable;
using target::CommitMark;
using target::CommitOutcome;

namespace {

BookTableRecord record_of(const BookedTable& table, target::TableBase base) {
  return {table.key, table.generation, target::base_word(base), table.oid};
}

/// What of the tables has to be done before the first chunk, in one transaction of the target.
class MarkStart final : public target::TableStarter {
 public:
  /// `loaded`: keys of tables that may hold something that must go.
  MarkStart(pg::Connection& connection, std::vector<BookTableRecord> known,
            std::set<std::string> loaded, target::AddedTo added, bool truncate)
      : m_connection(connection), m_truncate(truncate), m_loaded(std::move(loaded)),
        m_added(std::move(added)) {
    for (auto& table : known) {
      m_known[table.key] = std::move(table);
    }
  }

  void enter(const BookedTable& table) override {
    if (m_truncate) {
      m_to_empty.push_back(table.name);
      emptying.tables.push_back(record_of(table, target::TableBase::truncated));
    } else {
      as_they_are.push_back(record_of(table, target::base_now(m_connection, table)));
    }
  }

  bool has_loaded(const BookedTable& table) override { return m_loaded.contains(table.key); }

  void raise(const BookedTable& table) override { as_they_are.push_back(raised(table)); }

  std::string empty_again(const BookedTable& table) override {
    auto why = target::empty_loaded_table(m_connection, table, m_added(table.key));
    if (why.empty()) {
      emptying.tables.push_back(raised(table));
    }
    return why;
  }

  void write() { target::truncate_tables(m_connection, m_to_empty); }

  checkpoint::BookEmptying emptying;
  std::vector<BookTableRecord> as_they_are;  ///< that are not emptied

 private:
  BookTableRecord raised(const BookedTable& table) {
    auto record = m_known.at(table.key);
    record.generation = table.generation;
    return record;
  }

  pg::Connection& m_connection;
  bool m_truncate;
  std::map<std::string, BookTableRecord> m_known;
  std::set<std::string> m_loaded;
  target::AddedTo m_added;
  std::vector<target::TableName> m_to_empty;
};

}  // namespace

void MarkBook::check_exists() {
  if (!store().has_book(m_target_id)) {
    throw Error(ErrorKind::checkpoint,
                fmt::format("the job was given up on target {}, so what is loaded can't be told",
                            m_target_id),
                "begin again with --restart on emptied tables");
  }
}

void MarkBook::enter(pg::Connection& connection, bool must_exist,
                     const target::WaitingForZombies& /*waiting*/) {
  if (must_exist) {
    check_exists();
  }
  store().make_book(m_target_id);
  settle(connection);
  crash_point("marks_settled");
}

// Nothing runs on this target now that this process knows of.
void MarkBook::settle(pg::Connection& connection) {
  m_untold.clear();
  const auto server = target::server_state(connection);
  m_marked.enter(server);
  m_lost = perhaps_lost(server);
  m_untold = m_lost;
  settle_emptying(connection);
  settle_chunks(connection);
}

target::CommitAnswer MarkBook::ask(pg::Connection& connection, const std::string& mark) {
  return target::await_outcome(connection, CommitMark::parse(mark), [this](const std::string& who) {
    tell_of_wait(m_job, m_target_id, who);
  });
}

// No chunk was loaded behind it. Where nobody can tell, the tables are emptied again, which does no
// harm.
void MarkBook::settle_emptying(pg::Connection& connection) {
  const auto emptying = store().emptying(m_target_id);
  if (emptying.tables.empty()) {
    return;
  }
  const auto answer = ask(connection, emptying.mark);
  if (answer.outcome == CommitOutcome::unknown) {
    for (const auto& table : loaded_tables(connection)) {
      m_untold.emplace(table.key, "whether it was emptied can't be told: " + answer.reason);
    }
  }
  store().end_emptying(m_target_id, answer.outcome == CommitOutcome::committed);
}

void MarkBook::settle_chunks(pg::Connection& connection) {
  std::vector<std::pair<std::int64_t, bool>> told;
  for (const auto& chunk : store().chunks(m_target_id)) {
    if (chunk.done) {
      continue;
    }
    const auto answer = ask(connection, chunk.mark);
    if (answer.outcome == CommitOutcome::unknown) {
      m_untold[chunk.key] = "whether a chunk was committed can't be told: " + answer.reason;
    } else {
      told.emplace_back(chunk.chunk_id, answer.outcome == CommitOutcome::committed);
    }
  }
  if (told.empty()) {
    return;
  }
  const auto batch = m_job.store->batch();
  for (const auto& [chunk_id, committed] : told) {
    committed ? store().chunk_done(m_target_id, chunk_id)
              : store().drop_chunk(m_target_id, chunk_id);
  }
  m_job.note("marks", fmt::format("target {} told of {} commits what became of them", m_target_id,
                                  told.size()));
  batch->commit();
}

// Of what was told to be committed, chunks and emptied tables, that which was so on a server, or a
// state of it, that is gone.
target::RefusedTables MarkBook::perhaps_lost(const target::ServerState& now) {
  struct Booked {
    std::string key;
    CommitMark mark;
    bool done;
  };
  std::vector<Booked> booked;
  for (const auto& chunk : store().chunks(m_target_id)) {
    booked.push_back({chunk.key, CommitMark::parse(chunk.mark), chunk.done});
  }
  for (const auto& table : store().tables(m_target_id)) {
    if (!table.mark.empty()) {
      booked.push_back({table.key, CommitMark::parse(table.mark), true});
    }
  }
  const bool lost = std::any_of(booked.begin(), booked.end(), [&](const Booked& one) {
    return target::has_lost(now, one.mark) || (one.done && one.mark.xid >= now.next_xid);
  });
  target::RefusedTables found;
  for (const auto& one : booked) {
    if (const auto why = target::not_the_same(now, one.mark); !why.empty()) {
      found.emplace(one.key, why);
    } else if (lost && (one.mark.started != now.started || target::has_lost(now, one.mark))) {
      found.emplace(one.key, target::k_lost);
    }
  }
  return found;
}

std::vector<BookedTable> MarkBook::tables(pg::Connection& /*connection*/) {
  std::vector<BookedTable> tables;
  for (const auto& record : store().tables(m_target_id)) {
    tables.push_back({record.key, {}, record.generation, target::base_of(record.base), record.oid});
  }
  return tables;
}

std::vector<target::BookedChunk> MarkBook::chunks(pg::Connection& /*connection*/) {
  std::vector<target::BookedChunk> chunks;
  for (const auto& record : store().chunks(m_target_id)) {
    if (record.done) {
      chunks.push_back({record.chunk_id, record.counts, record.valid_lsn});
    }
  }
  return chunks;
}

// As the last of a transaction but COMMIT: from here on it is known to be under way.
void MarkBook::mark_emptying(pg::Connection& connection, checkpoint::BookEmptying& emptying) {
  if (emptying.tables.empty()) {
    return;
  }
  const auto self =
      std::find_if(m_job.targets.begin(), m_job.targets.end(),
                   [&](const JobTarget& target) { return target.record.id == m_target_id; });
  target::CommitMarker marker(m_job.connect_target(*self, "marks"));
  if (!m_marked.is_on(marker.server())) {
    throw Error(ErrorKind::connection, fmt::format("target {} was restarted", m_target_id),
                "it is asked what it holds");
  }
  emptying.mark = marker.mark(connection).text();
  store().put_emptying(m_target_id, emptying);
  crash_point("emptying_marked");
}

target::RefusedTables MarkBook::start_tables(pg::Connection& connection,
                                             const std::vector<BookedTable>& tables,
                                             bool truncate) {
  std::set<std::string> loaded;
  for (const auto& table : loaded_tables(connection)) {
    loaded.insert(table.key);
  }
  for (const auto& [key, why] : m_lost) {
    loaded.insert(key);  // at the least what was there before it was emptied
  }
  connection.exec(target::k_begin_loading);
  MarkStart start(connection, store().tables(m_target_id), std::move(loaded), rows_added(),
                  truncate);
  auto refused = target::start_each(start, this->tables(connection), tables);
  start.write();
  crash_point("tables_emptied");
  mark_emptying(connection, start.emptying);
  connection.exec("COMMIT");
  crash_point("tables_started");
  const auto batch = m_job.store->batch();
  store().end_emptying(m_target_id, true);
  for (const auto& record : start.as_they_are) {
    store().put_table(m_target_id, record);
  }
  batch->commit();
  return refused;
}

void MarkBook::check(pg::Connection& connection) {
  check_exists();
  if (const auto lost = perhaps_lost(target::server_state(connection)); !lost.empty()) {
    throw Error(ErrorKind::connection,
                fmt::format("target {}: {}", m_target_id, lost.begin()->second),
                "what it may have lost is loaded again");
  }
}

void MarkBook::chunk_done(std::int64_t chunk_id) {
  store().chunk_done(m_target_id, chunk_id);
  m_marked.erase(chunk_id);
}

bool MarkBook::knows_job(pg::Connection& /*connection*/) {
  return store().has_book(m_target_id);
}

std::vector<BookedTable> MarkBook::loaded_tables(pg::Connection& connection) {
  std::set<std::string> loaded;
  for (const auto& chunk : store().chunks(m_target_id)) {
    loaded.insert(chunk.key);
  }
  auto known = tables(connection);
  std::erase_if(known, [&](const auto& table) { return !loaded.contains(table.key); });
  return known;
}

// Of others' rows none may be taken for the job's: of a table that the server may have lost
// something of, no row is known to be.
target::AddedTo MarkBook::rows_added() {
  return [this](const std::string& key) {
    target::RowsAdded added;
    for (const auto& chunk : store().chunks(m_target_id)) {
      if (chunk.key == key && !m_lost.contains(key)) {
        (chunk.done ? added.certain : added.doubtful) += chunk.counts.rows - chunk.counts.updated;
      }
    }
    return added;
  };
}

void MarkBook::check_discard(pg::Connection& connection,
                             const std::map<std::string, target::TableName>& names) {
  settle(connection);
  target::tables_to_take_back(connection, loaded_tables(connection), names, rows_added());
}

// Emptying waits for what still loads. Killed before the book is dropped, the job can be resumed,
// or this is done again: by its mark the emptying is known.
void MarkBook::discard(pg::Connection& connection,
                       const std::map<std::string, target::TableName>& names) {
  settle(connection);
  const auto loaded = loaded_tables(connection);
  connection.exec(target::k_begin_loading);
  target::take_back(connection, loaded, names, rows_added());
  checkpoint::BookEmptying emptying;
  for (const auto& table : store().tables(m_target_id)) {
    if (std::any_of(loaded.begin(), loaded.end(),
                    [&](const BookedTable& one) { return one.key == table.key; })) {
      emptying.tables.push_back(table);
    }
  }
  mark_emptying(connection, emptying);
  connection.exec("COMMIT");
  crash_point("loads_taken_back");
  store().drop_book(m_target_id);
}

bool MarkBook::forget(pg::Connection& /*connection*/) {
  store().drop_book(m_target_id);
  return false;
}

std::unique_ptr<target::ChunkGate> MarkBook::gate(target::GateTools tools) {
  return std::make_unique<MarkGate>(m_job, m_target_id, m_marked, std::move(tools));
}

}  // namespace pgstride::job
