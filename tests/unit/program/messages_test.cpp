#include <doctest/doctest.h>

#include "messages.hpp"
#include "summary.hpp"

using namespace pgstride;
using namespace pgstride::cli;

TEST_CASE("A message is a fact, then what the server said, then a hint") {
  Error error(ErrorKind::server, "permission denied for table orders", "grant SELECT on it");
  error.with_server("42501", "a detail", "COPY orders, line 1", "");
  CHECK(message_text(error) ==
        "pgstride: error: permission denied for table orders (SQLSTATE 42501)\n"
        "DETAIL: a detail\n"
        "CONTEXT: COPY orders, line 1\n"
        "HINT: grant SELECT on it\n");
  CHECK(message_text("warning", "a\x1b[2Jb\n", "") == "pgstride: warning: a\\x1b[2Jb\n");
}

TEST_CASE("Labels that the server's text already has are not doubled") {
  Error error(ErrorKind::server, "no");
  error.with_server("XX000", "DETAIL:  more\n", "", "");
  CHECK(message_text(error) == "pgstride: error: no (SQLSTATE XX000)\nDETAIL:  more\n");
}

TEST_CASE("The summary says what the job promises and how a paused one goes on") {
  JobSummary summary;
  summary.job = "orders";
  summary.state = "paused";
  summary.reason = "--max-chunks";
  summary.tables = 1;
  summary.chunks = 3;
  summary.chunks_done = 1;
  summary.rows = 1000;
  summary.seconds = 2;
  summary.start_lsn = Lsn{255};
  summary.consistency = "exact";
  summary.consistency_note = "one snapshot";
  TableDone orders;
  orders.table = "public.orders";
  orders.rows = 1000;
  orders.raw_bytes = 4 << 20;
  orders.files = 1;
  summary.per_table.push_back(orders);
  const std::string text = summary_text(summary, "out/my orders");
  CHECK(text.find("public.orders    1,000  4.0 MB") != std::string::npos);
  CHECK(text.find("WAL position: 0/FF\n") != std::string::npos);
  CHECK(text.find("consistency: exact: one snapshot\n") != std::string::npos);
  CHECK(text.find("orders is paused (--max-chunks): 1 of 3 chunks done\n") != std::string::npos);
  CHECK(text.find("pgstride resume 'out/my orders'") != std::string::npos);
}

TEST_CASE("A summary of thousands of tables shows the failed and the largest") {
  JobSummary summary;
  summary.state = "failed";
  for (int at = 0; at < 1000; ++at) {
    TableDone table;
    table.table = "t" + std::to_string(at);
    table.failed = at == 7;
    table.raw_bytes = at;
    table.files = 1;
    summary.per_table.push_back(table);
  }
  const std::string text = summary_text(summary, "out");
  CHECK(text.find("t7 (failed)") != std::string::npos);
  CHECK(text.find("t999 ") != std::string::npos);
  CHECK(text.find("t500 ") == std::string::npos);
  CHECK(text.find("and 960 more tables") != std::string::npos);
}

TEST_CASE("A job that was done before says that nothing was changed") {
  JobSummary summary;
  summary.job = "orders";
  summary.state = "done";
  summary.unchanged = true;
  CHECK(summary_text(summary, "out").find("nothing was changed") != std::string::npos);
}
