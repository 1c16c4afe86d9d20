// Option values as people write them (sizes, durations, TABLE:VALUE …), read strictly: anything
// else is an Error (ErrorKind::usage) naming the option. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgstride/options.hpp"

namespace pgstride::cli {

/// `64MB`, `1.5 GB`, `4096`: bytes. Units B kB MB GB are powers of 1024, as in PostgreSQL's
/// settings. At least 1.
std::int64_t parse_size(const std::string& option, std::string_view text);

/// A size a second; `50MB` and `50MB/s` are the same.
std::int64_t parse_rate(const std::string& option, std::string_view text);

/// `100ms`, `1.5 h`: units us ms s min h d; a bare number only if it is 0. Rounded up to
/// milliseconds.
std::chrono::milliseconds parse_duration(const std::string& option, std::string_view text);

/// A whole number from `least` to `most`.
std::int64_t parse_count(const std::string& option, std::string_view text, std::int64_t least,
                         std::int64_t most = std::numeric_limits<std::int64_t>::max());

/// `schema.table:value`, parted at the first colon outside double quotes.
TableOption parse_table_option(const std::string& option, std::string_view text);

/// `OLD=NEW`, neither of them empty.
std::pair<std::string, std::string> parse_mapping(const std::string& option, std::string_view text);

/// `METHOD[:LEVEL]`; without a level the method's fastest sensible one.
Compression parse_compression(const std::string& option, std::string_view text);

/// One byte, or `\t` for a tab.
char parse_delimiter(const std::string& option, std::string_view text);

/// One name of a fixed set.
template <class Value> using Choices = std::vector<std::pair<std::string_view, Value>>;

[[noreturn]] void refuse_choice(const std::string& option, std::string_view text,
                                const std::vector<std::string_view>& names);

template <class Value>
Value parse_choice(const std::string& option, std::string_view text,
                   const Choices<Value>& choices) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : choices) {
    if (name == text) {
      return value;
    }
    names.push_back(name);
  }
  refuse_choice(option, text, names);
}

}  // namespace pgstride::cli
