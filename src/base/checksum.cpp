#include "base/checksum.hpp"

#include <fmt/core.h>
#include <xxhash.h>

#include <new>

namespace pgstride {

Checksum::Checksum() : m_state(XXH3_createState()) {
  if (m_state == nullptr) {
    throw std::bad_alloc();
  }
  XXH3_64bits_reset(m_state.get());
}

void Checksum::update(std::string_view bytes) {
  XXH3_64bits_update(m_state.get(), bytes.data(), bytes.size());
}

std::string Checksum::text() const {
  return fmt::format("{:016x}", XXH3_64bits_digest(m_state.get()));
}

void Checksum::Free::operator()(XXH3_state_s* state) const {
  XXH3_freeState(state);
}

}  // namespace pgstride
