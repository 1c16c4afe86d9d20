#include <optional>
#include <utility>

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

void add_input_group(CLI::App& app, InputOptions& input) {
  const std::string group = "What files without a manifest look like";
  const auto add = [&](const char* names, const char* type, const char* help, SetValue set) {
    add_value(app, names, type, help, std::move(set))->group(group);
  };
  const auto byte = [&](const char* name, const char* help, std::optional<char>& into) {
    add(name, "C", help, [&into](const std::string& option, const std::string& text) {
      into = parse_delimiter(option, text);
    });
  };
  add("--format", "FORMAT", "csv, text or binary, as COPY reads them (default: csv)",
      [&input](const std::string& option, const std::string& text) {
        input.format = parse_choice<Format>(
            option, text,
            {{"csv", Format::csv}, {"text", Format::text}, {"binary", Format::binary}});
      });
  app.add_flag("--header", input.header, "each begins with a line of column names")->group(group);
  byte("--delimiter", "between columns (default: , for csv, tab for text)", input.delimiter);
  add("--null", "TEXT", "what stands for NULL (default: nothing for csv, \\N for text)",
      [&input](const std::string& /*option*/, const std::string& text) { input.null = text; });
  byte("--quote", "around a csv value (default: \")", input.quote);
  byte("--escape", "before a quote within one (default: the quote)", input.escape);
  add("--encoding", "NAME", "as PostgreSQL names it (default: UTF8)",
      [&input](const std::string& /*option*/, const std::string& text) { input.encoding = text; });
  add("-Z,--compress", "METHOD", "none, gzip, zstd or lz4 (default: by the file's name)",
      [&input](const std::string& option, const std::string& text) {
        input.compression = parse_choice<CompressionMethod>(option, text,
                                                            {{"none", CompressionMethod::none},
                                                             {"gzip", CompressionMethod::gzip},
                                                             {"zstd", CompressionMethod::zstd},
                                                             {"lz4", CompressionMethod::lz4}});
      });
  add("--columns", "a,b,c", "the file's columns in order (default: the header's, or all)",
      [&input](const std::string& /*option*/, const std::string& text) { input.columns = text; });
}

namespace {

void add_mode_options(CLI::App& app, LoadOptions& load, const std::string& group) {
  const auto add = [&](const char* name, const char* type, const char* help, SetValue set) {
    add_value(app, name, type, help, std::move(set))->group(group);
  };
  const auto count = [&](const char* name, const char* help, std::int64_t& into) {
    add(name, "N", help, [&into](const std::string& option, const std::string& text) {
      into = parse_count(option, text, 1);
    });
  };
  add("--mode", "MODE", "auto, copy, insert or upsert (default: auto)",
      [&load](const std::string& option, const std::string& text) {
        load.mode = parse_choice<LoadMode>(option, text,
                                           {{"auto", LoadMode::automatic},
                                            {"copy", LoadMode::copy},
                                            {"insert", LoadMode::insert},
                                            {"upsert", LoadMode::upsert}});
      });
  add("--on-conflict", "WHAT", "where the target has the key: error, ignore, replace or skip",
      [&load](const std::string& option, const std::string& text) {
        load.on_conflict = parse_choice<OnConflict>(option, text,
                                                    {{"error", OnConflict::error},
                                                     {"ignore", OnConflict::ignore},
                                                     {"replace", OnConflict::replace},
                                                     {"skip", OnConflict::skip}});
        if (load.mode == LoadMode::upsert && load.on_conflict == OnConflict::error) {
          throw Error(ErrorKind::usage, "--mode upsert can't be had with --on-conflict error",
                      "leave --on-conflict out, or use --mode insert");
        }
      });
  add_values(app, "--touch", "COLUMN", "set to now() instead of preserved (repeatable)",
             [&load](const std::string& /*option*/, const std::string& text) {
               load.touch.push_back(text);
             })
      ->group(group);
  count("--batch-rows", "rows of a batch, where not by COPY (default: 50000)", load.batch_rows);
  count("--min-batch-rows", "as few after time-outs and locks (default: 500)", load.min_batch_rows);
  add("--reject-limit", "N", "bad rows go to DIR/rejects, so many at most (default: none may)",
      [&load](const std::string& option, const std::string& text) {
        load.reject_limit = parse_count(option, text, 0);
      });
}

}  // namespace

void add_load_group(CLI::App& app, LoadOptions& load) {
  const std::string group = "How rows come in";
  add_mode_options(app, load, group);
  app.add_flag("--truncate", load.truncate, "empty the target's tables first, once")->group(group);
  app.add_flag("--defer-indexes", load.defer_indexes,
               "drop indexes and foreign keys before, build them after")
      ->group(group);
  add_value(app, "--ledger", "yes|no", "no: make no schema in the target (default: yes)",
            [&load](const std::string& option, const std::string& text) {
              load.ledger = parse_choice<bool>(option, text, {{"yes", true}, {"no", false}});
            })
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
