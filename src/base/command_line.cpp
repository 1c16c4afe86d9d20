#include "base/command_line.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>

namespace pgstride {

namespace {

constexpr std::string_view k_hidden = "***";

/// Where a conninfo value that starts at `from` ends: at a space or `&`, or behind its quote.
std::size_t value_end(std::string_view text, std::size_t from) {
  const bool quoted = from < text.size() && text[from] == '\'';
  for (std::size_t i = from + (quoted ? 1 : 0); i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (quoted && text[i] == '\'') {
      return i + 1;
    } else if (!quoted && (text[i] == ' ' || text[i] == '&')) {
      return i;
    }
  }
  return text.size();
}

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at])) != 0) {
    ++at;
  }
  return at;
}

/// `password`, `sslpassword` and the like, as libpq takes them: `password = 'a b'` too.
std::string hide_values(std::string_view text) {
  constexpr std::string_view k_word = "password";
  std::string out;
  std::size_t from = 0;
  while (true) {
    const auto found = text.find(k_word, from);
    if (found == std::string_view::npos) {
      return out.append(text.substr(from));
    }
    const auto equals = skip_spaces(text, found + k_word.size());
    if (equals >= text.size() || text[equals] != '=') {
      out.append(text.substr(from, equals - from));
      from = equals;
      continue;
    }
    const auto value = skip_spaces(text, equals + 1);
    out.append(text.substr(from, value - from)).append(k_hidden);
    from = value_end(text, value);
  }
}

/// `postgresql://user:secret@host/…`. The part before the first slash is looked at, as libpq does.
std::string hide_user_info(std::string text) {
  std::size_t from = 0;
  while ((from = text.find("://", from)) != std::string::npos) {
    from += 3;
    const auto end = std::min(text.find_first_of("/ ", from), text.size());
    const auto at = text.rfind('@', end);
    const auto colon = text.find(':', from);
    if (at != std::string::npos && at > from && colon < at) {
      text.replace(colon + 1, at - colon - 1, k_hidden);
    }
  }
  return text;
}

}  // namespace

std::string hide_password(std::string_view text) {
  return hide_user_info(hide_values(text));
}

std::string own_command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!text.empty() && text.back() == '\0') {
    text.pop_back();
  }
  std::replace(text.begin(), text.end(), '\0', ' ');
  std::replace(text.begin(), text.end(), '\n', ' ');
  return hide_password(text);
}

}  // namespace pgstride
