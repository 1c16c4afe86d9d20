// How the rows of a foreign file are told apart, as the user's options say. Pure; any thread.
#pragma once

#include <string>

#include "format/row_cutter.hpp"
#include "pgstride/options.hpp"

namespace pgstride::job {

/// Throws Error (usage) for options that contradict each other, or that COPY would not take.
format::RowDialect row_dialect(const InputOptions& input, Format format);

/// True if in it no byte of a longer character looks like a quote, a backslash or a line end
/// (PostgreSQL documentation, Character Set Support: those that may be a server's).
bool is_server_encoding(const std::string& encoding);

}  // namespace pgstride::job
