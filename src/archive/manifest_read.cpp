#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include <cerrno>
#include <exception>
#include <fstream>
#include <functional>
#include <utility>

#include "archive/compressor.hpp"
#include "archive/manifest.hpp"
#include "archive/manifest_words.hpp"
#include "base/durable_file.hpp"
#include "pgstride/error.hpp"

namespace pgstride::archive {

namespace {

using Json = nlohmann::json;

/// A member that is absent or null has no text, and is no LSN.
std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? std::string() : found->get<std::string>();
}

Lsn lsn_of(const Json& object, const char* name) {
  const std::string text = text_of(object, name);
  return text.empty() ? Lsn{} : Lsn::parse(text);
}

template <typename Value> std::optional<Value> optional_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) {
    return std::nullopt;
  }
  return found->get<Value>();
}

/// Of a word that is one of a closed set.
template <typename Value> Value known(const std::optional<Value>& value, const std::string& word) {
  if (!value) {
    throw Error(ErrorKind::io, fmt::format("unknown word \"{}\"", word));
  }
  return *value;
}

ManifestHead head_of(const Json& json) {
  const Json& source = json.at("source");
  ManifestHead head;
  head.tool_version = text_of(json, "version");
  head.server_version = text_of(source, "server_version");
  head.system_identifier = text_of(source, "system_identifier");
  head.database = text_of(source, "database");
  head.timeline = source.value("timeline", std::int64_t{0});
  head.start_lsn = lsn_of(json, "start_lsn");
  head.end_lsn = lsn_of(json, "end_lsn");
  head.slot = text_of(json, "slot");
  head.publication = text_of(json, "publication");
  head.consistency = text_of(json, "consistency");
  head.consistency_note = text_of(json, "consistency_note");
  head.snapshot_xmin = text_of(json, "snapshot_xmin");
  head.snapshot_xmax = text_of(json, "snapshot_xmax");
  head.created = text_of(json, "created");
  const std::string format = json.at("format").get<std::string>();
  head.format = known(format_of(format), format);
  head.dialect = text_of(json, "dialect");
  head.header = json.value("header", false);
  head.delimiter = text_of(json, "delimiter");
  head.null = text_of(json, "null");
  head.compression.method = method_by_name(json.at("compression").get<std::string>());
  head.compression.level = json.value("compression_level", 0);
  return head;
}

ManifestTable table_of(const Json& json) {
  ManifestTable table;
  table.schema = json.at("schema").get<std::string>();
  table.name = json.at("name").get<std::string>();
  for (const auto& column : json.at("columns")) {
    Column read;
    read.name = column.at("name").get<std::string>();
    read.type = column.at("type").get<std::string>();
    read.not_null = column.at("not_null").get<bool>();
    read.generated = column.value("generated", false);
    table.columns.push_back(std::move(read));
  }
  table.key = json.at("key").get<std::vector<std::string>>();
  table.split = text_of(json, "split");
  table.consistency = text_of(json, "consistency");
  table.rows = json.at("rows").get<std::int64_t>();
  table.bytes = json.at("bytes").get<std::int64_t>();
  return table;
}

ManifestFile file_of(const Json& json) {
  ManifestFile file;
  file.file = json.at("file").get<std::string>();
  file.chunk = json.at("chunk").get<std::int64_t>();
  file.leaf = text_of(json, "leaf");
  file.rows = json.at("rows").get<std::int64_t>();
  file.bytes = json.at("bytes").get<std::int64_t>();
  file.raw_bytes = json.at("raw_bytes").get<std::int64_t>();
  file.xxh3 = json.at("xxh3").get<std::string>();
  file.lower = optional_of<KeyValue>(json, "lower");
  file.upper = optional_of<KeyValue>(json, "upper");
  file.page_lower = optional_of<std::uint32_t>(json, "page_lower");
  file.page_upper = optional_of<std::uint32_t>(json, "page_upper");
  const std::string kind = json.at("kind").get<std::string>();
  file.kind = known(chunk_kind_of(kind), kind);
  file.lsn = lsn_of(json, "lsn");
  return file;
}

/// Turns each entry of `tables[].files[]` into a value as soon as it is parsed, so that the JSON
/// tree of a million files never stands in memory. Depth counts the open braces and brackets.
class FileCollector {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    constexpr int k_root_member = 1;
    constexpr int k_table = 2;
    constexpr int k_table_member = 3;
    constexpr int k_file = 4;
    if (event == Event::key && depth == k_root_member) {
      m_in_tables = parsed == "tables";
    } else if (event == Event::key && depth == k_table_member) {
      m_in_files = m_in_tables && parsed == "files";
    } else if (event == Event::object_start && depth == k_table && m_in_tables) {
      files.emplace_back();
    } else if (event == Event::object_end && depth == k_file && m_in_tables && m_in_files) {
      add(parsed);
      return false;
    }
    return true;
  }

  std::vector<std::vector<ManifestFile>> files;
  /// The first entry that could not be read; of less weight than a newer format version.
  std::exception_ptr error;

 private:
  void add(const Json& parsed) {
    try {
      files.back().push_back(file_of(parsed));
    } catch (...) {
      error = error ? error : std::current_exception();
    }
  }

  bool m_in_tables = false;
  bool m_in_files = false;
};

Error damaged(const std::filesystem::path& path, const char* reason) {
  return {ErrorKind::io, fmt::format("\"{}\" is damaged: {}", path.string(), reason),
          "resume the job: it writes its manifest again"};
}

Json parse(std::istream& stream, FileCollector& collector, const std::filesystem::path& path) {
  try {
    return Json::parse(stream, std::ref(collector));
  } catch (const Json::exception& error) {
    throw damaged(path, error.what());
  }
}

/// Throws Error (usage) for a version this program does not read.
void check_version(const Json& json, const std::filesystem::path& path) {
  const auto found = json.is_object() ? json.find("format_version") : json.end();
  if (found == json.end() || !found->is_number_integer()) {
    throw damaged(path, "it has no format_version");
  }
  const auto version = found->get<std::int64_t>();
  if (version > k_manifest_version || version < k_oldest_manifest) {
    const auto writer = json.find("version");
    throw Error(
        ErrorKind::usage,
        fmt::format("\"{}\" is of format version {}, written by pgstride {}; this one reads "
                    "versions {} to {}",
                    path.string(), version,
                    writer != json.end() && writer->is_string() ? writer->get<std::string>()
                                                                : "of an unknown version",
                    k_oldest_manifest, k_manifest_version),
        version > k_manifest_version ? "use a newer pgstride" : "use an older pgstride");
  }
}

}  // namespace

Manifest read_manifest(const std::filesystem::path& directory) {
  const auto path = directory / k_manifest_name;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    const int error_number = errno;
    Error error = io_error("open", path, error_number);
    if (error_number == ENOENT) {
      error.with_hint("a job writes it when it is done; see pgstride status");
    }
    throw error;
  }
  FileCollector collector;
  const Json json = parse(stream, collector, path);
  check_version(json, path);
  Manifest manifest;
  try {
    if (collector.error) {
      std::rethrow_exception(collector.error);
    }
    manifest.head = head_of(json);
    for (const auto& table : json.at("tables")) {
      manifest.tables.push_back(table_of(table));
    }
  } catch (const std::exception& error) {
    throw damaged(path, error.what());
  }
  manifest.files = std::move(collector.files);
  return manifest;
}

}  // namespace pgstride::archive
