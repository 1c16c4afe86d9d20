// Words that the manifest's writer and reader share. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pgstride/chunk.hpp"
#include "pgstride/options.hpp"

namespace pgstride::archive {

inline constexpr const char* k_manifest_name = "manifest.json";

/// `range`, `null_keys`, `ctid`, `whole`.
std::string chunk_kind_word(ChunkKind kind);
std::optional<ChunkKind> chunk_kind_of(std::string_view word);
std::optional<Format> format_of(std::string_view word);

}  // namespace pgstride::archive
