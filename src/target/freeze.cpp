#include "target/freeze.hpp"

namespace pgstride::target {

bool may_freeze(const TargetTable& table) {
  return table.exists() && table.kind == 'r' && table.may_truncate && !table.row_security &&
         table.references.empty() && table.triggers.empty();
}

bool begin_freeze(pg::Connection& connection, const TableName& table) {
  const auto name = "ONLY " + table.quoted();
  bool empty = false;
  connection.exec("SAVEPOINT taken");
  try {
    connection.exec("LOCK TABLE " + name + " IN ACCESS EXCLUSIVE MODE NOWAIT");
    empty = !connection.exec("SELECT EXISTS (SELECT FROM " + name + ")").boolean(0, 0);
  } catch (const Error& error) {
    constexpr const char* k_locked = "55P03";
    constexpr const char* k_no_privilege = "42501";
    if (error.sqlstate() != k_locked && error.sqlstate() != k_no_privilege) {
      throw;
    }
  }
  // PostgreSQL wants the truncation in the same subtransaction as the COPY: outside of this one.
  connection.exec(empty ? "RELEASE SAVEPOINT taken"
                        : "ROLLBACK TO SAVEPOINT taken; RELEASE SAVEPOINT taken");
  if (empty) {
    connection.exec("TRUNCATE " + name);
  }
  return empty;
}

}  // namespace pgstride::target
