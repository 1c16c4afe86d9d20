// Bytes and files for the archive's tests. One thread.
#pragma once

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "archive/compressor.hpp"
#include "pgstride/error.hpp"

namespace pgstride::archive {

/// Lines that compress like a table does.
inline std::string table_like(std::size_t size, unsigned seed) {
  std::minstd_rand random(seed);
  std::string bytes;
  while (bytes.size() < size) {
    bytes += std::to_string(random() % 100000) + ",name " + std::to_string(random() % 50) + "\n";
  }
  bytes.resize(size);
  return bytes;
}

/// Bytes that don't compress.
inline std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes;
  while (bytes.size() < size) {
    bytes += static_cast<char>(random());
  }
  return bytes;
}

/// Gives bytes in pieces of random size up to `most`, some of them empty.
inline void in_pieces(std::string_view bytes, std::size_t most, unsigned seed,
                      const std::function<void(std::string_view)>& give) {
  std::minstd_rand random(seed);
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, random() % (most + 1));
    give(piece);
    bytes.remove_prefix(piece.size());
  }
}

inline std::string compressed(std::string_view bytes, Compression compression,
                              std::size_t piece = 1 << 20) {
  std::string out;
  const auto compressor =
      make_compressor(compression, [&out](std::string_view part) { out.append(part); });
  in_pieces(bytes, piece, 1, [&](std::string_view part) { compressor->write(part); });
  compressor->finish();
  return out;
}

template <typename Action> std::optional<Error> error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace pgstride::archive
