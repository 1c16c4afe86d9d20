#include "harness/copy_job.hpp"

#include <csignal>

namespace pgstride::test {
namespace {

// Foreign keys first, then what they refer to; what partitions inherit goes with their parent's.
constexpr const char* k_drop_constraints = R"sql(
  DO $$
  DECLARE what record;
  BEGIN
    FOR what IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
                WHERE contype IN ('f', 'p', 'u', 'x') AND conparentid = 0
                  AND connamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema',
                                                               'pg_toast')
                ORDER BY contype <> 'f' LOOP
      EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', what.t, what.conname);
    END LOOP;
    FOR what IN SELECT i.indexrelid::regclass AS name FROM pg_index i
                JOIN pg_class c ON c.oid = i.indrelid
                WHERE i.indisunique AND c.relkind IN ('r', 'p') AND c.oid >= 16384 LOOP
      EXECUTE format('DROP INDEX %s', what.name);
    END LOOP;
  END $$)sql";

}  // namespace

Arguments CopyJob::copy_command(const std::vector<std::string>& more) const {
  const bool imports = !from.empty();
  Arguments arguments = {imports ? "import" : "copy",
                         imports ? "--from" : "--source",
                         imports ? from.string() : source,
                         "--job",
                         directory.string(),
                         "--progress",
                         "none",
                         "--retry-wait",
                         "50ms"};
  for (const auto& target : targets) {
    arguments.insert(arguments.end(), {"--target", target});
  }
  for (const auto& kind : kinds) {
    arguments.insert(arguments.end(), {"-t", kind.quoted()});
    if (!imports) {
      arguments.insert(arguments.end(), kind.options.begin(), kind.options.end());
    }
  }
  for (const auto* list : {&input, &options, &run_options, &more}) {
    arguments.insert(arguments.end(), list->begin(), list->end());
  }
  return program(std::move(arguments));
}

Arguments CopyJob::resume_command(const std::vector<std::string>& more) const {
  Arguments arguments = {"resume", directory.string(), "--progress",
                         "none",   "--retry-wait",     "50ms"};
  for (const auto* list : {&run_options, &more}) {
    arguments.insert(arguments.end(), list->begin(), list->end());
  }
  return program(std::move(arguments));
}

Ended CopyJob::run_copy(const Environment& environment) const {
  return run(copy_command(), environment);
}

Ended CopyJob::run_resume(const std::vector<std::string>& more,
                          const Environment& environment) const {
  return run(resume_command(more), environment);
}

void create_target_tables(PgSession& session, const std::vector<TableKind>& kinds, long rows) {
  create_tables(session, kinds, rows);
  for (const auto& kind : kinds) {
    session.exec("TRUNCATE " + kind.quoted());
  }
  session.exec(k_drop_constraints);
}

std::string row_text(const std::string& text) {
  return "(SELECT CASE WHEN length(r) < 120 THEN r ELSE left(r, 40) || md5(r) END FROM (SELECT " +
         text + ") AS x (r))";
}

RowCounts row_counts(PgSession& session, const std::string& sql) {
  RowCounts counts;
  for (const auto& row : session.rows(sql)) {
    counts[row[0].value_or("")] += std::stol(row[1].value_or("0"));
  }
  return counts;
}

void compare_rows(const RowCounts& expected, const RowCounts& found, const std::string& what,
                  Problems& problems) {
  long lost = 0;
  long added = 0;
  std::string example;
  const auto count = [](const RowCounts& counts, const std::string& row) {
    const auto at = counts.find(row);
    return at == counts.end() ? 0 : at->second;
  };
  for (const auto& [row, copies] : expected) {
    if (const auto there = count(found, row); there < copies) {
      lost += copies - there;
      example = row;
    }
  }
  for (const auto& [row, copies] : found) {
    if (const auto wanted = count(expected, row); wanted < copies) {
      added += copies - wanted;
      example = row;
    }
  }
  if (lost + added > 0) {
    problems.push_back(what + ": " + std::to_string(lost) + " rows lost, " + std::to_string(added) +
                       " too many, e.g. " + example);
  }
}

void compare_tables(PgSession& source, PgSession& target, const std::vector<TableKind>& kinds,
                    Problems& problems) {
  for (const auto& kind : kinds) {
    const auto sql =
        "SELECT " + row_text("t::text") + ", count(*) FROM " + kind.quoted() + " t GROUP BY 1";
    compare_rows(row_counts(source, sql), row_counts(target, sql), kind.display_name(), problems);
  }
}

Problems check_end(const CopyJob& job) {
  Problems problems;
  for (const auto& conninfo : job.targets) {
    // That of a job with a slot stays, for what changed since can be brought to the targets too.
    if (pg_exec(conninfo, "SELECT to_regnamespace('pgstride')") != "" && !job.has_slot()) {
      problems.push_back("the ledger is still there");
    }
  }
  const auto status = job.status();
  if (status.at("state") != "done" ||
      status.at("chunks").at("done") != status.at("chunks").at("total")) {
    problems.push_back("status says " + status.dump());
  }
  for (const auto& table : status.at("tables")) {
    if (table.at("state") != "done") {
      problems.push_back("status says of a table " + table.dump());
    }
  }
  return problems;
}

Problems check_copy(const CopyJob& job) {
  Problems problems = check_end(job);
  PgSession source(job.source);
  for (const auto& conninfo : job.targets) {
    PgSession target(conninfo);
    compare_tables(source, target, job.kinds, problems);
  }
  return problems;
}

Problems run_killed_at(const CopyJob& job, const std::string& step) {
  Problems problems;
  const auto expect = [&](bool held, const std::string& what, const Ended& ended) {
    if (!held) {
      problems.push_back(what + ", but it ended so: " + ended.text());
    }
  };
  const auto killed = job.run_copy({{"PGSTRIDE_CRASH_AT", step}});
  expect(killed.signal == SIGKILL, "killed at " + step, killed);
  const auto again = job.run_copy({{"PGSTRIDE_CRASH_AT", step}});
  expect(again.signal == SIGKILL || again.code == 0, "killed or done at " + step, again);
  const auto last = job.is_planned() ? job.run_resume() : job.run_copy();
  expect(last.code == 0, "done at last", last);
  return problems;
}

}  // namespace pgstride::test
