// Takes a chunk file's plain bytes apart into rows and fields, as COPY wrote them, in pieces of any
// size. Holds one row at most. Belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pgstride/options.hpp"

namespace pgstride::format {

/// One field: none is NULL. Text and csv: the value with quoting and escapes undone; binary: its
/// bytes.
using Field = std::optional<std::string_view>;
using RowSink = std::function<void(std::span<const Field>)>;

struct RowFormat {
  Format format = Format::csv;
  bool header = false;  ///< the first line is skipped
  char delimiter = ',';
  std::string null;
  int columns = 0;  ///< that each row must have; 0-column rows are empty lines
};

class RowReader {
 public:
  virtual ~RowReader() = default;
  /// Takes the next bytes. Throws Error (io) for what COPY could not have written.
  virtual void write(std::string_view bytes) = 0;
  /// The end: throws Error (io) if a row or the binary trailer is cut short.
  virtual void finish() = 0;
  [[nodiscard]] virtual std::int64_t rows() const = 0;
};

/// The format of the files that a job with these options writes: comma and nothing for csv, tab and
/// `\N` for text, unless the user chose otherwise.
RowFormat row_format(const OutputOptions& output, int columns);

/// With an empty sink rows are only counted, without holding them (faster): their fields are not
/// looked at. Errors name the row, not the file.
std::unique_ptr<RowReader> make_row_reader(const RowFormat& format, RowSink sink);

/// The header line COPY … HEADER writes, with its line end, for csv and text.
std::string header_line(const RowFormat& format, const std::vector<std::string>& columns);

}  // namespace pgstride::format
