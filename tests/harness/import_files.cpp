#include "harness/import_files.hpp"

#include <stdexcept>

#include "harness/export_job.hpp"

namespace pgstride::test {

const TableKind& wide_rows() {
  static const TableKind wide = [] {
    TableKind kind;
    kind.name = "wide_rows";
    kind.create = R"sql(
      CREATE TABLE {t} (id int PRIMARY KEY, note text, at date);
      INSERT INTO {t}
      SELECT g, E'line "' || g || E'"\n, and\n' || repeat(md5(g::text), g % 40) || E'\n"',
             CASE WHEN g % 7 <> 0 THEN date '2001-02-03' + g % 1000 END
      FROM generate_series(1, {n}) g)sql";
    kind.key = "id";
    kind.primary = true;
    return kind;
  }();
  return wide;
}

void import_from_export(CopyJob& job, const std::filesystem::path& directory,
                        const std::vector<std::string>& options) {
  const ExportJob exported{job.source, directory, job.kinds, options};
  if (const auto ended = exported.run_export(); ended.code != 0) {
    throw std::runtime_error("the export to import failed: " + ended.text());
  }
  job.from = directory;
  job.input.clear();
}

void import_from_file(CopyJob& job, const std::filesystem::path& directory) {
  import_from_export(job, directory, {"--split", "none", "--header", "-Z", "none"});
  const auto file = read_manifest_json(directory).at("tables").at(0).at("files").at(0).at("file");
  job.from = directory / file.get<std::string>();
  job.input = {"--header"};
}

}  // namespace pgstride::test
