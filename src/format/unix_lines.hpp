// Makes the `\r\n` that ends rows of anybody's csv or text a `\n`, as RowReader wants it; values
// are left as they are. Holds nothing. Belongs to one thread.
#pragma once

#include <functional>
#include <string_view>

#include "pgstride/options.hpp"

namespace pgstride::format {

class UnixLines {
 public:
  /// csv with `"` as quote and escape, or text.
  UnixLines(Format format, std::function<void(std::string_view)> sink);

  /// Throws Error (usage) for a lone `\r` outside of quotes, as the server would.
  void write(std::string_view bytes);
  void finish() const;

 private:
  void pass(std::string_view bytes);
  [[nodiscard]] bool within_value() const { return m_csv ? m_in_quotes : m_escaped; }

  bool m_csv;
  std::function<void(std::string_view)> m_sink;
  bool m_in_quotes = false;
  bool m_escaped = false;
  bool m_pending = false;  ///< a `\r` was the last byte
};

}  // namespace pgstride::format
