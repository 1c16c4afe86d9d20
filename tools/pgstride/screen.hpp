// Standard error, for people: whole lines above, at most one status line below that is redrawn in
// place. Any thread may call; a line is written at once, never torn.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace pgstride::cli {

class Screen {
 public:
  /// Draws the status line for a width in columns.
  using Painter = std::function<std::string(int width)>;

  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// True if standard error is a terminal that can redraw a line.
  [[nodiscard]] bool redraws() const { return m_redraws; }
  /// Columns of the terminal, 0 if standard error is none: lines aren't wrapped then.
  [[nodiscard]] int wrap_width() const;
  /// Prints lines (the last line's end is added), above the status line.
  void print(std::string_view lines);
  /// Sets and draws the status line.
  void status(Painter painter);
  void clear_status();

 private:
  void erase(std::string& out);
  void draw(std::string& out);

  bool m_redraws;
  std::mutex m_mutex;
  Painter m_painter;     ///< guarded by m_mutex
  bool m_drawn = false;  ///< the status line stands there; guarded by m_mutex
};

/// Columns and lines of the terminal behind a descriptor; 80 × 24 if there is none.
struct TerminalSize {
  int columns = 80;
  int lines = 24;
};
TerminalSize terminal_size(int descriptor);

/// Writes all of it; false if the descriptor takes no more (errno says why).
bool write_all(int descriptor, std::string_view bytes);

}  // namespace pgstride::cli
