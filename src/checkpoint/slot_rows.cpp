#include "checkpoint/slot_rows.hpp"

#include <fmt/format.h>

#include <tuple>

#include "checkpoint/json_text.hpp"

namespace pgstride::checkpoint {

const char* const k_slot_tables = R"(
CREATE TABLE slot (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  name TEXT NOT NULL, plugin TEXT NOT NULL, failover INTEGER NOT NULL,
  state TEXT NOT NULL
    CHECK (state = 'planned' OR state = 'creating' OR state = 'created' OR state = 'dropped'),
  not_before TEXT NOT NULL, consistent_point TEXT NOT NULL, advanced_to TEXT NOT NULL,
  publication TEXT NOT NULL, private_publication TEXT NOT NULL,
  handed_over INTEGER NOT NULL, told_besides TEXT NOT NULL DEFAULT ''
) STRICT;
-- Of the tables of a job with a slot.
CREATE TABLE published (
  tbl_id INTEGER PRIMARY KEY REFERENCES tbl (id),
  published INTEGER NOT NULL, reason TEXT NOT NULL,
  replica_identity TEXT NOT NULL,
  identity_columns TEXT NOT NULL   -- JSON array of texts
) STRICT;
-- Who reads changes from the slot, or from a copy of it.
CREATE TABLE consumer (
  target_id INTEGER PRIMARY KEY,
  slot TEXT NOT NULL, subscription TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state = 'copying' OR state = 'copied' OR state = 'subscribed')
) STRICT;
)";

namespace {

bool has_slot_tables(Database& db) {
  std::int64_t found = 0;
  Query query = db.query("SELECT count(*) FROM sqlite_schema WHERE name = 'published'");
  if (query.next()) {
    query.read(found);
  }
  return found != 0;
}

/// The slot's fields in the order of the columns, for reading and for writing.
template <typename Slot> auto slot_fields(Slot& slot) {
  return std::tie(slot.name, slot.plugin, slot.failover, slot.state, slot.not_before,
                  slot.consistent_point, slot.advanced_to, slot.publication,
                  slot.private_publication, slot.handed_over, slot.told_besides);
}

}  // namespace

std::optional<SlotRecord> read_slot(Database& db) {
  if (!has_slot_tables(db)) {
    return std::nullopt;
  }
  const auto* besides = has_column(db, "slot", "told_besides") ? "told_besides" : "''";
  Query query = db.query(fmt::format(R"(
    SELECT name, plugin, failover, state, not_before, consistent_point, advanced_to, publication,
           private_publication, handed_over, {}
      FROM slot)",
                                     besides));
  if (!query.next()) {
    return std::nullopt;
  }
  SlotRecord slot;
  std::apply([&](auto&... fields) { query.read(fields...); }, slot_fields(slot));
  return slot;
}

void write_slot(Database& db, const SlotRecord& slot) {
  std::apply(
      [&](const auto&... fields) {
        db.execute(R"(
          INSERT OR REPLACE INTO slot (id, name, plugin, failover, state, not_before,
                 consistent_point, advanced_to, publication, private_publication, handed_over,
                 told_besides)
          VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11))",
                   fields...);
      },
      slot_fields(slot));
}

std::map<std::int64_t, PublishedTable> read_published(Database& db) {
  std::map<std::int64_t, PublishedTable> tables;
  if (!has_slot_tables(db)) {
    return tables;
  }
  Query query = db.query(
      "SELECT tbl_id, published, reason, replica_identity, identity_columns FROM published");
  while (query.next()) {
    std::int64_t id = 0;
    PublishedTable table;
    std::string identity;
    std::string columns;
    query.read(id, table.published, table.reason, identity, columns);
    try {
      table.replica_identity = identity.at(0);
      table.identity_columns = texts_from_json(columns);
    } catch (const std::exception& error) {
      throw db.damaged(fmt::format("what is published of table {}: {}", id, error.what()));
    }
    tables.emplace(id, std::move(table));
  }
  return tables;
}

void write_published(Database& db, std::int64_t table_id, const PublishedTable& published) {
  db.execute(R"(
    INSERT OR REPLACE INTO published (tbl_id, published, reason, replica_identity,
                                      identity_columns)
    VALUES (?1, ?2, ?3, ?4, ?5))",
             table_id, published.published, published.reason,
             std::string(1, published.replica_identity), texts_to_json(published.identity_columns));
}

std::vector<ConsumerRecord> read_consumers(Database& db) {
  std::vector<ConsumerRecord> consumers;
  if (!has_slot_tables(db)) {
    return consumers;
  }
  Query query =
      db.query("SELECT target_id, slot, subscription, state FROM consumer ORDER BY target_id");
  while (query.next()) {
    auto& consumer = consumers.emplace_back();
    query.read(consumer.target_id, consumer.slot, consumer.subscription, consumer.state);
  }
  return consumers;
}

void write_consumer(Database& db, const ConsumerRecord& consumer) {
  db.execute(R"(
    INSERT OR REPLACE INTO consumer (target_id, slot, subscription, state)
    VALUES (?1, ?2, ?3, ?4))",
             consumer.target_id, consumer.slot, consumer.subscription, consumer.state);
}

}  // namespace pgstride::checkpoint
