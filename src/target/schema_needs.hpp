// What the catalog of a source says of tables that are to be made elsewhere, beyond what pg_dump
// writes into its archive: there a table that is left out is not named, nor what a key needs.
// Functions use the given connection on the calling thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pg/connection.hpp"

namespace pgstride::target {

/// OIDs of a catalog and of an object in it, in the source.
using ObjectId = std::pair<std::uint32_t, std::uint32_t>;

struct SchemaNeeds {
  std::set<std::uint32_t> members;  ///< the tables with the partitioned tables above them
  std::set<ObjectId> of_keys;       ///< functions, operator classes, extensions that keys need
  std::map<ObjectId, std::string> left_out;         ///< what can't be made, and why
  std::map<ObjectId, std::set<std::string>> roles;  ///< of policies: roles that they name
};

/// These tables and all tables and views that they can't be made without: parents, those whose row
/// type a column, default or check has.
std::vector<std::uint32_t> needed_relations(pg::Connection& source,
                                            const std::vector<std::uint32_t>& tables);

/// What keys, triggers, policies and the like of these tables need.
SchemaNeeds read_schema_needs(pg::Connection& source, const std::vector<std::uint32_t>& tables);

}  // namespace pgstride::target
