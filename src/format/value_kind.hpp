// The types whose values are formatted here from COPY's binary form, and how they are recognised.
// Values and pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pgstride::format {

enum class ValueKind : std::uint8_t {
  boolean,
  int2,
  int4,
  int8,
  oid,  ///< and xid, cid
  xid8,
  float4,
  float8,
  numeric,
  text,  ///< all whose send function sends the text: text, char(n), name, json, xml, enums, …
  jsonb,
  bytea,
  uuid,
  date,
  time,
  timetz,
  timestamp,
  timestamptz,
  interval,
  finite_interval,  ///< before PostgreSQL 17, which gave three extremes the meaning of infinity
  inet,
  cidr,
  macaddr,
  macaddr8,
  bit
};

/// A column's type: one of the kinds, or an array of it.
struct ColumnKind {
  ValueKind value = ValueKind::text;
  bool array = false;
  bool operator==(const ColumnKind&) const = default;
};

/// The kind of a type by the C functions that print and send it (pg_proc.prosrc of typoutput and
/// typsend, both of LANGUAGE internal): the pair determines every byte, so a domain, an enum or
/// citext is recognised by it, and a type that only has a known name is not. None: not formatted
/// here. `server_version` as PQserverVersion gives it.
std::optional<ValueKind> value_kind(std::string_view output, std::string_view send,
                                    int server_version);

}  // namespace pgstride::format
