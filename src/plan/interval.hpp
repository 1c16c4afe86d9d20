// Cutting a time key on calendar boundaries, in UTC. Uses its connection on the calling thread.
#pragma once

#include <functional>
#include <string>

#include "pg/connection.hpp"
#include "plan/cutter.hpp"

namespace pgstride::plan {

/// True for date, timestamp and timestamptz.
bool is_time_type(const std::string& type);

/// An interval as the server reads it: so many months, or so many microseconds.
struct Interval {
  std::int64_t months = 0;
  std::int64_t microseconds = 0;
};

/// Throws Error (usage): not an interval, not above zero, months mixed with days, or parts of a day
/// for a date.
Interval read_interval(pg::Connection& connection, const Table& table, const std::string& text);

/// A calendar interval that has rows.
struct Period {
  std::string start;  ///< a value of the key's type
  std::int64_t rows = 0;
};

/// The periods that have rows, ascending. Months are counted from January of year 1, weeks from
/// Monday, other lengths from 1970-01-01 00:00 UTC. One scan, of the index alone where it can be.
void for_each_period(pg::Connection& connection, const Table& table, const Interval& interval,
                     const std::function<void(const Period&)>& sink);

}  // namespace pgstride::plan
