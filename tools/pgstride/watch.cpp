#include "watch.hpp"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "human.hpp"
#include "json_output.hpp"
#include "screen.hpp"

namespace pgstride::cli {

namespace {

constexpr int k_frame_ms = 1000;
constexpr int k_poll_ms = 100;  ///< how soon a stop is seen

/// Keys come at once and unseen while this lives.
class KeyMode {
 public:
  KeyMode() : m_active(isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &m_before) == 0) {
    if (m_active) {
      termios raw = m_before;
      raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
  }
  ~KeyMode() {
    if (m_active) {
      tcsetattr(STDIN_FILENO, TCSANOW, &m_before);
    }
  }
  KeyMode(const KeyMode&) = delete;
  KeyMode& operator=(const KeyMode&) = delete;

  /// Waits so long for a key; true if one was pressed.
  [[nodiscard]] bool pressed(int milliseconds) const {
    pollfd input{m_active ? STDIN_FILENO : -1, POLLIN, 0};
    char key = 0;
    return poll(&input, 1, milliseconds) == 1 && read(STDIN_FILENO, &key, 1) == 1;
  }

 private:
  termios m_before{};
  bool m_active;
};

/// True if there is more to show; false after a key or a stop.
bool wait_a_frame(const KeyMode& keys, const std::stop_token& stop) {
  for (int waited = 0; waited < k_frame_ms; waited += k_poll_ms) {
    if (stop.stop_requested() || keys.pressed(k_poll_ms)) {
      return false;
    }
  }
  return true;
}

/// The text cut to the terminal: each line to its width, the rest of the lines counted.
std::string fitted(const std::string& text, TerminalSize size) {
  std::string out;
  int lines = 0;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    if (++lines > size.lines - 2) {
      out += "…\x1b[K\r\n";
      break;
    }
    out += fit(std::string_view(text).substr(from, end - from), size.columns) + "\x1b[K\r\n";
    from = end + 1;
  }
  return out;
}

}  // namespace

void watch_on_terminal(const std::function<Frame()>& next, const std::stop_token& stop) {
  // The other screen, without a cursor; what stood on the terminal comes back at the end.
  print_data("\x1b[?1049h\x1b[?25l");
  std::string last;
  try {
    const KeyMode keys;
    for (;;) {
      const Frame frame = next();
      last = frame.text;
      print_data("\x1b[H" +
                 fitted(frame.text + "any key ends this\n", terminal_size(STDOUT_FILENO)) +
                 "\x1b[J");
      if (frame.last || !wait_a_frame(keys, stop)) {
        break;
      }
    }
  } catch (...) {
    print_data("\x1b[?25h\x1b[?1049l");
    throw;
  }
  print_data("\x1b[?25h\x1b[?1049l" + last);
}

void watch_as_lines(const std::function<Frame()>& next, const std::stop_token& stop) {
  for (;;) {
    const Frame frame = next();
    print_data(frame.text);
    if (frame.last) {
      return;
    }
    for (int waited = 0; waited < k_frame_ms; waited += k_poll_ms) {
      if (stop.stop_requested()) {
        return;
      }
      poll(nullptr, 0, k_poll_ms);
    }
  }
}

}  // namespace pgstride::cli
