// What a change stream says about which chunks have changed (correctness.md, 3.3): of each change
// the chunk keys that it touches, before and after, judged by the Relation message that it came
// with, never by the catalog. Belongs to one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "handoff/pgoutput.hpp"
#include "pgstride/chunk.hpp"
#include "pgstride/lsn.hpp"

namespace pgstride::handoff {

/// Told of what has changed, in the order of commits.
class ChangeSink {
 public:
  virtual ~ChangeSink() = default;
  /// What follows was committed there.
  virtual void transaction(Lsn commit_lsn) = 0;
  /// A row of that chunk key came, went or changed.
  virtual void key_changed(std::uint32_t relation, KeyValue key) = 0;
  /// The same of a row of which some column of the chunk key is NULL.
  virtual void null_key_changed(std::uint32_t relation) = 0;
  /// Something changed, and which chunk can't be told.
  virtual void table_changed(std::uint32_t relation, const std::string& why) = 0;
};

/// By oid: the columns along which a table is cut; none where chunks don't tell rows by a key.
using WatchedTables = std::unordered_map<std::uint32_t, std::vector<std::string>>;

class ChangeReader {
 public:
  ChangeReader(WatchedTables tables, ChangeSink& sink);

  /// Takes the next message of the stream. False, and nothing taken, if it begins a transaction
  /// that committed at `end` or behind it. Throws Error (server) for what is no such message.
  bool take(std::string_view message, Lsn end);

 private:
  struct Relation {
    const std::vector<std::string>* key = nullptr;  ///< of the watched table; null: not watched
    std::vector<std::optional<std::size_t>> at;     ///< of each key column, its place in a row
    std::size_t columns = 0;
    bool key_in_identity = false;
    bool full_identity = false;
  };
  enum class Known { yes, is_null, no };

  void learn(const StreamRelation& told);
  const Relation* watched(std::uint32_t relation);
  static void check(const Relation& known, const StreamRow& row);
  static Known key_of(const Relation& known, const StreamRow& row, const StreamRow* before,
                      KeyValue& key);
  void touch(std::uint32_t oid, const Relation& known, const StreamRow& row,
             const StreamRow* before);
  void old_row(std::uint32_t oid, const Relation& known, OldRow old, const StreamRow& row);
  void apply(const StreamInsert& change);
  void apply(const StreamUpdate& change);
  void apply(const StreamDelete& change);
  void apply(const StreamTruncate& change);

  WatchedTables m_tables;
  ChangeSink& m_sink;
  std::unordered_map<std::uint32_t, Relation> m_relations;
};

}  // namespace pgstride::handoff
