#include "checkpoint/schema.hpp"

#include <fmt/format.h>

#include "checkpoint/checkpoint_store.hpp"
#include "checkpoint/slot_rows.hpp"
#include "checkpoint/validity.hpp"
#include "pgstride/version.hpp"

namespace pgstride::checkpoint {

namespace {

constexpr std::int64_t k_application_id = 0x70677374;  // "pgst", shown by file(1)

constexpr const char* k_job_tables = R"(
CREATE TABLE job (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  uid TEXT NOT NULL, name TEXT NOT NULL, verb TEXT NOT NULL, tool_version TEXT NOT NULL,
  state TEXT NOT NULL, reason TEXT NOT NULL,
  settings TEXT NOT NULL, run_settings TEXT NOT NULL, source TEXT NOT NULL,
  system_identifier TEXT NOT NULL, database TEXT NOT NULL, server_version TEXT NOT NULL,
  timeline INTEGER NOT NULL, consistency TEXT NOT NULL,
  slot TEXT NOT NULL, publication TEXT NOT NULL,
  start_lsn TEXT NOT NULL, end_lsn TEXT NOT NULL, snapshot_lsn TEXT NOT NULL,
  snapshot TEXT NOT NULL, first_snapshot TEXT NOT NULL, holders TEXT NOT NULL,
  pid INTEGER NOT NULL,
  created_us INTEGER NOT NULL, started_us INTEGER NOT NULL, finished_us INTEGER NOT NULL,
  worked_us INTEGER NOT NULL
) STRICT;

CREATE TABLE target (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind = 'directory' OR kind = 'database'),
  conninfo TEXT NOT NULL DEFAULT '',   -- never with a secret
  system_identifier TEXT NOT NULL DEFAULT '', database TEXT NOT NULL DEFAULT '',
  has_ledger INTEGER NOT NULL DEFAULT 0, captured INTEGER NOT NULL DEFAULT 0,
  schema_state TEXT NOT NULL DEFAULT '', held_rows TEXT NOT NULL DEFAULT '', ended INTEGER NOT NULL DEFAULT 0
) STRICT;
-- What was dropped from a target and is to be built again.
CREATE TABLE deferred (
  target_id INTEGER NOT NULL, position INTEGER NOT NULL, object TEXT NOT NULL,
  PRIMARY KEY (target_id, position)
) STRICT, WITHOUT ROWID;
-- Of an import: the files whose content the plan relies on.
CREATE TABLE input (
  path TEXT PRIMARY KEY, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, xxh3 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO target (id, kind) VALUES (1, 'directory');

CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  time_us INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL
) STRICT;
)";

// last_number: the highest chunk number of the leaf, so that next_number() need not read chunks.
constexpr const char* k_table_tables = R"(
CREATE TABLE tbl (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  schema TEXT NOT NULL, name TEXT NOT NULL,
  leaf_schema TEXT NOT NULL, leaf_name TEXT NOT NULL,
  kind TEXT NOT NULL, oid INTEGER NOT NULL, root_oid INTEGER NOT NULL,
  relfilenode INTEGER NOT NULL,
  replica_identity TEXT NOT NULL,
  columns TEXT NOT NULL,   -- JSON array of objects
  filter TEXT,
  split TEXT NOT NULL,
  key TEXT,                -- JSON object
  key_reason TEXT NOT NULL,
  estimated_rows INTEGER NOT NULL, estimated_bytes INTEGER NOT NULL,
  chunks INTEGER NOT NULL, max_over_avg REAL NOT NULL,
  warnings TEXT NOT NULL,  -- JSON array of texts
  state TEXT NOT NULL, consistency TEXT NOT NULL, error TEXT NOT NULL,
  last_number INTEGER
) STRICT;
CREATE INDEX tbl_parent ON tbl (schema, name, last_number);
-- A leaf that stands here twice would be exported twice.
CREATE UNIQUE INDEX tbl_leaf ON tbl (leaf_schema, leaf_name) WHERE state <> 'removed';
-- How often what was done of a table for a target was given up; no row: never.
CREATE TABLE generation (
  tbl_id INTEGER NOT NULL REFERENCES tbl (id),
  target_id INTEGER NOT NULL REFERENCES target (id),
  number INTEGER NOT NULL,
  PRIMARY KEY (tbl_id, target_id)
) STRICT, WITHOUT ROWID;
)";

// rank, number and tbl_id stand in delivery too, so that one index finds the next one to claim.
// That index leaves out what is done: it empties as the job goes on. The checks spell OR, since
// SQLite 3.40 builds the list of an IN anew for each row (3.5 s of 10 s for a million chunks).
constexpr const char* k_chunk_tables = R"(
-- Chunk ids are never used twice, so that a late result can't hit another chunk. (AUTOINCREMENT does
-- the same, but at a cost for each row.)
CREATE TABLE chunk_id (last INTEGER NOT NULL) STRICT;
INSERT INTO chunk_id VALUES (0);

CREATE TABLE chunk (
  id INTEGER PRIMARY KEY,
  tbl_id INTEGER NOT NULL REFERENCES tbl (id),
  number INTEGER NOT NULL,
  kind TEXT NOT NULL
    CHECK (kind = 'range' OR kind = 'null keys' OR kind = 'ctid' OR kind = 'whole'
           OR kind = 'file'),
  file TEXT NOT NULL DEFAULT '',         -- of kind file: where its rows are; the bounds are offsets
  lower TEXT, upper TEXT,                -- JSON array, a text per key column; NULL: unbounded
  page_lower INTEGER, page_upper INTEGER,
  estimated_rows INTEGER NOT NULL, estimated_bytes INTEGER NOT NULL,
  UNIQUE (tbl_id, number)
) STRICT;

CREATE TABLE delivery (
  chunk_id INTEGER NOT NULL REFERENCES chunk (id),
  target_id INTEGER NOT NULL REFERENCES target (id),
  tbl_id INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  number INTEGER NOT NULL,
  state TEXT NOT NULL
    CHECK (state = 'planned' OR state = 'running' OR state = 'done' OR state = 'failed'),
  redo_reason TEXT NOT NULL DEFAULT '',
  attempts INTEGER NOT NULL DEFAULT 0,
  rows INTEGER NOT NULL DEFAULT 0,
  ignored INTEGER NOT NULL DEFAULT 0,
  superseded INTEGER NOT NULL DEFAULT 0,
  rejected INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  raw_bytes INTEGER NOT NULL DEFAULT 0,
  file TEXT NOT NULL DEFAULT '',
  xxh3 TEXT NOT NULL DEFAULT '',
  valid_lsn TEXT NOT NULL DEFAULT '0/0',
  snapshot TEXT NOT NULL DEFAULT '',
  worker INTEGER NOT NULL DEFAULT 0,
  started_us INTEGER NOT NULL DEFAULT 0,
  finished_us INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  needed_lsn TEXT NOT NULL DEFAULT '0/0',  -- what was read before counts no more
  PRIMARY KEY (chunk_id, target_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_open ON delivery (state, target_id, rank, number) WHERE state <> 'done';
)";

// Sums per table and target, kept by a trigger in the transaction of the change: adding up a
// million deliveries for each line of progress would take most of a second.
constexpr const char* k_tally = R"(
CREATE TABLE tally (
  tbl_id INTEGER NOT NULL REFERENCES tbl (id),
  target_id INTEGER NOT NULL REFERENCES target (id),
  chunks INTEGER NOT NULL, estimated_rows INTEGER NOT NULL, estimated_bytes INTEGER NOT NULL,
  done INTEGER NOT NULL DEFAULT 0,
  running INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  redo INTEGER NOT NULL DEFAULT 0,
  rows INTEGER NOT NULL DEFAULT 0,
  ignored INTEGER NOT NULL DEFAULT 0,
  superseded INTEGER NOT NULL DEFAULT 0,
  rejected INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  raw_bytes INTEGER NOT NULL DEFAULT 0,
  files INTEGER NOT NULL DEFAULT 0,
  done_estimated_bytes INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tbl_id, target_id)
) STRICT, WITHOUT ROWID;

-- Rows, bytes and file are set where a delivery is done, and only there.
CREATE TRIGGER delivery_tally AFTER UPDATE ON delivery BEGIN
  UPDATE tally SET
    done = done + (new.state = 'done') - (old.state = 'done'),
    running = running + (new.state = 'running') - (old.state = 'running'),
    failed = failed + (new.state = 'failed') - (old.state = 'failed'),
    redo = redo
      + ((new.state = 'planned' OR new.state = 'running') AND new.redo_reason <> '')
      - ((old.state = 'planned' OR old.state = 'running') AND old.redo_reason <> ''),
    rows = rows + new.rows - old.rows,
    ignored = ignored + new.ignored - old.ignored,
    superseded = superseded + new.superseded - old.superseded,
    rejected = rejected + new.rejected - old.rejected,
    bytes = bytes + new.bytes - old.bytes,
    raw_bytes = raw_bytes + new.raw_bytes - old.raw_bytes,
    files = files + (new.file <> '') - (old.file <> ''),
    done_estimated_bytes = done_estimated_bytes
      + ((new.state = 'done') - (old.state = 'done'))
        * (SELECT estimated_bytes FROM chunk WHERE id = new.chunk_id)
  WHERE tbl_id = new.tbl_id AND target_id = new.target_id;
END;
)";

// Of a load without ledgers; some checkpoints of version 2 have them. No reference to targets,
// which are replaced as a whole.
constexpr const char* k_book_tables = R"(
CREATE TABLE IF NOT EXISTS book (target_id INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS book_table (
  target_id INTEGER NOT NULL, key TEXT NOT NULL,
  generation INTEGER NOT NULL, base TEXT NOT NULL, oid INTEGER NOT NULL,
  mark TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (target_id, key)
) STRICT, WITHOUT ROWID;
-- A row stands here from before COMMIT is sent.
CREATE TABLE IF NOT EXISTS book_chunk (
  target_id INTEGER NOT NULL, chunk_id INTEGER NOT NULL, key TEXT NOT NULL,
  valid_lsn TEXT NOT NULL,
  rows INTEGER NOT NULL, ignored INTEGER NOT NULL, superseded INTEGER NOT NULL,
  rejected INTEGER NOT NULL, updated INTEGER NOT NULL,
  mark TEXT NOT NULL, done INTEGER NOT NULL,
  PRIMARY KEY (target_id, chunk_id)
) STRICT, WITHOUT ROWID;
-- Tables that a transaction empties, of which is not known yet whether it was committed.
CREATE TABLE IF NOT EXISTS book_emptying (
  target_id INTEGER NOT NULL, mark TEXT NOT NULL, key TEXT NOT NULL,
  generation INTEGER NOT NULL, base TEXT NOT NULL, oid INTEGER NOT NULL,
  PRIMARY KEY (target_id, key)
) STRICT, WITHOUT ROWID;
)";

std::int64_t pragma(Database& db, const char* statement) {
  std::int64_t value = 0;
  Query query = db.query(statement);
  if (query.next()) {
    query.read(value);
  }
  return value;
}

// If it is not there yet.
void add_column(Database& db, const char* table, const char* column, const char* type) {
  if (!has_column(db, table, column)) {
    db.execute_script(fmt::format("ALTER TABLE {} ADD COLUMN {} {}", table, column, type));
  }
}

}  // namespace

void configure(Database& db) {
  db.execute("PRAGMA foreign_keys = ON");
  // 16 MiB of pages: a plan of a million chunks is written within it.
  db.execute("PRAGMA cache_size = -16384");
  if (db.mode() != OpenMode::write) {
    return;
  }
  std::string mode;
  {
    Query query = db.query("PRAGMA journal_mode = WAL");
    if (query.next()) {
      query.read(mode);
    }
  }
  if (mode != "wal") {
    throw Error(
        ErrorKind::checkpoint,
        fmt::format("checkpoint \"{}\" can't use a write-ahead log here", db.path().string()),
        "put the job's directory on a local file system");
  }
  db.execute("PRAGMA synchronous = FULL");
  // A plan grows the log to its own size; afterwards the space is given back.
  db.execute("PRAGMA journal_size_limit = 16777216");
}

bool is_blank(Database& db) {
  return pragma(db, "SELECT count(*) FROM sqlite_schema") == 0;
}

void create_schema(Database& db) {
  Transaction transaction(db);
  for (const char* script : {k_job_tables, k_table_tables, k_chunk_tables, k_tally, k_book_tables,
                             k_slot_tables, k_validity_tables}) {
    db.execute_script(script);
  }
  db.execute_script(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                k_application_id, k_format_version));
  transaction.commit();
}

void migrate(Database& db) {
  if (pragma(db, "PRAGMA user_version") == k_format_version) {
    return;
  }
  Transaction transaction(db);
  const auto version = pragma(db, "PRAGMA user_version");
  if (version < 3) {  // loads without ledgers, and slots
    db.execute_script(k_book_tables);
    db.execute_script(k_slot_tables);
  }
  // From 3 to 4: the mark of what emptied a table. Some of version 2 lack the other.
  add_column(db, "book_table", "mark", "TEXT NOT NULL DEFAULT ''");
  add_column(db, "book_chunk", "updated", "INTEGER NOT NULL DEFAULT 0");
  // From 4 to 5: what a publication tells besides, and until where what was delivered holds.
  add_column(db, "slot", "told_besides", "TEXT NOT NULL DEFAULT ''");
  db.execute_script(k_validity_tables);
  add_column(db, "delivery", "needed_lsn", "TEXT NOT NULL DEFAULT '0/0'");
  db.execute_script(fmt::format("PRAGMA user_version = {}", k_format_version));
  transaction.commit();
}

void check_version(Database& db) {
  if (pragma(db, "PRAGMA application_id") != k_application_id) {
    throw Error(ErrorKind::checkpoint,
                fmt::format("\"{}\" is a database of another program", db.path().string()),
                "name another directory for the job");
  }
  const std::int64_t version = pragma(db, "PRAGMA user_version");
  if (version > k_format_version || version < k_oldest_readable) {
    throw Error(ErrorKind::checkpoint,
                fmt::format("checkpoint \"{}\" has format version {}, pgstride {} reads {} to {}",
                            db.path().string(), version, k_version, k_oldest_readable,
                            k_format_version),
                version > k_format_version
                    ? "use the version of pgstride that wrote it last, or a newer one"
                    : "finish the job with the version of pgstride that began it");
  }
}

}  // namespace pgstride::checkpoint
