#include <fmt/format.h>

#include "handoff/consumer_config.hpp"

namespace pgstride::handoff {

namespace {

// One word for the shell.
std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return out + "'";
}

std::string backquoted(const std::string& name) {
  std::string out = "`";
  for (const char c : name) {
    out += c == '`' ? "``" : std::string(1, c);
  }
  return out + "`";
}

std::string list(const std::vector<std::string>& columns) {
  std::string out;
  for (const auto& column : columns) {
    out += (out.empty() ? "" : ", ") + backquoted(column);
  }
  return out;
}

// A JSON text within a statement's double quotes.
std::string json_paths(const std::vector<std::string>& columns) {
  std::string out = "[";
  for (const auto& column : columns) {
    out += fmt::format("{}\\\"$.{}\\\"", out.size() > 1 ? "," : "", column);
  }
  return out + ",\\\"$.__deleted\\\"]";
}

}  // namespace

std::string starrocks_head(const Handoff& handoff, const StreamLoadFormat& format) {
  std::string out = fmt::format(R"(#!/bin/sh
# Loads the files of pgstride's job {} into StarRocks by Stream Load, into tables of the same names.
# A label is taken once: run it again after a failure, and what is in is refused ("Label Already
# Exists") instead of doubled, for as long as StarRocks keeps labels (label_keep_max_second).
# Set STARROCKS (http://frontend:8030), STARROCKS_DATABASE and STARROCKS_USER (user:password).
set -e
cd {}
)",
                                handoff.job, shell_quoted(handoff.directory));
  if (format.null != "\\N") {
    out +=
        "# StarRocks knows NULL in files as \\N only: export with --null '\\N', or NULLs come as "
        "empty texts.\n";
  }
  return out;
}

std::string starrocks_load(const HandoffTable& table, const StreamLoadFormat& format,
                           const StreamLoadFile& file) {
  std::string headers = fmt::format("-H {} -H {} -H {}", shell_quoted("label:" + file.label),
                                    shell_quoted("column_separator:" + format.delimiter),
                                    shell_quoted("columns:" + list(table.columns)));
  if (format.quoted) {
    headers += " -H 'enclose:\"'";
  }
  if (format.header) {
    headers += " -H 'skip_header:1'";
  }
  return fmt::format("{} {} | curl -sS --fail-with-body --location-trusted -u \"$STARROCKS_USER\" "
                     "-H 'Expect:100-continue' \\\n  -H 'format:csv' {} \\\n  -T - "
                     "\"$STARROCKS/api/$STARROCKS_DATABASE/\"{}/_stream_load\n",
                     format.decompress, shell_quoted(file.file), headers, shell_quoted(table.name));
}

std::string starrocks_routine_load(const Handoff& handoff) {
  std::string out =
      "\n# Then the changes, into primary key tables, from the topics of Debezium (handoff --to "
      "debezium) with the\n# transform ExtractNewRecordState (delete.tombstone.handling.mode = "
      "rewrite), each from its beginning, which\n# is the slot's start. To be run by a MySQL "
      "client:\ncat <<'SQL'\n";
  for (const auto& table : handoff.tables) {
    if (!table.published) {
      out +=
          fmt::format("-- Not in the stream: {}.{} ({})\n", table.schema, table.name, table.reason);
      continue;
    }
    const auto topic = fmt::format("{}.{}.{}", topic_prefix(handoff.job), table.schema, table.name);
    out += fmt::format(
        "CREATE ROUTINE LOAD {0} ON {1}\n  COLUMNS ({2}, __deleted, __op = if(__deleted = 'true', "
        "1, 0))\n  PROPERTIES (\"format\" = \"json\", \"jsonpaths\" = \"{3}\")\n  FROM KAFKA "
        "(\"kafka_broker_list\" = \"HOST:9092\", \"kafka_topic\" = \"{4}\",\n              "
        "\"property.kafka_default_offsets\" = \"OFFSET_BEGINNING\");\n",
        backquoted("pgstride_" + table.name), backquoted(table.name), list(table.columns),
        json_paths(table.columns), topic);
  }
  return out + "SQL\n";
}

}  // namespace pgstride::handoff
