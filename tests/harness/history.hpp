// The oracle for exports of tables that are written to meanwhile. Triggers keep every row that came
// or went together with its transaction id; with a snapshot's text (`xmin:xmax:xip`, which the
// checkpoint keeps for each chunk) the content of a table at that snapshot can be computed
// afterwards: the rows that came in transactions visible in it, less those that went. So each chunk
// file is compared exactly, also in a fuzzy job whose chunks are of several snapshots, and a table
// that is promised to be of one snapshot is compared as a whole. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/load_back.hpp"

namespace pgstride::test {

/// Makes schema `history` and its triggers on all kinds that writers touch; what the tables hold
/// now is recorded as the work of one transaction.
void start_history(PgSession& session, const std::vector<TableKind>& kinds);

/// A query for the rows (`row`, `copies`) of a kind at a snapshot, by a condition on `leaf` and
/// `key`.
std::string content_at(PgSession& session, const TableKind& kind, const std::string& snapshot,
                       const std::string& where = "true");
/// How a row is written in the history, given an expression for its text.
std::string brief(const std::string& row_text);

/// Chunks that only make sense together: all ctid chunks of a leaf, or the page cuts of one value.
struct ChunkGroup {
  std::string leaf;
  std::string kind;
  std::optional<std::string> lower;
  std::optional<std::string> upper;
  std::set<std::string> snapshots = {};
  std::set<std::int64_t> chunks = {};
};

/// Of the table `root`, from `status --chunks`.
std::vector<ChunkGroup> chunk_groups(const Json& status, const std::string& root);
/// A condition for the group's range of keys; `key` is an expression.
std::string key_condition(PgSession& session, const TableKind& kind, const ChunkGroup& group,
                          const std::string& key);
/// The same for content_at(), with the leaf.
std::string group_condition(PgSession& session, const TableKind& kind, const ChunkGroup& group);

/// Compares what an export wrote with the history: each chunk with its own snapshot, tables of
/// consistency `exact` with one snapshot, a job of consistency `exact` with one for all tables.
/// Tables that writers leave alone are compared with the source.
Problems check_with_history(PgSession& session, const std::filesystem::path& directory,
                            const Json& status, const std::vector<TableKind>& kinds);

}  // namespace pgstride::test
