#include <doctest/doctest.h>

#include "job/settings.hpp"
#include "pgstride/error.hpp"

namespace pgstride::job {

namespace {

struct All {
  SelectOptions select;
  ChunkOptions chunk;
  OutputOptions output;
  [[nodiscard]] std::string json() const { return settings_json(select, chunk, output); }
};

All sample() {
  All all;
  all.select.tables = {"public.*", "\"Odd \"\"name\""};
  all.select.where = {{"public.orders", "note <> ':' AND id > 5"}};
  all.chunk.chunk_rows = 1000;
  all.chunk.split = SplitChoice::ctid;
  all.output.format = Format::text;
  all.output.delimiter = '|';
  all.output.null = "\\N";
  all.output.compression = {CompressionMethod::gzip, 6};
  return all;
}

}  // namespace

TEST_CASE("Settings come back from the checkpoint as they went in") {
  const auto before = sample();
  All after;
  parse_settings(before.json(), after.select, after.chunk, after.output);
  CHECK(after.json() == before.json());
  CHECK(after.select.where == before.select.where);
  CHECK(after.output.delimiter == before.output.delimiter);
  CHECK(after.output.compression.level == 6);
}

TEST_CASE("A difference names the option and prints both values") {
  const auto before = sample();
  auto after = sample();
  CHECK_NOTHROW(compare_settings(before.json(), after.json()));
  after.output.header = true;
  after.chunk.chunk_rows = 2000;
  try {
    compare_settings(before.json(), after.json());
    FAIL("accepted");
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(message.find("--chunk-rows: the job has 1000, the command says 2000") !=
          std::string::npos);
    CHECK(message.find("--header: the job has false, the command says true") != std::string::npos);
    CHECK(message.find("--format") == std::string::npos);
  }
}

TEST_CASE("Damaged settings are a clear error") {
  All all;
  CHECK_THROWS_AS(parse_settings("{\"--table\": 5}", all.select, all.chunk, all.output), Error);
  CHECK_THROWS_AS(parse_settings("nonsense", all.select, all.chunk, all.output), Error);
}

}  // namespace pgstride::job
