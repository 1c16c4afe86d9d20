// What a job has loaded into a target, kept in the target itself and in the transactions that load,
// so that each chunk is there once whatever dies when (correctness.md, 5). Functions on the given
// connection; each is a transaction of its own unless it says otherwise.
//
// Its tables stand in the schema `pgstride`: `job` with the epoch, that loading transactions take
// FOR SHARE and a resume raises; `job_table` with how a table stood when the job began; `chunk`
// with a row for each chunk that is in.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/chunk.hpp"
#include "pgstride/lsn.hpp"
#include "target/table_name.hpp"

namespace pgstride::target {

/// Written by this version; a ledger of another is refused by name.
inline constexpr int k_ledger_version = 1;

/// A run of a job as a ledger knows it.
struct LedgerRun {
  std::string job;  ///< JobRecord::uid
  std::int64_t epoch = 0;
};

/// Told who is waited for: sessions of an earlier run that still load.
using WaitingForZombies = std::function<void(const std::string& message, const std::string& hint)>;

/// Makes the ledger if there is none, enters the job or raises its epoch, and returns the run.
/// Waits until no transaction of an earlier run is left, telling who they are. Throws Error:
/// checkpoint if `must_exist` and the job is not in it, or it is of another version; server (no
/// privilege to make it).
LedgerRun enter_ledger(pg::Connection& connection, const std::string& job, const std::string& name,
                       bool must_exist, const WaitingForZombies& waiting);

/// How a table stood before the job's first row came.
enum class TableBase {
  created,    ///< the job made it
  truncated,  ///< the job emptied it
  empty,      ///< it held nothing
  held_rows   ///< of somebody else: what the job has loaded can't be taken out by itself
};

/// A table of the job on a target. Leaves of one parent load into one table.
struct LedgerTable {
  std::string key;              ///< the source's name, quoted and qualified: stays through --map
  TableName name;               ///< on the target
  std::int64_t generation = 0;  ///< of what the checkpoint holds done (TableRecord::generation)
  TableBase base = TableBase::held_rows;  ///< as found now; used where the ledger has none
  std::uint32_t oid = 0;                  ///< as found now; 0: it is not there
};

/// By key: why a table can't be emptied.
using RefusedTables = std::map<std::string, std::string>;

/// Before a table's first chunk, and before what was given up is loaded again: enters tables that
/// the ledger does not know, emptying them if `truncate`, all in one transaction; and empties those
/// it knows under an older generation, forgetting their chunks. Those that can't be emptied for it
/// stay as they are, and are returned: they held rows before, are referred to by foreign keys, or
/// may not be truncated, or hold rows besides those of the job. Throws Error as the server does;
/// checkpoint if fenced, or as check_tables().
RefusedTables start_tables(pg::Connection& connection, const LedgerRun& run,
                           const std::vector<LedgerTable>& tables, bool truncate);

/// Throws Error (checkpoint) where a table that the ledger knows was dropped and made again: what
/// the job had loaded into it is gone.
void check_tables(pg::Connection& connection, const LedgerRun& run,
                  const std::vector<LedgerTable>& tables);

/// A chunk that is in.
struct LedgerChunk {
  std::int64_t chunk_id = 0;
  LoadCounts counts;
  Lsn valid_lsn;
};

/// The generation of each table that the ledger knows, by key.
std::vector<LedgerTable> ledger_tables(pg::Connection& connection, const std::string& job);
/// The job's chunks in order of id.
std::vector<LedgerChunk> ledger_chunks(pg::Connection& connection, const std::string& job);

/// The chunk that a loading transaction is about.
struct LedgerEntry {
  std::int64_t chunk_id = 0;
  std::string table_key;
  Lsn valid_lsn;
};

/// Opens a loading transaction and writes its entry first. False, and no transaction, if the chunk
/// is in already: `counts` is set then. Waits for a transaction of this run that is in doubt.
/// Throws Error: checkpoint where another process has taken the job over or the ledger is gone.
bool begin_loading(pg::Connection& connection, const LedgerRun& run, const LedgerEntry& entry,
                   LoadCounts& counts);

/// The last statements of a loading transaction. After an error of the connection the outcome is in
/// doubt; begin_loading() settles it.
void commit_loading(pg::Connection& connection, const LedgerRun& run, const LedgerEntry& entry,
                    const LoadCounts& counts);

/// Throws Error: checkpoint where another process has taken the job over, or the ledger is gone.
void check_run(pg::Connection& connection, const LedgerRun& run);

/// Throws Error (usage) where the job has loaded into a table that held rows before.
void check_discard(pg::Connection& connection, const std::string& job,
                   const std::map<std::string, TableName>& names);

/// Takes out of the target all that an unfinished job has loaded, and forgets the job, in one
/// transaction. `names` are the tables by key. Throws Error as check_discard() does, with nothing
/// changed.
void discard_from_ledger(pg::Connection& connection, const std::string& job,
                         const std::map<std::string, TableName>& names);

/// True if the ledger is there and knows the job.
bool in_ledger(pg::Connection& connection, const std::string& job);

/// Forgets the job; drops the ledger with its last one. May be done again: false then.
bool drop_from_ledger(pg::Connection& connection, const std::string& job);

}  // namespace pgstride::target
