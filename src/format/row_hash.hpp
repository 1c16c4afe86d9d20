// An order-independent hash of rows that the server can compute too: the sum over rows of
// PostgreSQL's hashtextextended() of a canonical text of the row. Belongs to one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "format/row_reader.hpp"

namespace pgstride::format {

/// hash_bytes_extended of PostgreSQL (src/common/hashfn.c) on little-endian machines: what
/// hashtextextended(text COLLATE "C", seed) returns for the text's bytes. (A bytea has no such
/// function in SQL; its hexadecimal text has.) Hash partitioning rests on it, so it does not change
/// between versions.
std::uint64_t pg_hash_bytes(std::string_view bytes, std::uint64_t seed);

/// Adds rows up. The canonical bytes of a row are, per field, `N` for NULL or `<octets>:<value>`,
/// where the value is the output function's text (text, csv) or, for binary files, the lower-case
/// hexadecimal digits of the send function's bytes, and `<octets>` its length in decimal.
class RowHash {
 public:
  explicit RowHash(bool binary) : m_binary(binary) {}
  void add(std::span<const Field> row);
  [[nodiscard]] std::int64_t rows() const { return m_rows; }
  /// The sum of the hashes taken as signed 64-bit numbers, in decimal: what sum(int8) prints.
  [[nodiscard]] std::string sum() const;

 private:
  __extension__ using Sum = __int128;  // sum(int8) is a numeric: it does not wrap

  bool m_binary;
  std::string m_row;
  std::int64_t m_rows = 0;
  Sum m_sum = 0;
};

}  // namespace pgstride::format
