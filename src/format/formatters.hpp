// The functions behind value_formatter(), a family a file; ValueFormatter says what they promise.
#pragma once

#include <cstddef>

#include "format/byte_buffer.hpp"

namespace pgstride::format {

// format_integers.cpp
char* format_boolean(char* at, const char* data, std::size_t size);
char* format_int2(char* at, const char* data, std::size_t size);
char* format_int4(char* at, const char* data, std::size_t size);
char* format_int8(char* at, const char* data, std::size_t size);
char* format_uint4(char* at, const char* data, std::size_t size);
char* format_uint8(char* at, const char* data, std::size_t size);

// format_floats.cpp
char* format_float4(char* at, const char* data, std::size_t size);
char* format_float8(char* at, const char* data, std::size_t size);

// format_numeric.cpp
char* format_numeric(ByteBuffer& buffer, char* at, const char* data, std::size_t size);

// format_times.cpp
char* format_date(char* at, const char* data, std::size_t size);
char* format_time(char* at, const char* data, std::size_t size);
char* format_timetz(char* at, const char* data, std::size_t size);
char* format_timestamp(char* at, const char* data, std::size_t size);
char* format_timestamptz(char* at, const char* data, std::size_t size);

// format_interval.cpp
char* format_interval(char* at, const char* data, std::size_t size);
char* format_finite_interval(char* at, const char* data, std::size_t size);

// format_network.cpp
char* format_inet(char* at, const char* data, std::size_t size);
char* format_cidr(char* at, const char* data, std::size_t size);
char* format_macaddr(char* at, const char* data, std::size_t size);

// format_bytes.cpp
char* format_text(ByteBuffer& buffer, char* at, const char* data, std::size_t size);
char* format_jsonb(ByteBuffer& buffer, char* at, const char* data, std::size_t size);
char* format_bytea(ByteBuffer& buffer, char* at, const char* data, std::size_t size);
char* format_bit(ByteBuffer& buffer, char* at, const char* data, std::size_t size);
/// Throws BadValue unless the first byte is the version that is known.
void check_jsonb(const char* data, std::size_t size);
char* format_uuid(char* at, const char* data, std::size_t size);

}  // namespace pgstride::format
