// Values whose size is up to them: text, jsonb, bytea, bit; and uuid.
#include "base/big_endian.hpp"
#include "format/digits.hpp"
#include "format/formatters.hpp"
#include "format/hex.hpp"
#include "format/value_formatter.hpp"

namespace pgstride::format {

char* format_text(ByteBuffer& buffer, char* at, const char* data, std::size_t size) {
  at = buffer.room(at, size + k_small_value);
  return write(at, {data, size});
}

void check_jsonb(const char* data, std::size_t size) {
  if (size == 0 || *data != 1) {
    throw BadValue{"a jsonb of an unknown version"};
  }
}

char* format_jsonb(ByteBuffer& buffer, char* at, const char* data, std::size_t size) {
  check_jsonb(data, size);
  return format_text(buffer, at, data + 1, size - 1);
}

char* format_bytea(ByteBuffer& buffer, char* at, const char* data, std::size_t size) {
  at = buffer.room(at, 2 * size + k_small_value);
  return write_hex(write(at, "\\x"), data, size);
}

char* format_bit(ByteBuffer& buffer, char* at, const char* data, std::size_t size) {
  constexpr std::size_t k_head = 4;  // number of bits
  const auto bits = size < k_head ? -1 : big_endian<std::int32_t>(data);
  if (bits < 0 || size - k_head != (static_cast<std::size_t>(bits) + 7) / 8) {
    throw BadValue{"a bit string of a wrong length"};
  }
  at = buffer.room(at, static_cast<std::size_t>(bits) + k_small_value);
  for (std::size_t i = 0; i < static_cast<std::size_t>(bits); ++i) {
    const auto byte = static_cast<unsigned char>(data[k_head + i / 8]);
    *at++ = static_cast<char>('0' + ((byte >> (7 - i % 8)) & 1U));
  }
  return at;
}

char* format_uuid(char* at, const char* data, std::size_t /*size*/) {
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      *at++ = '-';
    }
    at = write_hex_byte(at, static_cast<unsigned char>(data[i]));
  }
  return at;
}

}  // namespace pgstride::format
