// manifest.json: written last, atomically; lists finished chunks only; no secrets. See cli.md. The
// writer streams, so that a million files need no memory. Belongs to one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pgstride/chunk.hpp"
#include "pgstride/options.hpp"
#include "pgstride/table.hpp"

namespace pgstride::archive {

inline constexpr int k_manifest_version = 1;
inline constexpr int k_oldest_manifest = 1;

struct ManifestHead {
  std::string tool_version;
  std::string server_version;
  std::string system_identifier;
  std::string database;
  std::int64_t timeline = 0;
  Lsn start_lsn;
  Lsn end_lsn;
  std::string slot;
  std::string publication;
  std::string consistency;
  std::string consistency_note;
  std::string snapshot_xmin;
  std::string snapshot_xmax;
  std::string created;  ///< ISO 8601, UTC
  Format format = Format::csv;
  std::string dialect = "postgres";
  bool header = false;
  std::string delimiter;  ///< as used, `,` or tab by default
  std::string null;
  Compression compression;
};

struct ManifestFile {
  std::string file;
  std::int64_t chunk = 0;  ///< number
  std::string leaf;        ///< `schema.name` of a leaf partition, else empty
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  std::int64_t raw_bytes = 0;
  std::string xxh3;
  std::optional<KeyValue> lower;
  std::optional<KeyValue> upper;
  std::optional<std::uint32_t> page_lower;
  std::optional<std::uint32_t> page_upper;
  ChunkKind kind = ChunkKind::whole;
  Lsn lsn;
};

/// A parent table, once for all its leaves.
struct ManifestTable {
  std::string schema;
  std::string name;
  std::vector<Column> columns;
  std::vector<std::string> key;  ///< column names; empty if cut by ctid or not at all
  std::string split;             ///< key, ctid, none
  std::string consistency;
  std::optional<bool> published = {};  ///< of a job with a slot
  std::string unpublished = {};        ///< why not
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
};

/// Writes `directory/manifest.json`. For each table `each_file` is asked to call its argument for
/// every file, in order.
void write_manifest(
    const std::filesystem::path& directory, const ManifestHead& head,
    const std::vector<ManifestTable>& tables,
    const std::function<void(std::size_t table, const std::function<void(const ManifestFile&)>&)>&
        each_file);

/// A manifest read back whole. Throws Error (io) if missing or damaged, (usage) if of a newer
/// version.
struct Manifest {
  ManifestHead head;
  std::vector<ManifestTable> tables;
  std::vector<std::vector<ManifestFile>> files;  ///< as tables
};
Manifest read_manifest(const std::filesystem::path& directory);

}  // namespace pgstride::archive
