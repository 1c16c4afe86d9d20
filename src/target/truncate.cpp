#include "target/truncate.hpp"

namespace pgstride::target {

std::string to_be_emptied(pg::Connection& connection, const TableName& name) {
  const auto partitioned = connection.query(R"sql(
    SELECT c.relkind = 'p' FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2)sql",
                                            {name.schema, name.name});
  return (partitioned.rows() == 1 && partitioned.boolean(0, 0) ? "" : "ONLY ") + name.quoted();
}

}  // namespace pgstride::target
