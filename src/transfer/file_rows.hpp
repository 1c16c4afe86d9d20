// The rows of a file on their way to a COPY: watched, and without the columns that the target makes
// itself; and where one of them stands in the file. Belongs to its worker's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "format/column_filter.hpp"
#include "format/load_watch.hpp"
#include "format/server_lines.hpp"
#include "format/unix_lines.hpp"
#include "pgstride/error.hpp"
#include "transfer/task.hpp"

namespace pgstride::transfer {

class FileRows {
 public:
  FileRows(const FileRange& range, std::function<void(std::string_view)> sink);
  FileRows(const FileRows&) = delete;
  FileRows& operator=(const FileRows&) = delete;
  ~FileRows() = default;

  /// Plain bytes of the range. Throws Error (usage, io) for rows that can't be loaded as they are.
  void write(std::string_view bytes);
  /// The end of the range, before what is left goes on: throws as write().
  void check_end();
  void finish();
  /// What tells rows apart finds none in it.
  [[nodiscard]] bool is_one_row() const { return m_numbers && m_numbers->returns_alone(); }
  /// Line of the file where the n-th row begins, from 0; of the rows that came last.
  [[nodiscard]] std::int64_t line_of_row(std::int64_t row) const;
  /// What the server said of a row of a COPY, with the line of the file where that row begins.
  [[nodiscard]] Error in_file_lines(const Error& error) const;

 private:
  void pass(std::string_view bytes);
  void end_beginning();

  const FileRange& m_range;
  std::function<void(std::string_view)> m_sink;
  std::optional<format::LoadWatch> m_watch;
  std::optional<format::ServerLines> m_numbers;
  std::optional<format::ColumnFilter> m_filter;
  std::optional<format::UnixLines> m_lines;  ///< before the filter
  bool m_beginning;     ///< of standard input, where a byte order mark may stand
  std::string m_begun;  ///< of which so much has come
  char m_last = '\n';
};

}  // namespace pgstride::transfer
