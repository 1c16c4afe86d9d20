#include "job/loose_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "archive/compressor.hpp"
#include "base/durable_file.hpp"
#include "job/input_dialect.hpp"
#include "job/load_plan.hpp"
#include "pg/quote.hpp"
#include "plan/pattern.hpp"
#include "target/target_table.hpp"

namespace pgstride::job {

namespace {

namespace fs = std::filesystem;

using archive::k_standard_input;

// As an export's chunks; less where all files together are small, so that all workers have work.
constexpr std::int64_t k_piece_bytes = 64LL << 20;
constexpr std::int64_t k_least_piece_bytes = 1LL << 20;
constexpr std::int64_t k_pieces_a_worker = 4;

[[noreturn]] void refuse(const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::usage, what, hint);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char byte) { return static_cast<char>(std::tolower(byte)); });
  return text;
}

Table named_table(const std::vector<std::string>& names) {
  if (names.size() != 1) {
    refuse(names.empty() ? "files without a manifest need the table that they go into"
                         : "files without a manifest go into one table",
           "name it with --table SCHEMA.TABLE");
  }
  const auto parts = plan::parse_names(names.front(), '.');
  if (parts.size() > 2) {
    refuse(fmt::format("--table {} is no name of a table", names.front()),
           "write it as SCHEMA.TABLE");
  }
  Table table;
  table.schema = table.leaf_schema = parts.size() == 2 ? parts[0] : "public";
  table.name = table.leaf_name = parts.back();
  table.key_reason = "files";
  return table;
}

// The target's columns as the file has them, in its order.
std::vector<Column> columns_of(const std::vector<std::string>& names,
                               const target::TargetTable& there, bool fold) {
  std::vector<Column> columns;
  std::string unknown;
  for (const auto& name : names) {
    const auto* found = there.column(name);
    for (const auto& other : there.columns) {
      if (found == nullptr && fold && lower(other.name) == lower(name)) {
        found = &other;
      }
    }
    if (found == nullptr) {
      unknown += fmt::format("{}\"{}\"", unknown.empty() ? "" : ", ", name);
      continue;
    }
    Column column;
    column.name = found->name;
    column.not_null = found->not_null;
    columns.push_back(std::move(column));
  }
  if (!unknown.empty()) {
    std::string known;
    for (const auto& column : there.columns) {
      known += (known.empty() ? "" : ", ") + column.name;
    }
    refuse(
        fmt::format("table {} has no column {}, which the file has", there.name.display(), unknown),
        fmt::format("its columns are {}; name the file's with --columns", known));
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    for (std::size_t j = i + 1; j < columns.size(); ++j) {
      if (columns[i].name == columns[j].name) {
        refuse(fmt::format("column \"{}\" stands twice in the file", columns[i].name),
               "name the file's columns with --columns");
      }
    }
  }
  return columns;
}

bool needs_standard_input(Job& job) {
  bool needed = false;
  for (const auto& record : job.store->tables()) {
    job.store->each_delivery(record.table.id, "", [&](const checkpoint::Delivery& delivery) {
      needed = needed || (delivery.chunk.file == k_standard_input && delivery.state != "done");
    });
  }
  return needed;
}

}  // namespace

LooseFiles::LooseFiles(const Job& job)
    : m_from(job.from), m_input(job.input), m_format(job.input.format.value_or(Format::csv)) {
  m_dialect = row_dialect(m_input, m_format);
  m_null = m_input.null.value_or(m_format == Format::csv ? "" : "\\N");
}

RowShape LooseFiles::shape() const {
  RowShape shape;
  shape.format = m_format;
  shape.delimiter = m_dialect.delimiter;
  shape.quote = m_dialect.quote;
  shape.escape = m_dialect.escape;
  shape.null = m_null;
  shape.written_by_copy = false;
  shape.known_dialect =
      m_dialect.quote == '"' && m_dialect.escape == '"' && m_input.encoding.empty();
  const auto add = [&](const char* option, std::string_view value) {
    shape.copy_options += fmt::format("{}{} {}", shape.copy_options.empty() ? "" : ", ", option,
                                      pg::quote_literal(value));
  };
  const auto add_byte = [&](const char* option, const std::optional<char>& value) {
    if (value) {
      add(option, std::string_view(&*value, 1));
    }
  };
  add_byte("DELIMITER", m_input.delimiter);
  if (m_input.null) {
    add("NULL", *m_input.null);
  }
  add_byte("QUOTE", m_input.quote);
  add_byte("ESCAPE", m_input.escape);
  if (!m_input.encoding.empty()) {
    add("ENCODING", m_input.encoding);
  }
  return shape;
}

CompressionMethod LooseFiles::compression_of(const fs::path& path) const {
  if (m_input.compression) {
    return *m_input.compression;
  }
  for (const auto method :
       {CompressionMethod::gzip, CompressionMethod::zstd, CompressionMethod::lz4}) {
    if (path.extension() == archive::file_suffix(method)) {
      return method;
    }
  }
  return CompressionMethod::none;
}

FileBeginning LooseFiles::beginning_of(const fs::path& path, const StopTokens& stop) const {
  if (m_format == Format::binary) {
    return {};
  }
  return read_beginning(path, compression_of(path), m_dialect, m_input.header, stop);
}

std::vector<std::string> LooseFiles::header_of(const std::vector<FileBeginning>& beginnings) const {
  std::optional<std::size_t> first;  // empty files have none
  for (std::size_t i = 0; i < beginnings.size(); ++i) {
    if (beginnings[i].header.empty()) {
      continue;
    }
    if (first && beginnings[i].header != beginnings[*first].header) {
      refuse(fmt::format("the headers of {} and {} differ", m_from[*first].string(),
                         m_from[i].string()),
             "import them one by one, or name the columns of all with --columns");
    }
    first = first.value_or(i);
  }
  return beginnings[first.value_or(0)].header;
}

bool LooseFiles::may_cut(const fs::path& path) const {
  return path != k_standard_input && m_format != Format::binary &&
         compression_of(path) == CompressionMethod::none && is_server_encoding(m_input.encoding);
}

void LooseFiles::add_chunks(InputTable& table, const fs::path& path, const FileBeginning& beginning,
                            std::int64_t piece_bytes, const StopTokens& stop) const {
  const auto add = [&](const format::RowCut& from, std::optional<std::int64_t> to,
                       std::int64_t rows, std::int64_t bytes) {
    auto& chunk = table.chunks.emplace_back();
    chunk.number = static_cast<std::int64_t>(table.chunks.size()) - 1;
    chunk.kind = ChunkKind::file;
    chunk.file = path.string();
    if (from.offset > 0 || from.lines > 0) {
      chunk.lower = KeyValue{std::to_string(from.offset), std::to_string(from.lines)};
    }
    if (to) {
      chunk.upper = KeyValue{std::to_string(*to)};
    }
    chunk.estimated_rows = rows;
    chunk.estimated_bytes = bytes;
    table.table.estimated_rows += rows;
    table.table.estimated_bytes += bytes;
  };
  auto from = beginning.rows;
  std::int64_t lines_left = 0;  // about as many rows; of what is not looked through nobody knows
  std::error_code error;
  const bool standard = path == k_standard_input;
  const auto size = standard ? 0 : static_cast<std::int64_t>(fs::file_size(path, error));
  if (may_cut(path) && size - from.offset > piece_bytes) {
    format::RowCutter cutter(m_dialect, from, piece_bytes);
    archive::FileStream stream(
        path, CompressionMethod::none, from.offset, {}, [&](std::string_view bytes) {
          cutter.write(bytes, [&](const format::RowCut& cut) {
            if (cut.offset < size) {
              add(from, cut.offset, cut.lines - from.lines, cut.offset - from.offset);
              from = cut;
            }
          });
        });
    while (stream.step()) {
      if (stop.drain.stop_requested() || stop.cancel.stop_requested()) {
        throw Error(ErrorKind::stopped, "stopped while files were cut; nothing is made");
      }
    }
    lines_left = cutter.at().lines - from.lines;
    if (cutter.in_quotes()) {
      refuse(fmt::format("file {}: a quote that is opened is never closed", path.string()),
             "is it csv with these --quote and --escape?");
    }
  }
  add(from, std::nullopt, lines_left, std::max<std::int64_t>(size - from.offset, 0));
}

InputPlan LooseFiles::plan(Job& job) const {
  InputPlan plan;
  auto& table = plan.tables.emplace_back();
  table.table = named_table(job.select.tables);
  std::int64_t bytes = 0;
  std::vector<FileBeginning> beginnings;
  std::set<std::pair<dev_t, ino_t>> seen;
  for (const auto& path : m_from) {
    if (path == k_standard_input) {
      if (::isatty(STDIN_FILENO) == 1) {
        refuse("standard input is a terminal", "feed it: pgstride import --from - … < FILE");
      }
      if (std::exchange(job.standard_input_begun, true)) {
        refuse("--from - is given twice", "standard input can be read once");
      }
    } else {
      std::error_code error;
      if (!fs::is_regular_file(path, error)) {
        refuse(fmt::format("\"{}\" is not there, or no file", path.string()),
               "--from takes files, the directory of an export, or - for standard input");
      }
      struct stat facts {};
      if (::stat(path.c_str(), &facts) == 0 && !seen.insert({facts.st_dev, facts.st_ino}).second) {
        refuse(fmt::format("\"{}\" is given twice, perhaps by another name", path.string()),
               "name each file once");
      }
      plan.inputs.push_back(look_at_file(path, false));
      bytes += plan.inputs.back().bytes;
    }
    beginnings.push_back(beginning_of(path, job.stop));
  }
  auto connection = job.connect_target(job.targets.front(), "columns");
  const auto facts =
      target::read_target_tables(connection, {target_name(job.load, table.table)}).tables.front();
  if (!m_input.encoding.empty() &&
      connection.query("SELECT pg_catalog.pg_char_to_encoding($1)", {m_input.encoding})
              .int64(0, 0) < 0) {
    refuse(fmt::format("--encoding {} is none that the target knows", m_input.encoding),
           "its names are PostgreSQL's: UTF8, LATIN1, WIN1252, EUC_JP …");
  }
  auto names =
      m_input.columns.empty() ? header_of(beginnings) : plan::parse_names(m_input.columns, ',');
  const bool of_the_table = names.empty();
  for (const auto& column : facts.columns) {
    if (of_the_table && !column.generated) {
      names.push_back(column.name);
    }
  }
  if (facts.exists()) {
    table.table.columns = columns_of(names, facts, m_input.columns.empty());
  }
  const auto pieces = worker_count(job.run) * k_pieces_a_worker;
  const auto piece_bytes = std::clamp(bytes / pieces, k_least_piece_bytes, k_piece_bytes);
  for (std::size_t i = 0; i < m_from.size(); ++i) {
    add_chunks(table, m_from[i], beginnings[i], piece_bytes, job.stop);
  }
  table.table.chunks = static_cast<std::int64_t>(table.chunks.size());
  return plan;
}

void LooseFiles::check(Job& job) {
  const auto inputs = job.store->inputs();
  check_inputs(inputs);
  for (const auto& input : inputs) {
    m_facts[input.path] = {input.bytes, input.mtime_ns};
  }
  if (job.standard_input_begun || !needs_standard_input(job)) {
    return;
  }
  m_fed_again = true;
  job.standard_input_begun = true;
  if (!m_input.header) {
    return;
  }
  const auto header = beginning_of(k_standard_input, job.stop).header;
  const auto record = job.store->tables().front();
  bool same = !m_input.columns.empty() || header.size() == record.table.columns.size();
  for (std::size_t i = 0; same && m_input.columns.empty() && i < header.size(); ++i) {
    same = lower(header[i]) == lower(record.table.columns[i].name);
  }
  if (!same) {
    throw Error(ErrorKind::identity, "standard input does not begin with the header of the job's",
                "feed the same input again, from its beginning");
  }
}

void LooseFiles::locate(transfer::FileRange& range, const Chunk& chunk) const {
  const bool standard = chunk.file == k_standard_input;
  range.path = chunk.file;
  range.compression = compression_of(chunk.file);
  if (m_format != Format::binary) {
    range.dialect = m_dialect;
  }
  if (standard) {
    range.read_once = m_read_once;
    range.must_hold_bytes = m_fed_again;
  } else {
    range.facts = m_facts.at(chunk.file);
  }
}

}  // namespace pgstride::job
