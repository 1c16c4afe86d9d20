// XXH3-64 over a stream of bytes. Belongs to one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct XXH3_state_s;

namespace pgstride {

class Checksum {
 public:
  Checksum();
  void update(std::string_view bytes);
  /// 16 hexadecimal digits, as `xxhsum -H3` prints them.
  [[nodiscard]] std::string text() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> m_state;
};

}  // namespace pgstride
