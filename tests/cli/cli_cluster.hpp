// The server of the command-line tests, with roles that are refused in various ways. One thread.
#pragma once

#include <string>

#include "harness/export_job.hpp"
#include "support/run_program.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::test {

/// Roles: `secretive` (needs a password), `nobody` (no rights), `limited` (row security).
TempCluster& cli_cluster();

/// A database with table `public.items` (id bigint primary key, note text) of so many rows.
std::string items_database(long rows);
const TableKind& items();

/// An export of `public.items` into `directory` by one worker, in chunks of `chunk_rows`.
ExportJob items_job(const std::string& database, const std::filesystem::path& directory,
                    std::vector<std::string> options = {"--chunk-rows", "100", "-j", "1"});

/// Files below a directory, without the job's own small ones.
std::vector<std::string> data_files(const std::filesystem::path& directory);

}  // namespace pgstride::test
