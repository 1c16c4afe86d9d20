#include <set>

#include <fmt/format.h>

#include "pg/quote.hpp"
#include "pg/text_array.hpp"
#include "target/deferred.hpp"

namespace pgstride::target {

namespace {

// The tables with all their partitions, or with those of them that are made, and for each the
// topmost of those that were named.
constexpr const char* k_members = R"sql(
  WITH named AS (
    SELECT c.oid, c.relkind
    FROM unnest($1::text[], $2::text[]) AS w (schema, name)
    JOIN pg_namespace n ON n.nspname = w.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
    WHERE c.relkind IN ('r', 'p')),
  every AS (
    SELECT named.oid AS root, tree.relid::oid AS oid, tree.level
    FROM named CROSS JOIN LATERAL pg_partition_tree(named.oid) tree
    WHERE named.relkind = 'p'
    UNION ALL
    SELECT oid, oid, 0 FROM named WHERE relkind = 'r'),
  made AS (
    SELECT oid FROM unnest($4::oid[]) AS chosen (oid)
    UNION
    SELECT up.relid FROM unnest($4::oid[]) AS chosen (oid)
      CROSS JOIN LATERAL pg_partition_ancestors(chosen.oid) up),
  member AS (
    SELECT DISTINCT ON (oid) root, oid, level FROM every
    WHERE $4 = '{}' OR oid IN (SELECT oid FROM made)
    ORDER BY oid, level DESC)
)sql";

// The definition of a partitioned table's index says ONLY, which would make an empty one that is
// not valid; without it the server takes the equal indexes that the partitions have by then.
constexpr const char* k_indexes = R"sql(
  SELECT n.nspname, c.relname, ic.relname, c.relkind = 'p',
         CASE WHEN c.relkind = 'p' OR m.level > 0
              THEN quote_ident(rn.nspname) || '.' || quote_ident(rc.relname) END,
         m.level, i.indisexclusion, definition.text, k.contype, pg_get_constraintdef(k.oid),
         k.condeferrable, k.condeferred, ts.spcname,
         obj_description(ic.oid, 'pg_class'), obj_description(k.oid, 'pg_constraint'),
         i.indisclustered, i.indisreplident,
         (SELECT string_agg(format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s;',
                                   n.nspname, ic.relname, a.attnum, a.attstattarget), ' '
                            ORDER BY a.attnum)
          FROM pg_attribute a
          WHERE a.attrelid = ic.oid AND a.attnum > 0 AND a.attstattarget >= 0),
         (SELECT string_agg(option, ', ') FROM unnest(ic.reloptions) AS option),
         up.inhparent IS NOT NULL, pg_has_role(c.relowner, 'USAGE')
  FROM member m
  JOIN pg_class c ON c.oid = m.oid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_class rc ON rc.oid = m.root
  JOIN pg_namespace rn ON rn.oid = rc.relnamespace
  JOIN pg_index i ON i.indrelid = c.oid
  JOIN pg_class ic ON ic.oid = i.indexrelid
  CROSS JOIN LATERAL (
    SELECT pg_get_indexdef(i.indexrelid) AS text,
           format('CREATE %sINDEX %I ON ', CASE WHEN i.indisunique THEN 'UNIQUE ' END, ic.relname)
             AS head) whole
  CROSS JOIN LATERAL (
    SELECT CASE WHEN starts_with(whole.text, whole.head || 'ONLY ')
                THEN whole.head || substr(whole.text, length(whole.head || 'ONLY ') + 1)
                ELSE whole.text END AS text) definition
  LEFT JOIN pg_tablespace ts ON ts.oid = ic.reltablespace
  LEFT JOIN pg_constraint k ON k.conindid = ic.oid AND k.conrelid = c.oid
                           AND k.contype IN ('p', 'u', 'x')
  LEFT JOIN pg_inherits up ON up.inhrelid = ic.oid
  LEFT JOIN pg_index above ON above.indexrelid = up.inhparent
  WHERE i.indisvalid AND i.indislive AND ($3::bool OR NOT i.indisprimary)
    AND (up.inhparent IS NULL OR above.indrelid IN (SELECT oid FROM member))
  ORDER BY n.nspname, c.relname, ic.relname
)sql";

// A constraint of a partition that came with its parent's is left to that.
constexpr const char* k_foreign_keys = R"sql(
  SELECT n.nspname, c.relname, k.conname, 'p' IN (c.relkind, there.relkind),
         pg_get_constraintdef(k.oid),
         k.convalidated, obj_description(k.oid, 'pg_constraint'),
         pg_has_role(c.relowner, 'USAGE')
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_class there ON there.oid = k.confrelid
  WHERE k.contype = 'f' AND k.conparentid = 0
    AND CASE WHEN $3::bool
             THEN k.conrelid IN (SELECT oid FROM member) AND k.confrelid IN (SELECT oid FROM member)
             ELSE k.conrelid IN (SELECT oid FROM member) OR k.confrelid IN (SELECT oid FROM member)
             END
  ORDER BY n.nspname, c.relname, k.conname
)sql";

std::string comment_sql(const std::string& what, const std::optional<std::string>& comment) {
  return comment ? "COMMENT ON " + what + " IS " + pg::quote_literal(*comment) + ";" : "";
}

DeferredKind kind_of(const std::string& constraint_type, bool exclusion) {
  if (constraint_type.empty()) {
    return DeferredKind::index;
  }
  if (exclusion) {
    return DeferredKind::exclusion;
  }
  return constraint_type == "p" ? DeferredKind::primary_key : DeferredKind::unique;
}

/// One row of k_indexes.
class IndexRow {
 public:
  IndexRow(const pg::Result& result, int row) : m_result(result), m_row(row) {}

  [[nodiscard]] TableName table() const { return {text(0), text(1)}; }
  [[nodiscard]] std::string name() const { return text(2); }
  [[nodiscard]] bool partitioned() const { return is(3); }
  [[nodiscard]] std::string tree() const { return text(4); }
  [[nodiscard]] int level() const { return static_cast<int>(m_result.int64(m_row, 5)); }
  [[nodiscard]] DeferredKind kind() const { return kind_of(text(8), is(6)); }
  [[nodiscard]] std::string definition() const { return text(7); }
  [[nodiscard]] std::string constraint_definition() const { return text(9); }
  [[nodiscard]] bool belongs_to_parent() const { return is(19); }
  [[nodiscard]] bool owned() const { return is(20); }

  [[nodiscard]] std::string deferrable() const {
    return std::string(is(10) ? " DEFERRABLE" : "") + (is(11) ? " INITIALLY DEFERRED" : "");
  }
  [[nodiscard]] std::string tablespace_sql() const {
    return "SET LOCAL default_tablespace = " +
           pg::quote_literal(m_result.optional(m_row, 12).value_or("")) + "; ";
  }

  [[nodiscard]] std::string mark_sql() const {
    const auto index = pg::quote_qualified(text(0), text(2));
    const auto alter = "ALTER TABLE " + table().quoted();
    const auto quoted_name = pg::quote_identifier(name());
    auto sql = comment_sql("INDEX " + index, m_result.optional(m_row, 13)) +
               comment_sql("CONSTRAINT " + quoted_name + " ON " + table().quoted(),
                           m_result.optional(m_row, 14));
    sql += is(15) ? alter + " CLUSTER ON " + quoted_name + ";" : "";
    sql += is(16) ? alter + " REPLICA IDENTITY USING INDEX " + quoted_name + ";" : "";
    sql += text(17);
    if (kind() == DeferredKind::exclusion && !text(18).empty()) {
      sql += fmt::format("ALTER INDEX {} SET ({});", index, text(18));
    }
    return sql;
  }

 private:
  [[nodiscard]] std::string text(int column) const { return m_result.text(m_row, column); }
  [[nodiscard]] bool is(int column) const { return m_result.boolean(m_row, column); }

  const pg::Result& m_result;
  int m_row;
};

std::string drop_index(const TableName& table, const std::string& name) {
  return "DROP INDEX IF EXISTS " + pg::quote_qualified(table.schema, name);
}

std::string drop_constraint(const TableName& table, const std::string& name) {
  return fmt::format("ALTER TABLE IF EXISTS {} DROP CONSTRAINT IF EXISTS {}", table.quoted(),
                     pg::quote_identifier(name));
}

std::string add_constraint(const TableName& table, const std::string& name) {
  return fmt::format("ALTER TABLE {} ADD CONSTRAINT {} ", table.quoted(),
                     pg::quote_identifier(name));
}

// pg_get_constraintdef() leaves an index's options and tablespace out; an index built first and put
// under the constraint has them, and is built beside others. Partitioned tables don't allow that.
DeferredObject index_of(const IndexRow& row, bool of_source) {
  DeferredObject object;
  object.kind = row.kind();
  object.table = row.table();
  object.name = row.name();
  object.tree = row.tree();
  object.partitioned = row.partitioned();
  object.level = row.level();
  object.mark_sql = row.mark_sql();
  const auto add = add_constraint(object.table, object.name);
  const auto place = of_source ? "" : row.tablespace_sql();
  if (object.kind == DeferredKind::index) {
    object.drop_sql = drop_index(object.table, object.name);
    object.build_sql = place + row.definition();
  } else {
    // The index alone is what a crash while it was built again leaves.
    object.drop_sql =
        drop_constraint(object.table, object.name) + "; " + drop_index(object.table, object.name);
    if (object.partitioned || object.kind == DeferredKind::exclusion) {
      object.build_sql = place + add + row.constraint_definition();
    } else {
      object.build_sql = place + row.definition();
      object.attach_sql = add +
                          (object.kind == DeferredKind::primary_key ? "PRIMARY KEY" : "UNIQUE") +
                          " USING INDEX " + pg::quote_identifier(object.name) + row.deferrable();
    }
  }
  if (row.belongs_to_parent()) {
    object.drop_sql.clear();
  }
  return object;
}

// A foreign key between plain tables is added unchecked, which is brief, and checked beside those
// of other tables. Where one is partitioned that is refused before 18, or leaves parts unchecked.
DeferredObject foreign_key_of(const pg::Result& result, int row) {
  DeferredObject object;
  object.kind = DeferredKind::foreign_key;
  object.table = {result.text(row, 0), result.text(row, 1)};
  object.name = result.text(row, 2);
  object.partitioned = result.boolean(row, 3);
  const bool validated = result.boolean(row, 5);
  object.drop_sql = drop_constraint(object.table, object.name);
  const auto add = add_constraint(object.table, object.name) + result.text(row, 4);
  if (object.partitioned) {
    object.build_sql = add;
  } else {
    object.attach_sql = add + (validated ? " NOT VALID" : "");
    object.validate_sql =
        validated ? fmt::format("ALTER TABLE {} VALIDATE CONSTRAINT {}", object.table.quoted(),
                                pg::quote_identifier(object.name))
                  : "";
  }
  object.mark_sql = comment_sql("CONSTRAINT " + pg::quote_identifier(object.name) + " ON " +
                                    object.table.quoted(),
                                result.optional(row, 6));
  return object;
}

void refuse_foreign(const std::set<std::string>& tables) {
  if (tables.empty()) {
    return;
  }
  std::string names;
  for (const auto& table : tables) {
    names += (names.empty() ? "" : ", ") + table;
  }
  throw Error(ErrorKind::usage,
              "may not drop indexes and foreign keys of " + names + ": another role owns them",
              "connect to the target as the owner, or load without --defer-indexes");
}

}  // namespace

std::vector<DeferredObject> capture_deferred(pg::Connection& connection,
                                             const std::vector<TableName>& tables,
                                             const DeferOptions& options) {
  std::vector<std::string> schemas;
  std::vector<std::string> names;
  for (const auto& table : tables) {
    schemas.push_back(table.schema);
    names.push_back(table.name);
  }
  const std::set<std::pair<TableName, std::string>> keep(options.keep.begin(), options.keep.end());
  std::set<std::string> not_owned;
  std::vector<DeferredObject> out;
  const auto add = [&](DeferredObject object, bool owned) {
    if (!keep.contains({object.table, object.name})) {
      if (!owned && !options.of_source) {
        not_owned.insert(object.table.display());
      }
      out.push_back(std::move(object));
    }
  };
  std::vector<pg::Param> given{pg::array_text(schemas), pg::array_text(names),
                               options.primary_keys ? "true" : "false",
                               pg::array_text(options.chosen)};
  const auto indexes = connection.query(std::string(k_members) + k_indexes, given);
  for (int row = 0; row < indexes.rows(); ++row) {
    const IndexRow index(indexes, row);
    add(index_of(index, options.of_source), index.owned());
  }
  given[2] = options.of_source ? "true" : "false";
  const auto keys = connection.query(std::string(k_members) + k_foreign_keys, given);
  for (int row = 0; row < keys.rows(); ++row) {
    add(foreign_key_of(keys, row), keys.boolean(row, 7));
  }
  refuse_foreign(not_owned);
  return out;
}

}  // namespace pgstride::target
