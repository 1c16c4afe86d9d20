#include "secrets.hpp"

#include <algorithm>
#include <string_view>

namespace pgstride::cli {

namespace {

void mask(std::span<char> text, std::size_t from, std::size_t to) {
  std::fill(text.begin() + static_cast<std::ptrdiff_t>(from),
            text.begin() + static_cast<std::ptrdiff_t>(to), '*');
}

std::size_t find_or_end(std::string_view text, std::string_view any, std::size_t from) {
  return std::min(text.find_first_of(any, from), text.size());
}

/// The end of a connection string's value, which may stand in single quotes with backslashes.
std::size_t end_of_value(std::string_view text, std::size_t from) {
  if (from >= text.size() || text[from] != '\'') {
    return find_or_end(text, " \t\n&", from);
  }
  for (std::size_t at = from + 1; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '\'') {
      return at + 1;
    }
  }
  return text.size();
}

}  // namespace

void mask_secrets(std::span<char> text) {
  const std::string_view view(text.data(), text.size());
  constexpr std::string_view k_keyword = "password";
  for (std::size_t at = view.find(k_keyword); at != std::string_view::npos;
       at = view.find(k_keyword, at + 1)) {
    std::size_t value = view.find_first_not_of(" \t\n", at + k_keyword.size());
    if (value == std::string_view::npos || view[value] != '=') {
      continue;
    }
    value = std::min(view.find_first_not_of(" \t\n", value + 1), view.size());
    mask(text, value, end_of_value(view, value));
  }
  for (std::size_t at = view.find("://"); at != std::string_view::npos; at = view.find("://", at)) {
    at += 3;
    const std::size_t colon = find_or_end(view, ":@/?", at);
    const std::size_t end = find_or_end(view, "@ ", colon);
    if (colon < view.size() && view[colon] == ':' && end < view.size() && view[end] == '@') {
      mask(text, colon + 1, end);
    }
  }
}

std::string without_secrets(std::string text) {
  mask_secrets(text);
  return text;
}

}  // namespace pgstride::cli
