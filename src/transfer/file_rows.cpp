#include "transfer/file_rows.hpp"

#include <utility>

#include "transfer/copy_context.hpp"

namespace pgstride::transfer {

namespace {

constexpr std::string_view k_byte_order_mark = "\xef\xbb\xbf";

}  // namespace

FileRows::FileRows(const FileRange& range, std::function<void(std::string_view)> sink)
    : m_range(range), m_sink(std::move(sink)),
      m_beginning(range.read_once && range.dialect && range.lines_before == 0) {
  if (range.dialect) {
    m_watch.emplace(*range.dialect);
    m_numbers.emplace(*range.dialect, range.lines_before, range.kept != nullptr);
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
    m_numbers->write(bytes);
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

std::int64_t FileRows::line_of_row(std::int64_t row) const {
  return m_numbers ? m_numbers->line_of_row(row) : m_range.lines_before + 1 + row;
}

Error FileRows::in_file_lines(const Error& error) const {
  const auto line = context_line(error.context());
  if (line == 0 || !m_numbers) {
    return error;
  }
  Error out = error;
  return out.with_server(error.sqlstate(), error.detail(),
                         with_context_line(error.context(), m_numbers->line_of(line)),
                         error.statement());
}

}  // namespace pgstride::transfer
