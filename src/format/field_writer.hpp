// Writes a value as a field of csv or text: CopyAttributeOutCSV and CopyAttributeOutText of
// PostgreSQL's src/backend/commands/copyto.c. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <string>

#include "format/block.hpp"
#include "format/row_reader.hpp"

namespace pgstride::format {

struct FieldStyle {
  char delimiter = ',';
  std::string null;
  bool only_column = false;
};

/// What a value of so many bytes takes at most: each byte escaped, and quotes around it.
constexpr std::size_t field_room(std::size_t size) {
  return 2 * size + 2;
}

/// Writes behind `at`, where field_room() bytes are free; gives the end.
using FieldWriter = char* (*)(const FieldStyle& style, char* at, const char* data,
                              std::size_t size);

/// `Block` is FastBlock, or PortableBlock, which tests compare with it.
template <typename Block = FastBlock> FieldWriter field_writer(Format format);

extern template FieldWriter field_writer<PortableBlock>(Format format);
#ifdef __SSE2__
extern template FieldWriter field_writer<Sse2Block>(Format format);
#endif

}  // namespace pgstride::format
