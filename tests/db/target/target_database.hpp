// A database of a test's own on the shared server, and a source's table as the planner would give
// it.
#pragma once

#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/table.hpp"
#include "target/target_table.hpp"

namespace pgstride::test {

class TargetDatabase {
 public:
  TargetDatabase();
  /// Runs SQL in a plain session with the default search_path.
  std::string exec(const std::string& sql) const;
  /// A session as the tool opens it.
  [[nodiscard]] pg::Connection& connection() { return m_connection; }
  [[nodiscard]] pg::Connection connect(const std::string& user = "postgres") const;
  [[nodiscard]] const std::string& name() const { return m_name; }
  [[nodiscard]] std::string conninfo(const std::string& user = "postgres") const;
  [[nodiscard]] bool has_extension(const std::string& name) const;

  /// Facts of tables in the schema public.
  target::TargetTables read(const std::vector<std::string>& names);
  target::TargetTable read_one(const std::string& name);

 private:
  std::string m_name;
  pg::Connection m_connection;
};

/// The same table as a source.
Table as_source(const target::TargetTable& table);

/// The error that a call ends with, as `message | hint`; empty without one.
template <typename Call> std::string error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return std::string(error.what()) + " | " + error.hint();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part);

}  // namespace pgstride::test
