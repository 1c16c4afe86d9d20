// Sequences behind the columns of tables: read on a source, set on a target. Functions use the
// given connection on the calling thread; the structs are values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "target/column_match.hpp"
#include "target/table_name.hpp"

namespace pgstride::target {

/// Where a sequence stands that a column owns (serial, identity) or takes its default from.
struct SequenceValue {
  TableName table;
  std::string column;
  TableName sequence;
  std::int64_t last_value = 0;
  bool is_called = false;  ///< false: last_value is yet to be given out
};

/// The sequences of these tables, in a few statements for any number of them. They don't belong to
/// a snapshot: read after the rows, they cover all of them. Throws Error (usage) naming those that
/// may not be read.
std::vector<SequenceValue> read_sequences(pg::Connection& connection,
                                          const std::vector<TableName>& tables);

/// The same by the rows that the tables have: the largest value of the column (the smallest where
/// the sequence descends), for loads without a source server. Columns without rows are left out.
std::vector<SequenceValue> read_sequences_by_rows(pg::Connection& connection,
                                                  const std::vector<TableName>& tables);

/// Sets the sequences behind the same columns of the target's tables (`SequenceValue::table` and
/// `column`), never backwards; again it changes nothing. Returns a warning for each that could not
/// be set. Throws Error where the connection broke or a stop was asked for.
std::vector<Difference> advance_sequences(pg::Connection& connection,
                                          const std::vector<SequenceValue>& values);

}  // namespace pgstride::target
