#include "target/binary_safety.hpp"

#include <string_view>

#include <fmt/format.h>

namespace pgstride::target {

namespace {

// Built-in types whose binary form is the same bytes on PostgreSQL 14 to 18 and means the same
// value on another server (each run between 14 and 18 in tests/db/target). Those that name objects
// of their server (oid, regclass, aclitem …) or depend on a locale (money) are not here, nor are
// tsquery and int2vector, whose empty values no server takes back.
constexpr std::string_view k_safe =
    " bit bool box bpchar bytea char cid cidr circle date datemultirange daterange "
    "float4 float8 inet int2 int4 int4multirange int4range int8 "
    "int8multirange int8range interval json jsonb jsonpath line lseg macaddr "
    "macaddr8 name numeric nummultirange numrange path pg_lsn pg_snapshot point "
    "polygon text tid time timestamp timestamptz timetz tsmultirange tsrange "
    "tstzmultirange tstzrange tsvector txid_snapshot uuid varbit varchar xid xid8 "
    "xml ";

bool is_safe(const std::string& name) {
  return k_safe.find(" " + name + " ") != std::string_view::npos;
}

// PostgreSQL 17 made the largest intervals mean infinity; an older server takes the same bytes for
// a finite value, without an error.
bool meaning_differs(const std::string& name, int source_version, int target_version) {
  constexpr int k_infinite_intervals = 170000;
  return name == "interval" &&
         (source_version < k_infinite_intervals) != (target_version < k_infinite_intervals);
}

class Judge {
 public:
  Judge(const Types& source_types, int source_version, const Types& target_types,
        int target_version)
      : m_source_types(source_types), m_source_version(source_version),
        m_target_types(target_types), m_target_version(target_version) {}

  /// Why a column must go as text; empty if it need not.
  [[nodiscard]] std::string objection(const ColumnPair& pair) const {
    const auto* source = base_type(m_source_types, pair.source.type_oid);
    const auto* target = base_type(m_target_types, pair.target.type_oid);
    if (source == nullptr || target == nullptr) {
      return pair.source.type + ", which is not known";
    }
    auto reason = objection(*source);
    if (reason.empty() && source->oid != target->oid) {
      reason =
          fmt::format("{} in the source and {} on the target", pair.source.type, pair.target.type);
    }
    return reason;
  }

 private:
  // Arrays carry the OID of their elements' type, so that must be built in itself.
  [[nodiscard]] std::string objection(const Type& type) const {
    if (!type.built_in()) {
      return fmt::format("{}.{}, which is no built-in type", type.schema, type.name);
    }
    if (meaning_differs(type.name, m_source_version, m_target_version)) {
      return type.name + ", whose binary form is not that of the other server's version";
    }
    if (is_safe(type.name)) {
      return "";
    }
    const auto element = m_source_types.find(type.element);
    if (type.element != 0 && element != m_source_types.end()) {
      return objection(element->second);
    }
    return type.name + ", whose binary form may mean something else on another server";
  }

  const Types& m_source_types;
  int m_source_version;
  const Types& m_target_types;
  int m_target_version;
};

// Numbers of objects of their server, and cents of whatever its lc_monetary says.
constexpr std::string_view k_local =
    " money regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc "
    "regprocedure regrole regtype ";

// The name of a type within it that does not keep its meaning; empty if all do.
std::string local_part(const Types& types, std::uint32_t oid, int source_version,
                       int target_version) {
  const auto found = types.find(oid);
  if (found == types.end()) {
    return "";
  }
  const auto& type = found->second;
  if (type.built_in() && (k_local.find(" " + type.name + " ") != std::string_view::npos ||
                          meaning_differs(type.name, source_version, target_version))) {
    return type.name;
  }
  auto parts = type.fields;
  parts.insert(parts.end(), {type.base, type.element, type.subtype});
  for (const auto part : parts) {
    if (auto name =
            part == 0 ? std::string() : local_part(types, part, source_version, target_version);
        !name.empty()) {
      return name;
    }
  }
  return "";
}

}  // namespace

std::string changed_meaning(const MatchedColumns& matched, const Types& source_types,
                            int source_version, int target_version) {
  for (const auto& pair : matched.columns) {
    const auto part =
        local_part(source_types, pair.source.type_oid, source_version, target_version);
    if (!part.empty()) {
      return fmt::format("column \"{}\" of type {} holds values of {}", pair.source.name,
                         pair.source.type, part);
    }
  }
  return "";
}

WireFormat choose_wire_format(const MatchedColumns& matched, const Types& source_types,
                              int source_version, const Types& target_types, int target_version) {
  const Judge judge(source_types, source_version, target_types, target_version);
  for (const auto& pair : matched.columns) {
    if (const auto objection = judge.objection(pair); !objection.empty()) {
      return {Format::text,
              fmt::format("column \"{}\" is of type {}", pair.source.name, objection)};
    }
  }
  return {};
}

}  // namespace pgstride::target
