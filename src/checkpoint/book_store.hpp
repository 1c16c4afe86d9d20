// Of a load without ledgers: what its targets hold, kept in the checkpoint. One writer, the job's
// own thread; within a batch of the store, calls are part of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pgstride/chunk.hpp"
#include "pgstride/lsn.hpp"

namespace pgstride::checkpoint {

/// A table of a target that the job loads.
struct BookTableRecord {
  std::string key;
  std::int64_t generation = 0;
  std::string base;  ///< how it stood before the job's first row
  std::uint32_t oid = 0;
  std::string mark = {};  ///< of the transaction that emptied it; none: the job did not
};

/// A chunk whose commit was sent, or is about to be.
struct BookChunkRecord {
  std::int64_t chunk_id = 0;
  std::string key;  ///< of its table
  Lsn valid_lsn;
  LoadCounts counts;
  std::string mark;   ///< of the transaction
  bool done = false;  ///< it is known to be committed
};

/// Tables that a transaction empties: they are so only if it was committed.
struct BookEmptying {
  std::string mark;
  std::vector<BookTableRecord> tables;  ///< as they are then; each has the mark
};

/// All calls throw Error (ErrorKind::checkpoint; io where the disk is full).
class BookStore {
 public:
  virtual ~BookStore() = default;

  virtual bool has_book(std::int64_t target_id) = 0;
  /// May be done again.
  virtual void make_book(std::int64_t target_id) = 0;
  /// With all that is in it.
  virtual void drop_book(std::int64_t target_id) = 0;

  /// By key.
  virtual std::vector<BookTableRecord> tables(std::int64_t target_id) = 0;
  virtual void put_table(std::int64_t target_id, const BookTableRecord& table) = 0;

  /// In order of id.
  virtual std::vector<BookChunkRecord> chunks(std::int64_t target_id) = 0;
  virtual void put_chunk(std::int64_t target_id, const BookChunkRecord& chunk) = 0;
  virtual void chunk_done(std::int64_t target_id, std::int64_t chunk_id) = 0;
  virtual void drop_chunk(std::int64_t target_id, std::int64_t chunk_id) = 0;

  virtual BookEmptying emptying(std::int64_t target_id) = 0;
  virtual void put_emptying(std::int64_t target_id, const BookEmptying& emptying) = 0;
  /// Its tables are as it says, and without chunks; or nothing came of it.
  virtual void end_emptying(std::int64_t target_id, bool committed) = 0;
};

}  // namespace pgstride::checkpoint
