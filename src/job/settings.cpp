#include "job/settings.hpp"

#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "archive/compressor.hpp"
#include "archive/names.hpp"
#include "pgstride/error.hpp"

namespace pgstride::job {

namespace {

using Json = nlohmann::ordered_json;

Json pairs(const std::vector<TableOption>& options) {
  auto out = Json::array();
  for (const auto& option : options) {
    out.push_back({option.table, option.value});
  }
  return out;
}

std::vector<TableOption> parse_pairs(const Json& json) {
  std::vector<TableOption> out;
  for (const auto& pair : json) {
    out.push_back({pair.at(0).get<std::string>(), pair.at(1).get<std::string>()});
  }
  return out;
}

std::string split_name(SplitChoice split) {
  switch (split) {
  case SplitChoice::key:
    return "key";
  case SplitChoice::ctid:
    return "ctid";
  case SplitChoice::none:
    return "none";
  case SplitChoice::automatic:
    break;
  }
  return "auto";
}

SplitChoice split_by_name(const std::string& name) {
  for (const auto choice : {SplitChoice::key, SplitChoice::ctid, SplitChoice::none}) {
    if (split_name(choice) == name) {
      return choice;
    }
  }
  return SplitChoice::automatic;
}

Format format_by_name(const std::string& name) {
  for (const auto format : {Format::text, Format::binary}) {
    if (archive::format_name(format) == name) {
      return format;
    }
  }
  return Format::csv;
}

// Kept for `resume`, but it may differ: it does not change the data.
constexpr const char* k_pg_dump = "--pg-dump";

// A size as people write it: in the largest unit that leaves no rest.
std::string size_text(std::int64_t bytes) {
  constexpr std::array k_units = {"B", "kB", "MB", "GB"};
  std::size_t unit = 0;
  while (unit + 1 < k_units.size() && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, k_units.at(unit));
}

// A value as it stands on the command line.
std::string shown(const std::string& option, const Json& value) {
  if (value.is_null()) {
    return "(none)";
  }
  if (option == "--chunk-size" && value.is_number_integer()) {
    return size_text(value.get<std::int64_t>());
  }
  return value.is_string() ? value.get<std::string>() : value.dump();
}

Json common_json(const SelectOptions& select, const ChunkOptions& chunk) {
  Json json;
  json["--table"] = select.tables;
  json["--exclude-table"] = select.exclude_tables;
  json["--schema"] = select.schemas;
  json["--exclude-schema"] = select.exclude_schemas;
  json["--where"] = pairs(select.where);
  json["--columns"] = pairs(select.columns);
  json["--chunk-size"] = chunk.chunk_bytes;
  json["--chunk-rows"] = chunk.chunk_rows ? Json(*chunk.chunk_rows) : Json();
  json["--split"] = split_name(chunk.split);
  json["--key"] = pairs(chunk.keys);
  json["--interval"] = pairs(chunk.intervals);
  json["--bounds"] = pairs(chunk.bounds);
  return json;
}

void parse_common(const Json& json, SelectOptions& select, ChunkOptions& chunk) {
  select.tables = json.at("--table").get<std::vector<std::string>>();
  select.exclude_tables = json.at("--exclude-table").get<std::vector<std::string>>();
  select.schemas = json.at("--schema").get<std::vector<std::string>>();
  select.exclude_schemas = json.at("--exclude-schema").get<std::vector<std::string>>();
  select.where = parse_pairs(json.at("--where"));
  select.columns = parse_pairs(json.at("--columns"));
  chunk.chunk_bytes = json.at("--chunk-size").get<std::int64_t>();
  if (!json.at("--chunk-rows").is_null()) {
    chunk.chunk_rows = json.at("--chunk-rows").get<std::int64_t>();
  }
  chunk.split = split_by_name(json.at("--split").get<std::string>());
  chunk.keys = parse_pairs(json.at("--key"));
  chunk.intervals = parse_pairs(json.at("--interval"));
  chunk.bounds = parse_pairs(json.at("--bounds"));
}

Error unreadable(const nlohmann::json::exception& error) {
  return {ErrorKind::checkpoint,
          fmt::format("the settings in checkpoint.db can't be read: {}", error.what()),
          "the checkpoint is damaged; begin again with --restart"};
}

constexpr std::array<std::pair<LoadMode, std::string_view>, 4> k_modes{
    {{LoadMode::automatic, "auto"},
     {LoadMode::copy, "copy"},
     {LoadMode::insert, "insert"},
     {LoadMode::upsert, "upsert"}}};
constexpr std::array<std::pair<OnConflict, std::string_view>, 4> k_conflicts{
    {{OnConflict::error, "error"},
     {OnConflict::ignore, "ignore"},
     {OnConflict::replace, "replace"},
     {OnConflict::skip, "skip"}}};

template <typename Names, typename Value> std::string name_of(const Names& names, Value value) {
  for (const auto& [known, name] : names) {
    if (known == value) {
      return std::string(name);
    }
  }
  return "";
}

template <typename Names>
auto value_of(const Names& names, const std::string& text) -> decltype(names[0].first) {
  for (const auto& [known, name] : names) {
    if (name == text) {
      return known;
    }
  }
  return names[0].first;
}

}  // namespace

std::string settings_json(const SelectOptions& select, const ChunkOptions& chunk,
                          const OutputOptions& output) {
  Json json = common_json(select, chunk);
  json["--format"] = archive::format_name(output.format);
  json["--header"] = output.header;
  json["--delimiter"] = output.delimiter ? Json(std::string(1, *output.delimiter)) : Json();
  json["--null"] = output.null ? Json(*output.null) : Json();
  json["--compress"] = fmt::format("{}:{}", archive::method_name(output.compression.method),
                                   output.compression.level);
  return json.dump();
}

void parse_settings(const std::string& text, SelectOptions& select, ChunkOptions& chunk,
                    OutputOptions& output) {
  try {
    const auto json = Json::parse(text);
    parse_common(json, select, chunk);
    output.format = format_by_name(json.at("--format").get<std::string>());
    output.header = json.at("--header").get<bool>();
    if (!json.at("--delimiter").is_null()) {
      output.delimiter = json.at("--delimiter").get<std::string>().at(0);
    }
    if (!json.at("--null").is_null()) {
      output.null = json.at("--null").get<std::string>();
    }
    const auto compress = json.at("--compress").get<std::string>();
    const auto colon = compress.find(':');
    output.compression.method = archive::method_by_name(compress.substr(0, colon));
    output.compression.level = std::stoi(compress.substr(colon + 1));
  } catch (const nlohmann::json::exception& error) {
    throw unreadable(error);
  }
}

namespace {

void add_load(Json& json, const LoadOptions& load) {
  json["--mode"] = name_of(k_modes, load.mode);
  json["--on-conflict"] = name_of(k_conflicts, load.on_conflict);
  json["--touch"] = load.touch;
  json["--truncate"] = load.truncate;
  json["--map"] = load.map;
  json["--ledger"] = load.ledger;
  json["--defer-indexes"] = load.defer_indexes;
  json["--disable-triggers"] = load.disable_triggers;
  json["--create-schema"] = load.create_schema;
  json[k_pg_dump] = load.pg_dump;
  json["--batch-rows"] = load.batch_rows;
  json["--min-batch-rows"] = load.min_batch_rows;
  json["--reject-limit"] = load.reject_limit ? Json(*load.reject_limit) : Json();
}

// These may change from run to run.
bool changes_no_data(const std::string& option) {
  return option == k_pg_dump || option == "--batch-rows" || option == "--min-batch-rows" ||
         option == "--reject-limit";
}

void parse_load(const Json& json, LoadOptions& load) {
  load.mode = value_of(k_modes, json.at("--mode").get<std::string>());
  load.on_conflict = value_of(k_conflicts, json.at("--on-conflict").get<std::string>());
  json.at("--touch").get_to(load.touch);
  json.at("--truncate").get_to(load.truncate);
  json.at("--map").get_to(load.map);
  json.at("--ledger").get_to(load.ledger);
  json.at("--defer-indexes").get_to(load.defer_indexes);
  json.at("--disable-triggers").get_to(load.disable_triggers);
  json.at("--create-schema").get_to(load.create_schema);
  json.at(k_pg_dump).get_to(load.pg_dump);
  json.at("--batch-rows").get_to(load.batch_rows);
  json.at("--min-batch-rows").get_to(load.min_batch_rows);
  if (!json.at("--reject-limit").is_null()) {
    load.reject_limit = json.at("--reject-limit").get<std::int64_t>();
  }
}

Json byte_json(const std::optional<char>& byte) {
  return byte ? Json(std::string(1, *byte)) : Json();
}

std::optional<char> byte_of(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<std::string>().at(0));
}

}  // namespace

std::string settings_json(const SelectOptions& select, const ChunkOptions& chunk,
                          const LoadOptions& load) {
  Json json = common_json(select, chunk);
  add_load(json, load);
  return json.dump();
}

std::string settings_json(const std::vector<std::filesystem::path>& from,
                          const std::vector<std::string>& tables, const InputOptions& input,
                          const LoadOptions& load) {
  Json json;
  json["--from"] = Json::array();
  for (const auto& path : from) {
    json["--from"].push_back(path.string());
  }
  json["--table"] = tables;
  json["--format"] = input.format ? Json(archive::format_name(*input.format)) : Json();
  json["--header"] = input.header;
  json["--delimiter"] = byte_json(input.delimiter);
  json["--null"] = input.null ? Json(*input.null) : Json();
  json["--quote"] = byte_json(input.quote);
  json["--escape"] = byte_json(input.escape);
  json["--encoding"] = input.encoding;
  json["--compress"] = input.compression ? Json(archive::method_name(*input.compression)) : Json();
  json["--columns"] = input.columns;
  add_load(json, load);
  try {
    return json.dump();
  } catch (const nlohmann::json::type_error& /*error*/) {
    throw Error(ErrorKind::usage, "a path or another setting of the job is not UTF-8",
                "give the file another name, or feed it to --from -");
  }
}

void parse_settings(const std::string& text, std::vector<std::filesystem::path>& from,
                    std::vector<std::string>& tables, InputOptions& input, LoadOptions& load) {
  try {
    const auto json = Json::parse(text);
    from.clear();
    for (const auto& path : json.at("--from")) {
      from.emplace_back(path.get<std::string>());
    }
    json.at("--table").get_to(tables);
    if (!json.at("--format").is_null()) {
      input.format = format_by_name(json.at("--format").get<std::string>());
    }
    json.at("--header").get_to(input.header);
    input.delimiter = byte_of(json.at("--delimiter"));
    if (!json.at("--null").is_null()) {
      input.null = json.at("--null").get<std::string>();
    }
    input.quote = byte_of(json.at("--quote"));
    input.escape = byte_of(json.at("--escape"));
    json.at("--encoding").get_to(input.encoding);
    if (!json.at("--compress").is_null()) {
      input.compression = archive::method_by_name(json.at("--compress").get<std::string>());
    }
    json.at("--columns").get_to(input.columns);
    parse_load(json, load);
  } catch (const nlohmann::json::exception& error) {
    throw unreadable(error);
  }
}

LoadOptions load_settings(const std::string& text) {
  try {
    LoadOptions load;
    parse_load(Json::parse(text), load);
    return load;
  } catch (const nlohmann::json::exception& error) {
    throw unreadable(error);
  }
}

void parse_settings(const std::string& text, SelectOptions& select, ChunkOptions& chunk,
                    LoadOptions& load) {
  try {
    const auto json = Json::parse(text);
    parse_common(json, select, chunk);
    parse_load(json, load);
  } catch (const nlohmann::json::exception& error) {
    throw unreadable(error);
  }
}

void compare_settings(const std::string& stored, const std::string& asked) {
  const auto before = Json::parse(stored);
  const auto now = Json::parse(asked);
  std::string differences;
  for (const auto& [option, value] : now.items()) {
    const auto old = before.contains(option) ? before.at(option) : Json();
    if (old != value && !changes_no_data(option)) {
      differences +=
          fmt::format("{}{}: the job has {}, the command says {}", differences.empty() ? "" : "; ",
                      option, shown(option, old), shown(option, value));
    }
  }
  if (!differences.empty()) {
    throw Error(ErrorKind::usage, "the directory holds a job with other settings: " + differences,
                "repeat the command as it was, use `pgstride resume DIR`, take another "
                "directory, or discard what is done with --restart");
  }
}

std::string run_settings_json(int workers) {
  Json json;
  json["workers"] = workers;
  return json.dump();
}

int workers_of(const std::string& run_settings) {
  const auto json = Json::parse(run_settings, nullptr, false);
  return json.is_object() ? json.value("workers", 0) : 0;
}

}  // namespace pgstride::job
