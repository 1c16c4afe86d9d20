// Tables of types of every sort: what we make of them against the server's own COPY.
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "format/row_encoder.hpp"
#include "job/client_format.hpp"
#include "job/copy_sql.hpp"
#include "pg/copy_reader.hpp"
#include "plan/plan.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::job {
namespace {

pg::Connection connect(const std::string& database) {
  return pg::Connection({test::shared_cluster().conninfo(database),
                         "pgstride/test/types",
                         {},
                         std::chrono::milliseconds(0)});
}

std::string copied(pg::Connection& connection, const std::string& query,
                   const std::string& options) {
  std::string all;
  pg::CopyReader reader(connection, "COPY (" + query + ") TO STDOUT WITH (" + options + ")");
  while (const auto message = reader.next()) {
    all += *message;
  }
  return all;
}

/// Checks every chunk of every table of a database in both formats; gives how many were formatted
/// here.
int check_database(const std::string& database) {
  auto connection = connect(database);
  const auto tables = plan::read_tables(connection, {}, {});
  std::vector<const Table*> pointers;
  for (const auto& table : tables) {
    pointers.push_back(&table);
  }
  const auto types = read_type_formats(connection, pointers);
  int formatted = 0;
  for (const auto& table : tables) {
    CAPTURE(table.name);
    const auto client = client_format(table, types);
    if (!client) {
      continue;
    }
    ++formatted;
    const auto binary =
        copied(connection, plan::chunk_select(table, {}, client->select_list), "FORMAT binary");
    for (const auto output_format : {Format::csv, Format::text}) {
      OutputOptions output;
      output.format = output_format;
      format::RowEncoder encoder({row_format(output, table.columns.size()), client->columns});
      format::ByteBuffer out;
      encoder.append(binary, out);
      CHECK(out.view() == copied(connection, plan::chunk_select(table, {}), copy_options(output)));
    }
  }
  return formatted;
}

/// A table of one column besides an id, so that the table is formatted here.
void add_table(test::PgSession& session, const std::string& name, const std::string& type,
               const std::string& values) {
  session.exec("CREATE TABLE \"of " + name + "\" (id int, v " + type + ")");
  session.exec("INSERT INTO \"of " + name + "\" SELECT row_number() OVER (), v FROM (VALUES " +
               values + ", (NULL)) AS t (v)");
}

}  // namespace

TEST_CASE("Every built-in type that a table can have is formatted as the server formats it") {
  const auto database = test::shared_cluster().create_database();
  auto session = test::shared_cluster().session(database);
  // Any text that the type's input function takes; NULL where none of these is.
  session.exec(R"sql(
    CREATE FUNCTION any_value(type regtype) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE t text; texts text[] := ARRAY['1', 't', 'a', '(1,2)', '((1,2),(3,4))', '{1,2,3}',
      '[(1,2),(3,4)]', '<(1,2),3>', '2024-02-29', '[1,5)', '{[1,5)}', '1 day', '10.0.0.1', 'a:1',
      'pg_class', '101', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '1/2', '<a>&lt;</a>',
      '{"a":1}', '00000000-0000-0000-0000-000000000001', '10:20:30', '$.a', '1:2:', '''a'' & b',
      '[2024-01-01,2024-02-01)', '{[2024-01-01,2024-02-01)}', 'int4(text)', '+(integer,integer)',
      'english', 'postgres=r/postgres', '+', 'now', 'public', 'simple', '"C"', '(0,1)', '{1,2}',
      'pg_catalog.now', '="a"'];
    BEGIN
      FOREACH t IN ARRAY texts LOOP
        BEGIN
          EXECUTE format('SELECT %L::%s', t, type);
          RETURN t;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
      END LOOP;
      RETURN NULL;
    END $$)sql");
  const auto types = session.rows(R"sql(
    SELECT format_type(t.oid, NULL), quote_nullable(any_value(t.oid::regtype)), t.typname
    FROM pg_type t WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm')
      AND (t.typelem = 0 OR t.typlen > 0 OR t.typname IN ('int2vector', 'oidvector')
           OR t.typname ~ '^_(int4|text|box|numrange|jsonb|timestamptz|"char"|char|regclass)$')
      AND t.typinput <> 'pg_node_tree_in'::regproc AND t.typname !~ '^pg_.*(list|stats|distinct|dependencies|ndistinct|summary)')sql");
  int made = 0;
  for (const auto& type : types) {
    CAPTURE(*type.at(2));
    if (session
            .sqlstate_of("CREATE TABLE \"t_" + *type.at(2) + "\" AS SELECT 1 AS id, " +
                         *type.at(1) + "::" + *type.at(0) + " AS v UNION ALL SELECT 2, NULL")
            .empty()) {
      ++made;
    }
  }
  CHECK(made > 70);
  CHECK(check_database(database) == made);
}

TEST_CASE("Types of users and of extensions are formatted as the server formats them") {
  const auto database = test::shared_cluster().create_database();
  auto session = test::shared_cluster().session(database);
  session.exec(R"sql(
    CREATE TYPE mood AS ENUM ('sad', 'so "so"', 'hap,py', '');
    CREATE DOMAIN small AS int CHECK (value < 100);
    CREATE DOMAIN smaller AS small;
    CREATE DOMAIN words AS text[];
    CREATE DOMAIN feeling AS mood;
    CREATE TYPE pair AS (a int, b text, c numeric);
    CREATE DOMAIN two AS pair;
    CREATE TYPE spell AS RANGE (subtype = float8);
    CREATE DOMAIN span AS spell;
    -- Without a send function, with its own cast to text, which says something else.
    CREATE TYPE odd;
    CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'textin';
    CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
    CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = text);
    CREATE FUNCTION odd_text(odd) RETURNS text LANGUAGE sql AS $$ SELECT 'wrong' $$;
    CREATE CAST (odd AS text) WITH FUNCTION odd_text(odd);
    -- Prints as a number, sends as a text.
    CREATE TYPE mixed;
    CREATE FUNCTION mixed_in(cstring) RETURNS mixed LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
    CREATE FUNCTION mixed_out(mixed) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
    CREATE FUNCTION mixed_send(mixed) RETURNS bytea LANGUAGE internal IMMUTABLE STRICT AS 'oidsend';
    CREATE TYPE mixed (INPUT = mixed_in, OUTPUT = mixed_out, SEND = mixed_send, LIKE = int4)
  )sql");
  add_table(session, "enums", "mood", "('sad'::mood), ('so \"so\"'), ('hap,py'), ('')");
  add_table(session, "enum arrays", "mood[]", "('{sad,\"hap,py\",NULL,\"\"}'::mood[]), ('{}')");
  add_table(session, "domains", "smaller", "(7::smaller), (-8)");
  add_table(session, "domain arrays", "smaller[]", "('{7,NULL}'::smaller[]), ('[2:3]={1,2}')");
  add_table(session, "array domains", "words", "('{a,\"b c\"}'::words)");
  add_table(session, "arrays of array domains", "words[]", "(ARRAY['{a,\"b c\"}'::words])");
  add_table(session, "enum domains", "feeling", "('hap,py'::feeling)");
  add_table(session, "composites", "pair",
            "((1, 'a \"b\",', 1.50)::pair), ((NULL, NULL, NULL)::pair)");
  add_table(session, "composite arrays", "pair[]", "(ARRAY[(1, 'a', 2)::pair, NULL])");
  add_table(session, "composite domains", "two", "((1, 'a', 2)::pair::two)");
  add_table(session, "ranges", "spell", "('[1,2.5)'::spell), ('empty')");
  add_table(session, "range domains", "span", "('[1,2.5)'::span)");
  add_table(session, "multiranges", "int4multirange", "('{[1,3),[5,7)}'::int4multirange)");
  add_table(session, "odd", "odd", "('a,\"b'::odd), ('')");
  add_table(session, "odd arrays", "odd[]", "('{a,\"b c\"}'::odd[])");
  add_table(session, "mixed", "mixed", "('-5'::mixed)");
  add_table(session, "characters", "\"char\"", "('a'::\"char\"), ('\\\\'), (''), (','), ('\\xc3')");
  add_table(session, "names", "name", "('a \"name\"'::name)");
  add_table(session, "padded", "char(7)", "('a  '::char(7)), (''), ('NULL'), ('a,b')");
  add_table(session, "padded arrays", "char(3)[]", "('{a,\"\"}'::char(3)[])");
  add_table(session, "xml", "xml",
            "('<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><a>ü</a>'::xml), "
            "('<?xml version=\"1.1\"?><a/>'), ('<?xml version=\"1.0\" encoding=\"latin1\"?><a/>')");
  add_table(session, "json", "json", "('{\"a\": 1,  \"a\":2}'::json), ('\"\"')");
  int tables = 22;
  for (const auto& [extension, type, values] : std::vector<std::array<std::string, 3>>{
           {"citext", "citext", "('A,b'::citext), ('')"},
           {"hstore", "hstore", "('a=>\"b c\", d=>NULL'::hstore)"},
           {"ltree", "ltree", "('a.b.c'::ltree)"},
           {"cube", "cube", "('(1,2),(3,4)'::cube)"},
           {"isn", "isbn13", "('978-0-11-000533-1'::isbn13)"},
           {"seg", "seg", "('1 .. 2'::seg)"}}) {
    if (session.sqlstate_of("CREATE EXTENSION " + extension).empty()) {
      add_table(session, extension, type, values);
      tables += 1;
    }
  }
  CHECK(check_database(database) == tables);
}

TEST_CASE("An output function that the user may not call is not called by name") {
  const auto database = test::shared_cluster().create_database();
  auto session = test::shared_cluster().session(database);
  session.exec("CREATE TABLE t (id int, at point); INSERT INTO t VALUES (1, '(1,2)'), (2, NULL);"
               "CREATE ROLE poor LOGIN; GRANT SELECT ON t TO poor;"
               "REVOKE EXECUTE ON FUNCTION point_out(point) FROM PUBLIC");
  pg::Connection poor({test::shared_cluster().conninfo(database, "poor"),
                       "pgstride/test/poor",
                       {},
                       std::chrono::milliseconds(0)});
  const auto tables = plan::read_tables(poor, {}, {});
  const auto types = read_type_formats(poor, {&tables.at(0)});
  const auto client = client_format(tables.at(0), types);
  REQUIRE(client);
  CHECK(client->select_list.at(1).find("point_out") == std::string::npos);
  CHECK(copied(poor, plan::chunk_select(tables.at(0), {}, client->select_list), "FORMAT csv") ==
        "1,\"(1,2)\"\n2,\n");
  CHECK(check_database(database) == 1);
}

TEST_CASE("A table without a column that is formatted here is left to the server") {
  const auto database = test::shared_cluster().create_database();
  auto session = test::shared_cluster().session(database);
  session.exec("CREATE TABLE t (at point, r int4range); CREATE TABLE n ()");
  CHECK(check_database(database) == 0);
}

}  // namespace pgstride::job
