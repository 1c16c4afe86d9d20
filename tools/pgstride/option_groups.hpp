// The option groups of cli.md, written straight into the library's option structs while the command
// line is parsed; a bad value is an Error (ErrorKind::usage). One thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "pgstride/options.hpp"

namespace pgstride::cli {

enum class ProgressMode { automatic, bar, plain, json, none };

/// What of RUN concerns the program rather than the job.
struct ReportOptions {
  ProgressMode progress = ProgressMode::automatic;
  std::string log_file;
  std::string log_level = "info";
};

/// Takes the option's name, for messages, and its text.
using SetValue = std::function<void(const std::string& option, const std::string& text)>;

/// An option with one value. `names` as CLI11 has them: `-j,--jobs`.
CLI::Option* add_value(CLI::App& app, const std::string& names, const std::string& type,
                       const std::string& help, SetValue set);
/// A repeatable option, one value each time.
CLI::Option* add_values(CLI::App& app, const std::string& names, const std::string& type,
                        const std::string& help, SetValue append);

void add_source(CLI::App& app, std::function<void(const std::string&)> set);
void add_select_group(CLI::App& app, SelectOptions& select);
void add_chunk_group(CLI::App& app, ChunkOptions& chunk);
void add_output_group(CLI::App& app, OutputOptions& output);
void add_run_group(CLI::App& app, RunOptions& run, ReportOptions& report);
void add_targets(CLI::App& app, std::vector<std::string>& targets);
void add_input_group(CLI::App& app, InputOptions& input);
void add_load_group(CLI::App& app, LoadOptions& load);
void add_schema_group(CLI::App& app, LoadOptions& load);
void add_slot_group(CLI::App& app, SlotOptions& slot);
void add_cdc_group(CLI::App& app, RunOptions& run);

/// Refuses what COPY has no place for: text options of a binary output. Throws Error (usage).
void check_output(const OutputOptions& output);

}  // namespace pgstride::cli
