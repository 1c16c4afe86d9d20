#include "handoff/consumer_config.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pgstride::handoff {

namespace {

using Json = nlohmann::ordered_json;
using Property = std::pair<std::string, std::string>;

// Debezium's documentation, connectors/postgresql: names and values.
std::vector<Property> debezium_settings(const Handoff& handoff) {
  return {{"connector.class", "io.debezium.connector.postgresql.PostgresConnector"},
          {"tasks.max", "1"},
          {"database.hostname", handoff.host},
          {"database.port", handoff.port},
          {"database.user", handoff.user},
          {"database.password", "${env:PGPASSWORD}"},
          {"database.dbname", handoff.database},
          {"topic.prefix", topic_prefix(handoff.job)},
          {"plugin.name", "pgoutput"},
          {"slot.name", handoff.slot},
          {"slot.drop.on.stop", "false"},
          {"publication.name", handoff.publication},
          {"publication.autocreate.mode", "disabled"},
          {"snapshot.mode", "no_data"},
          {"skipped.operations", "none"},
          {"heartbeat.interval.ms", "10000"}};
}

constexpr std::array k_debezium_notes = {
    "Give the connector no stored offset: it begins where the slot does, which is where the job's",
    "rows end. snapshot.mode was called \"never\" before Debezium 2.6.",
    "The sink must insert or update by key, and delete by key; must keep what a column holds where "
    "an",
    "event says __debezium_unavailable_value (an unchanged TOAST value); and must heed TRUNCATE "
    "events.",
    "database.password is taken from the environment (config.providers=env of Kafka Connect)."};

// java.util.Properties: a backslash is doubled.
std::string property_value(const std::string& text) {
  std::string out;
  for (const char c : text) {
    out += c == '\\' ? "\\\\" : std::string(1, c);
  }
  return out;
}

std::string unpublished_notes(const Handoff& handoff, const std::string& comment) {
  std::string out;
  for (const auto& table : handoff.tables) {
    if (!table.published) {
      out += fmt::format("{}Not in the stream: {}.{} ({})\n", comment, table.schema, table.name,
                         table.reason);
    }
  }
  return out;
}

}  // namespace

std::string topic_prefix(const std::string& job) {
  std::string out = job;
  std::replace_if(
      out.begin(), out.end(),
      [](char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_' || c == '-');
      },
      '_');
  return out.empty() ? "pgstride" : out;
}

std::string handoff_json(const Handoff& handoff) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  auto tables = Json::array();
  for (const auto& table : handoff.tables) {
    tables.push_back({{"name", table.schema + "." + table.name},
                      {"key", table.key},
                      {"published", table.published},
                      {"reason", or_null(table.reason)},
                      {"consistency", or_null(table.consistency)}});
  }
  const Json json = {{"start_lsn", handoff.start_lsn.text()},
                     {"start_lsn_int", handoff.start_lsn.value},
                     {"slot", or_null(handoff.slot)},
                     {"publication", or_null(handoff.publication)},
                     {"timeline", handoff.timeline},
                     {"consistency", handoff.consistency},
                     {"consistency_note", handoff.note},
                     {"database", handoff.database},
                     {"tables", std::move(tables)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string debezium_properties(const Handoff& handoff) {
  std::string out = fmt::format("# The changes of pgstride's job {} from {} on.\n", handoff.job,
                                handoff.start_lsn.text());
  for (const auto* note : k_debezium_notes) {
    out += fmt::format("# {}\n", note);
  }
  out += unpublished_notes(handoff, "# ");
  out += fmt::format("# An offset seeded by hand is {{\"lsn\": {}}} for the partition "
                     "{{\"server\": \"{}\"}}.\n",
                     handoff.start_lsn.value, topic_prefix(handoff.job));
  out += fmt::format("name={}\n", topic_prefix(handoff.job));
  for (const auto& [name, value] : debezium_settings(handoff)) {
    out += fmt::format("{}={}\n", name, property_value(value));
  }
  return out;
}

std::string debezium_connector_json(const Handoff& handoff) {
  Json config;
  for (const auto& [name, value] : debezium_settings(handoff)) {
    config[name] = value;
  }
  const Json json = {{"name", topic_prefix(handoff.job)}, {"config", std::move(config)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace pgstride::handoff
