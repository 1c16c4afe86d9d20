// What the files of the ledger (ledger.hpp) have in common: its locks, and whether it is there and
// knows the job. Functions on the given connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pg/connection.hpp"
#include "pgstride/error.hpp"
#include "target/ledger.hpp"
#include "target/truncate.hpp"

namespace pgstride::target {

/// Serialises making, entering and dropping the ledger: "pgstride" in ASCII.
inline constexpr const char* k_lock_ledger =
    "SELECT pg_catalog.pg_advisory_xact_lock(8098993053936378981)";

/// Held shared by loading transactions, before the job's row: those that wait for a row lock let
/// ever new sharers pass them, those that wait for this lock don't.
std::string lock_job(const std::string& job, bool shared);

bool has_ledger(pg::Connection& connection);
bool knows_job(pg::Connection& connection, const std::string& job);
/// True if the job has loaded something into the table of that key.
bool has_chunks(pg::Connection& connection, const std::string& job, const std::string& key);

/// Rows that the job has added to the table of that key, as far as is known.
RowsAdded rows_added(pg::Connection& connection, const std::string& job, const std::string& key);

Error ledger_gone();
/// Throws Error (checkpoint) unless the epoch, as text, is that of the run; none: the job is gone.
void check_epoch(std::optional<std::string> epoch, const LedgerRun& run);

/// Holds the epoch still until the transaction ends. Throws Error (checkpoint) as check_epoch().
void share_epoch(pg::Connection& connection, const LedgerRun& run);

}  // namespace pgstride::target
