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
#include "format/unix_lines.hpp"
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
  /// Line ends of the file before the line that the server calls 1.
  [[nodiscard]] std::int64_t lines_before() const;

 private:
  void pass(std::string_view bytes);
  void end_beginning();

  const FileRange& m_range;
  std::function<void(std::string_view)> m_sink;
  std::optional<format::LoadWatch> m_watch;
  std::optional<format::ColumnFilter> m_filter;
  std::optional<format::UnixLines> m_lines;  ///< before the filter
  bool m_beginning;     ///< of standard input, where a byte order mark may stand
  std::string m_begun;  ///< of which so much has come
  char m_last = '\n';
};

/// `COPY orders, line 3, column amount: "x"` with the line's number in the file, which is read
/// again if need be.
std::string in_file_lines(const std::string& context, const FileRange& range,
                          std::int64_t lines_before);

}  // namespace pgstride::transfer
