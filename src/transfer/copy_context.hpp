// What the context of an error of a COPY says: `COPY orders, line 3, column amount: "x"`, by itself
// or behind what was called from it. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>

namespace pgstride::transfer {

/// The number of the line as the server counts, from 1; 0 without one.
std::int64_t context_line(const std::string& context);

/// The same context with another number, if it has one.
std::string with_context_line(const std::string& context, std::int64_t line);

/// The column of a value that can't be read; else empty.
std::string context_column(const std::string& context);

}  // namespace pgstride::transfer
