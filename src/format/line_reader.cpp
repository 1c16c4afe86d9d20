#include <utility>

#include "format/line_scan.hpp"
#include "format/readers.hpp"
#include "pgstride/error.hpp"

namespace pgstride::format {

namespace {

/// Rows that end with a line end: csv and text.
class LineReader : public RowReader {
 public:
  LineReader(const RowFormat& format, RowSink sink)
      : m_header(format.header), m_sink(std::move(sink)),
        m_parser(format.format == Format::csv ? make_csv_parser(format) : make_text_parser(format)),
        m_scan(format.format == Format::csv) {}

  void write(std::string_view bytes) override {
    if (bytes.empty()) {
      return;
    }
    m_last = bytes.back();
    if (m_sink) {
      split(bytes);
    } else {
      m_lines += m_scan.count(bytes);
    }
  }

  void finish() override {
    if (m_scan.in_quotes()) {
      throw_bad_row(rows() + 1, "the file ends within quotes");
    }
    if (m_last != '\n') {
      throw_bad_row(rows() + 1, "the file ends within the row");
    }
    if (m_header && m_lines == 0) {
      throw_bad_file("the header line is missing");
    }
  }

  [[nodiscard]] std::int64_t rows() const override {
    return m_header && m_lines > 0 ? m_lines - 1 : m_lines;
  }

 private:
  void split(std::string_view bytes) {
    std::size_t begin = 0;
    m_scan.each(bytes, [&](std::size_t end) {
      const auto line = bytes.substr(begin, end - begin);
      if (m_part.empty()) {
        give(line);
      } else {
        m_part.append(line);
        give(m_part);
        drop_part();
      }
      begin = end + 1;
    });
    m_part.append(bytes.substr(begin));
  }

  void give(std::string_view line) {
    const bool is_header = m_header && m_lines == 0;
    ++m_lines;
    if (is_header) {
      return;
    }
    try {
      m_parser->parse(line, m_row);
    } catch (const Error& error) {
      throw_bad_row(rows(), error.what());
    }
    m_sink(m_row.fields());
  }

  void drop_part() {
    m_part.clear();
    if (m_part.capacity() > k_keep_bytes) {
      std::string().swap(m_part);
    }
  }

  bool m_header;
  RowSink m_sink;
  std::unique_ptr<LineParser> m_parser;
  LineScan m_scan;
  std::string m_part;  ///< of a row, from earlier pieces
  RowFields m_row;
  std::int64_t m_lines = 0;
  char m_last = '\n';
};

}  // namespace

std::unique_ptr<RowReader> make_line_reader(const RowFormat& format, RowSink sink) {
  return std::make_unique<LineReader>(format, std::move(sink));
}

}  // namespace pgstride::format
