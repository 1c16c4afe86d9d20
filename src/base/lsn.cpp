#include "pgstride/lsn.hpp"

#include <fmt/core.h>

#include <charconv>

#include "pgstride/error.hpp"

namespace pgstride {

namespace {

/// One to eight hexadecimal digits, as pg_lsn_in() takes them.
bool parse_half(std::string_view text, std::uint32_t& value) {
  if (text.empty() || text.size() > 8) {
    return false;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Lsn Lsn::parse(std::string_view text) {
  const auto slash = text.find('/');
  std::uint32_t high = 0;
  std::uint32_t low = 0;
  if (slash == std::string_view::npos || !parse_half(text.substr(0, slash), high) ||
      !parse_half(text.substr(slash + 1), low)) {
    throw Error(ErrorKind::usage, fmt::format("\"{}\" is not an LSN", text),
                "an LSN is written X/Y in hexadecimal, like 16/B374D848");
  }
  return Lsn{(std::uint64_t{high} << 32) | low};
}

std::string Lsn::text() const {
  return fmt::format("{:X}/{:X}", value >> 32, value & 0xffffffffU);
}

}  // namespace pgstride
