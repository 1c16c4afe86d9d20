#include "handoff/publications.hpp"

#include <set>

#include <fmt/format.h>

#include "pg/quote.hpp"
#include "pg/text_array.hpp"

namespace pgstride::handoff {

namespace {

std::string listed(const PublishedName& table) {
  return (table.only ? "ONLY " : "") + pg::quote_qualified(table.schema, table.name);
}

std::string list_of(const std::vector<PublishedName>& tables) {
  std::string list;
  for (const auto& table : tables) {
    list += (list.empty() ? "" : ", ") + listed(table);
  }
  return list;
}

constexpr const char* k_mark = "made by pgstride for its job ";

// A little longer than deadlock_timeout, after which the server ends an autovacuum in the way.
void limit_waiting(pg::Connection& connection) {
  connection.exec(R"sql(
    SELECT pg_catalog.set_config('lock_timeout', (setting::pg_catalog.int8 + 1000)::pg_catalog.text,
                                 false)
      FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'
  )sql");
}

// Runs statements as one transaction that does not wait long for a lock.
void run_briefly(pg::Connection& connection, const std::string& name, const std::string& sql) {
  limit_waiting(connection);
  try {
    connection.exec("BEGIN;" + sql + ";COMMIT");
  } catch (const Error& error) {
    connection.abandon_transaction();
    if (error.sqlstate() == "55P03" || error.sqlstate() == "40P01") {
      throw Error(ErrorKind::lock, fmt::format("can't lock the tables of publication \"{}\": {}",
                                               name, error.what()));
    }
    if (error.sqlstate() == "42501") {
      throw Error(ErrorKind::server,
                  fmt::format("can't make publication \"{}\": {}", name, error.what()),
                  "the role must own the tables and have CREATE on the database")
          .with_server(error.sqlstate(), error.detail(), error.context(), error.statement());
    }
    throw;
  }
}

}  // namespace

std::string job_mark(const std::string& job_uid) {
  return k_mark + job_uid;
}

std::string publication_comment(const std::string& job_uid, const std::string& slot) {
  return fmt::format("{}, read through slot {}", job_mark(job_uid), slot);
}

std::string private_publication_name(const std::string& job_uid) {
  return "pgstride_" + job_uid;
}

Publication find_publication(pg::Connection& connection, const std::string& name,
                             const std::string& job_uid) {
  const auto result = connection.query(R"sql(
    SELECT pg_catalog.starts_with(said, $2), pg_catalog.starts_with(said, $3)
      FROM pg_catalog.pg_publication p,
           LATERAL (SELECT coalesce(pg_catalog.obj_description(p.oid, 'pg_publication'), '')) AS c (said)
     WHERE pubname = $1
  )sql",
                                       {name, job_mark(job_uid), k_mark});
  if (result.rows() == 0) {
    return Publication::missing;
  }
  if (result.boolean(0, 0)) {
    return Publication::of_the_job;
  }
  return result.boolean(0, 1) ? Publication::of_another_job : Publication::of_others;
}

bool another_job_reads(pg::Connection& connection, const std::string& slot,
                       const std::string& job_uid) {
  return connection
      .query(R"sql(
    SELECT EXISTS (
      SELECT FROM pg_catalog.pg_publication p,
                  LATERAL pg_catalog.obj_description(p.oid, 'pg_publication') AS said
       WHERE pg_catalog.starts_with(said, $1) AND NOT pg_catalog.starts_with(said, $2)
         AND pg_catalog.right(said, pg_catalog.length($3) + 1) = ' ' || $3)
  )sql",
             {k_mark, job_mark(job_uid), slot})
      .boolean(0, 0);
}

void make_publication(pg::Connection& connection, const std::string& name,
                      const std::string& comment, const std::vector<PublishedName>& tables,
                      bool via_root) {
  const auto quoted = pg::quote_identifier(name);
  run_briefly(connection, name,
              fmt::format(R"sql(
      CREATE PUBLICATION {0} FOR TABLE {1}
        WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = {2});
      COMMENT ON PUBLICATION {0} IS {3}
  )sql",
                          quoted, list_of(tables), via_root, pg::quote_literal(comment)));
}

void extend_publication(pg::Connection& connection, const std::string& name,
                        const std::vector<PublishedName>& tables) {
  const auto result = connection.query(R"sql(
    SELECT r.prrelid FROM pg_catalog.pg_publication_rel r
      JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
     WHERE p.pubname = $1
  )sql",
                                       {name});
  std::set<std::uint32_t> there;
  for (int row = 0; row < result.rows(); ++row) {
    there.insert(static_cast<std::uint32_t>(result.int64(row, 0)));
  }
  std::vector<PublishedName> missing;
  for (const auto& table : tables) {
    if (!there.contains(table.oid)) {
      missing.push_back(table);
    }
  }
  if (!missing.empty()) {
    run_briefly(connection, name,
                fmt::format("ALTER PUBLICATION {} ADD TABLE {}", pg::quote_identifier(name),
                            list_of(missing)));
  }
}

bool drop_publication(pg::Connection& connection, const std::string& name,
                      const std::string& job_uid) {
  if (find_publication(connection, name, job_uid) != Publication::of_the_job) {
    return false;
  }
  connection.exec("DROP PUBLICATION " + pg::quote_identifier(name));
  return true;
}

std::vector<std::string> published_besides(pg::Connection& connection, const std::string& name,
                                           const std::vector<std::uint32_t>& oids) {
  const auto result = connection.query(R"sql(
    WITH told (oid) AS (
      SELECT coalesce(leaf.relid, c.oid)
        FROM pg_catalog.pg_publication_tables t
        JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname
        JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
        LEFT JOIN LATERAL (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid) WHERE isleaf) AS leaf
          ON true
       WHERE t.pubname = $1)
    SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
      FROM told
      JOIN pg_catalog.pg_class c ON c.oid = told.oid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND c.oid <> ALL ($2::pg_catalog.oid[])
     ORDER BY name
  )sql",
                                       {name, pg::array_text(oids)});
  std::vector<std::string> names;
  for (int row = 0; row < result.rows(); ++row) {
    names.push_back(result.text(row, 0));
  }
  return names;
}

}  // namespace pgstride::handoff
