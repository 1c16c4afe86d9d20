// Which chunks that are done have changed since they were read (correctness.md, 3): takes what a
// change stream tells, in the order of commits, and asks the source where keys fall. Memory does
// not grow with the number of changes: keys are looked up in batches, and chunks that are dirty
// already are not looked at any more. Uses the job's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint_store.hpp"
#include "handoff/changed_keys.hpp"
#include "pg/connection.hpp"

namespace pgstride::job {

/// A delivery by chunk and target.
struct DirtyDelivery {
  std::int64_t chunk_id = 0;
  std::int64_t target_id = 0;
};

/// What of one table is to be delivered again.
struct DirtyTable {
  std::map<std::int64_t, std::string> whole;  ///< by target, why
  std::vector<DirtyDelivery> chunks;          ///< of other targets
};

class DirtyChunks : public handoff::ChangeSink {
 public:
  /// `tables` are those whose changes are in the stream. Keys are compared on `session`, which must
  /// live as long as this.
  DirtyChunks(checkpoint::CheckpointStore& store,
              const std::vector<const checkpoint::TableRecord*>& tables, pg::Connection& session);

  /// Until where the oldest of what is done holds: where the stream must begin. None if nothing is.
  [[nodiscard]] std::optional<Lsn> oldest() const;
  [[nodiscard]] handoff::WatchedTables watched() const;

  void transaction(Lsn commit_lsn) override;
  void key_changed(std::uint32_t relation, KeyValue key) override;
  void null_key_changed(std::uint32_t relation) override;
  void table_changed(std::uint32_t relation, const std::string& why) override;

  /// After the last change: by table id, what has changed.
  std::map<std::int64_t, DirtyTable> finish();

 private:
  struct Held {  ///< a done delivery
    DirtyDelivery delivery;
    Lsn valid_lsn;
    bool dirty = false;
  };
  struct Range {  ///< deliveries [first, end) of chunks with the same bounds
    std::optional<KeyValue> lower;
    std::optional<KeyValue> upper;
    std::size_t first = 0;
    std::size_t end = 0;
  };
  struct Table {
    std::int64_t id = 0;
    Key key;
    bool by_key = true;
    std::vector<Held> held;
    std::vector<Range> ranges;  ///< ascending
    std::vector<Range> null_keys;
    std::map<std::int64_t, std::string> whole;
    std::unordered_set<std::string> keys;  ///< to be looked up: parts ended by zero bytes
    bool all_dirty = false;                ///< of what counts for the present transaction
  };
  /// The bounds to look keys up among, and the range that begins at each.
  struct Places {
    std::vector<KeyValue> bounds;
    std::vector<const Range*> ranges;  ///< one more than bounds; null: of no concern
  };

  void add(Table& table, const checkpoint::Delivery& delivery);
  Table* table_of(std::uint32_t relation);
  [[nodiscard]] bool counts(const Table& table, const Held& held) const;
  [[nodiscard]] bool is_wanted(const Table& table, const Range& range) const;
  void mark(Table& table, const Range& range);
  [[nodiscard]] Places places_of(const Table& table) const;
  void look_up(Table& table);
  void look_up_all();
  void settle(Table& table);

  pg::Connection& m_session;
  std::unordered_map<std::uint32_t, Table> m_tables;  ///< by oid
  std::set<Lsn> m_valid;  ///< distinct positions of what is held that no transaction has reached
  std::optional<Lsn> m_oldest;
  Lsn m_commit;                 ///< of the present transaction
  std::size_t m_key_bytes = 0;  ///< of keys to be looked up, of all tables
};

}  // namespace pgstride::job
