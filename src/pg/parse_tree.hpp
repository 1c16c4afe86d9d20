// How the server reads a statement: its parse tree as text, the only place where it tells which
// functions an expression calls. Uses the given connection on the calling thread.
#pragma once

#include <string>

#include "pg/connection.hpp"

namespace pgstride::pg {

/// The tree of a SELECT as `debug_print_parse` shows it (outfuncs.c), node after node in braces;
/// the statement is run too, so it should give no rows. The server's log gets the tree as well.
/// Empty if the server does not show it. Throws Error (server) if it refuses the statement.
std::string parse_tree(Connection& connection, const std::string& select);

}  // namespace pgstride::pg
