// Whether a manifest still lists every chunk of its tables, each once. Functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "archive/manifest.hpp"

namespace pgstride::archive {

/// An entry that stands there more than once, or no more.
struct EntryFault {
  enum class Kind { repeated, missing };
  Kind kind = Kind::repeated;
  std::size_t table = 0;              ///< index in the manifest
  std::optional<std::int64_t> chunk;  ///< none: behind the last that is listed
  std::string file;                   ///< of a missing one only if it is still there
  std::int64_t rows_said = 0;         ///< of the table, in all
  std::int64_t rows_listed = 0;       ///< of all its entries
};

/// Missing entries are told by the table's sum of rows: chunks without rows have none, so a gap in
/// the numbers says nothing by itself.
std::vector<EntryFault> find_entry_faults(const Manifest& manifest,
                                          const std::filesystem::path& directory);

/// `public.orders: chunk 2 is listed twice (public.orders/public.orders.000002.csv)`.
std::string fault_text(const Manifest& manifest, const EntryFault& fault);

}  // namespace pgstride::archive
