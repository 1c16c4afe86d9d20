// Arrays: array_out of PostgreSQL's src/backend/utils/adt/arrayfuncs.c from what its array_send
// sends. Belongs to one thread.
#pragma once

#include <cstddef>

#include "format/byte_buffer.hpp"
#include "format/value_formatter.hpp"

namespace pgstride::format {

class ArrayFormatter {
 public:
  explicit ArrayFormatter(ValueKind element);
  /// Writes behind `at`, which lies in the buffer; gives the end. Throws BadValue.
  char* write(ByteBuffer& buffer, char* at, const char* data, std::size_t size);

 private:
  char* write_element(ByteBuffer& buffer, char* at, const char* data, std::size_t size);
  char* write_value(ByteBuffer& buffer, char* at, const char* data, std::size_t size) const;

  const ValueFormatter& m_element;
  bool m_plain;  ///< no element is ever quoted
  ByteBuffer m_scratch;
};

}  // namespace pgstride::format
