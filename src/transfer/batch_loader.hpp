// Loads the batches of one chunk into one target, in the chunk's transaction: each batch behind a
// savepoint, smaller where the server can't take so many rows at once, and down to the single row
// where bad ones are to be rejected. Belongs to its worker's thread.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "pg/connection.hpp"
#include "transfer/batch_size.hpp"
#include "transfer/batch_statements.hpp"
#include "transfer/reject_part.hpp"
#include "transfer/row_batch.hpp"

namespace pgstride::transfer {

/// A row that was refused by itself: SQLSTATE class 22 (its values) or 23 (a constraint), and
/// 54000, a value too large for its index.
bool is_data_error(const Error& error);

/// What the batches of a chunk work with; all outlive the loader.
struct BatchTools {
  pg::Connection& connection;
  const LoadWay& way;
  BatchSize& size;
  RejectPart* rejects = nullptr;  ///< none: rows in conflict do not come
  bool isolate = false;           ///< bad rows go there too, else the first ends the chunk
  bool timed = false;             ///< the session has a statement_timeout
  bool awaits_parents = false;    ///< what a foreign key refuses is no bad row: it ends the chunk
};

class BatchLoader {
 public:
  /// In a transaction.
  explicit BatchLoader(const BatchTools& tools);

  /// Throws Error as the server does, where it is not to be got round.
  void load(const RowBatch& batch);
  /// So far, rejected rows too.
  [[nodiscard]] const LoadCounts& counts() const { return m_counts; }

 private:
  struct Range {
    std::size_t begin;
    std::size_t end;
    [[nodiscard]] std::size_t rows() const { return end - begin; }
  };

  void load(const RowBatch& batch, Range range);
  std::optional<Error> attempt(const RowBatch& batch, Range range);
  BatchOutcome run(const RowBatch& batch, Range range);
  void add(const BatchOutcome& outcome, const RowBatch& batch, Range range);
  void get_round(const RowBatch& batch, Range range, const Error& error, std::vector<Range>& todo);
  void reject(const RowBatch& batch, std::size_t row, const Error& error);
  [[nodiscard]] bool takes_too_much(const Error& error) const;
  [[nodiscard]] bool may_reject(const Error& error) const;

  BatchTools m_tools;
  BatchStatements m_statements;
  bool m_careful = false;  ///< this chunk has rows in conflict: each batch is looked at at once
  LoadCounts m_counts;
};

}  // namespace pgstride::transfer
