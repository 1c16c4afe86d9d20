#include "values.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "pgstride/error.hpp"

namespace pgstride::cli {

namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 4> k_sizes{
    {{"B", 1.0}, {"kB", 1024.0}, {"MB", 1048576.0}, {"GB", 1073741824.0}}};

constexpr std::array<Unit, 6> k_durations{{{"us", 0.001},
                                           {"ms", 1.0},
                                           {"s", 1000.0},
                                           {"min", 60'000.0},
                                           {"h", 3'600'000.0},
                                           {"d", 86'400'000.0}}};

[[noreturn]] void refuse(const std::string& option, std::string_view text, std::string_view what,
                         std::string_view hint) {
  throw Error(ErrorKind::usage, fmt::format("{}: \"{}\" is not {}", option, text, what),
              std::string(hint));
}

struct Measure {
  double number = 0;
  std::string_view unit;
};

/// A plain decimal number and what follows it, blanks between them skipped.
std::optional<Measure> split_measure(std::string_view text) {
  const std::size_t end = text.find_first_not_of("0123456789.");
  const std::string_view digits = text.substr(0, end);
  Measure measure;
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), measure.number);
  if (digits.empty() || error != std::errc{} || stop != digits.data() + digits.size()) {
    return std::nullopt;
  }
  const std::size_t unit = text.find_first_not_of(' ', digits.size());
  measure.unit = unit == std::string_view::npos ? std::string_view{} : text.substr(unit);
  return measure;
}

template <std::size_t N>
std::optional<double> scale(const Measure& measure, const std::array<Unit, N>& units) {
  for (const Unit& unit : units) {
    if (unit.name == measure.unit) {
      return measure.number * unit.factor;
    }
  }
  return std::nullopt;
}

/// 2^63 as a double is exact, and the first value that no longer fits.
bool fits(double value) {
  return value < 9223372036854775808.0;
}

}  // namespace

std::int64_t parse_size(const std::string& option, std::string_view text) {
  constexpr std::string_view k_hint =
      "write a number with B, kB, MB or GB (powers of 1024), such as 64MB";
  const auto measure = split_measure(text);
  if (!measure) {
    refuse(option, text, "a size", k_hint);
  }
  const auto bytes = scale(*measure, k_sizes);
  if (!bytes) {
    refuse(option, text, "a size", k_hint);
  }
  if (!fits(*bytes) || *bytes < 1) {
    refuse(option, text, "a size from 1B to 8589934591GB", k_hint);
  }
  return static_cast<std::int64_t>(std::llround(*bytes));
}

std::int64_t parse_rate(const std::string& option, std::string_view text) {
  std::string_view size = text;
  if (size.size() > 2 && size.substr(size.size() - 2) == "/s") {
    size.remove_suffix(2);
  }
  return parse_size(option, size);
}

std::chrono::milliseconds parse_duration(const std::string& option, std::string_view text) {
  constexpr std::string_view k_hint = "write a number with us, ms, s, min, h or d, such as 5min";
  const auto measure = split_measure(text);
  if (!measure) {
    refuse(option, text, "a duration", k_hint);
  }
  if (measure->unit.empty() && measure->number == 0) {
    return std::chrono::milliseconds{0};
  }
  const auto milliseconds = scale(*measure, k_durations);
  if (!milliseconds) {
    refuse(option, text, "a duration", k_hint);
  }
  constexpr double k_most = 36'500 * 86'400'000.0;
  if (*milliseconds > k_most) {
    refuse(option, text, "a duration of at most 36500d", k_hint);
  }
  return std::chrono::milliseconds{static_cast<std::int64_t>(std::ceil(*milliseconds))};
}

std::int64_t parse_count(const std::string& option, std::string_view text, std::int64_t least,
                         std::int64_t most) {
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || stop != text.data() + text.size()) {
    refuse(option, text, "a whole number", "");
  }
  if (value < least) {
    refuse(option, text, fmt::format("a number of at least {}", least), "");
  }
  if (value > most) {
    refuse(option, text, fmt::format("a number of at most {}", most), "");
  }
  return value;
}

TableOption parse_table_option(const std::string& option, std::string_view text) {
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') {
      quoted = !quoted;
    } else if (text[at] == ':' && !quoted) {
      if (at == 0 || at + 1 == text.size()) {
        break;
      }
      return {std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
    }
  }
  refuse(option, text, "of the form TABLE:VALUE",
         R"(put the table, a colon and the value in one argument, such as 'public.orders:id'; )"
         R"(a name that holds a colon is written in double quotes)");
}

std::pair<std::string, std::string> parse_mapping(const std::string& option,
                                                  std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    throw Error(ErrorKind::usage, fmt::format("{}: \"{}\" is not OLD=NEW", option, text),
                "such as --map public.orders=archive.orders");
  }
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

Compression parse_compression(const std::string& option, std::string_view text) {
  struct Method {
    CompressionMethod method;
    int least;
    int most;
  };
  static const Choices<Method> k_methods{{"none", {CompressionMethod::none, 0, 0}},
                                         {"gzip", {CompressionMethod::gzip, 0, 9}},
                                         {"zstd", {CompressionMethod::zstd, 1, 19}},
                                         {"lz4", {CompressionMethod::lz4, 1, 12}}};
  const std::size_t colon = text.find(':');
  const Method method = parse_choice(option, text.substr(0, colon), k_methods);
  Compression compression{method.method, method.method == CompressionMethod::none ? 0 : 1};
  if (colon == std::string_view::npos) {
    return compression;
  }
  if (method.method == CompressionMethod::none) {
    refuse(option, text, "a compression", "\"none\" has no level");
  }
  const std::int64_t level = parse_count(option, text.substr(colon + 1), method.least);
  if (level > method.most) {
    refuse(option, text, "a compression",
           fmt::format("levels of {} go from {} to {}", text.substr(0, colon), method.least,
                       method.most));
  }
  compression.level = static_cast<int>(level);
  return compression;
}

char parse_delimiter(const std::string& option, std::string_view text) {
  if (text == "\\t") {
    return '\t';
  }
  if (text.size() != 1) {
    refuse(option, text, "a delimiter", "give one byte, or '\\t' for a tab");
  }
  return text.front();
}

void refuse_choice(const std::string& option, std::string_view text,
                   const std::vector<std::string_view>& names) {
  refuse(option, text, "one of the choices", fmt::format("choose {}", fmt::join(names, ", ")));
}

}  // namespace pgstride::cli
