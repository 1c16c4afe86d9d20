#include "option_groups.hpp"
#include "pgstride/error.hpp"
#include "values.hpp"

namespace pgstride::cli {

namespace {

std::string long_name(const std::string& names) {
  return names.substr(names.find("--"));
}

SetValue append_to(std::vector<std::string>& list) {
  return [&list](const std::string& /*option*/, const std::string& text) { list.push_back(text); };
}

SetValue append_to(std::vector<TableOption>& list) {
  return [&list](const std::string& option, const std::string& text) {
    list.push_back(parse_table_option(option, text));
  };
}

}  // namespace

CLI::Option* add_value(CLI::App& app, const std::string& names, const std::string& type,
                       const std::string& help, SetValue set) {
  return app
      .add_option_function<std::string>(
          names,
          [set = std::move(set), name = long_name(names)](const std::string& text) {
            set(name, text);
          },
          help)
      ->type_name(type);
}

CLI::Option* add_values(CLI::App& app, const std::string& names, const std::string& type,
                        const std::string& help, SetValue append) {
  // One argument each time: CLI11 would else take all that follow, DIR included.
  return app
      .add_option_function<std::vector<std::string>>(
          names,
          [append = std::move(append),
           name = long_name(names)](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              append(name, text);
            }
          },
          help)
      ->type_name(type)
      ->type_size(1)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

void add_source(CLI::App& app, std::function<void(const std::string&)> set) {
  add_value(app, "--source", "CONN",
            "the server to read: any libpq connection string; else the PG* variables hold",
            [set = std::move(set)](const std::string& /*option*/, const std::string& text) {
              set(text);
            });
}

void add_select_group(CLI::App& app, SelectOptions& select) {
  const auto list = [&](const char* names, const char* type, const char* help, auto& into) {
    add_values(app, names, type, help, append_to(into))->group("Which tables (default: all)");
  };
  list("-t,--table", "PATTERN", "tables like this psql pattern (repeatable)", select.tables);
  list("-T,--exclude-table", "PATTERN", "but not these (repeatable)", select.exclude_tables);
  list("-n,--schema", "PATTERN", "tables of these schemas (repeatable)", select.schemas);
  list("-N,--exclude-schema", "PATTERN", "but not of these (repeatable)", select.exclude_schemas);
  list("--where", "TABLE:SQL", "rows of a table that meet a condition (repeatable)", select.where);
  list("--columns", "TABLE:a,b,c", "columns of a table (repeatable)", select.columns);
}

void add_chunk_group(CLI::App& app, ChunkOptions& chunk) {
  const std::string group = "How tables are cut";
  app.callback([&app] {
    if (app.count("--chunk-size") > 0 && app.count("--chunk-rows") > 0) {
      throw Error(ErrorKind::usage, "--chunk-rows does not go with --chunk-size",
                  "leave one of them out");
    }
  });
  add_value(app, "--chunk-size", "SIZE",
            "of table, a chunk (default: 64MB, less where the job is small)",
            [&chunk](const std::string& option, const std::string& text) {
              chunk.chunk_bytes = parse_size(option, text);
              chunk.share_out = false;
            })
      ->group(group);
  add_value(app, "--chunk-rows", "N", "rows a chunk, instead of a size",
            [&chunk](const std::string& option, const std::string& text) {
              chunk.chunk_rows = parse_count(option, text, 1);
            })
      ->group(group);
  add_value(app, "--split", "HOW", "auto, key, ctid or none (default: auto)",
            [&chunk](const std::string& option, const std::string& text) {
              chunk.split = parse_choice<SplitChoice>(option, text,
                                                      {{"auto", SplitChoice::automatic},
                                                       {"key", SplitChoice::key},
                                                       {"ctid", SplitChoice::ctid},
                                                       {"none", SplitChoice::none}});
            })
      ->group(group);
  add_values(app, "--key", "TABLE:COLUMN[,COLUMN]", "the key to cut a table by (repeatable)",
             append_to(chunk.keys))
      ->group(group);
  add_values(app, "--interval", "TABLE:INTERVAL",
             "cut on calendar boundaries, such as '1 day' (repeatable)", append_to(chunk.intervals))
      ->group(group);
  add_values(app, "--bounds", "TABLE:FILE",
             "cut at the values of a file, one a line, ascending (repeatable)",
             append_to(chunk.bounds))
      ->group(group);
}

void add_output_group(CLI::App& app, OutputOptions& output) {
  const std::string group = "What the files look like";
  const auto add = [&](const char* names, const char* type, const char* help, SetValue set) {
    add_value(app, names, type, help, std::move(set))->group(group);
  };
  add("--format", "FORMAT", "csv, text or binary, as COPY writes them (default: csv)",
      [&output](const std::string& option, const std::string& text) {
        output.format = parse_choice<Format>(
            option, text,
            {{"csv", Format::csv}, {"text", Format::text}, {"binary", Format::binary}});
      });
  add("--dialect", "NAME", "postgres; others come later (default: postgres)",
      [](const std::string& option, const std::string& text) {
        if (text != "postgres") {
          throw Error(ErrorKind::usage, option + ": \"" + text + "\" is not built yet",
                      "only \"postgres\" is, the default");
        }
      });
  app.add_flag("--header", output.header, "a line of column names in each file")->group(group);
  add("--delimiter", "C", "between columns, one byte (default: , for csv, tab for text)",
      [&output](const std::string& option, const std::string& text) {
        output.delimiter = parse_delimiter(option, text);
      });
  add("--null", "TEXT", "what stands for NULL (default: nothing for csv, \\N for text)",
      [&output](const std::string& /*option*/, const std::string& text) { output.null = text; });
  add("-Z,--compress", "METHOD[:LEVEL]", "none, gzip, zstd or lz4 (default: zstd:1)",
      [&output](const std::string& option, const std::string& text) {
        output.compression = parse_compression(option, text);
      });
}

void check_output(const OutputOptions& output) {
  if (output.format != Format::binary) {
    return;
  }
  for (const auto& [given, name] : {std::pair{output.header, "--header"},
                                    std::pair{output.delimiter.has_value(), "--delimiter"},
                                    std::pair{output.null.has_value(), "--null"}}) {
    if (given) {
      throw Error(ErrorKind::usage, std::string(name) + " does not go with --format binary",
                  "leave it out, or choose --format csv or text");
    }
  }
}

}  // namespace pgstride::cli
