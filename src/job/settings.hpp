// The settings that change a job's data, as the JSON that the checkpoint keeps, and what differs
// between two of them. Pure functions.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "pgstride/options.hpp"

namespace pgstride::job {

/// Tables, columns, filter, keys, chunk plan and output as one JSON object, options by their names
/// on the command line.
std::string settings_json(const SelectOptions& select, const ChunkOptions& chunk,
                          const OutputOptions& output);

/// The same for a job that loads databases.
std::string settings_json(const SelectOptions& select, const ChunkOptions& chunk,
                          const LoadOptions& load);

/// The options again. Throws Error (checkpoint) if the text is none of ours.
void parse_settings(const std::string& json, SelectOptions& select, ChunkOptions& chunk,
                    OutputOptions& output);
void parse_settings(const std::string& json, SelectOptions& select, ChunkOptions& chunk,
                    LoadOptions& load);

/// Of an import.
std::string settings_json(const std::vector<std::filesystem::path>& from,
                          const std::vector<std::string>& tables, const InputOptions& input,
                          const LoadOptions& load);
void parse_settings(const std::string& json, std::vector<std::filesystem::path>& from,
                    std::vector<std::string>& tables, InputOptions& input, LoadOptions& load);

/// How rows come in, of a copy's settings or an import's.
LoadOptions load_settings(const std::string& json);

/// Throws Error (usage) naming each differing option with both values.
void compare_settings(const std::string& stored, const std::string& asked);

/// How the present run works, as the JSON that the checkpoint keeps beside them.
std::string run_settings_json(int workers);
/// The workers again; 0 if the text does not tell.
int workers_of(const std::string& run_settings);

}  // namespace pgstride::job
