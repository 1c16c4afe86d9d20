// The tables that the crash and command-line tests export: one kind per thing that breaks other
// tools, as data. Values; no thread rule.
#pragma once

#include <string>
#include <vector>

#include "support/pg_exec.hpp"

namespace pgstride::test {

/// In the SQL texts `{t}` is the table's quoted name, `{n}` the number of rows, `{r}` a random
/// number below `{n}`.
struct TableKind {
  std::string schema = "public";
  std::string name;
  /// Statements that make and fill it.
  std::string create = {};
  /// Column whose values tell chunks apart, for the writers and the oracle; empty if there is none.
  std::string key = {};
  std::string key_type = {};
  /// Arguments of the export that this table needs.
  std::vector<std::string> options = {};
  /// What writers do; a table without `insert` is left alone by them.
  std::string insert = {};
  std::string touch = {};    ///< SET clause that leaves the key alone
  std::string move = {};     ///< SET clause that moves the row to another place in the key's order
  std::string rewrite = {};  ///< ALTER TABLE action that rewrites the table and keeps its rows
  /// True if the key is the primary key, so that a resume may be fuzzy.
  bool primary = false;

  [[nodiscard]] std::string display_name() const { return schema + "." + name; }
  [[nodiscard]] std::string quoted() const;
};

const std::vector<TableKind>& all_kinds();
const TableKind& kind(const std::string& name);

/// Replaces `{t}`, `{n}` and `{r}`.
std::string filled(std::string sql, const TableKind& kind, long rows, unsigned long random = 0);

/// Makes the tables in a database. ANALYZE for every second one, so that both ways of finding
/// bounds are met.
void create_tables(PgSession& session, const std::vector<TableKind>& kinds, long rows);

}  // namespace pgstride::test
