#include "job/client_format.hpp"

#include <set>

#include <fmt/format.h>

#include "pg/quote.hpp"
#include "pg/text_array.hpp"

namespace pgstride::job {

namespace {

// A domain prints and sends as the type below it does. For arrays the element counts; only `,`
// parts its elements here. Languages: 12 is `internal`, whose prosrc is the name of a C function of
// the server itself (pg_language.dat).
constexpr const char* k_types = R"sql(
  WITH RECURSIVE below (oid, base) AS (
    SELECT t.oid, t.oid FROM pg_type t WHERE t.oid = ANY ($1::oid[])
    UNION ALL
    SELECT b.oid, t.typbasetype FROM below b JOIN pg_type t ON t.oid = b.base WHERE t.typtype = 'd'
  ), internal (oid, symbol) AS NOT MATERIALIZED (
    SELECT p.oid, p.prosrc FROM pg_proc p WHERE p.prolang = 12
  )
  SELECT b.oid, o.symbol, s.symbol, eo.symbol, es.symbol, p.proname
  FROM below b
  JOIN pg_type t ON t.oid = b.base AND t.typtype <> 'd'
  LEFT JOIN internal o ON o.oid = t.typoutput
  LEFT JOIN internal s ON s.oid = t.typsend
  LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typdelim = ','
  LEFT JOIN internal eo ON eo.oid = e.typoutput
  LEFT JOIN internal es ON es.oid = e.typsend
  LEFT JOIN pg_proc p ON p.oid = t.typoutput AND p.pronamespace = 'pg_catalog'::regnamespace
                     AND has_function_privilege(p.oid, 'EXECUTE')
)sql";

std::optional<format::ColumnKind> column_kind(const pg::Result& types, int row, int version) {
  if (types.get(row, 1) == "array_out" && types.get(row, 2) == "array_send") {
    const auto element = format::value_kind(types.get(row, 3), types.get(row, 4), version);
    return element ? std::optional(format::ColumnKind{*element, true}) : std::nullopt;
  }
  const auto kind = format::value_kind(types.get(row, 1), types.get(row, 2), version);
  return kind ? std::optional(format::ColumnKind{*kind, false}) : std::nullopt;
}

// What COPY would have printed. A cast to text prints otherwise for some types; the output function
// itself gives a cstring, which is sent as it is. format() calls an output function that can't be
// called by name, but makes an empty text of NULL.
std::string printed(const std::string& name, const std::string& output) {
  return output.empty() ? fmt::format("CASE WHEN {} IS DISTINCT FROM NULL THEN "
                                      "pg_catalog.format('%s', {}) END",
                                      name, name)
                        : fmt::format("{}({})", output, name);
}

}  // namespace

TypeFormats read_type_formats(pg::Connection& connection, const std::vector<const Table*>& tables) {
  std::set<std::uint32_t> oids;
  for (const auto* table : tables) {
    for (const auto& column : table->columns) {
      oids.insert(column.type_oid);
    }
  }
  const auto result = connection.query(
      k_types, {pg::array_text(std::vector<std::uint32_t>(oids.begin(), oids.end()))});
  TypeFormats types;
  for (int row = 0; row < result.rows(); ++row) {
    TypeFormat type;
    type.kind = column_kind(result, row, connection.server_version());
    if (!result.is_null(row, 5)) {
      type.output = pg::quote_qualified("pg_catalog", result.get(row, 5));
    }
    types.emplace(static_cast<std::uint32_t>(result.int64(row, 0)), std::move(type));
  }
  return types;
}

std::optional<ClientFormat> client_format(const Table& table, const TypeFormats& types) {
  ClientFormat format;
  bool worth_it = false;
  for (const auto& column : table.columns) {
    const auto name = pg::quote_identifier(column.name);
    const auto found = types.find(column.type_oid);
    const auto type = found == types.end() ? TypeFormat{} : found->second;
    worth_it = worth_it || type.kind;
    format.columns.push_back(type.kind.value_or(format::ColumnKind{}));
    format.select_list.push_back(type.kind ? name : printed(name, type.output));
  }
  return worth_it ? std::optional(std::move(format)) : std::nullopt;
}

}  // namespace pgstride::job
