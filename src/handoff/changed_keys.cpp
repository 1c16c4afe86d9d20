#include "handoff/changed_keys.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pgstride/error.hpp"

namespace pgstride::handoff {

namespace {

constexpr const char* k_no_key_split = "a row changed, and its chunks don't tell rows by a key";
constexpr const char* k_unknown_value = "a change does not tell the value of its chunk key";

}  // namespace

ChangeReader::ChangeReader(WatchedTables tables, ChangeSink& sink)
    : m_tables(std::move(tables)), m_sink(sink) {}

bool ChangeReader::take(std::string_view message, Lsn end) {
  const auto decoded = decode_pgoutput(message);
  if (const auto* begin = std::get_if<StreamBegin>(&decoded)) {
    if (begin->commit_lsn >= end) {
      return false;
    }
    m_sink.transaction(begin->commit_lsn);
  } else if (const auto* relation = std::get_if<StreamRelation>(&decoded)) {
    learn(*relation);
  } else if (const auto* insert = std::get_if<StreamInsert>(&decoded)) {
    apply(*insert);
  } else if (const auto* update = std::get_if<StreamUpdate>(&decoded)) {
    apply(*update);
  } else if (const auto* removed = std::get_if<StreamDelete>(&decoded)) {
    apply(*removed);
  } else if (const auto* truncate = std::get_if<StreamTruncate>(&decoded)) {
    apply(*truncate);
  }
  return true;
}

void ChangeReader::learn(const StreamRelation& told) {
  Relation relation;
  if (const auto table = m_tables.find(told.oid); table != m_tables.end()) {
    relation.key = &table->second;
    relation.columns = told.columns.size();
    relation.full_identity = told.replica_identity == 'f';
    relation.key_in_identity = true;
    for (const auto& name : table->second) {
      const auto column =
          std::find_if(told.columns.begin(), told.columns.end(),
                       [&](const StreamColumn& other) { return other.name == name; });
      const bool found = column != told.columns.end();
      relation.at.push_back(
          found ? std::optional(static_cast<std::size_t>(column - told.columns.begin()))
                : std::nullopt);
      relation.key_in_identity = relation.key_in_identity && found && column->in_identity;
    }
  }
  m_relations[told.oid] = std::move(relation);
}

// Null: a table that nobody asked for.
const ChangeReader::Relation* ChangeReader::watched(std::uint32_t relation) {
  const auto known = m_relations.find(relation);
  if (known == m_relations.end()) {
    throw Error(ErrorKind::server,
                fmt::format("the change stream can't be read: a change of relation {} comes before "
                            "its description",
                            relation),
                "");
  }
  return known->second.key == nullptr ? nullptr : &known->second;
}

void ChangeReader::check(const Relation& known, const StreamRow& row) {
  if (row.size() != known.columns) {
    throw Error(ErrorKind::server,
                fmt::format("the change stream can't be read: a row of {} columns of a relation "
                            "that has {}",
                            row.size(), known.columns),
                "");
  }
}

// `before`: the row as it was, where the value of a column that did not change is told.
ChangeReader::Known ChangeReader::key_of(const Relation& known, const StreamRow& row,
                                         const StreamRow* before, KeyValue& key) {
  using Kind = StreamValue::Kind;
  key.clear();
  auto result = Known::yes;
  for (const auto& at : known.at) {
    if (!at) {
      return Known::no;
    }
    const auto* value = &row[*at];
    if (value->kind == Kind::unchanged && before != nullptr) {
      value = &(*before)[*at];
    }
    if (value->kind == Kind::null && value == &row[*at]) {
      result = Known::is_null;
    } else if (value->kind == Kind::text) {
      key.emplace_back(value->text);
    } else {
      return Known::no;
    }
  }
  return result;
}

void ChangeReader::touch(std::uint32_t oid, const Relation& known, const StreamRow& row,
                         const StreamRow* before) {
  check(known, row);
  if (before != nullptr) {
    check(known, *before);
  }
  KeyValue key;
  switch (known.key->empty() ? Known::no : key_of(known, row, before, key)) {
  case Known::yes:
    m_sink.key_changed(oid, std::move(key));
    break;
  case Known::is_null:
    m_sink.null_key_changed(oid);
    break;
  case Known::no:
    m_sink.table_changed(oid, known.key->empty() ? k_no_key_split : k_unknown_value);
    break;
  }
}

// The chunk that an updated or deleted row was in.
void ChangeReader::old_row(std::uint32_t oid, const Relation& known, OldRow old,
                           const StreamRow& row) {
  if (old == OldRow::full || (old == OldRow::key && known.key_in_identity)) {
    touch(oid, known, row, nullptr);
  } else if (old == OldRow::key || known.full_identity || !known.key_in_identity) {
    m_sink.table_changed(oid, "rows were updated or deleted, and its replica identity does not "
                              "tell their old chunk key");
  }
  // Else the identity did not change, and with it the chunk key.
}

void ChangeReader::apply(const StreamInsert& change) {
  if (const auto* known = watched(change.relation)) {
    touch(change.relation, *known, change.new_row, nullptr);
  }
}

void ChangeReader::apply(const StreamUpdate& change) {
  const auto* known = watched(change.relation);
  if (known == nullptr) {
    return;
  }
  old_row(change.relation, *known, change.old, change.old_row);
  touch(change.relation, *known, change.new_row,
        change.old == OldRow::none ? nullptr : &change.old_row);
}

void ChangeReader::apply(const StreamDelete& change) {
  if (const auto* known = watched(change.relation)) {
    old_row(change.relation, *known, change.old, change.old_row);
  }
}

void ChangeReader::apply(const StreamTruncate& change) {
  for (const auto relation : change.relations) {
    if (watched(relation) != nullptr) {
      m_sink.table_changed(relation, "it was truncated");
    }
  }
}

}  // namespace pgstride::handoff
