#include "handoff/pgoutput.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/big_endian.hpp"
#include "pgstride/error.hpp"

namespace pgstride::handoff {

namespace {

/// The bytes of one message, each length looked at before what it says is read.
class Reader {
 public:
  explicit Reader(std::string_view message) : m_message(message), m_rest(message) {}

  template <typename Number> Number number() {
    const auto* data = take(sizeof(Number)).data();
    return big_endian<Number>(data);
  }
  char byte() { return take(1).front(); }
  Lsn lsn() { return {number<std::uint64_t>()}; }

  std::string_view take(std::size_t size) {
    if (size > m_rest.size()) {
      fail("ends early");
    }
    const auto bytes = m_rest.substr(0, size);
    m_rest.remove_prefix(size);
    return bytes;
  }

  std::string_view text() {  // ends with a zero byte
    const auto end = m_rest.find('\0');
    if (end == std::string_view::npos) {
      fail("ends within a name");
    }
    const auto bytes = take(end);
    take(1);
    return bytes;
  }

  // Of things that take at least `size` bytes each: a count that lies must not allocate.
  std::size_t count(std::uint32_t told, std::size_t size) const {
    if (told > m_rest.size() / size) {
      fail(fmt::format("tells of {} parts that it has no bytes for", told));
    }
    return told;
  }

  void end() const {
    if (!m_rest.empty()) {
      fail(fmt::format("has {} bytes behind its end", m_rest.size()));
    }
  }

  [[noreturn]] void fail(const std::string& what) const {
    const int type = m_message.empty() ? 0 : static_cast<unsigned char>(m_message.front());
    throw Error(ErrorKind::server,
                fmt::format("the change stream can't be read: a message of type {:#04x} and {} "
                            "bytes {}",
                            type, m_message.size(), what),
                "is there anything between pgstride and the server that changes what is sent?");
  }

 private:
  std::string_view m_message;
  std::string_view m_rest;
};

StreamRow read_row(Reader& in) {
  constexpr std::size_t k_smallest_column = 1;  // its kind
  const auto columns = in.count(in.number<std::uint16_t>(), k_smallest_column);
  StreamRow row(columns);
  for (auto& value : row) {
    const char kind = in.byte();
    switch (kind) {
    case 'n':
    case 'u':
      break;
    case 't':
    case 'b':
      value.text = in.take(in.number<std::uint32_t>());
      break;
    default:
      in.fail("has a column of an unknown kind");
    }
    value.kind = static_cast<StreamValue::Kind>(kind);
  }
  return row;
}

// The row as it was, if the byte before it says that it comes.
OldRow read_old(Reader& in, char next, StreamRow& row) {
  if (next != 'K' && next != 'O') {
    return OldRow::none;
  }
  const auto old = static_cast<OldRow>(next);
  row = read_row(in);
  return old;
}

StreamRelation read_relation(Reader& in) {
  StreamRelation relation;
  relation.oid = in.number<std::uint32_t>();
  relation.schema = in.text();
  relation.name = in.text();
  relation.replica_identity = in.byte();
  constexpr std::size_t k_smallest_column = 10;  // flags, an empty name, type, modifier
  relation.columns.resize(in.count(in.number<std::uint16_t>(), k_smallest_column));
  for (auto& column : relation.columns) {
    column.in_identity = (in.byte() & 1) != 0;
    column.name = in.text();
    in.take(8);
  }
  return relation;
}

StreamInsert read_insert(Reader& in) {
  StreamInsert insert;
  insert.relation = in.number<std::uint32_t>();
  if (in.byte() != 'N') {
    in.fail("has no new row");
  }
  insert.new_row = read_row(in);
  return insert;
}

StreamUpdate read_update(Reader& in) {
  StreamUpdate update;
  update.relation = in.number<std::uint32_t>();
  char next = in.byte();
  update.old = read_old(in, next, update.old_row);
  if (update.old != OldRow::none) {
    next = in.byte();
  }
  if (next != 'N') {
    in.fail("has no new row");
  }
  update.new_row = read_row(in);
  return update;
}

StreamDelete read_delete(Reader& in) {
  StreamDelete removed;
  removed.relation = in.number<std::uint32_t>();
  removed.old = read_old(in, in.byte(), removed.old_row);
  if (removed.old == OldRow::none) {
    in.fail("has no old row");
  }
  return removed;
}

StreamTruncate read_truncate(Reader& in) {
  StreamTruncate truncate;
  const auto told = in.number<std::uint32_t>();
  in.byte();  // CASCADE, RESTART IDENTITY: the relations are all named
  truncate.relations.resize(in.count(told, sizeof(std::uint32_t)));
  for (auto& relation : truncate.relations) {
    relation = in.number<std::uint32_t>();
  }
  return truncate;
}

void skip(Reader& in, char type) {
  if (type == 'O') {
    in.lsn();
    in.text();
  } else if (type == 'Y') {
    in.number<std::uint32_t>();
    in.text();
    in.text();
  } else {  // M
    in.byte();
    in.lsn();
    in.text();
    in.take(in.number<std::uint32_t>());
  }
}

StreamMessage read_message(Reader& in) {
  switch (const char type = in.byte(); type) {
  case 'B': {
    StreamBegin begin;
    begin.commit_lsn = in.lsn();
    in.number<std::uint64_t>();  // time
    begin.xid = in.number<std::uint32_t>();
    return begin;
  }
  case 'C': {
    in.byte();  // flags
    StreamCommit commit;
    commit.commit_lsn = in.lsn();
    commit.end_lsn = in.lsn();
    in.number<std::uint64_t>();  // time
    return commit;
  }
  case 'R':
    return read_relation(in);
  case 'I':
    return read_insert(in);
  case 'U':
    return read_update(in);
  case 'D':
    return read_delete(in);
  case 'T':
    return read_truncate(in);
  case 'O':
  case 'Y':
  case 'M':
    skip(in, type);
    return StreamOther{type};
  default:
    in.fail("is none of protocol version 1");
  }
}

}  // namespace

StreamMessage decode_pgoutput(std::string_view message) {
  Reader in(message);
  auto decoded = read_message(in);
  in.end();
  return decoded;
}

}  // namespace pgstride::handoff
