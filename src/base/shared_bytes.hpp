// Bytes that several hold at a time and nobody changes; freed with the last holder. A value; any
// thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace pgstride {

struct SharedBytes {
  std::shared_ptr<const char> data;
  std::size_t size = 0;

  [[nodiscard]] std::string_view view() const { return {data.get(), size}; }
};

}  // namespace pgstride
