#include "job/exported_files.hpp"

#include <algorithm>
#include <regex>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "archive/manifest_check.hpp"
#include "job/copy_sql.hpp"
#include "pg/quote.hpp"
#include "plan/pattern.hpp"

namespace pgstride::job {

namespace {

OutputOptions output_of(const archive::ManifestHead& head) {
  OutputOptions output;
  output.format = head.format;
  output.header = head.header;
  if (head.format != Format::binary) {
    if (!head.delimiter.empty()) {
      output.delimiter = head.delimiter[0];
    }
    output.null = head.null;
  }
  return output;
}

bool matches(const plan::Pattern& pattern, const archive::ManifestTable& table) {
  const auto is = [](const std::string& expression, const std::string& text) {
    return std::regex_match(text, std::regex(expression, std::regex::extended));
  };
  return (!pattern.schema || is(*pattern.schema, table.schema)) && is(pattern.name, table.name);
}

std::vector<plan::Pattern> parse_patterns(const std::vector<std::string>& texts) {
  std::vector<plan::Pattern> patterns;
  patterns.reserve(texts.size());
  for (const auto& text : texts) {
    patterns.push_back(plan::parse_table_pattern(text));
  }
  return patterns;
}

}  // namespace

ExportedFiles::ExportedFiles(const std::filesystem::path& directory)
    : m_directory(directory), m_manifest(archive::read_manifest(directory)) {
  for (const auto& files : m_manifest.files) {
    for (const auto& file : files) {
      m_files.emplace(file.file, &file);
    }
  }
}

const archive::ManifestFile& ExportedFiles::file(const std::string& name) const {
  const auto found = m_files.find(name);
  if (found == m_files.end()) {
    throw Error(ErrorKind::internal, fmt::format("the manifest does not have file {}", name));
  }
  return *found->second;
}

RowShape ExportedFiles::shape() const {
  const auto output = output_of(m_manifest.head);
  const auto format = row_format(output, 1);
  RowShape shape;
  shape.format = output.format;
  // "15.6 (Debian …)": its major number is what matters.
  constexpr int k_major = 10000;
  shape.server_version = std::atoi(m_manifest.head.server_version.c_str()) * k_major;
  if (output.format != Format::binary) {
    shape.delimiter = format.delimiter;
    shape.null = format.null;
    shape.copy_options = fmt::format("DELIMITER {}, NULL {}",
                                     pg::quote_literal(std::string_view(&format.delimiter, 1)),
                                     pg::quote_literal(format.null));
  }
  return shape;
}

// An entry that is gone would leave rows out without a word.
void ExportedFiles::check_entries() const {
  std::string faults;
  for (const auto& fault : archive::find_entry_faults(m_manifest, m_directory)) {
    faults += (faults.empty() ? "" : "; ") + archive::fault_text(m_manifest, fault);
  }
  if (!faults.empty()) {
    throw Error(ErrorKind::usage, "manifest.json was changed: " + faults,
                "`pgstride resume` of the export writes it again; nothing was changed");
  }
}

InputPlan ExportedFiles::plan(Job& job) const {
  const auto& head = m_manifest.head;
  if (head.dialect != "postgres" && !head.dialect.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("the export in \"{}\" is written for \"{}\", which can't be read back",
                            m_directory.string(), head.dialect),
                "export with --dialect postgres");
  }
  check_entries();
  const auto patterns = parse_patterns(job.select.tables);
  InputPlan plan;
  for (std::size_t i = 0; i < m_manifest.tables.size(); ++i) {
    const auto& from = m_manifest.tables[i];
    if (!patterns.empty() &&
        std::none_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return matches(pattern, from); })) {
      continue;
    }
    auto& [table, chunks] = plan.tables.emplace_back();
    table.schema = table.leaf_schema = from.schema;
    table.name = table.leaf_name = from.name;
    table.columns = from.columns;
    table.key_reason = "files of an export";
    const auto header = header_bytes(output_of(head), from.columns);
    for (const auto& file : m_manifest.files[i]) {
      auto& chunk = chunks.emplace_back();
      chunk.number = static_cast<std::int64_t>(chunks.size()) - 1;
      chunk.kind = ChunkKind::file;
      chunk.file = file.file;
      if (!header.empty()) {
        const auto lines = std::count(header.begin(), header.end(), '\n');
        chunk.lower = KeyValue{std::to_string(header.size()), std::to_string(lines)};
      }
      chunk.estimated_rows = file.rows;
      chunk.estimated_bytes = file.raw_bytes;
      table.estimated_rows += file.rows;
      table.estimated_bytes += file.raw_bytes;
    }
    table.chunks = static_cast<std::int64_t>(chunks.size());
  }
  if (plan.tables.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("the export in \"{}\" has no such table", m_directory.string()),
                "manifest.json lists what it has");
  }
  plan.inputs.push_back(look_at_file(m_directory / "manifest.json", true));
  return plan;
}

void ExportedFiles::locate(transfer::FileRange& range, const Chunk& chunk) const {
  const auto& known = file(chunk.file);
  range.path = m_directory / chunk.file;
  range.compression = m_manifest.head.compression.method;
  range.xxh3 = known.xxh3;
  range.rows = known.rows;
  range.valid_lsn = known.lsn;
  if (const auto form = shape(); form.format != Format::binary) {
    range.dialect = format::RowDialect{form.format, form.delimiter};
  }
}

// What the export's snapshot shows is what the targets will show.
void ExportedFiles::describe(checkpoint::JobRecord& record) const {
  const auto& head = m_manifest.head;
  record.system_identifier = head.system_identifier;
  record.database = head.database;
  record.server_version = head.server_version;
  record.timeline = head.timeline;
  record.consistency = head.consistency;
  record.start_lsn = head.start_lsn;
  record.end_lsn = head.end_lsn;
}

}  // namespace pgstride::job
