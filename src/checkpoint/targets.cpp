#include "checkpoint/targets.hpp"

#include <fmt/format.h>

namespace pgstride::checkpoint {

void replace_targets(Database& db, const std::vector<TargetRecord>& targets) {
  Step step(db);
  db.execute("DELETE FROM target");
  for (const auto& target : targets) {
    db.execute(R"(
      INSERT INTO target (id, kind, conninfo, system_identifier, database, has_ledger, captured,
                          ended, schema_state, held_rows)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10))",
               target.id, target.kind, target.conninfo, target.system_identifier, target.database,
               static_cast<std::int64_t>(target.has_ledger),
               static_cast<std::int64_t>(target.captured), static_cast<std::int64_t>(target.ended),
               target.schema_state, target.held_rows);
  }
  step.commit();
}

void update_target(Database& db, const TargetRecord& target) {
  const auto changed = db.execute(
      R"(
    UPDATE target SET kind = ?2, conninfo = ?3, system_identifier = ?4, database = ?5,
           has_ledger = ?6, captured = ?7, ended = ?8, schema_state = ?9,
           held_rows = ?10
     WHERE id = ?1)",
      target.id, target.kind, target.conninfo, target.system_identifier, target.database,
      static_cast<std::int64_t>(target.has_ledger), static_cast<std::int64_t>(target.captured),
      static_cast<std::int64_t>(target.ended), target.schema_state, target.held_rows);
  if (changed != 1) {
    throw Error(ErrorKind::internal, fmt::format("target {} is not in the checkpoint", target.id));
  }
}

std::vector<TargetRecord> read_targets(Database& db) {
  std::vector<TargetRecord> targets;
  Query query = db.query(R"(
    SELECT id, kind, conninfo, system_identifier, database, has_ledger, captured, ended,
           schema_state, held_rows
      FROM target ORDER BY id)");
  while (query.next()) {
    auto& target = targets.emplace_back();
    std::int64_t has_ledger = 0;
    std::int64_t captured = 0;
    std::int64_t ended = 0;
    query.read(target.id, target.kind, target.conninfo, target.system_identifier, target.database,
               has_ledger, captured, ended, target.schema_state, target.held_rows);
    target.has_ledger = has_ledger != 0;
    target.captured = captured != 0;
    target.ended = ended != 0;
  }
  return targets;
}

void replace_deferred(Database& db, std::int64_t target_id,
                      const std::vector<std::string>& objects) {
  Step step(db);
  db.execute("DELETE FROM deferred WHERE target_id = ?1", target_id);
  std::int64_t position = 0;
  for (const auto& object : objects) {
    db.execute("INSERT INTO deferred (target_id, position, object) VALUES (?1, ?2, ?3)", target_id,
               position++, object);
  }
  step.commit();
}

std::vector<std::string> read_deferred(Database& db, std::int64_t target_id) {
  std::vector<std::string> objects;
  Query query =
      db.query("SELECT object FROM deferred WHERE target_id = ?1 ORDER BY position", target_id);
  while (query.next()) {
    query.read(objects.emplace_back());
  }
  return objects;
}

void replace_inputs(Database& db, const std::vector<InputRecord>& inputs) {
  Step step(db);
  db.execute("DELETE FROM input");
  for (const auto& input : inputs) {
    db.execute("INSERT INTO input (path, bytes, mtime_ns, xxh3) VALUES (?1, ?2, ?3, ?4)",
               input.path, input.bytes, input.mtime_ns, input.xxh3);
  }
  step.commit();
}

std::vector<InputRecord> read_inputs(Database& db) {
  std::vector<InputRecord> inputs;
  Query query = db.query("SELECT path, bytes, mtime_ns, xxh3 FROM input ORDER BY path");
  while (query.next()) {
    auto& input = inputs.emplace_back();
    query.read(input.path, input.bytes, input.mtime_ns, input.xxh3);
  }
  return inputs;
}

}  // namespace pgstride::checkpoint
