// Random values of built-in types in COPY's binary form, extremes among them, for property tests.
// One thread per object.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "format/value_kind.hpp"

namespace pgstride::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : m_engine(seed) {}
  /// In [0, below).
  std::uint64_t below(std::uint64_t below) { return m_engine() % below; }
  bool one_in(std::uint64_t many) { return below(many) == 0; }
  std::uint64_t bits() { return m_engine(); }
  template <typename Item> const Item& of(const std::vector<Item>& items) {
    return items[below(items.size())];
  }

 private:
  std::mt19937_64 m_engine;
};

struct RandomType {
  std::string name;  ///< in pg_catalog
  format::ValueKind kind;
  /// The bytes of one value, without their length.
  std::function<std::string(Random&)> value;
};

/// `major`: of the server, which decides what it can print at all.
std::vector<RandomType> random_types(int major);

/// An array of random dimensions, lower bounds and NULLs.
std::string random_array(Random& random, const RandomType& type, std::uint32_t element_oid);

/// Network order, `bytes` of them.
std::string big_endian_bytes(std::uint64_t value, int bytes);

}  // namespace pgstride::test
