// Whether the rows of a table may go from server to server in COPY's binary format
// (correctness.md, 9). Pure; any thread.
#pragma once

#include <string>

#include "pgstride/options.hpp"
#include "target/column_match.hpp"

namespace pgstride::target {

struct WireFormat {
  Format format = Format::binary;  ///< binary or text
  std::string reason;              ///< of text: which column and type; else empty
};

/// Binary if every column has the same type on both sides and that type means the same bytes on
/// every server. Versions as PQserverVersion: 150018.
WireFormat choose_wire_format(const MatchedColumns& matched, const Types& source_types,
                              int source_version, const Types& target_types, int target_version);

/// Of rows in binary files: the first column whose values another server would take for others
/// without an error, with its type; empty if there is none. What a server refuses by itself, as an
/// array of a type that has another OID there, is left to it.
std::string changed_meaning(const MatchedColumns& matched, const Types& source_types,
                            int source_version, int target_version);

}  // namespace pgstride::target
