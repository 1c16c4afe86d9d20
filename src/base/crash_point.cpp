#include "base/crash_point.hpp"

#ifdef PGSTRIDE_CRASH_POINTS

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

namespace pgstride {

namespace {

struct Wanted {
  std::string step;
  long time = 1;
};

Wanted read_environment() {
  const char* text = std::getenv("PGSTRIDE_CRASH_AT");
  Wanted wanted;
  if (text == nullptr) {
    return wanted;
  }
  const std::string_view all = text;
  const auto colon = all.rfind(':');
  wanted.step = all.substr(0, colon);
  if (colon != std::string_view::npos) {
    const auto digits = all.substr(colon + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), wanted.time);
  }
  return wanted;
}

}  // namespace

void crash_point(const char* step) {
  static const Wanted k_wanted = read_environment();
  static std::atomic<long> passed = 0;
  if (k_wanted.step == step && ++passed == k_wanted.time) {
    std::raise(SIGKILL);
  }
}

}  // namespace pgstride

#endif
