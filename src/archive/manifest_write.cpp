#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "archive/compressor.hpp"
#include "archive/manifest.hpp"
#include "archive/manifest_words.hpp"
#include "archive/names.hpp"
#include "base/crash_point.hpp"
#include "base/durable_file.hpp"

namespace pgstride::archive {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t k_gather_bytes = 256 << 10;

/// An unset LSN, a slot that is not there: null.
Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}
Json lsn_text(Lsn lsn) {
  return lsn.value == 0 ? Json() : Json(lsn.text());
}
Json lsn_number(Lsn lsn) {
  return lsn.value == 0 ? Json() : Json(lsn.value);
}

Json head_json(const ManifestHead& head) {
  return {{"format_version", k_manifest_version},
          {"tool", "pgstride"},
          {"version", head.tool_version},
          {"source",
           {{"server_version", head.server_version},
            {"system_identifier", head.system_identifier},
            {"database", head.database},
            {"timeline", head.timeline}}},
          {"start_lsn", lsn_text(head.start_lsn)},
          {"start_lsn_int", lsn_number(head.start_lsn)},
          {"end_lsn", lsn_text(head.end_lsn)},
          {"end_lsn_int", lsn_number(head.end_lsn)},
          {"slot", text_or_null(head.slot)},
          {"publication", text_or_null(head.publication)},
          {"consistency", head.consistency},
          {"consistency_note", head.consistency_note},
          {"snapshot_xmin", text_or_null(head.snapshot_xmin)},
          {"snapshot_xmax", text_or_null(head.snapshot_xmax)},
          {"format", format_name(head.format)},
          {"dialect", head.dialect},
          {"header", head.header},
          {"delimiter", head.delimiter},
          {"null", head.null},
          {"compression", method_name(head.compression.method)},
          {"compression_level", head.compression.level},
          {"created", head.created}};
}

Json column_json(const Column& column) {
  Json json = {{"name", column.name}, {"type", column.type}, {"not_null", column.not_null}};
  if (column.generated) {
    json["generated"] = true;
  }
  return json;
}

Json table_json(const ManifestTable& table) {
  Json columns = Json::array();
  for (const auto& column : table.columns) {
    columns.push_back(column_json(column));
  }
  Json json = {{"schema", table.schema}, {"name", table.name},   {"columns", std::move(columns)},
               {"key", table.key},       {"split", table.split}, {"consistency", table.consistency},
               {"rows", table.rows},     {"bytes", table.bytes}};
  if (table.published) {
    json["published"] = *table.published;
    json["unpublished"] = text_or_null(table.unpublished);
  }
  return json;
}

Json bound_json(const std::optional<KeyValue>& bound) {
  return bound ? Json(*bound) : Json();
}

Json file_json(const ManifestFile& file) {
  Json json = {{"file", file.file}, {"chunk", file.chunk}};
  if (!file.leaf.empty()) {
    json["leaf"] = file.leaf;
  }
  json["rows"] = file.rows;
  json["bytes"] = file.bytes;
  json["raw_bytes"] = file.raw_bytes;
  json["xxh3"] = file.xxh3;
  json["kind"] = chunk_kind_word(file.kind);
  json["lower"] = bound_json(file.lower);
  json["upper"] = bound_json(file.upper);
  if (file.page_lower) {
    json["page_lower"] = *file.page_lower;
  }
  if (file.page_upper) {
    json["page_upper"] = *file.page_upper;
  }
  json["lsn"] = lsn_text(file.lsn);
  json["lsn_int"] = lsn_number(file.lsn);
  return json;
}

/// Gathers text, so that a million files are neither a million writes nor one string.
class TextFile {
 public:
  explicit TextFile(const std::filesystem::path& path) : m_file(path) {}

  void add(std::string_view text) {
    m_text.append(text);
    if (m_text.size() >= k_gather_bytes) {
      flush();
    }
  }

  /// An object without its closing brace, for more members to follow.
  void add_open(const Json& object) {
    const std::string text = object.dump();
    add(std::string_view(text).substr(0, text.size() - 1));
  }

  void commit() {
    flush();
    m_file.commit();
  }

 private:
  void flush() {
    m_file.write(m_text);
    m_text.clear();
  }

  DurableFile m_file;
  std::string m_text;
};

}  // namespace

void write_manifest(
    const std::filesystem::path& directory, const ManifestHead& head,
    const std::vector<ManifestTable>& tables,
    const std::function<void(std::size_t table, const std::function<void(const ManifestFile&)>&)>&
        each_file) {
  TextFile out(directory / k_manifest_name);
  const std::string head_text = head_json(head).dump(1);
  out.add(std::string_view(head_text).substr(0, head_text.size() - 2));  // without "\n}"
  out.add(",\n \"tables\": [");
  for (std::size_t i = 0; i < tables.size(); ++i) {
    out.add(i == 0 ? "\n  " : ",\n  ");
    out.add_open(table_json(tables[i]));
    out.add(",\"files\":[");
    bool first = true;
    each_file(i, [&](const ManifestFile& file) {
      out.add(first ? "\n   " : ",\n   ");
      out.add(file_json(file).dump());
      first = false;
    });
    out.add(first ? "]}" : "\n  ]}");
  }
  out.add(tables.empty() ? "]\n}\n" : "\n ]\n}\n");
  out.commit();
  crash_point("manifest_written");
}

}  // namespace pgstride::archive
