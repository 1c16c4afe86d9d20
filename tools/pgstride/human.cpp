#include "human.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <ctime>
#include <cwchar>
#include <langinfo.h>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace pgstride::cli {

namespace {

struct Character {
  std::size_t length = 1;        ///< bytes
  std::optional<char32_t> code;  ///< none: broken UTF-8
};

/// The character at the front of a text that isn't empty; strict UTF-8 but for surrogates.
Character next_character(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return {1, first};
  }
  const std::size_t length = first >= 0xf0 && first < 0xf5   ? 4
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xc2 && first < 0xe0 ? 2
                                                             : 1;
  if (length == 1 || text.size() < length) {
    return {1, std::nullopt};
  }
  char32_t code = first & (0x7fU >> length);
  for (std::size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xc0U) != 0x80U) {
      return {1, std::nullopt};
    }
    code = (code << 6U) | (byte(at) & 0x3fU);
  }
  return {length, code};
}

int width_of(char32_t code) {
  const int width = wcwidth(static_cast<wchar_t>(code));
  return width < 0 ? 1 : width;
}

std::string escape(std::string_view text, bool keep_lines) {
  std::string out;
  while (!text.empty()) {
    const Character next = next_character(text);
    const auto byte = static_cast<unsigned char>(text.front());
    // C1 controls (U+0080–U+009F) move the cursor of some terminals too.
    const bool control =
        !next.code || *next.code < 0x20 || (*next.code >= 0x7f && *next.code < 0xa0);
    if (!control || (keep_lines && byte == '\n')) {
      out.append(text.substr(0, next.length));
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\t') {
      out += keep_lines ? "\t" : "\\t";
    } else {
      out += fmt::format("\\x{:02x}", next.code ? static_cast<unsigned>(*next.code) : byte);
    }
    text.remove_prefix(next.length);
  }
  return out;
}

}  // namespace

std::string count_text(std::int64_t count) {
  std::string digits = fmt::format("{}", count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string short_count(double count) {
  constexpr std::array<const char*, 4> k_units{"", "k", "M", "G"};
  std::size_t unit = 0;
  while (count >= 999.5 && unit + 1 < k_units.size()) {
    count /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f}", count) : fmt::format("{:.1f}{}", count, k_units[unit]);
}

std::string counted(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count_text(count), noun, count == 1 ? "" : "s");
}

std::string bytes_text(double bytes) {
  constexpr std::array<const char*, 5> k_units{"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 1023.95 && unit + 1 < k_units.size()) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes)
                   : fmt::format("{:.1f} {}", bytes, k_units[unit]);
}

std::string seconds_text(double seconds) {
  if (!(seconds > 0)) {
    return "0 s";
  }
  if (seconds < 9.995) {
    return fmt::format("{:.2f} s", seconds);
  }
  if (seconds < 59.95) {
    return fmt::format("{:.1f} s", seconds);
  }
  const std::int64_t whole = std::llround(seconds);
  if (whole < 3600) {
    return fmt::format("{} min {} s", whole / 60, whole % 60);
  }
  if (whole < 86400) {
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  }
  return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

std::string eta_text(const std::optional<double>& seconds) {
  if (!seconds || !std::isfinite(*seconds)) {
    return "-";
  }
  const double grain = *seconds > 600 ? 60 : *seconds > 120 ? 10 : 1;
  const auto whole = static_cast<std::int64_t>(std::ceil(*seconds / grain) * grain);
  if (whole < 60) {
    return fmt::format("{} s", whole);
  }
  return whole < 600    ? fmt::format("{} min {:02} s", whole / 60, whole % 60)
         : whole < 3600 ? fmt::format("{} min", whole / 60)
                        : seconds_text(static_cast<double>(whole));
}

std::string time_text(std::int64_t microseconds) {
  if (microseconds == 0) {
    return "-";
  }
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(microseconds / 1'000'000));
}

std::string time_iso(std::int64_t microseconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(microseconds / 1'000'000),
                     microseconds % 1'000'000);
}

std::string printable(std::string_view name) {
  return escape(name, false);
}

std::string printable_lines(std::string_view text) {
  return escape(text, true);
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view k_plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_-./:=@%+,";
  if (!text.empty() && text.find_first_not_of(k_plain) == std::string_view::npos) {
    return std::string(text);
  }
  std::string out = "'";
  for (const char byte : text) {
    out += byte == '\'' ? std::string("'\\''") : std::string(1, byte);
  }
  return out + "'";
}

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Character next = next_character(text);
    width += next.code ? width_of(*next.code) : 1;
    text.remove_prefix(next.length);
  }
  return width;
}

std::string fit(std::string_view text, int width) {
  if (display_width(text) <= width) {
    return std::string(text);
  }
  std::string out;
  int used = 0;
  while (!text.empty()) {
    const Character next = next_character(text);
    const int columns = next.code ? width_of(*next.code) : 1;
    if (used + columns > width - 1) {
      break;
    }
    out.append(text.substr(0, next.length));
    used += columns;
    text.remove_prefix(next.length);
  }
  return width > 0 ? out + (utf8_locale() ? "…" : "~") : std::string{};
}

std::string wrapped(std::string_view text, int width, int indent) {
  if (width <= indent + 20) {
    return std::string(text);
  }
  std::string out;
  int used = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    const int columns = display_width(word);
    if (used > 0 && used + 1 + columns > width) {
      out += "\n" + std::string(static_cast<std::size_t>(indent), ' ');
      used = indent;
    } else if (!out.empty()) {
      out += ' ';
      ++used;
    }
    out += word;
    used += columns;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

bool utf8_locale() {
  return std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

}  // namespace pgstride::cli
