// Writes the value of one field, as COPY's binary form has it, as PostgreSQL's output function
// prints it under the session settings of correctness.md, 7. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "format/byte_buffer.hpp"
#include "format/value_kind.hpp"

namespace pgstride::format {

/// What a small value takes at most, with room to spare: the longest is an interval's 77 bytes.
inline constexpr std::size_t k_small_value = 128;

/// One kind of value. Either `small` or `large` is set.
struct ValueFormatter {
  /// Bytes that a field of it has, 0 where that differs; who calls checks it.
  std::size_t size = 0;
  /// Writes behind `at`, where k_small_value bytes are free; gives the end.
  using Small = char* (*)(char* at, const char* data, std::size_t size);
  Small small = nullptr;
  /// Writes behind `at`, which lies in the buffer, and makes room itself; gives the end.
  using Large = char* (*)(ByteBuffer& buffer, char* at, const char* data, std::size_t size);
  Large large = nullptr;
  /// Bytes that a printed value may have; empty: any. None prints an empty value but with any.
  std::string_view alphabet;
};

/// `small` and `large` throw BadValue for what the kind's send function can't have sent.
const ValueFormatter& value_formatter(ValueKind kind);

/// A field is not of its type's binary form; `reason` is a part of a sentence.
struct BadValue {
  const char* reason = nullptr;
};

}  // namespace pgstride::format
