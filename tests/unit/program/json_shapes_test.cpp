#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "json_shapes.hpp"

using namespace pgstride;
using namespace pgstride::cli;

namespace {

/// True if the object has all these keys.
bool has_keys(const Json& json, const std::vector<std::string>& keys) {
  return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) {
    const bool has = json.contains(key);
    CHECK_MESSAGE(has, key);
    return has;
  });
}

}  // namespace

TEST_CASE("The status has the keys that scripts rely on, also of an empty job") {
  JobStatus status;
  status.tables.emplace_back();
  const Json json = Json::parse(json_line(status_json(status, false)));
  CHECK(has_keys(json, {"job",
                        "verb",
                        "state",
                        "alive",
                        "pid",
                        "started",
                        "finished",
                        "chunks",
                        "rows",
                        "bytes",
                        "estimated_rows",
                        "percent",
                        "eta_s",
                        "start_lsn",
                        "start_lsn_int",
                        "end_lsn",
                        "end_lsn_int",
                        "slot",
                        "consistency",
                        "tables",
                        "snapshot",
                        "holders",
                        "held"}));
  CHECK(has_keys(json["chunks"], {"total", "done", "running", "failed", "redo"}));
  CHECK(has_keys(json["tables"][0], {"name", "key", "split", "state", "chunks", "done", "rows",
                                     "bytes", "rejected", "error"}));
  CHECK(json["start_lsn"].is_null());
  CHECK(json["holders"].is_array());
}

TEST_CASE("An LSN stands as text and as a decimal, above 2^63 too") {
  JobSummary summary;
  summary.start_lsn = Lsn{0x16B374D848};
  summary.end_lsn = Lsn{0xFFFFFFFFFFFFFFFF};
  const Json json = Json::parse(json_line(summary_json("job_done", summary)));
  CHECK(json["start_lsn"] == "16/B374D848");
  CHECK(json["start_lsn_int"] == 97500059720U);
  CHECK(json["end_lsn_int"] == 18446744073709551615U);
  CHECK(has_keys(json, {"event", "v", "rows", "bytes", "files", "chunks", "seconds", "rows_per_s",
                        "bytes_per_s", "consistency", "rejected"}));
}

TEST_CASE("A plan and a verification have the keys that scripts rely on") {
  PlannedTable planned;
  planned.table.schema = planned.table.leaf_schema = "public";
  planned.table.name = "events";
  planned.table.leaf_name = "events_2026";
  const Json plan = plan_json({planned}, {"a warning"}, false, false);
  CHECK(has_keys(plan["tables"][0], {"schema", "name", "leaf", "key", "key_reason", "split",
                                     "chunks", "estimated_rows", "estimated_bytes", "max_over_avg",
                                     "warnings", "formatted_by"}));
  CHECK(plan["tables"][0]["formatted_by"] == "client");
  CHECK(plan["tables"][0]["leaf"] == "public.events_2026");
  CHECK(plan["tables"][0]["key"].is_null());
  CHECK(plan["tables"][0]["warnings"].is_array());
  CHECK(plan["warnings"][0] == "a warning");
  CHECK_FALSE(plan["tables"][0].contains("sql"));

  VerifyReport report;
  report.ok = false;
  report.tables.push_back(
      {"public.t",
       2,
       {{"public.t", 1, "rows", "5", "4", ""}, {"public.t", {}, "extra", "", "f", "f"}}});
  const Json verify = verify_json(report);
  CHECK(verify["ok"] == false);
  CHECK(has_keys(verify["tables"][0], {"name", "chunks", "differing"}));
  CHECK(verify["tables"][0]["differing"][0]["chunk"] == 1);
  CHECK(verify["tables"][0]["differing"][0]["file"].is_null());
  CHECK(verify["tables"][0]["differing"][1]["chunk"].is_null());
  CHECK(verify["tables"][0]["differing"][1]["file"] == "f");
}

TEST_CASE("A plan of no tables is still an object with lists") {
  const Json plan = plan_json({}, {}, true, true);
  CHECK(json_line(plan) == R"({"tables":[],"warnings":[]})");
}

TEST_CASE("An event is one line whatever a name holds") {
  TableDone done;
  done.table = "public.a\nb \xff";
  const std::string line = json_line(table_done_json(done));
  CHECK(line.find('\n') == std::string::npos);
  CHECK(line.find(R"({"event":"table_done","v":1,)") == 0);
  CHECK(Json::parse(line)["table"] == "public.a\nb \xef\xbf\xbd");
}
