// The tables of checkpoint.db and their version. Belongs to the thread of the database.
#pragma once

#include "checkpoint/sqlite_db.hpp"

namespace pgstride::checkpoint {

/// Sets what every connection needs (WAL, synchronous=FULL, …).
void configure(Database& db);

/// True if the file holds nothing yet: it was made, and then the process died.
bool is_blank(Database& db);

/// Makes the tables of k_format_version, in one transaction.
void create_schema(Database& db);

/// Brings a checkpoint of an older version that was checked to k_format_version, in one
/// transaction.
void migrate(Database& db);

/// Throws Error (checkpoint) if the file is not a checkpoint, or of a version that can't be read.
void check_version(Database& db);

}  // namespace pgstride::checkpoint
