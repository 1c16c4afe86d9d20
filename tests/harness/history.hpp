// The oracle for exports of tables that are written to meanwhile. Triggers keep every row that came
// or went together with its transaction id; with a snapshot's text (`xmin:xmax:xip`, which the
// checkpoint keeps for each chunk) the content of a table at that snapshot can be computed
// afterwards: the rows that came in transactions visible in it, less those that went. So each chunk
// file is compared exactly, also in a fuzzy job whose chunks are of several snapshots, and a table
// that is promised to be of one snapshot is compared as a whole. One thread.
#pragma once

#include <string>
#include <vector>

#include "harness/load_back.hpp"

namespace pgstride::test {

/// Makes schema `history` and its triggers on all kinds that writers touch; what the tables hold
/// now is recorded as the work of one transaction.
void start_history(PgSession& session, const std::vector<TableKind>& kinds);

/// A query for the rows (`leaf`, `row`, `copies`) of a kind at a snapshot.
std::string content_at(PgSession& session, const TableKind& kind, const std::string& snapshot);
/// How a row is written in the history, given an expression for its text.
std::string brief(const std::string& row_text);

/// Compares what an export wrote with the history: each chunk with its own snapshot, tables of
/// consistency `exact` with one snapshot, a job of consistency `exact` with one for all tables.
/// Tables that writers leave alone are compared with the source.
Problems check_with_history(PgSession& session, const std::filesystem::path& directory,
                            const Json& status, const std::vector<TableKind>& kinds);

}  // namespace pgstride::test
