// Key values as whole numbers, for the types whose order is that of numbers, so that a bound can be
// put between two known values. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pgstride::plan {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;

/// int2, int4, int8, oid: themselves; date: days, timestamp and timestamptz: microseconds, since
/// 1970-01-01 UTC; uuid: its 128 bits, shifted to be ordered as a signed number. `type` is a
/// KeyColumn's. None for other types and for infinite times.
std::optional<Int128> position_of(const std::string& type, const std::string& value);

/// The value at a position, as the server would print it. The position must lie between two that
/// position_of() gave for the type.
std::string value_at(const std::string& type, Int128 position);

/// True if position_of() knows the type.
bool has_positions(const std::string& type);

/// `low` + (high − low) × fraction, without overflow for any two positions; 0 ≤ fraction ≤ 1.
Int128 between(Int128 low, Int128 high, double fraction);

}  // namespace pgstride::plan
