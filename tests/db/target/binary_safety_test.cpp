#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "pg/quote.hpp"
#include "support/temp_cluster.hpp"
#include "support/type_samples.hpp"
#include "target/binary_safety.hpp"
#include "target_database.hpp"

using namespace pgstride;
using namespace pgstride::test;

namespace {

// A table of one side as another database has it; both tables have one name.
target::WireFormat format_between(TargetDatabase& source, TargetDatabase& target,
                                  const std::string& table, int source_version = 150000,
                                  int target_version = 150000) {
  const auto from = source.read({table});
  const auto into = target.read({table});
  const auto matched =
      target::match_columns(as_source(from.tables[0]), from.types, into.tables[0], into.types);
  return target::choose_wire_format(matched, from.types, source_version, into.types,
                                    target_version);
}

std::string word(const target::WireFormat& format) {
  return format.format == Format::binary ? "binary" : "text";
}

// Server builds for tests of other versions come without libxml.
bool understands(const TargetDatabase& db, const std::string& type) {
  return type != "xml" || PgSession(db.conninfo()).sqlstate_of("SELECT '<a/>'::xml").empty();
}

// A row per value, which stands alone and as an element of an array.
void fill_samples(const TargetDatabase& db, const std::string& type,
                  const std::vector<std::string>& values) {
  for (const auto& value : values) {
    const auto name = pg::quote_identifier(type);
    const auto literal = pg::quote_literal(value) + "::pg_catalog." + name;
    db.exec("INSERT INTO t (" + name + ", " + pg::quote_identifier(type + "[]") + ") VALUES (" +
            literal + ", ARRAY[" + literal + ", NULL])");
  }
}

std::int64_t copy_binary(const TargetDatabase& source, const TargetDatabase& target,
                         const std::string& table) {
  PgSession from(source.conninfo());
  PgSession into(target.conninfo());
  const auto bytes = from.copy_out("COPY " + table + " TO STDOUT (FORMAT binary)");
  return into.copy_in("COPY " + table + " FROM STDIN (FORMAT binary)",
                      [&](const auto& put) { put(bytes); });
}

std::string text_of(const TargetDatabase& db, const std::string& table) {
  PgSession session(db.conninfo());
  session.exec("SET extra_float_digits = 3; SET TimeZone = 'UTC'");
  return session.copy_out("COPY " + table + " TO STDOUT");
}

}  // namespace

TEST_CASE("Every built-in type that may go as binary arrives as it was, and its arrays") {
  TargetDatabase source;
  TargetDatabase target;
  std::string columns;
  for (const auto& [type, values] : binary_samples()) {
    if (understands(source, type)) {
      const auto name = pg::quote_identifier(type);
      columns += (columns.empty() ? "" : ", ") + name + " pg_catalog." + name + ", " +
                 pg::quote_identifier(type + "[]") + " pg_catalog." + name + "[]";
    }
  }
  source.exec("CREATE TABLE t (" + columns + ")");
  target.exec("CREATE TABLE t (" + columns + ")");
  std::int64_t rows = 0;
  for (const auto& [type, values] : binary_samples()) {
    if (understands(source, type)) {
      fill_samples(source, type, values);
      rows += static_cast<std::int64_t>(values.size());
    }
  }
  CHECK(format_between(source, target, "t").reason == "");
  CHECK(copy_binary(source, target, "t") == rows);
  CHECK(text_of(source, "t") == text_of(target, "t"));
}

TEST_CASE("A built-in type without a sample above goes as text") {
  TargetDatabase db;
  const auto names = db.connection().exec(R"sql(
    SELECT t.typname, t.typname <> '_record' AND t.typtype IN ('b', 'r', 'm')
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE n.nspname = 'pg_catalog' AND t.typtype IN ('b', 'r', 'm') AND t.typelem = 0
    ORDER BY 1
  )sql");
  std::string as_binary;
  for (int row = 0; row < names.rows(); ++row) {
    const auto type = names.text(row, 0);
    const auto result = PgSession(db.conninfo())
                            .sqlstate_of("CREATE TABLE \"of " + type + "\" (c pg_catalog." +
                                         pg::quote_identifier(type) + ")");
    if (result.empty() && !binary_samples().contains(type) &&
        format_between(db, db, "of " + type).format == Format::binary) {
      as_binary += type + " ";
    }
  }
  CHECK(as_binary == "");
}

TEST_CASE("Types of the user, of extensions and those that name objects go as text") {
  TargetDatabase source;
  TargetDatabase target;
  target.exec("CREATE TABLE taken_oids (i int); CREATE TYPE taken AS ENUM ('x')");
  for (auto* db : {&source, &target}) {
    db->exec(R"sql(
      CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TYPE pair AS (a int, b text);
      CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN moody AS mood;
      CREATE TYPE span AS RANGE (subtype = int4);
      CREATE TABLE plain (i int, n numeric(10, 2), a text[], p positive);
      CREATE TABLE en (i int, c mood); CREATE TABLE ena (c mood[]); CREATE TABLE dom (c moody);
      CREATE TABLE com (c pair); CREATE TABLE coma (c pair[]); CREATE TABLE ran (c span);
      CREATE TABLE doma (c positive[]); CREATE TABLE reg (c regclass); CREATE TABLE rega (c regtype[]);
      CREATE TABLE o (c oid); CREATE TABLE m (c money); CREATE TABLE acl (c aclitem[]);
      CREATE TABLE iv (c int2vector); CREATE TABLE cat (c pg_catalog.pg_class))sql");
  }
  CHECK(format_between(source, target, "plain").reason == "");
  for (const auto* name : {"en", "ena", "dom", "com", "coma", "ran", "doma", "reg", "rega", "o",
                           "m", "acl", "iv", "cat"}) {
    CAPTURE(name);
    const auto format = format_between(source, target, name);
    CHECK(word(format) == "text");
    CHECK(contains(format.reason, "column \"c\" is of type "));
  }
  CHECK(format_between(source, target, "en").reason ==
        "column \"c\" is of type public.mood, which is no built-in type");
}

TEST_CASE("Another type on the target goes as text, other modifiers do not") {
  TargetDatabase source;
  TargetDatabase target;
  source.exec("CREATE TABLE t (i int); CREATE TABLE m (n numeric, v varchar, ts timestamp, "
              "b varbit, c bpchar, iv interval, tm time, na numeric[])");
  target.exec("CREATE TABLE t (i bigint); CREATE TABLE m (n numeric(5,2), v varchar(3), "
              "ts timestamp(3), b varbit(3), c char(4), iv interval(2), tm time(1), "
              "na numeric(4,1)[])");
  CHECK(format_between(source, target, "t").reason ==
        "column \"i\" is of type integer in the source and bigint on the target");
  CHECK(format_between(source, target, "m").reason == "");
  source.exec("INSERT INTO m VALUES (1.2345, 'abc', '2020-01-01 00:00:00.123456', '101', 'x', "
              "'1.234567 s', '10:00:00.123456', '{1.2345}')");
  CHECK(copy_binary(source, target, "m") == 1);
  CHECK(target.exec("TABLE m") ==
        "1.23|abc|2020-01-01 00:00:00.123|101|x   |00:00:01.23|10:00:00.1|{1.2}");
  source.exec("DELETE FROM m; INSERT INTO m (v) VALUES ('abcd')");
  CHECK_THROWS_WITH(copy_binary(source, target, "m"), doctest::Contains("value too long"));
}

TEST_CASE("Intervals go as text between servers before and after PostgreSQL 17") {
  TargetDatabase db;
  db.exec("CREATE TABLE t (i interval[])");
  CHECK(word(format_between(db, db, "t", 150000, 160004)) == "binary");
  CHECK(word(format_between(db, db, "t", 170000, 180000)) == "binary");
  CHECK(contains(format_between(db, db, "t", 180000, 160000).reason, "interval"));
  CHECK(contains(format_between(db, db, "t", 150000, 170000).reason, "interval"));
}
