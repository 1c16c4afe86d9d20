// What a job has loaded into a target, so that each chunk is there once whatever dies when
// (correctness.md, 5): one book for each target, kept in a ledger there or in the checkpoint by
// marks of the commits. A book belongs to the job's thread; each worker loads through a gate of its
// own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/chunk.hpp"
#include "pgstride/lsn.hpp"
#include "target/table_name.hpp"

namespace pgstride::target {

/// Told who is waited for: sessions of an earlier run that still load.
using WaitingForZombies = std::function<void(const std::string& message, const std::string& hint)>;

/// How a table stood before the job's first row came.
enum class TableBase {
  created,    ///< the job made it
  truncated,  ///< the job emptied it
  empty,      ///< it held nothing
  held_rows   ///< of somebody else: what the job has loaded can't be taken out by itself
};
/// As it is stored; a word that is none means `held_rows`.
std::string base_word(TableBase base);
TableBase base_of(std::string_view word);

/// Opens a transaction that is booked. One that a crash of the target could take back after its
/// commit must not be.
inline constexpr const char* k_begin_loading =
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = 'on'";

/// A table of the job on a target. Leaves of one parent load into one table.
struct BookedTable {
  std::string key;              ///< the source's name, quoted and qualified: stays through --map
  TableName name;               ///< on the target
  std::int64_t generation = 0;  ///< of what the checkpoint holds done (TableRecord::generation)
  TableBase base = TableBase::held_rows;  ///< as found now; used where the book has none
  std::uint32_t oid = 0;                  ///< as found now; 0: it is not there
};

/// A chunk that is in.
struct BookedChunk {
  std::int64_t chunk_id = 0;
  LoadCounts counts;
  Lsn valid_lsn;
};

/// Where the rows of loaded chunks are: one range of a key, of several chunks if its only value is
/// cut by pages.
struct LoadedRange {
  std::vector<std::int64_t> chunk_ids;
  std::int64_t rows = 0;  ///< as the book says
  std::string condition;  ///< over the table's columns; empty: all rows
};

/// The chunk that a loading transaction is about.
struct ChunkEntry {
  std::int64_t chunk_id = 0;
  std::string table_key;
  Lsn valid_lsn;
};

/// By key of a table: why something can't be done with it.
using RefusedTables = std::map<std::string, std::string>;

/// Runs something on the job's thread, in one durable step of the checkpoint, and waits for its
/// end. False if the job ends before: it was not run then.
using OnJobThread = std::function<bool(std::function<void()> run)>;

/// What a gate may use. Valid as long as its worker.
struct GateTools {
  std::function<pg::Connection()> connect;  ///< another session of the target
  OnJobThread on_job_thread;
};

/// How one worker loads chunks into a target. Belongs to its thread.
class ChunkGate {
 public:
  virtual ~ChunkGate() = default;

  /// Opens a loading transaction. False, and no transaction, if the chunk is in already: `counts`
  /// is set then. Waits for an earlier transaction of the chunk that is in doubt. Throws Error:
  /// checkpoint where another process has taken the job over or the book is gone; in_doubt where
  /// nobody can tell.
  virtual bool begin(pg::Connection& connection, const ChunkEntry& entry, LoadCounts& counts) = 0;

  /// The last statements of a loading transaction. After an error of the connection the outcome is
  /// in doubt; begin() settles it.
  virtual void commit(pg::Connection& connection, const ChunkEntry& entry,
                      const LoadCounts& counts) = 0;
};

/// Each call on a connection is a transaction of its own.
class LoadBook {
 public:
  virtual ~LoadBook() = default;

  /// Before each transfer: enters the job, or takes it up again; then no transaction of an earlier
  /// run is left, or will come through unseen. Waits for them, telling who they are. Throws Error:
  /// checkpoint if `must_exist` and the job is not in the book; server (no privilege).
  virtual void enter(pg::Connection& connection, bool must_exist,
                     const WaitingForZombies& waiting) = 0;

  /// After enter(): tables of which nobody can tell what is loaded, and why.
  [[nodiscard]] virtual RefusedTables untold() const = 0;

  /// Generation, base and oid of each table in the book; none before enter().
  virtual std::vector<BookedTable> tables(pg::Connection& connection) = 0;
  /// The job's chunks in order of id.
  virtual std::vector<BookedChunk> chunks(pg::Connection& connection) = 0;

  /// Before a table's first chunk, and before what was given up is loaded again: enters tables that
  /// the book does not know, emptying them if `truncate`; and empties those it knows under an older
  /// generation, forgetting their chunks. Those that can't be emptied for it stay as they are, and
  /// are returned: they held rows before, are referred to by foreign keys, or may not be truncated,
  /// or hold rows besides those of the job. Throws Error as the server does; checkpoint if fenced,
  /// or as check_tables().
  virtual RefusedTables start_tables(pg::Connection& connection,
                                     const std::vector<BookedTable>& tables, bool truncate) = 0;

  /// Deletes the rows of ranges of a table and forgets their chunks, in one transaction. Gives why
  /// it could not, with nothing changed, or nothing: a range holds other rows than the chunks', a
  /// foreign key or the server refuses, or this kind of book can't. Throws Error: connection,
  /// stopped; checkpoint if fenced.
  virtual std::string unload(pg::Connection& connection, const TableName& table,
                             const std::vector<LoadedRange>& ranges);

  /// Throws Error: checkpoint where another process has taken the job over, or the book is gone;
  /// connection where the server is not what it was, so that enter() is needed anew.
  virtual void check(pg::Connection& connection) = 0;

  /// In the step that records it: the commit of a chunk was heard of.
  virtual void chunk_done(std::int64_t chunk_id) = 0;

  /// True if the job is in the book.
  virtual bool knows_job(pg::Connection& connection) = 0;

  /// Throws Error (usage) where the job has loaded into a table that held rows before.
  virtual void check_discard(pg::Connection& connection,
                             const std::map<std::string, TableName>& names) = 0;
  /// Takes out of the target all that an unfinished job has loaded, and forgets the job. `names`
  /// are the tables by key. Throws Error as check_discard() does, with nothing changed.
  virtual void discard(pg::Connection& connection,
                       const std::map<std::string, TableName>& names) = 0;
  /// Forgets the job. May be done again. True if something of it was in the target.
  virtual bool forget(pg::Connection& connection) = 0;

  /// Called by a worker, for itself.
  virtual std::unique_ptr<ChunkGate> gate(GateTools tools) = 0;
};

/// Throws Error (checkpoint) where a table that the book knows was dropped and made again: what the
/// job had loaded into it is gone.
void check_tables(const std::vector<BookedTable>& known, const std::vector<BookedTable>& tables);

/// The decisions of LoadBook::start_tables(), for its implementations.
class TableStarter {
 public:
  virtual ~TableStarter() = default;
  /// A table that the book does not know.
  virtual void enter(const BookedTable& table) = 0;
  /// True if something of it is in.
  virtual bool has_loaded(const BookedTable& table) = 0;
  /// Nothing of it is in: it only gets its new generation.
  virtual void raise(const BookedTable& table) = 0;
  /// Gives why it can't, or nothing.
  virtual std::string empty_again(const BookedTable& table) = 0;
};
RefusedTables start_each(TableStarter& starter, const std::vector<BookedTable>& known,
                         const std::vector<BookedTable>& tables);

}  // namespace pgstride::target
