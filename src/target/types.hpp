// What the catalog says of types, and of those they are made of. The structs are values.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "pg/connection.hpp"

namespace pgstride::target {

struct Type {
  std::uint32_t oid = 0;
  std::string schema;
  std::string name;
  char kind = 'b';            ///< pg_type.typtype: b base, c composite, d domain, e enum, m, p, r
  char category = 'U';        ///< pg_type.typcategory: N numbers, S strings, D dates, A arrays …
  std::uint32_t base = 0;     ///< of a domain
  std::uint32_t element = 0;  ///< of an array
  std::uint32_t subtype = 0;  ///< of a range or multirange
  std::vector<std::uint32_t> fields;  ///< of a composite
  bool not_null = false;              ///< a domain that refuses NULL
  bool has_default = false;           ///< a domain with a default

  /// Belongs to the server itself, with an OID that is the same on every server (below 10000,
  /// FirstGenbkiObjectId of access/transam.h).
  [[nodiscard]] bool built_in() const { return oid < 10'000 && schema == "pg_catalog"; }
};

/// By OID on the server that they were read from.
using Types = std::unordered_map<std::uint32_t, Type>;

/// The types of these OIDs and, through elements, fields, ranges and domains, all they are made of;
/// one query. Uses the connection on the calling thread.
Types read_types(pg::Connection& connection, const std::vector<std::uint32_t>& oids);

/// The type below all domains; none if it is not there.
const Type* base_type(const Types& types, std::uint32_t oid);

}  // namespace pgstride::target
