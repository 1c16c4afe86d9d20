// Shows something again each second. One thread; the terminal's mode is put back at the end.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

namespace pgstride::cli {

struct Frame {
  std::string text;   ///< lines
  bool last = false;  ///< nothing will change any more
};

/// Draws frames on standard output, a terminal, until the last one, a key or the stop.
void watch_on_terminal(const std::function<Frame()>& next, const std::stop_token& stop);
/// Prints frames below each other until the last one or the stop.
void watch_as_lines(const std::function<Frame()>& next, const std::stop_token& stop);

}  // namespace pgstride::cli
