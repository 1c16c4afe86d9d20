// The statement that counts and hashes a chunk's rows on the server, as format::RowHash does with a
// file's rows. Uses the given connection on the calling thread.
#pragma once

#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/chunk.hpp"
#include "pgstride/table.hpp"

namespace pgstride::job {

/// `SELECT count, sum` over the rows of a chunk. `binary`: over the types' send functions, else
/// over their output functions; the hash itself is hashtextextended() under the "C" collation,
/// which hash partitioning rests on, so that it is the same on every version.
std::string hash_query(pg::Connection& connection, const Table& table, const Chunk& chunk,
                       bool binary);

/// `SELECT hash, key` of each row, without an order: the hash as in hash_query(), not binary; the
/// key is the text of the columns named, joined by `, `; without any the row's, cut to 200
/// characters.
std::string row_hashes_query(const Table& table, const Chunk& chunk,
                             const std::vector<std::string>& key);

}  // namespace pgstride::job
