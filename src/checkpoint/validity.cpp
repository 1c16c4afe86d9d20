#include "checkpoint/validity.hpp"

#include <fmt/format.h>

namespace pgstride::checkpoint {

const char* const k_validity_tables = R"(
-- How each table stands in the publication that the job's slot is read through.
CREATE TABLE membership (
  tbl_id INTEGER PRIMARY KEY REFERENCES tbl (id),
  text TEXT NOT NULL
) STRICT;
)";

void mark_dirty(Database& db, std::int64_t chunk_id, std::int64_t target_id, Lsn needed,
                const std::string& reason) {
  const std::int64_t changed = db.execute(
      R"(
    UPDATE delivery SET
           redo_reason = ?3, needed_lsn = ?4, state = 'planned', attempts = 0, rows = 0,
           ignored = 0, superseded = 0, rejected = 0, bytes = 0, raw_bytes = 0, file = '',
           xxh3 = '', valid_lsn = '0/0', snapshot = '', worker = 0, started_us = 0,
           finished_us = 0, error = ''
     WHERE chunk_id = ?1 AND target_id = ?2 AND state = 'done')",
      chunk_id, target_id, reason, needed);
  if (changed != 1) {
    throw Error(ErrorKind::internal,
                fmt::format("chunk {} has changed and is to be redone, but is not done", chunk_id));
  }
}

void raise_valid_lsn(Database& db, std::int64_t table_id, Lsn lsn, const std::string& snapshot) {
  db.execute(R"(
    UPDATE delivery SET valid_lsn = ?2, snapshot = ?3
     WHERE chunk_id IN (SELECT id FROM chunk WHERE tbl_id = ?1)
       AND state = 'done' AND valid_lsn <> ?2)",
             table_id, lsn, snapshot);
}

std::vector<RedoneChunks> read_redone(Database& db) {
  std::vector<RedoneChunks> all;
  Query query = db.query(R"(
    SELECT tbl_id, redo_reason, count(DISTINCT chunk_id)
      FROM delivery
     WHERE redo_reason <> ''
     GROUP BY tbl_id, redo_reason
     ORDER BY tbl_id, count(*) DESC, redo_reason)");
  while (query.next()) {
    auto& redone = all.emplace_back();
    query.read(redone.table_id, redone.reason, redone.chunks);
  }
  return all;
}

void replace_memberships(Database& db, const std::map<std::int64_t, std::string>& memberships) {
  Step step(db);
  db.execute("DELETE FROM membership");
  for (const auto& [table_id, text] : memberships) {
    db.execute("INSERT INTO membership (tbl_id, text) VALUES (?1, ?2)", table_id, text);
  }
  step.commit();
}

std::map<std::int64_t, std::string> read_memberships(Database& db) {
  std::map<std::int64_t, std::string> memberships;
  Query query = db.query("SELECT tbl_id, text FROM membership");
  while (query.next()) {
    std::int64_t table_id = 0;
    std::string text;
    query.read(table_id, text);
    memberships.emplace(table_id, std::move(text));
  }
  return memberships;
}

}  // namespace pgstride::checkpoint
