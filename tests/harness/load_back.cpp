#include "harness/load_back.hpp"

#include <set>
#include <stdexcept>

#include "archive/compressor.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::test {
namespace {

namespace fs = std::filesystem;

CompressionMethod method_of(const std::string& file) {
  const auto suffix = fs::path(file).extension();
  if (suffix == ".zst") {
    return CompressionMethod::zstd;
  }
  if (suffix == ".gz") {
    return CompressionMethod::gzip;
  }
  return suffix == ".lz4" ? CompressionMethod::lz4 : CompressionMethod::none;
}

}  // namespace

std::string joined(const Problems& problems) {
  std::string text;
  for (const auto& problem : problems) {
    text += problem + "\n";
  }
  return text;
}

Json read_manifest_json(const fs::path& directory) {
  return Json::parse(read_text(directory / "manifest.json"));
}

LoadBack::LoadBack(PgSession& session, fs::path directory)
    : m_session(session), m_directory(std::move(directory)),
      m_manifest(read_manifest_json(m_directory)) {
  m_session.exec("DROP SCHEMA IF EXISTS back CASCADE; CREATE SCHEMA back; SET test.chunk = -1");
}

const Json* LoadBack::table_of(const TableKind& kind) const {
  for (const auto& table : m_manifest.at("tables")) {
    if (table.at("schema") == kind.schema && table.at("name") == kind.name) {
      return &table;
    }
  }
  return nullptr;
}

std::string LoadBack::copy_options() const {
  const auto format = m_manifest.at("format").get<std::string>();
  std::string options = "FORMAT " + format;
  if (format == "binary") {
    return options;
  }
  if (m_manifest.contains("delimiter") && m_manifest["delimiter"].is_string()) {
    options += ", DELIMITER " + m_session.literal(m_manifest["delimiter"]);
  }
  if (m_manifest.contains("null") && m_manifest["null"].is_string()) {
    options += ", NULL " + m_session.literal(m_manifest["null"]);
  }
  // Below 15 the server takes HEADER for csv only.
  return options + (m_manifest.value("header", false) ? ", HEADER true" : "");
}

std::int64_t LoadBack::load_file(const std::string& file, const std::string& copy) {
  return m_session.copy_in(copy, [&](const auto& put) {
    archive::read_file(
        m_directory / file, method_of(file), [](std::string_view) {}, put);
  });
}

std::string LoadBack::load(const TableKind& kind, bool tagged, Problems& problems) {
  const Json* table = table_of(kind);
  if (table == nullptr) {
    throw std::runtime_error("manifest has no table " + kind.display_name());
  }
  const auto target = "back.t" + std::to_string(++m_tables);
  // Rewriting by ALTER is not needed and constraints would hide what they refuse: plain LIKE.
  m_session.exec("CREATE TABLE " + target + " (LIKE " + kind.quoted() + ")");
  std::string columns;
  for (const auto& column : table->at("columns")) {
    columns += (columns.empty() ? "" : ", ") + m_session.quote(column.at("name"));
  }
  if (tagged) {
    m_session.exec("ALTER TABLE " + target +
                   " ADD _chunk int DEFAULT current_setting('test.chunk')::int");
  }
  const auto copy = "COPY " + target + (columns.empty() ? "" : " (" + columns + ")") +
                    " FROM STDIN (" + copy_options() + ")";
  std::int64_t rows = 0;
  for (const auto& file : table->at("files")) {
    m_session.exec("SET test.chunk = " + file.at("chunk").dump());
    const auto loaded = load_file(file.at("file"), copy);
    rows += loaded;
    if (loaded != file.at("rows").get<std::int64_t>()) {
      problems.push_back(file.at("file").get<std::string>() + " holds " + std::to_string(loaded) +
                         " rows, the manifest says " + file.at("rows").dump());
    }
  }
  if (rows != table->at("rows").get<std::int64_t>()) {
    problems.push_back(kind.display_name() + ": files hold " + std::to_string(rows) +
                       " rows, the manifest says " + table->at("rows").dump());
  }
  return target;
}

void LoadBack::compare_with_source(const TableKind& kind, Problems& problems) {
  const auto target = load(kind, false, problems);
  // As text: values that are equal but not the same (0 and -0, 1.0 and 1.00) must differ, and json
  // has no equality.
  const auto differing = [&](const std::string& from, const std::string& without) {
    return m_session.exec("SELECT count(*), left(min(r), 200) FROM (SELECT t::text AS r FROM " +
                          from + " t EXCEPT ALL SELECT t::text FROM " + without + " t) d");
  };
  const auto lost = differing(kind.quoted(), target);
  const auto added = differing(target, kind.quoted());
  if (lost != "0|") {
    problems.push_back(kind.display_name() + " lost rows: " + lost);
  }
  if (added != "0|") {
    problems.push_back(kind.display_name() + " has rows that the source has not: " + added);
  }
}

void LoadBack::compare_lists(const std::vector<TableKind>& kinds, Problems& problems) {
  std::set<std::string> expected;
  for (const auto& kind : kinds) {
    expected.insert(kind.display_name());
  }
  std::set<std::string> listed_files;
  for (const auto& table : m_manifest.at("tables")) {
    const auto name =
        table.at("schema").get<std::string>() + "." + table.at("name").get<std::string>();
    if (expected.erase(name) == 0) {
      problems.push_back("the manifest lists an unexpected or repeated table " + name);
    }
    for (const auto& file : table.at("files")) {
      if (!listed_files.insert(file.at("file")).second) {
        problems.push_back("the manifest lists a file twice: " + file.at("file").dump());
      }
    }
  }
  for (const auto& name : expected) {
    problems.push_back("the manifest does not list table " + name);
  }
  for (const auto& entry : fs::recursive_directory_iterator(m_directory)) {
    const auto relative = fs::relative(entry.path(), m_directory);
    // What a job with a slot tells its consumer is no data.
    const bool is_data =
        std::distance(relative.begin(), relative.end()) > 1 && *relative.begin() != "handoff";
    if (entry.is_regular_file() && is_data && !listed_files.contains(relative.string())) {
      problems.push_back("a file that the manifest does not list: " + relative.string());
    }
  }
}

Problems check_at_rest(PgSession& session, const fs::path& directory,
                       const std::vector<TableKind>& kinds) {
  Problems problems;
  LoadBack back(session, directory);
  back.compare_lists(kinds, problems);
  for (const auto& kind : kinds) {
    if (back.table_of(kind) != nullptr) {
      back.compare_with_source(kind, problems);
    }
  }
  session.exec("DROP SCHEMA back CASCADE");
  return problems;
}

}  // namespace pgstride::test
