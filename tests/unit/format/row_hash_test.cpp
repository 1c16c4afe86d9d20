#include "format/row_hash.hpp"

#include <doctest/doctest.h>

#include "samples.hpp"

namespace pgstride::format {
namespace {

std::string sum_of(const Rows& rows, bool binary) {
  RowHash hash(binary);
  for (const auto& row : rows) {
    std::vector<Field> fields;
    for (const auto& field : row) {
      fields.push_back(field ? Field(*field) : Field());
    }
    hash.add(fields);
  }
  return hash.sum();
}

std::string one(std::string_view canonical) {
  return std::to_string(static_cast<std::int64_t>(pg_hash_bytes(canonical, 0)));
}

TEST_CASE("a row's canonical bytes are its fields' lengths and values") {
  CHECK(sum_of({{"ab", std::nullopt, "", "é"}}, false) == one("2:abN0:2:é"));
  CHECK(sum_of({{std::string("\x00\xff\x1a", 3), std::nullopt, ""}}, true) == one("6:00ff1aN0:"));
  CHECK(sum_of({Row()}, false) == one(""));
  CHECK(sum_of({}, false) == "0");
}

TEST_CASE("the sum does not depend on the order of rows") {
  const Rows rows = {{"1", "a"}, {"2", std::nullopt}, {"3", ""}};
  const Rows other = {{"3", ""}, {"1", "a"}, {"2", std::nullopt}};
  CHECK(sum_of(rows, false) == sum_of(other, false));
}

TEST_CASE("the sum tells NULL from empty, fields from each other and a row from two") {
  const Rows row = {{"a", "b"}};
  for (const Rows& other :
       {Rows{{"a", std::nullopt}}, Rows{{"a", ""}}, Rows{{"ab", ""}}, Rows{{"b", "a"}},
        Rows{{"a", "b"}, {"a", "b"}}, Rows{{"a", "b", "N"}}}) {
    CHECK(sum_of(row, false) != sum_of(other, false));
  }
  CHECK(sum_of({{std::nullopt}}, false) != sum_of({{""}}, false));
}

TEST_CASE("the sum is signed and does not wrap") {
  const Rows row = {{"a", "b"}};
  const auto value = std::stoll(sum_of(row, false));
  const Rows many(100, row[0]);
  const auto digits = sum_of(many, false);
  CHECK(digits == std::to_string(value) + "00");
  CHECK(digits.size() > 19);
}

}  // namespace
}  // namespace pgstride::format
