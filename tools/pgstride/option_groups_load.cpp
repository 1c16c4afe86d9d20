#include "option_groups.hpp"
#include "pgstride/error.hpp"
#include "values.hpp"

namespace pgstride::cli {

void add_targets(CLI::App& app, std::vector<std::string>& targets) {
  add_values(app, "--target", "CONN",
             "a database to load (repeatable): any libpq connection string",
             [&targets](const std::string& /*option*/, const std::string& text) {
               targets.push_back(text);
             });
}

void add_load_group(CLI::App& app, LoadOptions& load) {
  const std::string group = "How rows come in";
  app.add_flag("--truncate", load.truncate, "empty the target's tables first, once")->group(group);
  app.add_flag("--defer-indexes", load.defer_indexes,
               "drop indexes and foreign keys before, build them after")
      ->group(group);
  app.add_flag("--disable-triggers", load.disable_triggers,
               "load with session_replication_role = replica")
      ->group(group);
  add_values(app, "--map", "OLD=NEW", "another name for a table on the targets (repeatable)",
             [&load](const std::string& option, const std::string& text) {
               load.map.push_back(parse_mapping(option, text));
             })
      ->group(group);
}

void add_schema_group(CLI::App& app, LoadOptions& load) {
  const std::string group = "How rows come in";
  app.add_flag("--create-schema", load.create_schema,
               "make the tables as in the source, by pg_dump and pg_restore")
      ->group(group);
  add_value(app, "--pg-dump", "PATH", "pg_dump for --create-schema (default: looked for)",
            [&load](const std::string& option, const std::string& text) {
              if (text.empty()) {
                throw Error(ErrorKind::usage, option + " is empty", "give the path of pg_dump");
              }
              load.pg_dump = text;
            })
      ->group(group);
}

}  // namespace pgstride::cli
