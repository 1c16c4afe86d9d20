#include "format/field_writer.hpp"

#include <bit>
#include <string_view>

namespace pgstride::format {

namespace {

/// What makes quotes necessary within a csv value.
template <typename Block> struct CsvSpecial {
  static std::uint32_t mask(const Block& block, char delimiter) {
    return block.equal(delimiter) | block.equal('"') | block.equal('\n') | block.equal('\r');
  }
};

/// What is escaped within a text value: `\`, the delimiter, and \b \t \n \v \f \r, which are 8 to
/// 13. The blocks compare eight, so that 14 and 15 have to be sorted out (escape() does).
template <typename Block> struct TextSpecial {
  static std::uint32_t mask(const Block& block, char delimiter) {
    return block.equal(delimiter) | block.equal('\\') | block.in_eight('\b');
  }
};

/// Copies, and stops at the block with the first special byte. Gives the number of bytes that are
/// copied for good: whole blocks, or everything.
template <typename Block, typename Special>
std::size_t copy_plain(char* at, const char* data, std::size_t size, char delimiter) {
  constexpr auto k_size = Block::k_size;
  if (size <= k_size) {
    if (size > 0 && Special::mask(load_few<Block>(data, size), delimiter) != 0) {
      return 0;
    }
    copy_few(at, data, size);
    return size;
  }
  std::size_t done = 0;
  for (; done + k_size <= size; done += k_size) {
    const auto block = Block::load(data + done);
    if (Special::mask(block, delimiter) != 0) {
      return done;
    }
    block.store(at + done);
  }
  const auto last = Block::load(data + size - k_size);
  if (Special::mask(last, delimiter) != 0) {
    return done;
  }
  last.store(at + size - k_size);
  return size;
}

template <typename Block> char* quoted(char* at, const char* data, std::size_t size) {
  *at++ = '"';
  while (size >= Block::k_size) {
    const auto block = Block::load(data);
    block.store(at);
    const auto quotes = block.equal('"');
    std::size_t step = Block::k_size;
    if (quotes == 0) {
      at += step;
    } else {
      step = static_cast<std::size_t>(std::countr_zero(quotes)) + 1;
      at += step;
      *at++ = '"';
    }
    data += step;
    size -= step;
  }
  for (; size > 0; --size, ++data) {
    if (*data == '"') {
      *at++ = '"';
    }
    *at++ = *data;
  }
  *at++ = '"';
  return at;
}

template <typename Block>
char* csv_field(const FieldStyle& style, char* at, const char* data, std::size_t size) {
  const std::string_view value(data, size);
  if (value != style.null && !(style.only_column && value == "\\.") &&
      copy_plain<Block, CsvSpecial<Block>>(at, data, size, style.delimiter) == size) {
    return at + size;
  }
  return quoted<Block>(at, data, size);
}

char* escape(char* at, char byte, char delimiter) {
  if (byte >= '\b' && byte <= '\r') {
    *at++ = '\\';
    *at++ = std::string_view("btnvfr")[static_cast<std::size_t>(byte - '\b')];
    return at;
  }
  if (byte == '\\' || byte == delimiter) {
    *at++ = '\\';
  }
  *at++ = byte;
  return at;
}

template <typename Block>
char* text_field(const FieldStyle& style, char* at, const char* data, std::size_t size) {
  auto done = copy_plain<Block, TextSpecial<Block>>(at, data, size, style.delimiter);
  while (done < size) {
    at += done;
    data += done;
    size -= done;
    // The special byte is in the block that begins here, or in the last, shorter one.
    const auto few = size < Block::k_size ? size : Block::k_size;
    for (std::size_t i = 0; i < few; ++i) {
      at = escape(at, data[i], style.delimiter);
    }
    data += few;
    size -= few;
    done = copy_plain<Block, TextSpecial<Block>>(at, data, size, style.delimiter);
  }
  return at + done;
}

}  // namespace

template <typename Block> FieldWriter field_writer(Format format) {
  return format == Format::csv ? csv_field<Block> : text_field<Block>;
}

template FieldWriter field_writer<PortableBlock>(Format format);
#ifdef __SSE2__
template FieldWriter field_writer<Sse2Block>(Format format);
#endif

}  // namespace pgstride::format
