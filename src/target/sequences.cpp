#include "target/sequences.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "pg/quote.hpp"
#include "pg/text_array.hpp"

namespace pgstride::target {

namespace {

// Sequences in one statement.
constexpr std::size_t k_batch = 200;

/// A sequence and the column it is behind.
struct Behind {
  TableName table;
  std::string column;
  TableName sequence;
  bool readable = false;
  bool descending = false;
};

// Owned by the column (deptype a: serial, i: identity), or named by its default.
constexpr const char* k_behind = R"sql(
  SELECT DISTINCT n.nspname, c.relname, a.attname, sn.nspname, s.relname,
         has_sequence_privilege(s.oid, 'SELECT'), q.seqincrement < 0
  FROM unnest($1::text[], $2::text[]) AS w (schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  CROSS JOIN LATERAL (
    SELECT d.objid AS sequence, d.refobjsubid AS attnum
    FROM pg_depend d
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid > 0
      AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid, ad.adnum
    FROM pg_attrdef ad
    JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = ad.oid
                    AND d.refclassid = 'pg_class'::regclass
    WHERE ad.adrelid = c.oid) behind
  JOIN pg_class s ON s.oid = behind.sequence AND s.relkind = 'S'
  JOIN pg_namespace sn ON sn.oid = s.relnamespace
  JOIN pg_sequence q ON q.seqrelid = s.oid
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = behind.attnum
                     AND NOT a.attisdropped AND a.attgenerated = ''
  ORDER BY 1, 2, 3, 4, 5
)sql";

std::vector<Behind> read_behind(pg::Connection& connection, const std::vector<TableName>& tables) {
  std::vector<std::string> schemas;
  std::vector<std::string> names;
  for (const auto& table : tables) {
    schemas.push_back(table.schema);
    names.push_back(table.name);
  }
  const auto result = connection.query(k_behind, {pg::array_text(schemas), pg::array_text(names)});
  std::vector<Behind> out;
  out.reserve(static_cast<std::size_t>(result.rows()));
  for (int row = 0; row < result.rows(); ++row) {
    out.push_back({.table = {result.text(row, 0), result.text(row, 1)},
                   .column = result.text(row, 2),
                   .sequence = {result.text(row, 3), result.text(row, 4)},
                   .readable = result.boolean(row, 5),
                   .descending = result.boolean(row, 6)});
  }
  return out;
}

/// Runs `select(i)`, a query of one row or none, for each, many in a statement, and calls
/// `use(i, row of the result)` for those that gave a row. Each query's first column is i.
template <typename Select, typename Use>
void in_batches(pg::Connection& connection, std::size_t count, Select select, Use use) {
  for (std::size_t begin = 0; begin < count; begin += k_batch) {
    std::string sql;
    for (auto i = begin; i < std::min(begin + k_batch, count); ++i) {
      sql += (i == begin ? "" : " UNION ALL ") + select(i);
    }
    const auto result = connection.exec(sql);
    for (int row = 0; row < result.rows(); ++row) {
      use(static_cast<std::size_t>(result.int64(row, 0)), result, row);
    }
  }
}

// The look at where it stands and setval in one statement.
constexpr const char* k_advance = R"sql(
  SELECT pg_catalog.setval($1::regclass, $2, $3)
  FROM {0} q
  WHERE CASE WHEN (SELECT s.seqincrement FROM pg_sequence s WHERE s.seqrelid = $1::regclass) > 0
             THEN q.last_value < $2 ELSE q.last_value > $2 END
     OR (q.last_value = $2 AND NOT q.is_called AND $3)
)sql";

void advance(pg::Connection& connection, const TableName& sequence, const SequenceValue& value,
             std::vector<Difference>& warnings) {
  try {
    connection.query(
        fmt::format(k_advance, sequence.quoted()),
        {sequence.quoted(), std::to_string(value.last_value), value.is_called ? "true" : "false"});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::server || error.poisons_connection()) {
      throw;
    }
    warnings.push_back({Severity::warning,
                        fmt::format("could not set sequence {} of {} to {}: {}", sequence.display(),
                                    value.table.display(), value.last_value, error.what()),
                        fmt::format("run: SELECT setval({}, {})",
                                    pg::quote_literal(sequence.quoted()), value.last_value)});
  }
}

}  // namespace

std::vector<SequenceValue> read_sequences(pg::Connection& connection,
                                          const std::vector<TableName>& tables) {
  const auto behind = read_behind(connection, tables);
  for (const auto& one : behind) {
    if (!one.readable) {
      throw Error(ErrorKind::usage, fmt::format("may not read sequence {}", one.sequence.display()),
                  fmt::format("run: GRANT SELECT ON SEQUENCE {} TO the source's user",
                              one.sequence.quoted()));
    }
  }
  std::vector<SequenceValue> out;
  in_batches(
      connection, behind.size(),
      [&](std::size_t i) {
        return fmt::format("SELECT {}, last_value, is_called FROM {}", i,
                           behind[i].sequence.quoted());
      },
      [&](std::size_t i, const pg::Result& result, int row) {
        out.push_back({.table = behind[i].table,
                       .column = behind[i].column,
                       .sequence = behind[i].sequence,
                       .last_value = result.int64(row, 1),
                       .is_called = result.boolean(row, 2)});
      });
  return out;
}

std::vector<SequenceValue> read_sequences_by_rows(pg::Connection& connection,
                                                  const std::vector<TableName>& tables) {
  const auto behind = read_behind(connection, tables);
  std::vector<SequenceValue> out;
  in_batches(
      connection, behind.size(),
      [&](std::size_t i) {
        const auto column = pg::quote_identifier(behind[i].column);
        return fmt::format("SELECT {0}, value FROM (SELECT {1}({2})::pg_catalog.int8 AS value "
                           "FROM {3}) ends WHERE value IS NOT NULL",
                           i, behind[i].descending ? "min" : "max", column,
                           behind[i].table.quoted());
      },
      [&](std::size_t i, const pg::Result& result, int row) {
        out.push_back({.table = behind[i].table,
                       .column = behind[i].column,
                       .sequence = behind[i].sequence,
                       .last_value = result.int64(row, 1),
                       .is_called = true});
      });
  return out;
}

std::vector<Difference> advance_sequences(pg::Connection& connection,
                                          const std::vector<SequenceValue>& values) {
  std::vector<TableName> tables;
  tables.reserve(values.size());
  for (const auto& value : values) {
    tables.push_back(value.table);
  }
  std::sort(tables.begin(), tables.end());
  tables.erase(std::unique(tables.begin(), tables.end()), tables.end());
  std::map<std::pair<TableName, std::string>, std::vector<TableName>> there;
  for (auto& one : read_behind(connection, tables)) {
    there[{one.table, one.column}].push_back(std::move(one.sequence));
  }
  std::vector<Difference> warnings;
  for (const auto& value : values) {
    for (const auto& sequence : there[{value.table, value.column}]) {
      advance(connection, sequence, value, warnings);
    }
  }
  return warnings;
}

}  // namespace pgstride::target
