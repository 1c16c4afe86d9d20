// What a filter may call: each chunk is read by another session, in another transaction.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "plan_check.hpp"

using namespace pgstride;
using namespace pgstride::test;

namespace {

// The error of planning table t with a filter, as `message | hint`, or empty.
std::string refusal(PlanDatabase& db, const std::string& filter) {
  SelectOptions select;
  select.where = {{"t", filter}};
  try {
    plan::read_tables(db.connection(), select, {});
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return std::string(error.what()) + " | " + error.hint();
  }
}

void make_table(PlanDatabase& db) {
  db.exec("CREATE TABLE t (i int PRIMARY KEY, ts timestamptz, d date, s text, j jsonb);"
          "CREATE TABLE other (i int);"
          "CREATE FUNCTION mine(int) RETURNS bool LANGUAGE sql AS 'SELECT true';"
          "CREATE FUNCTION pure(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS "
          "'BEGIN RETURN true; END'");
}

}  // namespace

TEST_CASE("A filter that depends on when or where it runs is refused with what it calls") {
  PlanDatabase db;
  make_table(db);
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"ts > now() - '1 day'::interval", "now()"},
      {"ts > current_timestamp", "current_timestamp"},
      {"d = CURRENT_DATE", "current_timestamp or the like"},
      {"ts > localtimestamp(0)", "current_timestamp or the like"},
      {"ts > 'today'", "'today'"},
      {"d >= ' Yesterday'::date", "'today'"},
      {"ts > transaction_timestamp()", "transaction_timestamp()"},
      {"ts > clock_timestamp()", "clock_timestamp()"},
      {"age(ts) < interval '1 day'", "age()"},
      {"random() < 0.1", "random()"},
      {"i = pg_backend_pid()", "pg_backend_pid()"},
      {"public.mine(i)", "public.mine()"},
      {"i IN (SELECT 1 WHERE now() > '2020-01-01')", "now()"}};
  for (const auto& [filter, part] : refused) {
    CAPTURE(filter);
    const auto text = refusal(db, filter);
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
    CHECK(text.find("as a constant, such as '20") != std::string::npos);
  }
}

// The server breaks the tree's lines every 78 letters; in it a tab takes two and a blank three.
TEST_CASE("A filter is refused wherever the server breaks the lines of its tree") {
  PlanDatabase db;
  make_table(db);
  for (std::size_t shift = 4; shift < 4 + 78; ++shift) {
    const std::string padding = (shift % 2 == 1 ? " " : "") +
                                std::string(shift % 2 == 1 ? (shift - 3) / 2 : shift / 2, '\t');
    const auto filter = "s <> '" + padding + "' AND ts > clock_timestamp()";
    CAPTURE(shift);
    CHECK(refusal(db, filter).find("which is not the same in each chunk") != std::string::npos);
  }
}

TEST_CASE("A filter that closes the parenthesis around it is refused") {
  PlanDatabase db;
  make_table(db);
  for (const std::string filter : {"i = 1) OR (i = 2", "true); DROP TABLE t; SELECT (true"}) {
    CAPTURE(filter);
    CHECK(refusal(db, filter).find("the filter of table") != std::string::npos);
  }
  CHECK(db.exec("SELECT count(*) FROM t") == "0");
}

TEST_CASE("A filter that means the same everywhere is taken") {
  PlanDatabase db;
  make_table(db);
  for (const std::string filter :
       {"i > 5 -- and so on", "ts >= '2026-01-01'", "ts::date = '2026-01-01'", "d > ts",
        "date_trunc('month', ts) = '2026-01-01'", "to_char(ts, 'YYYY') = '2026'",
        "extract(year FROM ts) = 2026", "s LIKE 'now%' AND lower(s) <> 'today'", "s = 'now'",
        "j->>'a' = 'b' AND (j->'n')::int > 3", "public.pure(i)", "s ~ '^a' AND i = ANY ('{1,2}')",
        "ts < 'infinity'", "s = current_user"}) {
    CAPTURE(filter);
    CHECK(refusal(db, filter) == "");
  }
}

TEST_CASE("A filter with a subquery is warned of") {
  PlanDatabase db;
  make_table(db);
  SelectOptions select;
  select.tables = {"t"};
  select.where = {{"t", "i IN (SELECT i FROM public.other)"}};
  const auto table = plan::read_tables(db.connection(), select, {}).at(0);
  REQUIRE(table.warnings.size() == 1);
  CHECK(table.warnings[0].find("reads other tables") != std::string::npos);
  CHECK(plan::filter_reads_tables(db.connection(), table));
}

TEST_CASE("Looking at a filter leaves the session as it was") {
  PlanDatabase db;
  make_table(db);
  refusal(db, "i > 5");
  refusal(db, "nothing_such > 5");
  for (const std::string name :
       {"debug_print_parse", "debug_pretty_print", "client_min_messages"}) {
    const auto rows = db.connection().query(
        "SELECT setting = reset_val FROM pg_catalog.pg_settings WHERE name = $1", {name});
    CHECK(rows.boolean(0, 0));
  }
}
