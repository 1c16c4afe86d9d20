// File names of tables and chunks: what a file system can't hold is escaped, reversibly.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "pgstride/options.hpp"

namespace pgstride::archive {

/// One path component for an identifier: `/`, NUL, control characters, `%`, `.` (as it parts schema
/// from table), a leading `-` or space become `%XX`; other UTF-8 stays. Longer than 100 bytes: cut,
/// with a hash behind it, so that two names never meet.
std::string escape_component(std::string_view identifier);
/// The identifier again, where it was not cut.
std::string unescape_component(std::string_view component);

/// `schema.table`.
std::string table_directory(std::string_view schema, std::string_view name);
/// The directories in a job's directory that hold a table's files, by their names alone: each file
/// in them is called as the directory, `.` and a number.
std::vector<std::string> table_directories_in(const std::filesystem::path& directory);
/// `schema.table/schema.table.000042.csv.zst`, relative to the job's directory.
std::string chunk_path(std::string_view schema, std::string_view name, std::int64_t number,
                       Format format, CompressionMethod method);
/// `csv`, `txt`, `bin`.
std::string format_suffix(Format format);
/// `csv`, `text`, `binary`.
std::string format_name(Format format);

}  // namespace pgstride::archive
