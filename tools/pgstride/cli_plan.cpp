#include <memory>

#include "json_output.hpp"
#include "messages.hpp"
#include "option_groups.hpp"
#include "pgstride/job.hpp"
#include "plan_text.hpp"
#include "verbs.hpp"

namespace pgstride::cli {

namespace {

struct PlanArguments {
  PlanOptions options;
  bool json = false;
  bool sql = false;
};

/// Keeps the warnings that are of no single table.
class WarningList : public Events {
 public:
  void warning(const std::string& message, const std::string& hint) override {
    m_texts.push_back(hint.empty() ? message : message + " (" + hint + ")");
  }
  [[nodiscard]] const std::vector<std::string>& texts() const { return m_texts; }

 private:
  std::vector<std::string> m_texts;
};

ExitCode run_plan(const PlanArguments& arguments) {
  WarningList warnings;
  PlanOptions options = arguments.options;
  options.sql = arguments.sql;
  const std::vector<PlannedTable> tables = plan_tables(options, warnings);
  if (arguments.json) {
    print_data(
        json_line(plan_json(tables, warnings.texts(), arguments.sql, arguments.options.explain)) +
        "\n");
    return ExitCode::done;
  }
  print_data(plan_text(tables, warnings.texts()));
  if (arguments.sql) {
    print_data(plan_sql(tables));
  }
  if (arguments.options.explain) {
    print_data(plan_explain(tables));
  }
  return ExitCode::done;
}

}  // namespace

Verb add_plan(CLI::App& program) {
  const auto arguments = std::make_shared<PlanArguments>();
  PlanOptions& options = arguments->options;
  CLI::App* app =
      program.add_subcommand("plan", "show the chunks that an export would make; changes nothing");
  add_source(*app, [&options](const std::string& text) { options.source = text; });
  add_select_group(*app, options.select);
  add_chunk_group(*app, options.chunk);
  app->add_flag("--json", arguments->json, "one JSON object instead of a table");
  app->add_flag("--sql", arguments->sql, "also the statement of each chunk");
  app->add_flag("--explain", options.explain, "also EXPLAIN of each table's first chunk");
  app->footer("Example:\n"
              "  pgstride plan --source dbname=shop -t orders --chunk-size 256MB --sql");
  return {app, [arguments](Context& /*context*/) { return run_plan(*arguments); }};
}

}  // namespace pgstride::cli
