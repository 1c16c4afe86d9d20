// The book of a load (load_book.hpp) kept in the target itself and in the transactions that load
// (correctness.md, 5). Functions on the given connection; each is a transaction of its own unless
// it says otherwise.
//
// Its tables stand in the schema `pgstride`: `job` with the epoch, that loading transactions take
// FOR SHARE and a resume raises; `job_table` with how a table stood when the job began; `chunk`
// with a row for each chunk that is in.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "target/load_book.hpp"
#include "target/table_name.hpp"

namespace pgstride::target {

/// Written by this version; a ledger of another is refused by name.
inline constexpr int k_ledger_version = 2;

/// A run of a job as a ledger knows it.
struct LedgerRun {
  std::string job;  ///< JobRecord::uid
  std::int64_t epoch = 0;
};

/// Makes the ledger if there is none, enters the job or raises its epoch, and returns the run.
/// Waits until no transaction of an earlier run is left, telling who they are. Throws Error:
/// checkpoint if `must_exist` and the job is not in it, or it is of another version; server (no
/// privilege to make it).
LedgerRun enter_ledger(pg::Connection& connection, const std::string& job, const std::string& name,
                       bool must_exist, const WaitingForZombies& waiting);

/// As LoadBook::start_tables(), all in one transaction.
RefusedTables start_tables(pg::Connection& connection, const LedgerRun& run,
                           const std::vector<BookedTable>& tables, bool truncate);

/// The generation of each table that the ledger knows, by key.
std::vector<BookedTable> ledger_tables(pg::Connection& connection, const std::string& job);
/// The job's chunks in order of id.
std::vector<BookedChunk> ledger_chunks(pg::Connection& connection, const std::string& job);

/// Opens a loading transaction and writes its entry first. False, and no transaction, if the chunk
/// is in already: `counts` is set then. Waits for a transaction of this run that is in doubt.
/// Throws Error: checkpoint where another process has taken the job over or the ledger is gone.
bool begin_loading(pg::Connection& connection, const LedgerRun& run, const ChunkEntry& entry,
                   LoadCounts& counts);

/// The last statements of a loading transaction. After an error of the connection the outcome is in
/// doubt; begin_loading() settles it.
void commit_loading(pg::Connection& connection, const LedgerRun& run, const ChunkEntry& entry,
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
