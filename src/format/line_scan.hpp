// Finds line ends, for csv those outside quotes, 64 bytes at a time. Belongs to one thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pgstride::format {

class LineScan {
 public:
  /// With `quotes` a line end between an odd and an even `"` is data. COPY doubles quotes within
  /// quotes, so counting them is enough.
  explicit LineScan(bool quotes) : m_quotes(quotes) {}

  /// Line ends in the next bytes.
  std::int64_t count(std::string_view bytes);

  /// Calls `found(offset in bytes)` for each line end in the next bytes.
  template <typename Found> void each(std::string_view bytes, Found&& found) {
    for (std::size_t at = 0; at < bytes.size(); at += k_block) {
      std::uint64_t ends = line_ends(bytes.substr(at));
      for (; ends != 0; ends &= ends - 1) {
        found(at + static_cast<std::size_t>(std::countr_zero(ends)));
      }
    }
  }

  [[nodiscard]] bool in_quotes() const { return m_in_quotes != 0; }

 private:
  static constexpr std::size_t k_block = 64;

  /// A bit for each of the first 64 bytes that is a line end.
  std::uint64_t line_ends(std::string_view bytes);

  bool m_quotes;
  std::uint64_t m_in_quotes = 0;  ///< all bits set within quotes
};

}  // namespace pgstride::format
