// How tables stand in a publication, so that it can be told later whether anybody has touched that:
// of a table that was taken out and added again, changes are missing from the stream. Uses the
// given connection on the calling thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "pg/connection.hpp"

namespace pgstride::handoff {

/// By relation oid, of the tables that a publication lists by name: a text that another publication
/// of that name, another entry of the table, and other settings of either don't have. Call it
/// outside a transaction.
std::map<std::uint32_t, std::string> publication_memberships(pg::Connection& connection,
                                                             const std::string& publication);

}  // namespace pgstride::handoff
