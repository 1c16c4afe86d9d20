// boolean and the whole numbers.
#include "base/big_endian.hpp"
#include "format/digits.hpp"
#include "format/formatters.hpp"

namespace pgstride::format {

char* format_boolean(char* at, const char* data, std::size_t /*size*/) {
  *at = *data != 0 ? 't' : 'f';
  return at + 1;
}

char* format_int2(char* at, const char* data, std::size_t /*size*/) {
  return write_signed(at, big_endian<std::int16_t>(data));
}

char* format_int4(char* at, const char* data, std::size_t /*size*/) {
  return write_signed(at, big_endian<std::int32_t>(data));
}

char* format_int8(char* at, const char* data, std::size_t /*size*/) {
  return write_signed(at, big_endian<std::int64_t>(data));
}

char* format_uint4(char* at, const char* data, std::size_t /*size*/) {
  return write_unsigned(at, big_endian<std::uint32_t>(data));
}

char* format_uint8(char* at, const char* data, std::size_t /*size*/) {
  return write_unsigned(at, big_endian<std::uint64_t>(data));
}

}  // namespace pgstride::format
