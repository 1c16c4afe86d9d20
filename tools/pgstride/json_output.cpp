#include "json_output.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "pgstride/error.hpp"
#include "screen.hpp"

namespace pgstride::cli {

void print_data(std::string_view bytes) {
  if (!write_all(STDOUT_FILENO, bytes) && errno != EPIPE) {
    throw Error(ErrorKind::io,
                fmt::format("could not write to standard output: {}", std::strerror(errno)));
  }
}

void print_json(const Json& json) noexcept {
  try {
    write_all(STDOUT_FILENO, json_line(json) + "\n");
  } catch (const std::exception&) {
    // Out of memory: the job goes on, its checkpoint tells the same.
  }
}

}  // namespace pgstride::cli
