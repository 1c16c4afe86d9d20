#include "pg/text_array.hpp"

#include <charconv>

namespace pgstride::pg {

std::string array_text(const std::vector<std::uint32_t>& values) {
  std::string text = "{";
  for (const auto value : values) {
    text += text.size() == 1 ? "" : ",";
    text += std::to_string(value);
  }
  return text + "}";
}

std::string array_text(const std::vector<std::string>& values) {
  std::string text = "{";
  for (const auto& value : values) {
    text += text.size() == 1 ? "\"" : ",\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') {
        text += '\\';
      }
      text += c;
    }
    text += '"';
  }
  return text + "}";
}

std::vector<std::int64_t> numbers_of(std::string_view array) {
  std::vector<std::int64_t> numbers;
  std::size_t at = 0;
  while (at < array.size()) {
    std::int64_t value = 0;
    const auto result = std::from_chars(array.data() + at, array.data() + array.size(), value);
    if (result.ec == std::errc()) {
      numbers.push_back(value);
      at = static_cast<std::size_t>(result.ptr - array.data());
    } else {
      ++at;
    }
  }
  return numbers;
}

}  // namespace pgstride::pg
