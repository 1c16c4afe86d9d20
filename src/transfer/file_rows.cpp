#include "transfer/file_rows.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "archive/compressor.hpp"

namespace pgstride::transfer {

namespace {

constexpr std::string_view k_byte_order_mark = "\xef\xbb\xbf";

}  // namespace

FileRows::FileRows(const FileRange& range, std::function<void(std::string_view)> sink)
    : m_range(range), m_sink(std::move(sink)),
      m_beginning(range.read_once && range.dialect && range.lines_before == 0) {
  if (range.dialect) {
    m_watch.emplace(*range.dialect);
  }
  if (range.kept) {
    m_filter.emplace(*range.kept, m_sink);
  }
  if (range.kept && range.dialect) {
    m_lines.emplace(range.dialect->format,
                    [this](std::string_view bytes) { m_filter->write(bytes); });
  }
}

// Of a file the plan has seen how it begins.
void FileRows::write(std::string_view bytes) {
  if (!m_beginning) {
    pass(bytes);
    return;
  }
  m_begun += bytes;
  if (m_begun.size() >= k_byte_order_mark.size() || !k_byte_order_mark.starts_with(m_begun)) {
    end_beginning();
  }
}

void FileRows::end_beginning() {
  m_beginning = false;
  std::string_view bytes = m_begun;
  if (bytes.starts_with(k_byte_order_mark)) {
    bytes.remove_prefix(k_byte_order_mark.size());
  }
  pass(bytes);
  m_begun = {};
}

void FileRows::pass(std::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  m_last = bytes.back();
  if (m_watch) {
    m_watch->write(bytes);
  }
  if (m_lines) {
    m_lines->write(bytes);
  } else if (m_filter) {
    m_filter->write(bytes);
  } else {
    m_sink(bytes);
  }
}

void FileRows::check_end() {
  if (m_beginning) {
    end_beginning();
  }
  if (m_lines && m_last != '\n') {
    m_lines->write("\n");  // COPY does without, the filter does not
  }
  if (m_watch) {
    m_watch->finish(m_range.upper.has_value());
  }
  if (m_lines) {
    m_lines->finish();
  }
}

void FileRows::finish() {
  if (m_filter) {
    m_filter->finish();
  }
}

std::int64_t FileRows::lines_before() const {
  return m_range.lines_before + (m_watch ? m_watch->uncounted_lines() : 0);
}

namespace {

// The line of the n-th row of a csv range, by reading it again.
std::int64_t line_of_row(const FileRange& range, std::int64_t row) {
  const bool seek = range.compression == CompressionMethod::none;
  format::RowCut at{range.lower, range.lines_before};
  std::int64_t skip = seek ? 0 : range.lower;
  std::int64_t rows = 0;
  format::RowCutter cutter(*range.dialect, at, 0);
  archive::FileStream stream(
      range.path, range.compression, seek ? range.lower : 0, {}, [&](std::string_view bytes) {
        const auto header = std::min<std::int64_t>(skip, static_cast<std::int64_t>(bytes.size()));
        skip -= header;
        bytes.remove_prefix(static_cast<std::size_t>(header));
        cutter.write(bytes, [&](const format::RowCut& end) { at = ++rows < row ? end : at; });
      });
  while (rows < row && stream.step()) {
  }
  return at.lines + 1;
}

}  // namespace

std::string in_file_lines(const std::string& context, const FileRange& range,
                          std::int64_t lines_before) {
  constexpr std::string_view k_mark = ", line ";
  const auto mark = context.find(k_mark);
  if (!context.starts_with("COPY ") || mark == std::string::npos) {
    return context;
  }
  const auto first = mark + k_mark.size();
  auto last = first;
  std::int64_t line = 0;
  while (last < context.size() && std::isdigit(static_cast<unsigned char>(context[last])) != 0) {
    line = line * 10 + (context[last++] - '0');
  }
  // What is left out of rows makes each a line.
  const bool by_row = range.kept && range.dialect && !range.read_once;
  line = by_row ? line_of_row(range, line) : line + lines_before;
  return context.substr(0, first) + std::to_string(line) + context.substr(last);
}

}  // namespace pgstride::transfer
