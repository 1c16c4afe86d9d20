#include "cli/cli_cluster.hpp"

#include <algorithm>

namespace pgstride::test {

TempCluster& cli_cluster() {
  static TempCluster cluster({.hba = {"local all secretive scram-sha-256"}});
  static const bool prepared = [] {
    cluster.exec("CREATE ROLE secretive LOGIN PASSWORD 'open sesame'");
    cluster.exec("CREATE ROLE nobody LOGIN");
    cluster.exec("CREATE ROLE limited LOGIN");
    return true;
  }();
  static_cast<void>(prepared);
  return cluster;
}

const TableKind& items() {
  static const TableKind kind{.name = "items",
                              .create = R"(
      CREATE TABLE {t} (id bigint PRIMARY KEY, note text);
      INSERT INTO {t} SELECT i, md5(i::text) FROM generate_series(1, {n}) i;
      ANALYZE {t})",
                              .key = "id",
                              .key_type = "bigint",
                              .primary = true};
  return kind;
}

std::string items_database(long rows) {
  const auto database = cli_cluster().create_database("items");
  auto session = cli_cluster().session(database);
  create_tables(session, {items()}, rows);
  return database;
}

ExportJob items_job(const std::string& database, const std::filesystem::path& directory,
                    std::vector<std::string> options) {
  return {.conninfo = cli_cluster().conninfo(database),
          .directory = directory,
          .kinds = {items()},
          .options = std::move(options)};
}

std::vector<std::string> data_files(const std::filesystem::path& directory) {
  std::vector<std::string> files;
  if (std::filesystem::exists(directory)) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      if (entry.is_regular_file() && entry.path().parent_path() != directory) {
        files.push_back(std::filesystem::relative(entry.path(), directory));
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace pgstride::test
