#include "screen.hpp"

#include <cerrno>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

#include "human.hpp"

namespace pgstride::cli {

namespace {

bool can_redraw() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

}  // namespace

Screen::Screen() : m_redraws(can_redraw()) {}

Screen::~Screen() {
  clear_status();
}

int Screen::wrap_width() const {
  return isatty(STDERR_FILENO) == 1 ? terminal_size(STDERR_FILENO).columns : 0;
}

void Screen::print(std::string_view lines) {
  if (lines.empty()) {
    return;
  }
  const std::scoped_lock lock(m_mutex);
  std::string out;
  erase(out);
  out += lines;
  if (lines.back() != '\n') {
    out += '\n';
  }
  draw(out);
  write_all(STDERR_FILENO, out);
}

void Screen::status(Painter painter) {
  const std::scoped_lock lock(m_mutex);
  if (!m_redraws) {
    return;
  }
  m_painter = std::move(painter);
  std::string out;
  erase(out);
  draw(out);
  write_all(STDERR_FILENO, out);
}

void Screen::clear_status() {
  const std::scoped_lock lock(m_mutex);
  m_painter = nullptr;
  std::string out;
  erase(out);
  write_all(STDERR_FILENO, out);
}

void Screen::erase(std::string& out) {
  if (m_drawn) {
    out += "\r\x1b[J";
    m_drawn = false;
  }
}

void Screen::draw(std::string& out) {
  if (!m_painter) {
    return;
  }
  // The last column stays free: a terminal may wrap once it is written. The cursor goes back to the
  // start, so that a terminal made narrower is erased from there however it wraps the old line, and
  // the `^C` that a terminal echoes stays inside.
  out += m_painter(terminal_size(STDERR_FILENO).columns - 1) + "\r";
  m_drawn = true;
}

TerminalSize terminal_size(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return {};
  }
  return {size.ws_col, size.ws_row == 0 ? 24 : size.ws_row};
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace pgstride::cli
