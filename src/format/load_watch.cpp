#include "format/load_watch.hpp"

#include <limits>

#include "pgstride/error.hpp"

namespace pgstride::format {

namespace {

constexpr auto k_never = std::numeric_limits<std::int64_t>::max() / 2;

bool is_line_end(char byte) {
  return byte == '\n' || byte == '\r';
}

[[noreturn]] void refuse_rows_behind_marker() {
  throw Error(ErrorKind::usage, "rows follow a line \\., which ends the data of a COPY",
              "remove that line, or what follows it");
}

}  // namespace

LoadWatch::LoadWatch(const RowDialect& dialect)
    : m_dialect(dialect), m_rows(dialect, {}, k_never) {}

void LoadWatch::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (m_place == Place::rows) {
      bytes = pass_rows(bytes);
    } else {
      const auto before = m_place;
      pass_marker(bytes.front());
      // What turned out to be no marker is looked at again, as part of a row.
      const bool again = before == Place::marker && m_place == Place::rows;
      bytes.remove_prefix(again ? 0 : 1);
    }
  }
}

// Up to the next backslash that may begin a marker; that one is taken.
std::string_view LoadWatch::pass_rows(std::string_view bytes) {
  const auto at = bytes.find('\\');
  const auto part = bytes.substr(0, at);
  follow(part);
  bytes.remove_prefix(part.size());
  if (bytes.empty()) {
    return bytes;
  }
  // In csv it is one at the beginning of a row only; in text any that is not escaped.
  if (m_dialect.format == Format::text || (is_line_end(m_last) && !m_rows.in_quotes())) {
    m_place = Place::backslash;
  } else {
    follow(bytes.substr(0, 1));
  }
  bytes.remove_prefix(1);
  return bytes;
}

void LoadWatch::pass_marker(char byte) {
  switch (m_place) {
  case Place::backslash:
    if (byte == '.') {
      m_place = Place::marker;
    } else {
      const char pair[] = {'\\', byte};
      follow({pair, 2});
      m_place = Place::rows;
    }
    break;
  case Place::marker:
    if (is_line_end(byte)) {
      m_place = Place::behind_marker;
    } else {
      follow("\\.");
      m_place = Place::rows;
    }
    break;
  case Place::behind_marker:
    if (!is_line_end(byte)) {
      refuse_rows_behind_marker();
    }
    break;
  case Place::rows:
    break;
  }
}

void LoadWatch::follow(std::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  if (m_dialect.format == Format::csv) {
    m_rows.write(bytes, [](const RowCut& /*never*/) {});
  }
  m_last = bytes.back();
}

void LoadWatch::finish(bool others_follow) const {
  if (others_follow && (m_place == Place::marker || m_place == Place::behind_marker)) {
    refuse_rows_behind_marker();
  }
}

}  // namespace pgstride::format
