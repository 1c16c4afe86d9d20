#include "plan/interval.hpp"

#include <fmt/format.h>

#include "pg/quote.hpp"
#include "plan/bounds_index_skip.hpp"
#include "plan/chunk_sql.hpp"
#include "plan/key_sql.hpp"

namespace pgstride::plan {

namespace {

constexpr std::int64_t k_day_us = 86'400'000'000;

[[noreturn]] void refuse(const Table& table, const std::string& text, const std::string& why) {
  throw Error(ErrorKind::usage,
              fmt::format("--interval of table {}: '{}' {}", table.display_name(), text, why),
              "write for example '1 day', '6 hours', '1 week', '1 month' or '1 year'");
}

// The start of the period that a key is in, as a timestamp without or with time zone. The session's
// time zone is UTC. Infinite times are periods of their own.
std::string period_start(const KeyColumn& column, const Interval& interval) {
  const auto name = pg::quote_identifier(column.name);
  const bool zoned = column.type == "pg_catalog.timestamptz";
  const std::string type = zoned ? "pg_catalog.timestamptz" : "pg_catalog.timestamp";
  const auto time = column.type == "pg_catalog.date" ? name + "::pg_catalog.timestamp" : name;
  if (interval.months == 0) {
    // 1969-12-29 was a Monday.
    const auto* origin = interval.microseconds % (7 * k_day_us) == 0 ? "1969-12-29" : "1970-01-01";
    // Days and seconds apart: PostgreSQL 14 takes no more than 2^31 of a unit.
    const auto us = interval.microseconds % k_day_us;
    return fmt::format(
        "pg_catalog.date_bin('{} days {}.{:06} seconds'::pg_catalog.interval, {}, '{}'::{})",
        interval.microseconds / k_day_us, us / 1'000'000, us % 1'000'000, time, origin, type);
  }
  const auto month = fmt::format("pg_catalog.date_trunc('month', {})", time);
  if (interval.months == 1) {
    return month;
  }
  const auto number = fmt::format("(pg_catalog.date_part('year', {0}) * 12 + "
                                  "pg_catalog.date_part('month', {0}) - 13)::pg_catalog.int4",
                                  time);
  return fmt::format(
      "CASE WHEN pg_catalog.isfinite({0}) THEN {1} - pg_catalog.make_interval(months "
      "=> (({2}) % {3} + {3}) % {3}) ELSE {0} END",
      time, month, number, interval.months);
}

}  // namespace

bool is_time_type(const std::string& type) {
  return type == "pg_catalog.date" || type == "pg_catalog.timestamp" ||
         type == "pg_catalog.\"timestamp\"" || type == "pg_catalog.timestamptz";
}

Interval read_interval(pg::Connection& connection, const Table& table, const std::string& text) {
  Interval interval;
  std::int64_t days = 0;
  try {
    const auto result = connection.query(R"sql(
      SELECT (date_part('year', i) * 12 + date_part('month', i))::int8, date_part('day', i)::int8,
             (date_part('hour', i) * 3600000000 + date_part('minute', i) * 60000000
                + date_part('microseconds', i))::int8
      FROM (SELECT $1::interval AS i) s
    )sql",
                                         {text});
    interval.months = result.int64(0, 0);
    days = result.int64(0, 1);
    interval.microseconds = days * k_day_us + result.int64(0, 2);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::server) {
      throw;
    }
    refuse(table, text, "is not an interval");
  }
  if (interval.months != 0 && interval.microseconds != 0) {
    refuse(table, text, "mixes months with days: no calendar has such boundaries");
  }
  if (interval.months < 0 || interval.microseconds < 0 ||
      interval.months + interval.microseconds == 0) {
    refuse(table, text, "is not above zero");
  }
  if (table.key->columns.front().type == "pg_catalog.date" &&
      interval.microseconds % k_day_us != 0) {
    refuse(table, text, "is not of whole days, and the key is a date");
  }
  return interval;
}

void for_each_period(pg::Connection& connection, const Table& table, const Interval& interval,
                     const std::function<void(const Period&)>& sink) {
  const auto& column = table.key->columns.front();
  const auto sql = fmt::format(
      "SELECT start::{}, count FROM (SELECT {} AS start, pg_catalog.count(*) FROM {}{} GROUP BY 1) "
      "AS periods ORDER BY start",
      column.type, period_start(column, interval), table_reference(table),
      where_clause(and_also(key_not_null(*table.key), where_condition(table))));
  for_each_batch(connection, sql, [&](const pg::Result& result) {
    for (int row = 0; row < result.rows(); ++row) {
      sink({.start = result.text(row, 0), .rows = result.int64(row, 1)});
    }
  });
}

}  // namespace pgstride::plan
