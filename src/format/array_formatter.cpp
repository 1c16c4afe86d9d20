#include "format/array_formatter.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/big_endian.hpp"
#include "format/digits.hpp"

namespace pgstride::format {

namespace {

constexpr std::size_t k_most_dimensions = 6;  // MAXDIM
constexpr std::string_view k_quoted = "\"\\{}, \t\n\r\v\f";

/// Reads the parts of an array one behind the other, never past its end.
class Parts {
 public:
  Parts(const char* data, std::size_t size) : m_data(data), m_left(size) {}

  std::int32_t number() { return big_endian<std::int32_t>(bytes(4)); }

  const char* bytes(std::size_t size) {
    if (size > m_left) {
      throw BadValue{"an array that is cut short"};
    }
    m_left -= size;
    const char* const data = m_data;
    m_data += size;
    return data;
  }

  [[nodiscard]] std::size_t left() const { return m_left; }

 private:
  const char* m_data;
  std::size_t m_left;
};

struct Dimension {
  std::int32_t length = 0;
  std::int32_t lower = 1;
  std::int32_t index = 0;  ///< from 0
};

struct Dimensions {
  std::array<Dimension, k_most_dimensions> all{};
  std::size_t count = 0;
  std::size_t elements = 0;

  [[nodiscard]] std::span<Dimension> used() { return {all.data(), count}; }
};

Dimensions read_dimensions(Parts& parts) {
  Dimensions dimensions;
  const auto count = parts.number();
  parts.bytes(8);  // whether there are NULLs; the element's type
  if (count < 0 || static_cast<std::size_t>(count) > k_most_dimensions) {
    throw BadValue{"an array of a wrong number of dimensions"};
  }
  dimensions.count = static_cast<std::size_t>(count);
  dimensions.elements = count == 0 ? 0 : 1;
  for (auto& dimension : dimensions.used()) {
    dimension.length = parts.number();
    dimension.lower = parts.number();
    // An element takes four bytes at least: what is more can't be there, and does not overflow.
    if (dimension.length < 0 ||
        dimensions.elements * static_cast<std::size_t>(dimension.length) > parts.left() / 4) {
      throw BadValue{"an array of a wrong length"};
    }
    dimensions.elements *= static_cast<std::size_t>(dimension.length);
  }
  return dimensions;
}

/// `[2:3][0:1]=`, where a lower bound is not 1.
char* write_bounds(char* at, std::span<const Dimension> dimensions) {
  if (std::all_of(dimensions.begin(), dimensions.end(),
                  [](const Dimension& dimension) { return dimension.lower == 1; })) {
    return at;
  }
  for (const auto& dimension : dimensions) {
    *at++ = '[';
    at = write_signed(at, dimension.lower);
    *at++ = ':';
    at = write_signed(at, std::int64_t{dimension.lower} + dimension.length - 1);
    *at++ = ']';
  }
  *at++ = '=';
  return at;
}

/// Steps to the next element; gives how many dimensions began anew: all of them at the end.
std::size_t step(std::span<Dimension> dimensions) {
  std::size_t anew = 0;
  for (auto i = dimensions.size(); i-- > 0; ++anew) {
    if (++dimensions[i].index < dimensions[i].length) {
      break;
    }
    dimensions[i].index = 0;
  }
  return anew;
}

char* repeat(char* at, char byte, std::size_t times) {
  return std::fill_n(at, times, byte);
}

/// Whether a byte is one of k_quoted, by the byte.
constexpr auto k_is_quoted = [] {
  std::array<bool, 256> table{};
  for (const char c : k_quoted) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

bool is_null_word(std::string_view value) {
  constexpr std::string_view k_null = "null";
  return std::equal(value.begin(), value.end(), k_null.begin(), k_null.end(),
                    [](char a, char b) { return (a | 0x20) == b; });
}

}  // namespace

ArrayFormatter::ArrayFormatter(ValueKind element)
    : m_element(value_formatter(element)),
      m_plain(!m_element.alphabet.empty() &&
              m_element.alphabet.find_first_of(k_quoted) == std::string_view::npos) {}

char* ArrayFormatter::write(ByteBuffer& buffer, char* at, const char* data, std::size_t size) {
  Parts parts(data, size);
  auto dimensions = read_dimensions(parts);
  const auto used = dimensions.used();
  // A bound takes two numbers of 11 characters and three more.
  at = buffer.room(at, k_small_value + 32 * k_most_dimensions);
  if (dimensions.elements == 0) {
    return format::write(at, "{}");
  }
  at = repeat(write_bounds(at, used), '{', used.size());
  for (std::size_t i = 0; i < dimensions.elements; ++i) {
    const auto length = parts.number();
    at = buffer.room(at, k_small_value);
    if (length == -1) {
      at = format::write(at, "NULL");
    } else if (length < 0) {
      throw BadValue{"an array with an element of a negative length"};
    } else {
      const auto bytes = static_cast<std::size_t>(length);
      at = write_element(buffer, at, parts.bytes(bytes), bytes);
    }
    at = buffer.room(at, k_small_value);
    const auto anew = step(used);
    at = repeat(at, '}', anew);
    if (anew < used.size()) {
      *at++ = ',';
      at = repeat(at, '{', anew);
    }
  }
  if (parts.left() != 0) {
    throw BadValue{"an array with bytes behind its end"};
  }
  return at;
}

char* ArrayFormatter::write_value(ByteBuffer& buffer, char* at, const char* data,
                                  std::size_t size) const {
  if (m_element.size != 0 && size != m_element.size) {
    throw BadValue{"an array with an element of a wrong length"};
  }
  return m_element.small != nullptr ? m_element.small(buffer.room(at, k_small_value), data, size)
                                    : m_element.large(buffer, at, data, size);
}

char* ArrayFormatter::write_element(ByteBuffer& buffer, char* at, const char* data,
                                    std::size_t size) {
  if (m_plain) {
    return write_value(buffer, at, data, size);
  }
  m_scratch.clear();
  m_scratch.end_at(write_value(m_scratch, m_scratch.end(), data, size));
  const auto value = m_scratch.view();
  at = buffer.room(at, 2 * value.size() + 2);
  if (!value.empty() && !is_null_word(value) &&
      std::none_of(value.begin(), value.end(),
                   [](char c) { return k_is_quoted[static_cast<unsigned char>(c)]; })) {
    return format::write(at, value);
  }
  *at++ = '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      *at++ = '\\';
    }
    *at++ = c;
  }
  *at++ = '"';
  return at;
}

}  // namespace pgstride::format
