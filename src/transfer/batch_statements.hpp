// The statements that bring one batch into a table, in the transaction that is open. Belongs to its
// worker's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/chunk.hpp"
#include "transfer/load_way.hpp"

namespace pgstride::transfer {

/// A row whose key the target has.
struct ConflictingRow {
  std::string csv;         ///< with its line end
  std::size_t number = 0;  ///< in its batch, from 0
};

/// What became of a batch.
struct BatchOutcome {
  LoadCounts counts;                      ///< but for what is rejected
  std::vector<ConflictingRow> conflicts;  ///< (skip)
};

class BatchStatements {
 public:
  /// Both outlive it.
  BatchStatements(pg::Connection& connection, const LoadWay& way);

  /// Before the first batch of a transaction.
  void prepare();

  /// Before each batch, and outside of what may be taken back with it: empties the temporary table.
  void ready();

  /// Loads the rows as if none were in conflict; `rows` are in `bytes`. None if some are, and what
  /// became of them must be looked at: the caller takes it back and calls run_carefully(). Throws
  /// Error as the server does.
  std::optional<BatchOutcome> run(std::string_view bytes, std::int64_t rows);
  /// The same with a look at the keys: of two rows with one key the later stays, and rows whose key
  /// the target has are told.
  BatchOutcome run_carefully(std::string_view bytes, std::int64_t rows);

  /// Each row, taken apart.
  void each_row(std::string_view bytes, const format::RowSink& sink) const;

 private:
  void copy(const std::string& sql, std::string_view bytes, std::int64_t rows);
  void fill_stage(std::string_view bytes, std::int64_t rows);
  LoadCounts insert(std::string_view bytes);
  LoadCounts write(const std::string& insert);
  [[nodiscard]] std::vector<ConflictingRow> take_conflicts(std::int64_t first_row);

  pg::Connection& m_connection;
  const LoadWay& m_way;
  bool m_staged = false;  ///< the temporary table may have rows of the batch before
};

}  // namespace pgstride::transfer
