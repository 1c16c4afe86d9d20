// Which chunk keys a change touches, for each replica identity (correctness.md, 3.3).
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "handoff/changed_keys.hpp"
#include "pgstride/error.hpp"

namespace pgstride::handoff {

namespace {

std::string number(std::uint64_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xffU);
  }
  return out;
}

constexpr std::uint64_t k_table = 42;

// A relation with the columns id, day and note; `flags` says which are in the identity.
std::string relation(char identity, const std::string& flags) {
  std::string out = "R" + number(k_table, 4) + std::string("s\0t\0", 4) + identity + number(3, 2);
  const std::vector<std::string> names{"id", "day", "note"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    out += std::string(1, flags[i] == '1' ? '\1' : '\0') + names[i] + '\0' + number(25, 4) +
           number(0, 4);
  }
  return out;
}

// Columns parted by commas; `-` is NULL, `~` unchanged.
std::string row(const std::string& columns) {
  std::string out;
  std::uint64_t count = 0;
  for (std::size_t at = 0; at <= columns.size();) {
    const auto end = std::min(columns.find(',', at), columns.size());
    const auto value = columns.substr(at, end - at);
    out += value == "-" ? "n" : value == "~" ? "u" : "t" + number(value.size(), 4) + value;
    ++count;
    at = end + 1;
  }
  return number(count, 2) + out;
}

std::string begin(std::uint64_t commit) {
  return "B" + number(commit, 8) + number(0, 8) + number(1, 4);
}
std::string insert(const std::string& columns) {
  return "I" + number(k_table, 4) + "N" + row(columns);
}
std::string update(const std::string& old, const std::string& columns) {
  return "U" + number(k_table, 4) + (old.empty() ? "" : old.substr(0, 1) + row(old.substr(1))) +
         "N" + row(columns);
}
std::string removed(const std::string& old) {
  return "D" + number(k_table, 4) + old.substr(0, 1) + row(old.substr(1));
}

/// What was told, in short: `5` a key, `NULL`, `*` the table.
class Told : public ChangeSink {
 public:
  std::string text;
  std::string why;
  void transaction(Lsn) override {}
  void key_changed(std::uint32_t, KeyValue key) override {
    for (const auto& part : key) {
      text += part + (&part == &key.back() ? " " : "/");
    }
  }
  void null_key_changed(std::uint32_t) override { text += "NULL "; }
  void table_changed(std::uint32_t, const std::string& reason) override {
    text += "* ";
    why = reason;
  }
};

std::string told(const std::vector<std::string>& key, const std::vector<std::string>& messages) {
  Told sink;
  ChangeReader reader({{k_table, key}}, sink);
  for (const auto& message : messages) {
    reader.take(message, Lsn{1000});
  }
  return sink.text;
}

const std::string k_default = relation('d', "100");
const std::string k_full = relation('f', "111");

}  // namespace

TEST_CASE("A row touches the chunk of its new key, and that of its old one where it moved") {
  CHECK(told({"id"}, {k_default, insert("7,mon,x")}) == "7 ");
  CHECK(told({"id"}, {k_default, update("", "7,mon,y")}) == "7 ");
  CHECK(told({"id"}, {k_default, update("K7,-,-", "8,mon,y")}) == "7 8 ");
  CHECK(told({"id"}, {k_default, removed("K7,-,-")}) == "7 ");
  CHECK(told({"day"}, {k_full, update("O7,mon,x", "7,tue,x")}) == "mon tue ");
  CHECK(told({"day"}, {k_full, removed("O7,mon,x")}) == "mon ");
  CHECK(told({"id", "day"}, {k_full, update("O7,mon,x", "7,tue,x")}) == "7/mon 7/tue ");
}

TEST_CASE("Where the old chunk key is not told the whole table counts as changed") {
  CHECK(told({"day"}, {k_default, insert("7,mon,x")}) == "mon ");
  CHECK(told({"day"}, {k_default, update("", "7,tue,x")}) == "* tue ");
  CHECK(told({"day"}, {k_default, update("K7,-,-", "8,tue,x")}) == "* tue ");
  CHECK(told({"day"}, {k_default, removed("K7,-,-")}) == "* ");
  CHECK(told({"id", "day"}, {k_default, update("", "7,tue,x")}) == "* 7/tue ");
  CHECK(told({"id"}, {k_full, update("", "7,tue,x")}) == "* 7 ");
}

TEST_CASE("The identity is that of the Relation message before the change, not of another one") {
  CHECK(told({"day"}, {k_full, removed("O7,mon,x"), k_default, removed("K7,-,-"), k_full,
                       removed("O7,tue,x")}) == "mon * tue ");
}

TEST_CASE("An unchanged key value is taken from the old row, or makes the table unknown") {
  CHECK(told({"note"}, {k_full, update("O7,mon,x", "7,tue,~")}) == "x x ");
  CHECK(told({"note"}, {k_default, update("", "7,tue,~")}) == "* * ");
  CHECK(told({"id"}, {k_default, update("", "7,mon,~")}) == "7 ");
}

TEST_CASE("Keys with a NULL, tables without a key split, and columns that are not there") {
  CHECK(told({"day"}, {k_full, insert("7,-,x")}) == "NULL ");
  CHECK(told({"id", "day"}, {k_full, insert("7,-,x")}) == "NULL ");
  CHECK(told({"day"}, {k_full, update("O7,-,x", "7,mon,x")}) == "NULL mon ");
  CHECK(told({}, {k_default, insert("7,mon,x")}) == "* ");
  CHECK(told({"gone"}, {k_default, insert("7,mon,x")}) == "* ");
}

TEST_CASE("A truncate touches the table; a table that is not watched is passed over") {
  const auto truncate = "T" + number(2, 4) + '\0' + number(k_table, 4) + number(43, 4);
  const auto other = "R" + number(43, 4) + std::string("s\0u\0d\0\0", 7);
  CHECK(told({"id"}, {k_default, other, truncate}) == "* ");
}

TEST_CASE("The stream ends at the first transaction that committed at the end or behind it") {
  Told sink;
  ChangeReader reader({{k_table, {"id"}}}, sink);
  CHECK(reader.take(begin(999), Lsn{1000}));
  CHECK_FALSE(reader.take(begin(1000), Lsn{1000}));
}

TEST_CASE("Changes of a relation that was not described, and rows of another width, are errors") {
  CHECK_THROWS_AS(told({"id"}, {insert("7,mon,x")}), Error);
  CHECK_THROWS_AS(told({"id"}, {k_default, insert("7,mon")}), Error);
}

}  // namespace pgstride::handoff
