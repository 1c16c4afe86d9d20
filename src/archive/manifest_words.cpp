#include "archive/manifest_words.hpp"

#include "archive/names.hpp"

namespace pgstride::archive {

std::string chunk_kind_word(ChunkKind kind) {
  switch (kind) {
  case ChunkKind::range:
    return "range";
  case ChunkKind::null_keys:
    return "null_keys";
  case ChunkKind::ctid:
    return "ctid";
  case ChunkKind::file:  // never exported
  case ChunkKind::whole:
    break;
  }
  return "whole";
}

std::optional<ChunkKind> chunk_kind_of(std::string_view word) {
  for (const auto kind :
       {ChunkKind::range, ChunkKind::null_keys, ChunkKind::ctid, ChunkKind::whole}) {
    if (word == chunk_kind_word(kind)) {
      return kind;
    }
  }
  return std::nullopt;
}

std::optional<Format> format_of(std::string_view word) {
  for (const auto format : {Format::csv, Format::text, Format::binary}) {
    if (word == format_name(format)) {
      return format;
    }
  }
  return std::nullopt;
}

}  // namespace pgstride::archive
