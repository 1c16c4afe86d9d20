// Plans a table and has the server itself check the plan: every row in exactly one chunk.
#pragma once

#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "plan/key_cut.hpp"
#include "plan/plan.hpp"

namespace pgstride::test {

/// A database of its own on the shared server, with a session as the tool opens it and a plain one.
class PlanDatabase {
 public:
  PlanDatabase();
  /// Runs SQL in a plain session with the default search_path.
  std::string exec(const std::string& sql) const;
  [[nodiscard]] pg::Connection& connection() { return m_connection; }
  [[nodiscard]] const std::string& name() const { return m_name; }
  [[nodiscard]] bool has_extension(const std::string& name) const;
  [[nodiscard]] pg::Connection connect_as(const std::string& user) const;

 private:
  std::string m_name;
  pg::Connection m_connection;
};

/// A table with its chunks.
struct Planned {
  Table table;
  std::vector<Chunk> chunks;
};

std::vector<Planned> plan_all(pg::Connection& connection, const SelectOptions& select,
                              const ChunkOptions& chunk);
/// The one table of the selection.
Planned plan_one(pg::Connection& connection, const std::string& pattern, const ChunkOptions& chunk);

/// A table cut by its column k into chunks of 100 rows, the bounds from a given source.
Planned cut_from(pg::Connection& connection, const std::string& table, plan::BoundsSource source);

/// Empty if every row of the table is in exactly one chunk, by the server's own count; else what is
/// wrong. Numbers, openness of the first and last range and the NULL chunk are looked at as well.
std::string wrong_with(pg::Connection& connection, const Planned& planned);

/// Rows of each chunk.
std::vector<std::int64_t> chunk_rows(pg::Connection& connection, const Planned& planned);

/// The first chunk whose statement's plan has no Index, Bitmap or Tid Range Scan, with that plan;
/// empty if there is none.
std::string sequential_chunk(pg::Connection& connection, const Planned& planned);

}  // namespace pgstride::test
