#include "format/value_kind.hpp"

#include <algorithm>
#include <array>

namespace pgstride::format {

namespace {

struct Known {
  std::string_view output;
  std::string_view send;
  ValueKind kind;
};

// PostgreSQL's src/include/catalog/pg_type.dat and pg_proc.dat; contrib's citext and isn share
// some.
constexpr std::array<Known, 33> k_known{{
    {"boolout", "boolsend", ValueKind::boolean},
    {"int2out", "int2send", ValueKind::int2},
    {"int4out", "int4send", ValueKind::int4},
    {"int8out", "int8send", ValueKind::int8},
    {"oidout", "oidsend", ValueKind::oid},
    {"xidout", "xidsend", ValueKind::oid},
    {"cidout", "cidsend", ValueKind::oid},
    {"xid8out", "xid8send", ValueKind::xid8},
    {"float4out", "float4send", ValueKind::float4},
    {"float8out", "float8send", ValueKind::float8},
    {"numeric_out", "numeric_send", ValueKind::numeric},
    {"textout", "textsend", ValueKind::text},
    {"varcharout", "varcharsend", ValueKind::text},
    {"bpcharout", "bpcharsend", ValueKind::text},
    {"nameout", "namesend", ValueKind::text},
    {"json_out", "json_send", ValueKind::text},
    {"xml_out", "xml_send", ValueKind::text},
    {"enum_out", "enum_send", ValueKind::text},
    {"jsonb_out", "jsonb_send", ValueKind::jsonb},
    {"byteaout", "byteasend", ValueKind::bytea},
    {"uuid_out", "uuid_send", ValueKind::uuid},
    {"date_out", "date_send", ValueKind::date},
    {"time_out", "time_send", ValueKind::time},
    {"timetz_out", "timetz_send", ValueKind::timetz},
    {"timestamp_out", "timestamp_send", ValueKind::timestamp},
    {"timestamptz_out", "timestamptz_send", ValueKind::timestamptz},
    {"interval_out", "interval_send", ValueKind::interval},
    {"inet_out", "inet_send", ValueKind::inet},
    {"cidr_out", "cidr_send", ValueKind::cidr},
    {"macaddr_out", "macaddr_send", ValueKind::macaddr},
    {"macaddr8_out", "macaddr8_send", ValueKind::macaddr8},
    {"bit_out", "bit_send", ValueKind::bit},
    {"varbit_out", "varbit_send", ValueKind::bit},
}};

constexpr int k_infinite_intervals = 170000;

}  // namespace

std::optional<ValueKind> value_kind(std::string_view output, std::string_view send,
                                    int server_version) {
  const auto* found = std::find_if(k_known.begin(), k_known.end(), [&](const Known& known) {
    return known.output == output && known.send == send;
  });
  if (found == k_known.end()) {
    return std::nullopt;
  }
  if (found->kind == ValueKind::interval && server_version < k_infinite_intervals) {
    return ValueKind::finite_interval;
  }
  return found->kind;
}

}  // namespace pgstride::format
