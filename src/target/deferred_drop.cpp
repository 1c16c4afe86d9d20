#include <fmt/format.h>

#include "pg/text_array.hpp"
#include "target/deferred.hpp"

namespace pgstride::target {

namespace {

const char* noun(DeferredKind kind) {
  switch (kind) {
  case DeferredKind::index:
    return "index";
  case DeferredKind::primary_key:
    return "primary key";
  case DeferredKind::unique:
    return "unique key";
  case DeferredKind::exclusion:
    return "exclusion constraint";
  case DeferredKind::foreign_key:
    break;
  }
  return "foreign key";
}

void drop(pg::Connection& connection, const DeferredObject& object,
          std::chrono::milliseconds lock_timeout) {
  try {
    connection.exec(fmt::format("BEGIN; SET LOCAL lock_timeout = {}; {}; COMMIT",
                                lock_timeout.count(), object.drop_sql));
  } catch (const Error& error) {
    connection.abandon_transaction();
    if (error.sqlstate() != "55P03") {
      throw;
    }
    Error out(ErrorKind::lock, fmt::format("can't drop {} \"{}\" of {}: another session has or "
                                           "awaits a lock on the table",
                                           noun(object.kind), object.name, object.table.display()));
    out.with_server(error.sqlstate(), error.detail(), error.context(), error.statement());
    throw out;
  }
}

}  // namespace

void drop_deferred(pg::Connection& connection, const std::vector<DeferredObject>& objects,
                   std::chrono::milliseconds lock_timeout) {
  for (const bool foreign_keys : {true, false}) {
    for (const auto& object : objects) {
      if ((object.kind == DeferredKind::foreign_key) == foreign_keys && !object.drop_sql.empty()) {
        drop(connection, object, lock_timeout);
      }
    }
  }
}

std::vector<DeferredState> look_for_deferred(pg::Connection& connection,
                                             const std::vector<DeferredObject>& objects) {
  std::vector<std::string> schemas;
  std::vector<std::string> tables;
  std::vector<std::string> names;
  for (const auto& object : objects) {
    schemas.push_back(object.table.schema);
    tables.push_back(object.table.name);
    names.push_back(object.name);
  }
  const auto result =
      connection.query(R"sql(
    SELECT w.number, i.indexrelid IS NOT NULL, k.oid IS NOT NULL, coalesce(k.convalidated, false)
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY
           AS w (schema, tablename, name, number)
    JOIN pg_namespace n ON n.nspname = w.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.tablename
    LEFT JOIN pg_class ic ON ic.relnamespace = n.oid AND ic.relname = w.name
    LEFT JOIN pg_index i ON i.indexrelid = ic.oid AND i.indrelid = c.oid AND i.indisvalid
    LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.conname = w.name
  )sql",
                       {pg::array_text(schemas), pg::array_text(tables), pg::array_text(names)});
  std::vector<DeferredState> states(objects.size());
  for (int row = 0; row < result.rows(); ++row) {
    states[static_cast<std::size_t>(result.int64(row, 0) - 1)] = {
        .index = result.boolean(row, 1),
        .constraint = result.boolean(row, 2),
        .validated = result.boolean(row, 3)};
  }
  return states;
}

}  // namespace pgstride::target
