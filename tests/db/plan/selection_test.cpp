#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "plan_check.hpp"

using namespace pgstride;
using namespace pgstride::test;

namespace {

using Names = std::vector<std::string>;

// `schema.table` or `schema.table/schema.leaf`, in the order given.
Names names_of(pg::Connection& connection, const SelectOptions& select) {
  Names names;
  for (const auto& table : plan::read_tables(connection, select, {})) {
    names.push_back(table.is_leaf() ? table.display_name() + "/" + table.leaf_display_name()
                                    : table.display_name());
  }
  return names;
}

Names tables(pg::Connection& connection, Names patterns, Names excluded = {}) {
  SelectOptions select;
  select.tables = std::move(patterns);
  select.exclude_tables = std::move(excluded);
  return names_of(connection, select);
}

// The error that a call ends with, as `message | hint`.
template <typename Call> std::string usage_error(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return std::string(error.what()) + " | " + error.hint();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("All user tables are chosen without a pattern, and nothing else") {
  PlanDatabase db;
  db.exec("CREATE TABLE a (i int); CREATE TABLE \"B b\" (i int); CREATE SCHEMA s; CREATE TABLE s.c "
          "(i int);"
          "CREATE VIEW v AS SELECT 1 AS i; CREATE MATERIALIZED VIEW m AS SELECT 1 AS i;"
          "CREATE MATERIALIZED VIEW not_filled AS SELECT 1 AS i WITH NO DATA;"
          "CREATE SCHEMA pgstride; CREATE TABLE pgstride.ledger (i int); CREATE SEQUENCE q");
  if (db.has_extension("file_fdw")) {
    db.exec("CREATE EXTENSION file_fdw; CREATE SERVER f FOREIGN DATA WRAPPER file_fdw;"
            "CREATE FOREIGN TABLE ft (i text) SERVER f OPTIONS (program 'echo 1')");
    CHECK(tables(db.connection(), {"v", "ft"}) == Names{"public.ft", "public.v"});
  }
  CHECK(names_of(db.connection(), {}) == Names{"public.B b", "public.a", "public.m", "s.c"});
  CHECK(tables(db.connection(), {"*"}) == Names{"public.B b", "public.a", "public.m"});
  CHECK(tables(db.connection(), {"*.*"}, {"m"}) == Names{"public.B b", "public.a", "s.c"});
  CHECK(tables(db.connection(), {"v"}) == Names{"public.v"});
  CHECK(tables(db.connection(), {"s.c", "\"B b\"", "?"}) ==
        Names{"public.B b", "public.a", "public.m", "s.c"});
  SelectOptions select;
  select.schemas = {"s"};
  CHECK(names_of(db.connection(), select) == Names{"s.c"});
  select.schemas = {"*"};
  select.exclude_schemas = {"pub*"};
  CHECK(names_of(db.connection(), select) == Names{"s.c"});
  select = {};
  select.schemas = {"s"};
  select.tables = {"c"};
  CHECK(names_of(db.connection(), select) == Names{"s.c"});
}

TEST_CASE("A view and a foreign table are one chunk, read without ONLY; or cut by --key") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (i int); INSERT INTO t SELECT generate_series(1, 1000);"
          "CREATE VIEW v AS SELECT i, i % 10 AS ten FROM t");
  const auto view = plan_one(db.connection(), "v", {});
  CHECK(view.table.kind == RelationKind::view);
  CHECK(view.chunks.size() == 1);
  CHECK(plan::chunk_select(view.table, view.chunks.front()) ==
        "SELECT \"i\", \"ten\" FROM \"public\".\"v\"");
  ChunkOptions options;
  options.chunk_rows = 100;
  options.keys = {{"v", "i"}};
  const auto cut = plan_one(db.connection(), "v", options);
  CHECK(cut.chunks.size() >= 10);
  CHECK(wrong_with(db.connection(), cut) == "");
}

// Nobody enforces a foreign table's NOT NULL: the server takes its word for it.
TEST_CASE("A foreign table that is cut by a key has a chunk for NULLs whatever it declares") {
  PlanDatabase db;
  if (!db.has_extension("postgres_fdw")) {
    return;
  }
  db.exec(
      "CREATE TABLE far (id int, v text);"
      "INSERT INTO far SELECT nullif(g % 20, 0) * 1000 + g, 'v' FROM generate_series(1, 1000) g;"
      "CREATE EXTENSION postgres_fdw;"
      "DO $$ BEGIN EXECUTE format('CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS"
      " (dbname %L, host %L)', current_database(), current_setting('unix_socket_directories'));"
      "END $$;"
      "CREATE USER MAPPING FOR CURRENT_USER SERVER here;"
      "CREATE FOREIGN TABLE near (id int NOT NULL, v text) SERVER here OPTIONS (table_name 'far')");
  ChunkOptions options;
  options.chunk_rows = 100;
  options.keys = {{"near", "id"}};
  const auto cut = plan_one(db.connection(), "near", options);
  CHECK(cut.chunks.back().kind == ChunkKind::null_keys);
  CHECK(wrong_with(db.connection(), cut) == "");
}

TEST_CASE("A pattern that matches nothing is an error with a hint that helps") {
  PlanDatabase db;
  db.exec("CREATE SCHEMA s; CREATE TABLE s.hidden (i int); CREATE TABLE \"Mixed\" (i int);"
          "CREATE VIEW v AS SELECT 1 AS i");
  auto& c = db.connection();
  CHECK(contains(usage_error([&] { tables(c, {"nothing"}); }), "no table matches --table nothing"));
  CHECK(contains(usage_error([&] { tables(c, {"hidden"}); }), "write s.hidden"));
  CHECK(contains(usage_error([&] { tables(c, {"Mixed"}); }), "'\"Mixed\"'"));
  CHECK(contains(usage_error([&] { tables(c, {"v*"}); }), "named exactly"));
  CHECK(contains(usage_error([&] { tables(c, {"*"}, {"nothing"}); }), "nothing"));
  CHECK(contains(usage_error([&] { tables(c, {"pg_catalog.pg_class"}); }), "no table matches"));
  CHECK(contains(usage_error([&] { tables(c, {"pg_toast.*"}); }), "no table matches"));
  SelectOptions select;
  select.schemas = {"nowhere"};
  CHECK(contains(usage_error([&] { names_of(c, select); }), "no schema matches"));
}

TEST_CASE("The user's search_path decides what a bare name means") {
  PlanDatabase db;
  db.exec("CREATE SCHEMA s; CREATE TABLE s.t (i int); CREATE TABLE t (i int);"
          "ALTER DATABASE " +
          db.name() + " SET search_path = s");
  auto connection = db.connect_as("postgres");
  const auto before = connection.exec("SHOW search_path").text(0, 0);
  CHECK(tables(connection, {"t"}) == Names{"s.t"});
  CHECK(connection.exec("SHOW search_path").text(0, 0) == before);
}

TEST_CASE("Partitions go under the root's name, whatever pattern chose them") {
  PlanDatabase db;
  db.exec("CREATE TABLE orders (id int, at date) PARTITION BY RANGE (at);"
          "CREATE TABLE o1 PARTITION OF orders FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');"
          "CREATE TABLE o2 PARTITION OF orders FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')"
          " PARTITION BY HASH (id);"
          "CREATE SCHEMA parts;"
          "CREATE TABLE parts.o2a (extra int, at date, id int);"
          "ALTER TABLE parts.o2a DROP COLUMN extra;"
          "ALTER TABLE o2 ATTACH PARTITION parts.o2a FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
          "CREATE TABLE empty_root (id int) PARTITION BY LIST (id);"
          "INSERT INTO orders VALUES (1, '2024-01-05'), (2, '2024-02-05')");
  auto& c = db.connection();
  const Names both{"public.orders/parts.o2a", "public.orders/public.o1"};
  CHECK(tables(c, {"orders"}) == both);
  CHECK(tables(c, {"o1", "o2"}) == both);
  CHECK(tables(c, {"orders"}, {"o2"}) == Names{"public.orders/public.o1"});
  CHECK(tables(c, {"*"}, {"orders"}) == Names{"public.empty_root"});
  SelectOptions select;
  select.exclude_schemas = {"parts"};
  CHECK(names_of(c, select) == Names{"public.empty_root", "public.orders/public.o1"});
  const auto leaf = plan::read_tables(c, {}, {}).at(1);
  CHECK(leaf.kind == RelationKind::leaf_partition);
  CHECK(leaf.columns.at(0).name == "id");
  CHECK(leaf.columns.at(0).attnum == 3);
  CHECK(plan::chunk_select(leaf, Chunk{}) == "SELECT \"id\", \"at\" FROM ONLY \"parts\".\"o2a\"");
  const auto empty = plan_one(c, "empty_root", {});
  CHECK(empty.chunks.size() == 1);
  CHECK(wrong_with(c, empty) == "");
}

TEST_CASE("Children by inheritance are read apart from their parent, under its name if they fit") {
  PlanDatabase db;
  db.exec("CREATE TABLE parent (id int, v text); CREATE TABLE child () INHERITS (parent);"
          "CREATE TABLE wider (more int) INHERITS (parent);"
          "INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c');"
          "INSERT INTO wider VALUES (3, 'w', 3)");
  auto& c = db.connection();
  CHECK(tables(c, {"parent"}) ==
        Names{"public.parent/public.child", "public.parent", "public.wider"});
  std::int64_t rows = 0;
  for (const auto& one : plan_all(c, {}, {})) {
    CHECK(wrong_with(c, one) == "");
    rows += chunk_rows(c, one).front();
  }
  CHECK(rows == 3);
}

TEST_CASE("Names of any kind work for tables, columns and options") {
  PlanDatabase db;
  const std::string table = "we\"ird. \n😀'\\ table";
  const std::string quoted = "\"we\"\"ird. \n😀'\\ table\"";
  db.exec("CREATE SCHEMA \"S.s\"; CREATE TABLE \"S.s\"." + quoted +
          " (\"k \"\"'\n😀\" int PRIMARY KEY, \"select\" text);"
          "INSERT INTO \"S.s\"." +
          quoted + " SELECT g, 'x' FROM generate_series(1, 1000) g");
  ChunkOptions options;
  options.chunk_rows = 100;
  options.keys = {{"\"S.s\"." + quoted, "\"k \"\"'\n😀\""}};
  const auto planned = plan_one(db.connection(), "\"S.s\"." + quoted, options);
  CHECK(planned.table.display_name() == "S.s." + table);
  CHECK(planned.chunks.size() == 10);
  CHECK(wrong_with(db.connection(), planned) == "");
}

TEST_CASE("A table without columns and an empty one are one chunk each") {
  PlanDatabase db;
  db.exec("CREATE TABLE none (); INSERT INTO none SELECT FROM generate_series(1, 5);"
          "CREATE TABLE empty (i int PRIMARY KEY)");
  const auto none = plan_one(db.connection(), "none", {});
  CHECK(plan::chunk_select(none.table, none.chunks.at(0)) ==
        "SELECT FROM ONLY \"public\".\"none\"");
  CHECK(wrong_with(db.connection(), none) == "");
  CHECK(plan_one(db.connection(), "empty", {}).chunks.size() == 1);
}

TEST_CASE("What may not be read is refused with the statement that helps") {
  PlanDatabase db;
  db.exec(
      "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN;"
      "CREATE TABLE no_right (a int, b int); CREATE TABLE half (a int, b int);"
      "GRANT SELECT (a) ON half TO reader;"
      "CREATE TABLE guarded (a int); GRANT SELECT ON guarded TO reader;"
      "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;"
      "CREATE SCHEMA closed; CREATE TABLE closed.t (a int); GRANT SELECT ON closed.t TO reader");
  auto reader = db.connect_as("reader");
  CHECK(contains(usage_error([&] { tables(reader, {"no_right"}); }),
                 "GRANT SELECT ON \"public\".\"no_right\" TO \"reader\""));
  CHECK(contains(usage_error([&] { tables(reader, {"half"}); }), "may not read table public.half"));
  CHECK(contains(usage_error([&] { tables(reader, {"closed.t"}); }),
                 "GRANT USAGE ON SCHEMA \"closed\""));
  CHECK(contains(usage_error([&] { tables(reader, {"guarded"}); }), "row security"));
  SelectOptions select;
  select.tables = {"half"};
  select.columns = {{"half", "a"}};
  // LOCK TABLE asks for a right on the table itself.
  CHECK(contains(usage_error([&] { names_of(reader, select); }), "only columns of it"));
  CHECK(tables(db.connection(), {"guarded"}) == Names{"public.guarded"});
  db.exec("DROP OWNED BY reader; DROP ROLE reader");
}

TEST_CASE("Options that name no table, no column or twice the same are refused") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (a int, j json); CREATE SCHEMA s; CREATE TABLE s.t (a int);"
          "CREATE TABLE s.u (a int)");
  auto& c = db.connection();
  const auto with_key = [&](const TableOption& key) {
    return usage_error([&] {
      ChunkOptions options;
      options.keys = {key};
      plan::read_tables(c, {}, options);
    });
  };
  CHECK(contains(with_key({"nothing", "a"}), "not among those chosen"));
  CHECK(contains(with_key({"t", "a"}), "public.t and s.t"));
  CHECK(contains(with_key({"public.t", "b"}), "has no column \"b\""));
  CHECK(contains(with_key({"public.t", "j"}), "has no order"));
  CHECK(contains(with_key({"public.t", "a,a"}), "twice"));
  CHECK(with_key({"u", "a"}) == "no error");
  ChunkOptions nothing;
  nothing.chunk_rows = 0;
  CHECK(contains(usage_error([&] { plan::read_tables(c, {}, nothing); }), "above zero"));
  SelectOptions select;
  select.where = {{"u", "a = 'x'"}};
  CHECK(
      contains(usage_error([&] { plan::read_tables(c, select, {}); }), "the filter of table s.u"));
  select.where = {};
  select.columns = {{"u", "a,nope"}};
  CHECK(contains(usage_error([&] { plan::read_tables(c, select, {}); }), "\"nope\""));
}

TEST_CASE("The identity of a leaf changes with a rewrite and with its columns") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (a int, b text)");
  const auto table = plan::read_tables(db.connection(), {}, {}).at(0);
  const auto before = plan::leaf_identities(db.connection(), {table.oid, 4294967295U});
  REQUIRE(before.size() == 1);
  CHECK(before[0].relfilenode == table.relfilenode);
  CHECK(before[0].columns == table.columns);
  db.exec("TRUNCATE t; ALTER TABLE t ALTER b SET NOT NULL, ADD c int");
  const auto after = plan::leaf_identities(db.connection(), {table.oid});
  CHECK(after[0].relfilenode != table.relfilenode);
  CHECK(after[0].columns.size() == 3);
  CHECK(after[0].columns[1] != before[0].columns[1]);
}
