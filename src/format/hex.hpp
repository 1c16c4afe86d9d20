// Bytes as lower-case hexadecimal digits. The caller sees to the room. Pure; any thread.
#pragma once

#include <cstddef>

namespace pgstride::format {

/// Writes 2 × size digits; gives the end.
char* write_hex(char* at, const char* data, std::size_t size);
/// The same without SSE2.
char* write_hex_portable(char* at, const char* data, std::size_t size);

}  // namespace pgstride::format
