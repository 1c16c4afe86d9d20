// Loads the files of an export back with COPY over the protocol, into tables of schema `back`, and
// compares them with the source. Owes nothing to the code under test but the reader of compressed
// files. One thread per object.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/table_kinds.hpp"
#include "support/pg_exec.hpp"

namespace pgstride::test {

using Json = nlohmann::json;
/// One line each; empty means that all is well.
using Problems = std::vector<std::string>;
std::string joined(const Problems& problems);

Json read_manifest_json(const std::filesystem::path& directory);

class LoadBack {
 public:
  /// Uses (and drops first) schema `back` in the session's database.
  LoadBack(PgSession& session, std::filesystem::path directory);

  /// Loads every file of a table. `tagged` adds a column `_chunk` with the number of the file's
  /// chunk. Gives the name of the new table; row counts that differ from the manifest's are
  /// problems.
  std::string load(const TableKind& kind, bool tagged, Problems& problems);
  /// The source as it is now and the files have the same rows, each as often.
  void compare_with_source(const TableKind& kind, Problems& problems);
  /// The manifest lists these tables and no others, and the directory these files and no others.
  void compare_lists(const std::vector<TableKind>& kinds, Problems& problems);

  [[nodiscard]] const Json& manifest() const { return m_manifest; }
  [[nodiscard]] const Json* table_of(const TableKind& kind) const;

 private:
  [[nodiscard]] std::string copy_options() const;
  std::int64_t load_file(const std::string& file, const std::string& copy);

  PgSession& m_session;
  std::filesystem::path m_directory;
  Json m_manifest;
  int m_tables = 0;
};

/// The whole check of a finished export of a source at rest.
Problems check_at_rest(PgSession& session, const std::filesystem::path& directory,
                       const std::vector<TableKind>& kinds);

}  // namespace pgstride::test
