#include "harness/table_kinds.hpp"

#include <stdexcept>

namespace pgstride::test {
namespace {

std::string quoted_name(const std::string& name) {
  std::string result = "\"";
  for (const char c : name) {
    result += c == '"' ? "\"\"" : std::string(1, c);
  }
  return result + '"';
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

const std::string k_rewrite_note = "ALTER COLUMN note TYPE text USING note || ''";

std::vector<TableKind> integer_kinds() {
  return {
      {.name = "orders",  // gaps that grow: equal-width ranges would be badly skewed
       .create = R"(
         CREATE TABLE {t} (id bigint PRIMARY KEY, customer int, amount numeric(12,2), note text);
         INSERT INTO {t} SELECT i + (i / 100)::bigint ^ 3 * 50, i % 97, i * 1.25, repeat('n', i % 50)
         FROM generate_series(1, {n}) i)",
       .key = "id",
       .key_type = "bigint",
       .insert = "INSERT INTO {t} SELECT max(id) + 1 + {r}, {r}, 1, 'new' FROM {t}",
       .touch = "note = 'touched {r}'",
       .move = "id = -id - {r}",
       .rewrite = k_rewrite_note,
       .primary = true},
      {.name = "around_zero",
       .create = R"(
         CREATE TABLE {t} (id int PRIMARY KEY, note text);
         INSERT INTO {t} SELECT i - 2, 'row ' || i FROM generate_series(1, {n}) i)",
       .key = "id",
       .key_type = "int",
       .insert = "INSERT INTO {t} SELECT min(id) - 1 - {r}, 'below' FROM {t}",
       .touch = "note = note || '+'",
       .move = "id = {n} * 4 - id",
       .rewrite = k_rewrite_note,
       .primary = true},
      {.name = "all_negative",
       .create = R"(
         CREATE TABLE {t} (id bigint PRIMARY KEY, note text);
         INSERT INTO {t} SELECT -i * 3, 'row ' || i FROM generate_series(1, {n}) i)",
       .key = "id",
       .key_type = "bigint",
       .primary = true},
      {.name = "int8_extremes",
       .create = R"(
         CREATE TABLE {t} (id bigint PRIMARY KEY, note text);
         INSERT INTO {t} VALUES (-9223372036854775808, 'least'), (9223372036854775807, 'most'), (0, '0');
         INSERT INTO {t} SELECT i::bigint * 1000000007, 'row' FROM generate_series(1, {n} / 4) i;
         INSERT INTO {t} SELECT -9223372036854775808 + i, 'low' FROM generate_series(1, {n} / 4) i;
         INSERT INTO {t} SELECT 9223372036854775807 - i, 'high' FROM generate_series(1, {n} / 4) i)",
       .key = "id",
       .key_type = "bigint",
       .insert = "INSERT INTO {t} VALUES (9223372036854775807 - {n} - {r}, 'new')",
       .touch = "note = 'touched'",
       .move = "id = -1 - id",
       .rewrite = k_rewrite_note,
       .primary = true},
      {.name = "lone_giant",
       .create = R"(
         CREATE TABLE {t} (id bigint PRIMARY KEY, note text);
         INSERT INTO {t} SELECT i, 'dense' FROM generate_series(1, {n}) i;
         INSERT INTO {t} VALUES (9000000000000000000, 'giant'))",
       .key = "id",
       .key_type = "bigint",
       .primary = true},
      {.name = "smallints",
       .create = R"(
         CREATE TABLE {t} (k smallint PRIMARY KEY);
         INSERT INTO {t} VALUES (-32768), (32767);
         INSERT INTO {t} SELECT i FROM generate_series(1, 500) i)",
       .key = "k",
       .key_type = "smallint",
       .primary = true},
      {.name = "nullable",  // NULL keys are a chunk of their own
       .create = R"(
         CREATE TABLE {t} (k int UNIQUE, note text);
         INSERT INTO {t} SELECT CASE WHEN i % 5 > 0 THEN i END, 'row ' || i
         FROM generate_series(1, {n}) i)",
       .key = "k",
       .key_type = "int",
       .options = {"--key", "public.nullable:k"},
       .insert = "INSERT INTO {t} VALUES (NULL, 'null {r}')",
       .touch = "note = 'touched {r}'",
       .move = "k = CASE WHEN k % 2 = 0 THEN NULL ELSE -k END",
       .rewrite = k_rewrite_note},
      {.name = "heavy_values",  // a value that fills several chunks
       .create = R"(
         CREATE TABLE {t} (k int, note text);
         CREATE INDEX ON {t} (k);
         INSERT INTO {t} SELECT CASE WHEN i % 3 = 0 THEN 7 ELSE i % 100 END, 'row ' || i
         FROM generate_series(1, {n}) i)",
       .key = "k",
       .key_type = "int",
       .options = {"--key", "public.heavy_values:k"}},
  };
}

std::vector<TableKind> time_kinds() {
  return {
      {.name = "events",
       .create = R"(
         CREATE TABLE {t} (at timestamptz PRIMARY KEY, note text);
         INSERT INTO {t} VALUES ('-infinity', 'first'), ('infinity', 'last'),
           ('4713-01-01 00:00:00+00 BC', 'old'), ('294276-12-31 23:59:59.999999+00', 'late');
         INSERT INTO {t} SELECT '2024-03-30 22:00+00'::timestamptz + i * i * interval '10.000001 seconds',
           'row ' || i FROM generate_series(1, {n}) i)",
       .key = "at",
       .key_type = "timestamptz",
       .insert = "INSERT INTO {t} VALUES (clock_timestamp(), 'now')",
       .touch = "note = 'touched'",
       .move = "at = at - interval '1 year 1 microsecond'",
       .rewrite = k_rewrite_note,
       .primary = true},
      {.name = "days",
       .create = R"(
         CREATE TABLE {t} (day date PRIMARY KEY, note text);
         INSERT INTO {t} VALUES ('-infinity', 'first'), ('infinity', 'last'), ('4713-01-01 BC', 'old');
         INSERT INTO {t} SELECT '0001-01-01 BC'::date + i * 7, 'row' FROM generate_series(1, {n}) i)",
       .key = "day",
       .key_type = "date",
       .primary = true},
      {.name = "stamps",
       .create = R"(
         CREATE TABLE {t} (at timestamp PRIMARY KEY);
         INSERT INTO {t} VALUES ('-infinity'), ('infinity');
         INSERT INTO {t} SELECT timestamp '1999-12-31' + i * interval '1.5 hours'
         FROM generate_series(1, {n} / 2) i)",
       .key = "at",
       .key_type = "timestamp",
       .primary = true},
  };
}

std::vector<TableKind> shape_kinds() {
  return {
      {.name = "documents",  // TOAST, and values that are kept out of line
       .create = R"(
         CREATE TABLE {t} (id bigint PRIMARY KEY, body jsonb, raw bytea, note text);
         INSERT INTO {t} SELECT i, jsonb_build_object('i', i, 'text', (
             SELECT string_agg(md5(i::text || j::text), '') FROM generate_series(1, 150) j)),
           decode(repeat(md5(i::text), 40), 'hex'), 'x'
         FROM generate_series(1, {n} / 15) i)",
       .key = "id",
       .key_type = "bigint",
       .insert = "INSERT INTO {t} SELECT max(id) + 1, '{\"new\": {r}}', NULL, 'n' FROM {t}",
       .touch = "body = body || '{\"r\": {r}}'",
       .move = "id = -id",
       .rewrite = k_rewrite_note,
       .primary = true},
      {.name = "no_key",  // ctid ranges; equal rows must keep their number
       .create = R"(
         CREATE TABLE {t} (a int, note text);
         INSERT INTO {t} SELECT i % 10, repeat('z', i % 300) FROM generate_series(1, {n}) i)",
       .insert = "INSERT INTO {t} VALUES ({r}, 'new')",
       .touch = "note = note || 'y'",
       .rewrite = k_rewrite_note},
      {.name = "parted",
       .create = R"(
         CREATE TABLE {t} (id bigint PRIMARY KEY, note text) PARTITION BY RANGE (id);
         CREATE TABLE parted_low PARTITION OF {t} FOR VALUES FROM (MINVALUE) TO (0);
         CREATE TABLE parted_mid PARTITION OF {t} FOR VALUES FROM (0) TO ({n}) PARTITION BY RANGE (id);
         CREATE TABLE parted_mid_a PARTITION OF parted_mid FOR VALUES FROM (0) TO (100);
         CREATE TABLE parted_mid_b PARTITION OF parted_mid FOR VALUES FROM (100) TO ({n});
         CREATE TABLE parted_rest PARTITION OF {t} DEFAULT;
         INSERT INTO {t} SELECT i, 'row ' || i FROM generate_series(1, {n} * 2) i)",
       .key = "id",
       .key_type = "bigint",
       .insert = "INSERT INTO {t} VALUES (-{r} - 1, 'low')",
       .touch = "note = 'touched'",
       .move = "id = {n} - id",
       .primary = true},
      {.name = "empty",
       .create = "CREATE TABLE {t} (id bigint PRIMARY KEY, note text)",
       .key = "id",
       .key_type = "bigint",
       .primary = true},
      {.name = "no_columns",
       .create = "CREATE TABLE {t} (); INSERT INTO {t} SELECT FROM generate_series(1, {n} / 10)"},
      {.name = "dropped_column",
       .create = R"(
         CREATE TABLE {t} (gone int, id int PRIMARY KEY, a text, double int GENERATED ALWAYS AS (id * 2) STORED);
         ALTER TABLE {t} DROP COLUMN gone;
         INSERT INTO {t} SELECT i, 'a' FROM generate_series(1, {n} / 3) i)",
       .key = "id",
       .key_type = "int",
       .primary = true},
  };
}

std::vector<TableKind> content_kinds() {
  return {
      {.schema = "we\"ird. schema/%",
       .name = "na\"me with. dots/\n\t and \xF0\x9F\x98\x80 %41",
       .create = R"(
         CREATE SCHEMA "we""ird. schema/%";
         CREATE TABLE {t} ("i""d\n" bigint PRIMARY KEY, "select" text, "ü 😀" int);
         INSERT INTO {t} SELECT i, 'v' || i, i FROM generate_series(1, {n} / 2) i)",
       .key = "i\"d\\n",
       .key_type = "bigint",
       .primary = true},
      {.name = "one_text",  // a lone \. ends a COPY in the wrong hands
       .create = R"(
         CREATE TABLE {t} (v text);
         INSERT INTO {t} VALUES ('\.'), ('\.'), (''), (NULL), ('\N'), ('"'), (','), (E'\n'), (E'\r\n'),
           (E'a\n\\.\nb'), (E'\t'), ('\'), (' '), (E'\\.\n'), ('NULL'), ('"\."'), (E'\x7f\u00a0\u2028');
         INSERT INTO {t} SELECT CASE i % 3 WHEN 0 THEN '\.' WHEN 1 THEN NULL ELSE E'x\ny"' || i END
         FROM generate_series(1, {n} / 3) i)"},
      {.name = "many_types",
       .create = R"sql(
         CREATE TYPE mood AS ENUM ('sad', 'so "so"', 'hap,py');
         CREATE DOMAIN posint AS int CHECK (value > 0);
         CREATE TYPE pair AS (a int, b text);
         CREATE TABLE {t} (id int PRIMARY KEY, b boolean, i2 smallint, f4 real, f8 double precision,
           n numeric, c char(5), vc varchar(9), ts timestamp, tz timestamptz, d date, ti time, ttz timetz,
           iv interval, u uuid, ip inet, ci cidr, bi bit(3), vb bit varying, by bytea, j json, jb jsonb,
           ia int[], ta text[], m mood, ma mood[], p posint, pr pair, pra pair[], r int4range, pt point,
           x xml, o oid, rc regclass, nm name, "c1" "char", mo money, tsv tsvector);
         INSERT INTO {t} SELECT i, i % 2 = 0, -i % 32768, ('{NaN,-0,Infinity,-Infinity,1e-40,0.1}'::real[])[i % 6 + 1],
           ('{NaN,-0,Infinity,-Infinity,1e-320,0.1}'::float8[])[i % 6 + 1],
           ('{NaN,Infinity,-Infinity,0.000,1e-20,-12345678901234567890.5}'::numeric[])[i % 6 + 1],
           'c' || i % 9, E'v"\\,\n' || i % 9, '1001-02-28 BC'::timestamp + i * interval '1 day 0.000001 s', 'epoch'::timestamptz - i * interval '1 month',
           '2000-02-29'::date + i, '23:59:59.999999', '24:00:00-15:59', make_interval(years => -i, days => 3, secs => -0.5),
           md5(i::text)::uuid, '::1/64', '10.0.0.0/8', B'101', B'', E'\\x00ff5c22', '{"a": 1,  "a":2}', '{"a": [1, null]}',
           ARRAY[[i, NULL], [1, 2]], ARRAY['', NULL, 'NULL', '"', E'\\', ',{}'], ('{sad,"so \"so\"","hap,py"}'::mood[])[i % 3 + 1],
           '{sad,NULL}', i, (i, E'a"\n')::pair, '{"(1,)"}', int4range(i, NULL), point(1, -0.5),
           '<a>&lt;</a>', i, 'pg_class', 'name', '\', i::numeric::money, 'a:1 b:2'
         FROM generate_series(1, {n} / 6) i;
         INSERT INTO {t} (id) VALUES (0), (-1))sql",
       .key = "id",
       .key_type = "int",
       .primary = true},
  };
}

}  // namespace

std::string TableKind::quoted() const {
  return quoted_name(schema) + "." + quoted_name(name);
}

const std::vector<TableKind>& all_kinds() {
  static const auto kinds = [] {
    std::vector<TableKind> all;
    for (const auto& part : {integer_kinds(), time_kinds(), shape_kinds(), content_kinds()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return kinds;
}

const TableKind& kind(const std::string& name) {
  for (const auto& candidate : all_kinds()) {
    if (candidate.name == name) {
      return candidate;
    }
  }
  throw std::out_of_range("no table kind " + name);
}

std::string filled(std::string sql, const TableKind& kind, long rows, unsigned long random) {
  replace_all(sql, "{t}", kind.quoted());
  replace_all(sql, "{n}", std::to_string(rows));
  replace_all(sql, "{r}", std::to_string(random));
  return sql;
}

void create_tables(PgSession& session, const std::vector<TableKind>& kinds, long rows) {
  bool analyze = true;
  for (const auto& kind : kinds) {
    session.exec(filled(kind.create, kind, rows));
    if (analyze) {
      session.exec("ANALYZE " + kind.quoted());
    }
    analyze = !analyze;
  }
}

}  // namespace pgstride::test
