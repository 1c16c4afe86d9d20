// A position in the write-ahead log. A value; no thread rule.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace pgstride {

/// A WAL position (pg_lsn): bytes since the start of the log, printed `X/Y` in hexadecimal.
struct Lsn {
  std::uint64_t value = 0;

  /// Reads PostgreSQL's form `16/B374D848`. Throws Error (ErrorKind::usage) on anything else.
  static Lsn parse(std::string_view text);

  /// PostgreSQL's form, without leading zeros: `16/B374D848`.
  [[nodiscard]] std::string text() const;

  auto operator<=>(const Lsn&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14
};

}  // namespace pgstride
