// Messages of the logical decoding plugin pgoutput, protocol version 1 (PostgreSQL documentation,
// 55.9): what one CopyData payload says. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pgstride/lsn.hpp"

namespace pgstride::handoff {

/// A column of a row in the stream. Texts lie in the message that was decoded.
struct StreamValue {
  enum class Kind : char { null = 'n', unchanged = 'u', text = 't', binary = 'b' };
  Kind kind = Kind::null;
  std::string_view text;  ///< of kinds text and binary
};
/// As many columns as the relation's last Relation message told.
using StreamRow = std::vector<StreamValue>;

struct StreamBegin {
  Lsn commit_lsn;  ///< where the transaction's commit record begins
  std::uint32_t xid = 0;
};
struct StreamCommit {
  Lsn commit_lsn;
  Lsn end_lsn;
};
struct StreamColumn {
  std::string name;
  bool in_identity = false;  ///< old rows that come as `key` have it; under FULL all have
};
/// Comes before the first change of a relation, and again once it may have changed.
struct StreamRelation {
  std::uint32_t oid = 0;
  std::string schema;  ///< empty: pg_catalog
  std::string name;
  char replica_identity = 'd';  ///< pg_class.relreplident
  std::vector<StreamColumn> columns;
};
/// What an update or delete tells of the row as it was.
enum class OldRow : char {
  none = 0,
  key = 'K',  ///< the identity's columns, the others are null
  full = 'O'  ///< all columns (REPLICA IDENTITY FULL)
};
struct StreamInsert {
  std::uint32_t relation = 0;
  StreamRow new_row;
};
struct StreamUpdate {
  std::uint32_t relation = 0;
  OldRow old = OldRow::none;
  StreamRow old_row;
  StreamRow new_row;
};
struct StreamDelete {
  std::uint32_t relation = 0;
  OldRow old = OldRow::key;
  StreamRow old_row;
};
struct StreamTruncate {
  std::vector<std::uint32_t> relations;
};
/// Origin, Type, Message: read to its end, and of no concern here.
struct StreamOther {
  char type = 0;
};

using StreamMessage = std::variant<StreamBegin, StreamCommit, StreamRelation, StreamInsert,
                                   StreamUpdate, StreamDelete, StreamTruncate, StreamOther>;

/// Throws Error (server) for anything that is not one whole message of that protocol. Reads nothing
/// outside of `message`, and takes no more memory than a small multiple of its size.
StreamMessage decode_pgoutput(std::string_view message);

}  // namespace pgstride::handoff
