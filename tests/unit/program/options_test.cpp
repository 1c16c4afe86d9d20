#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "option_groups.hpp"
#include "pgstride/error.hpp"

using namespace pgstride;
using namespace pgstride::cli;

namespace {

/// What a command line of all groups makes of its arguments.
struct Parsed {
  SelectOptions select;
  ChunkOptions chunk;
  OutputOptions output;
  RunOptions run;
  ReportOptions report;
  std::string directory;

  explicit Parsed(std::vector<std::string> arguments) {
    CLI::App app;
    app.add_option("DIR", directory);
    add_select_group(app, select);
    add_chunk_group(app, chunk);
    add_output_group(app, output);
    add_run_group(app, run, report);
    add_cdc_group(app, run);
    std::reverse(arguments.begin(), arguments.end());
    app.parse(std::move(arguments));
  }
};

}  // namespace

TEST_CASE("Without options the defaults are those of the library") {
  const Parsed parsed({});
  CHECK(parsed.chunk.chunk_bytes == 64LL << 20);
  CHECK(parsed.output.format == Format::csv);
  CHECK(parsed.output.compression.method == CompressionMethod::zstd);
  CHECK(parsed.run.retries == 5);
  CHECK(parsed.report.progress == ProgressMode::automatic);
}

TEST_CASE("A repeatable option takes one argument each time, as it is") {
  const Parsed parsed({"-t", "public.a*", "--table", R"("B:[x]".c)", "-t", "[a,b]", "-N", "tmp",
                       "the directory", "--where", "a:x > 1", "--key", R"("a:b":id,c)"});
  CHECK(parsed.select.tables == std::vector<std::string>{"public.a*", R"("B:[x]".c)", "[a,b]"});
  CHECK(parsed.select.exclude_schemas == std::vector<std::string>{"tmp"});
  CHECK(parsed.directory == "the directory");
  CHECK(parsed.select.where == std::vector<TableOption>{{"a", "x > 1"}});
  CHECK(parsed.chunk.keys == std::vector<TableOption>{{R"("a:b")", "id,c"}});
}

TEST_CASE("Every option reaches its setting") {
  const Parsed parsed({"--chunk-rows",
                       "1000",
                       "--split",
                       "ctid",
                       "--format",
                       "text",
                       "--header",
                       "--delimiter",
                       "|",
                       "--null",
                       "",
                       "-Zgzip:6",
                       "-j4",
                       "--max-rate=50MB",
                       "--max-chunks",
                       "7",
                       "--max-duration",
                       "2h",
                       "--chunk-pause",
                       "100ms",
                       "--retries",
                       "0",
                       "--retry-wait",
                       "2s",
                       "--statement-timeout",
                       "5min",
                       "--lock-timeout",
                       "0",
                       "--on-table-error",
                       "stop",
                       "--consistency",
                       "fuzzy",
                       "--progress",
                       "json",
                       "--log-file",
                       "f",
                       "--log-level",
                       "warn"});
  using std::chrono::milliseconds;
  CHECK(parsed.chunk.chunk_rows == 1000);
  CHECK(parsed.chunk.split == SplitChoice::ctid);
  CHECK(parsed.output.format == Format::text);
  CHECK(parsed.output.header);
  CHECK(parsed.output.delimiter == '|');
  CHECK(parsed.output.null == "");
  CHECK(parsed.output.compression.method == CompressionMethod::gzip);
  CHECK(parsed.output.compression.level == 6);
  CHECK(parsed.run.jobs == 4);
  CHECK(parsed.run.max_rate == 50LL << 20);
  CHECK(parsed.run.max_chunks == 7);
  CHECK(parsed.run.max_duration == milliseconds{7'200'000});
  CHECK(parsed.run.chunk_pause == milliseconds{100});
  CHECK(parsed.run.retries == 0);
  CHECK(parsed.run.retry_wait == milliseconds{2000});
  CHECK(parsed.run.statement_timeout == milliseconds{300'000});
  CHECK(parsed.run.lock_timeout == milliseconds{0});
  CHECK(parsed.run.on_table_error == OnTableError::stop);
  CHECK(parsed.run.consistency == Consistency::fuzzy);
  CHECK(parsed.report.progress == ProgressMode::json);
  CHECK(parsed.report.log_file == "f");
  CHECK(parsed.report.log_level == "warn");
}

TEST_CASE("Options that contradict each other are refused") {
  CHECK_THROWS_AS(Parsed({"--chunk-size", "1MB", "--chunk-rows", "5"}), Error);
  CHECK_THROWS_AS(Parsed({"--dialect", "mysql"}), Error);
  OutputOptions output;
  output.format = Format::binary;
  CHECK_NOTHROW(check_output(output));
  output.header = true;
  CHECK_THROWS_AS(check_output(output), Error);
}
