#include "checkpoint/json_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace pgstride::checkpoint {

using nlohmann::json;

namespace {

bool is_ascii(const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) {
      return false;
    }
  }
  return true;
}

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(json(text).dump());
    return true;
  } catch (const json::type_error&) {
    return false;
  }
}

std::string to_hex(const std::string& bytes) {
  std::string hex;
  for (const char c : bytes) {
    hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  return hex;
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

/// A JSON string, or {"hex": "…"} for bytes that JSON can't hold.
json text_value(const std::string& text) {
  if (is_ascii(text) || is_utf8(text)) {
    return text;
  }
  return json{{"hex", to_hex(text)}};
}

std::string text_of(const json& value) {
  return value.is_object() ? from_hex(value.at("hex").get<std::string>())
                           : value.get<std::string>();
}

json key_column_value(const KeyColumn& column) {
  return {{"name", text_value(column.name)},
          {"type", text_value(column.type)},
          {"collation", text_value(column.collation)},
          {"collation_version", text_value(column.collation_version)},
          {"op_schema", text_value(column.op_schema)},
          {"not_null", column.not_null},
          {"descending", column.descending}};
}

KeyColumn key_column_of(const json& value) {
  KeyColumn column;
  column.name = text_of(value.at("name"));
  column.type = text_of(value.at("type"));
  column.collation = text_of(value.at("collation"));
  if (value.contains("collation_version")) {
    column.collation_version = text_of(value.at("collation_version"));
  }
  column.op_schema = text_of(value.at("op_schema"));
  column.not_null = value.at("not_null").get<bool>();
  column.descending = value.at("descending").get<bool>();
  return column;
}

}  // namespace

std::string texts_to_json(const std::vector<std::string>& texts) {
  json array = json::array();
  for (const std::string& text : texts) {
    array.push_back(text_value(text));
  }
  return array.dump();
}

std::vector<std::string> texts_from_json(std::string_view text) {
  std::vector<std::string> texts;
  for (const json& value : json::parse(text)) {
    texts.push_back(text_of(value));
  }
  return texts;
}

std::string columns_to_json(const std::vector<Column>& columns) {
  json array = json::array();
  for (const Column& column : columns) {
    array.push_back({{"name", text_value(column.name)},
                     {"attnum", column.attnum},
                     {"type_oid", column.type_oid},
                     {"type", text_value(column.type)},
                     {"not_null", column.not_null},
                     {"generated", column.generated}});
  }
  return array.dump();
}

std::vector<Column> columns_from_json(std::string_view text) {
  std::vector<Column> columns;
  for (const json& value : json::parse(text)) {
    Column column;
    column.name = text_of(value.at("name"));
    column.attnum = value.at("attnum").get<std::int16_t>();
    column.type_oid = value.at("type_oid").get<std::uint32_t>();
    column.type = text_of(value.at("type"));
    column.not_null = value.at("not_null").get<bool>();
    column.generated = value.at("generated").get<bool>();
    columns.push_back(std::move(column));
  }
  return columns;
}

std::string key_to_json(const Key& key) {
  json columns = json::array();
  for (const KeyColumn& column : key.columns) {
    columns.push_back(key_column_value(column));
  }
  return json{{"columns", std::move(columns)},
              {"index", text_value(key.index)},
              {"primary", key.primary},
              {"unique", key.unique}}
      .dump();
}

Key key_from_json(std::string_view text) {
  const json value = json::parse(text);
  Key key;
  for (const json& column : value.at("columns")) {
    key.columns.push_back(key_column_of(column));
  }
  key.index = text_of(value.at("index"));
  key.primary = value.at("primary").get<bool>();
  key.unique = value.at("unique").get<bool>();
  return key;
}

}  // namespace pgstride::checkpoint
