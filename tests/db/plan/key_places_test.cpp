// Where keys fall among bounds, by the order of the key's own operator class and collation.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "plan/key_places.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::plan {

namespace {

KeyColumn column(const std::string& type, const std::string& collation = "") {
  KeyColumn out;
  out.name = "the \"key";
  out.type = type;
  out.collation = collation;
  return out;
}

std::vector<std::size_t> places(const std::vector<KeyColumn>& columns,
                                const std::vector<KeyValue>& bounds,
                                const std::vector<KeyValue>& keys) {
  static pg::Connection connection({test::shared_cluster().conninfo(),
                                    "pgstride/test/places",
                                    {},
                                    std::chrono::milliseconds(0)});
  Key key;
  key.columns = columns;
  auto found = places_of_keys(connection, key, bounds, keys);
  std::sort(found.begin(), found.end());
  return found;
}

using Places = std::vector<std::size_t>;

}  // namespace

TEST_CASE("A key's place is the number of bounds not above it") {
  const std::vector<KeyColumn> id{column("pg_catalog.int8")};
  const std::vector<KeyValue> bounds{{"10"}, {"20"}, {"30"}};
  CHECK(places(id, bounds, {{"9"}}) == Places{0});
  CHECK(places(id, bounds, {{"10"}, {"19"}, {"15"}}) == Places{1});
  CHECK(places(id, bounds, {{"-5"}, {"20"}, {"1000000000000"}}) == Places{0, 2, 3});
  CHECK(places(id, bounds, {}).empty());
  CHECK(places(id, {}, {{"1"}, {"2"}}) == Places{0});
}

TEST_CASE("Text is ordered by the key's collation, numbers as numbers, times with infinity") {
  const std::vector<KeyValue> bounds{{"b"}, {"d"}};
  CHECK(places({column("pg_catalog.text", "pg_catalog.\"C\"")}, bounds, {{"B"}, {"Z"}}) ==
        Places{0});
  CHECK(places({column("pg_catalog.text", "pg_catalog.\"en-x-icu\"")}, bounds, {{"C"}, {"Z"}}) ==
        Places{1, 2});
  CHECK(places({column("pg_catalog.text", "pg_catalog.\"C\"")}, {{"a\"b\\c,{}"}},
               {{"a\"b\\c,{}"}}) == Places{1});
  CHECK(places({column("pg_catalog.numeric")}, {{"9"}, {"10.0"}}, {{"10"}, {"9.5"}, {"NaN"}}) ==
        Places{1, 2});
  CHECK(places({column("pg_catalog.timestamptz")}, {{"2024-01-01 00:00:00+00"}},
               {{"infinity"}, {"-infinity"}}) == Places{0, 1});
}

TEST_CASE("Bounds that are not in the key's order are an error, never a wrong place") {
  const std::vector<KeyColumn> id{column("pg_catalog.int8")};
  CHECK_THROWS_AS(places(id, {{"10"}, {"9"}, {"30"}}, {{"9"}}), Error);
  CHECK_THROWS_AS(places({column("pg_catalog.text", "pg_catalog.\"C\"")}, {{"a"}, {"B"}}, {{"C"}}),
                  Error);
  CHECK(places(id, {{"10"}, {"10"}, {"30"}}, {{"9"}, {"10"}}) == Places{0, 2});
}

TEST_CASE("Keys of several columns are ordered by the first, then by the next") {
  auto second = column("pg_catalog.text", "pg_catalog.\"C\"");
  second.name = "second";
  CHECK(places({column("pg_catalog.int4"), second}, {{"1", "m"}, {"2", "a"}},
               {{"1", "a"}, {"1", "z"}, {"2", "a"}}) == Places{0, 1, 2});
}

}  // namespace pgstride::plan
