// Loading without triggers. Uses the given connection on the calling thread.
#pragma once

#include "pg/connection.hpp"

namespace pgstride::target {

/// From now on this session fires neither the users' triggers nor those that check foreign keys
/// (`session_replication_role = replica`; triggers that are ENABLE ALWAYS or REPLICA do fire).
/// Throws Error (usage) without the privilege, before anything was changed.
void disable_triggers(pg::Connection& connection);

}  // namespace pgstride::target
