#include "format/unix_lines.hpp"

#include <algorithm>
#include <utility>

#include "pgstride/error.hpp"

namespace pgstride::format {

namespace {

[[noreturn]] void refuse_lone_return() {
  throw Error(ErrorKind::usage, "a carriage return that ends no line stands outside of quotes",
              "lines end with \\n or \\r\\n where a column of the file is left out");
}

}  // namespace

UnixLines::UnixLines(Format format, std::function<void(std::string_view)> sink)
    : m_csv(format == Format::csv), m_sink(std::move(sink)) {}

void UnixLines::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (std::exchange(m_pending, false) && bytes.front() != '\n') {
      refuse_lone_return();
    }
    const auto at = bytes.find('\r');
    pass(bytes.substr(0, at));
    if (at == std::string_view::npos) {
      return;
    }
    bytes.remove_prefix(at);
    if (within_value()) {
      pass(bytes.substr(0, 1));
    } else {
      m_pending = true;
    }
    bytes.remove_prefix(1);
  }
}

void UnixLines::pass(std::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  if (m_csv) {
    m_in_quotes = m_in_quotes != (std::count(bytes.begin(), bytes.end(), '"') % 2 != 0);
  } else {
    const auto other = bytes.find_last_not_of('\\');
    const auto slashes = bytes.size() - (other == std::string_view::npos ? 0 : other + 1);
    const bool before = other == std::string_view::npos && m_escaped;
    m_escaped = before != (slashes % 2 != 0);
  }
  m_sink(bytes);
}

void UnixLines::finish() const {
  if (m_pending) {
    refuse_lone_return();
  }
}

}  // namespace pgstride::format
