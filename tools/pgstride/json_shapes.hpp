// The JSON that the program prints; its shapes are a contract (cli.md): keys are added, never
// renamed. Pure.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "pgstride/error.hpp"
#include "pgstride/events.hpp"
#include "pgstride/exit_code.hpp"
#include "pgstride/job.hpp"

namespace pgstride::cli {

using Json = nlohmann::ordered_json;

/// `{"event": name, "v": 1}`.
Json event_json(std::string_view name);
/// One line without its end; broken UTF-8 becomes U+FFFD, since JSON can't hold it.
std::string json_line(const Json& json);

Json planned_table_json(const Table& table);
Json plan_json(const std::vector<PlannedTable>& tables, const std::vector<std::string>& warnings,
               bool with_sql, bool with_explain);
Json status_json(const JobStatus& status, bool with_chunks);
Json verify_json(const VerifyReport& report);

Json job_started_json(const JobStarted& event);
Json table_started_json(const TableStarted& event);
Json chunk_started_json(const Table& table, const Chunk& chunk);
Json chunk_done_json(const Table& table, const ChunkResult& result,
                     std::optional<std::int64_t> number);
Json table_done_json(const TableDone& event);
Json progress_json(const Progress& progress);
/// Of `paused` and `job_done`.
Json summary_json(std::string_view event, const JobSummary& summary);
Json exit_error_json(ExitCode code, std::string_view kind, const std::string& message,
                     const std::string& hint);
Json exit_error_json(ExitCode code, const Error& error);

}  // namespace pgstride::cli
