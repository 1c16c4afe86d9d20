#include "format/message_scan.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/core.h>

#include "format/line_scan.hpp"
#include "format/readers.hpp"

namespace pgstride::format {

namespace {

class CsvScan : public MessageScan {
 public:
  void each(std::string_view bytes, const Found& found) override {
    m_scan.each(bytes, [&](std::size_t at) { found(at + 1); });
  }
  void finish() const override {
    if (m_scan.in_quotes()) {
      throw_bad_file("the data end within quotes");
    }
  }

 private:
  LineScan m_scan{true};
};

/// A line end behind a backslash that is not itself escaped is data (PostgreSQL documentation,
/// COPY, Text Format), although COPY TO writes `\n` for it.
class TextScan : public MessageScan {
 public:
  void each(std::string_view bytes, const Found& found) override {
    m_scan.each(bytes, [&](std::size_t at) {
      if (!is_escaped(bytes.substr(0, at))) {
        found(at + 1);
      }
    });
    if (!bytes.empty()) {
      m_escaping = is_escaped(bytes);
    }
  }
  void finish() const override {}

 private:
  [[nodiscard]] bool is_escaped(std::string_view before) const {
    const auto last = before.find_last_not_of('\\');
    const auto count = last == std::string_view::npos ? before.size() + (m_escaping ? 1 : 0)
                                                      : before.size() - last - 1;
    return count % 2 == 1;
  }

  LineScan m_scan{false};
  bool m_escaping = false;  ///< the bytes before end with a backslash that escapes
};

class BinaryScan : public MessageScan {
 public:
  void each(std::string_view bytes, const Found& found) override {
    std::size_t at = 0;
    while (at < bytes.size()) {
      if (m_skip > 0) {
        const auto part = std::min(m_skip, bytes.size() - at);
        m_skip -= part;
        at += part;
      } else {
        at += take_number(bytes.substr(at));
      }
      if (m_skip == 0 && m_wanted == 0) {
        if (m_next == Next::fields && m_fields == 0) {
          m_next = Next::count;
          found(at);
        } else if (m_next == Next::ended) {
          found(at);
        }
        expect();
      }
    }
  }

  void finish() const override {
    if (m_next != Next::ended) {
      throw_bad_file("the data end before their binary trailer");
    }
  }

 private:
  // What the next number, of 4 bytes or 2, tells.
  enum class Next { extension, count, fields, ended };

  /// Takes bytes of a number; once it is whole, what it says.
  std::size_t take_number(std::string_view bytes) {
    if (m_next == Next::ended) {
      throw_bad_file("bytes behind the binary trailer");
    }
    std::size_t taken = 0;
    for (; taken < bytes.size() && m_wanted > 0; ++taken, --m_wanted) {
      m_number = (m_number << 8U) | static_cast<unsigned char>(bytes[taken]);
    }
    if (m_wanted == 0) {
      use_number();
    }
    return taken;
  }

  void use_number() {
    const auto number = static_cast<std::int32_t>(m_number);
    if (m_next == Next::extension) {
      m_skip = length(number);
      m_next = Next::count;
    } else if (m_next == Next::count) {
      const auto count = static_cast<std::int16_t>(number);
      if (count < -1) {
        throw_bad_file(fmt::format("a tuple of {} fields", count));
      }
      m_fields = count;
      m_next = count < 0 ? Next::ended : Next::fields;
    } else {
      --m_fields;
      m_skip = number == -1 ? 0 : length(number);
    }
  }

  void expect() {
    m_number = 0;
    m_wanted = m_next == Next::count ? 2 : 4;
  }

  static std::size_t length(std::int32_t number) {
    if (number < 0) {
      throw_bad_file(fmt::format("a length of {} bytes in binary data", number));
    }
    return static_cast<std::size_t>(number);
  }

  Next m_next = Next::extension;
  std::size_t m_skip = 15;  ///< signature and flags, then values
  int m_wanted = 4;         ///< bytes of the number to come
  std::uint32_t m_number = 0;
  int m_fields = 0;  ///< of the tuple, to come
};

}  // namespace

std::unique_ptr<MessageScan> make_message_scan(CopyBoundaries boundaries) {
  switch (boundaries) {
  case CopyBoundaries::text:
    return std::make_unique<TextScan>();
  case CopyBoundaries::csv:
    return std::make_unique<CsvScan>();
  case CopyBoundaries::binary:
    return std::make_unique<BinaryScan>();
  case CopyBoundaries::messages:
    break;
  }
  return nullptr;
}

}  // namespace pgstride::format
