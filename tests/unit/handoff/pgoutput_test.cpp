// The decoder of the change stream, on messages made by hand (documentation, 55.9).
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "handoff/pgoutput.hpp"
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

std::string name(const std::string& text) {
  return text + '\0';
}

std::string text_column(const std::string& value) {
  return "t" + number(value.size(), 4) + value;
}

std::string row(const std::vector<std::string>& columns) {
  std::string out = number(columns.size(), 2);
  for (const auto& column : columns) {
    out += column;
  }
  return out;
}

const std::string k_begin = "B" + number(0x16b374d848, 8) + number(1, 8) + number(777, 4);
const std::string k_commit = std::string("C") + '\0' + number(5, 8) + number(9, 8) + number(2, 8);
const std::string k_relation = "R" + number(16384, 4) + name("public") + name("orders") + "d" +
                               number(2, 2) + '\1' + name("id") + number(23, 4) + number(0, 4) +
                               '\0' + name("note") + number(25, 4) + number(0xffffffff, 4);
const std::string k_insert = "I" + number(16384, 4) + "N" + row({text_column("7"), "n"});
const std::string k_update = "U" + number(16384, 4) + "N" + row({text_column("7"), "u"});
const std::string k_update_key = "U" + number(16384, 4) + "K" + row({text_column("7"), "n"}) + "N" +
                                 row({text_column("8"), "u"});
const std::string k_delete_full =
    "D" + number(16384, 4) + "O" + row({text_column("7"), text_column("")});
const std::string k_truncate = "T" + number(2, 4) + '\1' + number(16384, 4) + number(16390, 4);
const std::string k_origin = "O" + number(1, 8) + name("other");
const std::string k_type = "Y" + number(99999, 4) + name("public") + name("mood");
const std::string k_logical =
    std::string("M") + '\1' + number(3, 8) + name("p") + number(2, 4) + "xy";

const std::vector<std::string> k_all{k_begin,  k_commit,     k_relation,    k_insert,
                                     k_update, k_update_key, k_delete_full, k_truncate,
                                     k_origin, k_type,       k_logical};

}  // namespace

TEST_CASE("A transaction's begin and commit tell where its commit record is") {
  CHECK(std::get<StreamBegin>(decode_pgoutput(k_begin)).commit_lsn.text() == "16/B374D848");
  CHECK(std::get<StreamBegin>(decode_pgoutput(k_begin)).xid == 777);
  CHECK(std::get<StreamCommit>(decode_pgoutput(k_commit)).commit_lsn.value == 5);
  CHECK(std::get<StreamCommit>(decode_pgoutput(k_commit)).end_lsn.value == 9);
}

TEST_CASE("A relation names its columns and which of them are in the replica identity") {
  const auto relation = std::get<StreamRelation>(decode_pgoutput(k_relation));
  CHECK(relation.oid == 16384);
  CHECK(relation.schema == "public");
  CHECK(relation.name == "orders");
  CHECK(relation.replica_identity == 'd');
  REQUIRE(relation.columns.size() == 2);
  CHECK(relation.columns[0].name == "id");
  CHECK(relation.columns[0].in_identity);
  CHECK_FALSE(relation.columns[1].in_identity);
}

TEST_CASE("Changes carry their rows, nulls, unchanged values and the old key") {
  const auto insert_message = decode_pgoutput(k_insert);
  const auto& insert = std::get<StreamInsert>(insert_message);
  CHECK(insert.relation == 16384);
  REQUIRE(insert.new_row.size() == 2);
  CHECK(insert.new_row[0].text == "7");
  CHECK(insert.new_row[1].kind == StreamValue::Kind::null);

  const auto update = std::get<StreamUpdate>(decode_pgoutput(k_update));
  CHECK(update.old == OldRow::none);
  CHECK(update.new_row[1].kind == StreamValue::Kind::unchanged);

  const auto moved = std::get<StreamUpdate>(decode_pgoutput(k_update_key));
  CHECK(moved.old == OldRow::key);
  CHECK(moved.old_row[0].text == "7");
  CHECK(moved.new_row[0].text == "8");

  const auto removed = std::get<StreamDelete>(decode_pgoutput(k_delete_full));
  CHECK(removed.old == OldRow::full);
  CHECK(removed.old_row[1].kind == StreamValue::Kind::text);
  CHECK(removed.old_row[1].text.empty());

  CHECK(std::get<StreamTruncate>(decode_pgoutput(k_truncate)).relations ==
        std::vector<std::uint32_t>{16384, 16390});
}

TEST_CASE("Origins, types and logical messages are passed over") {
  for (const auto& message : {k_origin, k_type, k_logical}) {
    CHECK(std::get<StreamOther>(decode_pgoutput(message)).type == message.front());
  }
}

TEST_CASE("A message that is cut at any byte, or is longer than it says, is refused") {
  for (const auto& message : k_all) {
    for (std::size_t length = 0; length < message.size(); ++length) {
      CAPTURE(message.front());
      CAPTURE(length);
      CHECK_THROWS_AS(decode_pgoutput(std::string(message, 0, length)), Error);
    }
    CHECK_THROWS_AS(decode_pgoutput(message + "x"), Error);
  }
}

TEST_CASE("Lengths and counts that lie are refused, and so is what is not of protocol version 1") {
  CHECK_THROWS_AS(decode_pgoutput("I" + number(1, 4) + "N" + number(65535, 2) + "n"), Error);
  CHECK_THROWS_AS(
      decode_pgoutput("I" + number(1, 4) + "N" + number(1, 2) + "t" + number(0xffffffff, 4) + "x"),
      Error);
  CHECK_THROWS_AS(decode_pgoutput("T" + number(0xffffffff, 4) + '\0' + number(1, 4)), Error);
  CHECK_THROWS_AS(decode_pgoutput("I" + number(1, 4) + "N" + number(1, 2) + "z"), Error);
  CHECK_THROWS_AS(decode_pgoutput("I" + number(1, 4) + "X" + number(0, 2)), Error);
  for (const char* type : {"S", "E", "c", "A", "b", "P", "K", "r", "p", ""}) {
    CHECK_THROWS_AS(decode_pgoutput(type), Error);
  }
}

}  // namespace pgstride::handoff
