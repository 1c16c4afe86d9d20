#include "target/schema_entries.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "target/pg_programs.hpp"

namespace pgstride::target {
namespace {

// As `pg_restore --list --verbose` of PostgreSQL 15 prints it, shortened.
constexpr const char* k_listing =
    ";\n; Archive created at 2026-11-21\n;     Format: CUSTOM\n;\n"
    "3550; 0 0 ENCODING - ENCODING \n"
    "8; 2615 16446 SCHEMA - app postgres\n"
    "2; 3079 16447 EXTENSION - citext \n"
    "3554; 0 0 COMMENT - EXTENSION citext \n;\tdepends on: 2\n"
    "940; 1247 16590 TYPE app mood postgres\n;\tdepends on: 8\n"
    "941; 1247 16591 TYPE app unused postgres\n;\tdepends on: 8\n"
    "323; 1255 16601 FUNCTION app f(integer) postgres\n;\tdepends on: 8\n"
    "325; 1255 16603 FUNCTION app tf() postgres\n;\tdepends on: 8\n"
    "226; 1259 16649 TABLE app par postgres\n;\tdepends on: 8\n"
    "227; 1259 16652 TABLE app kid postgres\n;\tdepends on: 226 8\n"
    "230; 1259 16665 TABLE app odd; name postgres\n;\tdepends on: 8\n"
    "224; 1259 16637 TABLE app p postgres\n;\tdepends on: 8\n"
    "225; 1259 16643 TABLE app p1 postgres\n;\tdepends on: 224 8\n"
    "218; 1259 16604 SEQUENCE app shared postgres\n;\tdepends on: 8\n"
    "221; 1259 16608 TABLE app t postgres\n;\tdepends on: 940 218 323 323 2 8\n"
    "3557; 0 0 COMMENT app TABLE t postgres\n;\tdepends on: 221\n"
    "3559; 0 0 ACL app TABLE t postgres\n;\tdepends on: 221\n"
    "219; 1259 16606 SEQUENCE app t_id_seq postgres\n;\tdepends on: 221 8\n"
    "3560; 0 0 SEQUENCE OWNED BY app t_id_seq postgres\n;\tdepends on: 219\n"
    "228; 1259 16655 VIEW app v postgres\n;\tdepends on: 221 8\n"
    "3376; 0 0 TABLE ATTACH app p1 postgres\n;\tdepends on: 225 224\n"
    "3377; 2604 16611 DEFAULT app t id postgres\n;\tdepends on: 219 221 221\n"
    "3378; 2604 16699 DEFAULT app kid i postgres\n;\tdepends on: 218 227\n"
    "3387; 2606 16620 CONSTRAINT app t t_pkey postgres\n;\tdepends on: 221\n"
    "3388; 1259 16668 INDEX app p_i postgres\n;\tdepends on: 224\n"
    "3391; 1259 16669 INDEX app p1_id_idx postgres\n;\tdepends on: 3388 225 225\n"
    "3394; 0 0 INDEX ATTACH app p1_id_idx postgres\n;\tdepends on: 3391 3388 225 224\n"
    "3396; 3381 16634 STATISTICS app st postgres\n;\tdepends on: 221 8 221\n"
    "3541; 2618 16633 RULE app t r postgres\n;\tdepends on: 221 230\n"
    "3398; 2620 16632 TRIGGER app t tr postgres\n;\tdepends on: 325 221\n"
    "3562; 0 0 COMMENT app TRIGGER tr ON t postgres\n;\tdepends on: 3398\n"
    "3397; 2606 16626 FK CONSTRAINT app kid k_fk postgres\n;\tdepends on: 3387 221 227\n"
    "3399; 2606 16627 CHECK CONSTRAINT app t c postgres\n;\tdepends on: 221\n"
    "3544; 0 16608 ROW SECURITY app t postgres\n;\tdepends on: 221\n"
    "3547; 6106 16664 PUBLICATION TABLE app pub t postgres\n;\tdepends on: 221 3546\n";

std::vector<int> ids(const std::vector<SchemaEntry>& entries) {
  std::vector<int> out;
  for (const auto& entry : entries) {
    out.push_back(entry.id);
  }
  return out;
}

TEST_CASE("A listing of pg_restore is taken apart, whatever the names") {
  const auto entries = parse_entries(k_listing);
  REQUIRE(entries.size() == 35);
  CHECK(entries[1].id == 8);
  CHECK(entries[1].catalog == 2615);
  CHECK(entries[1].oid == 16446);
  CHECK(entries[1].text == "SCHEMA - app postgres");
  CHECK(entries[10].text == "TABLE app odd; name postgres");
  CHECK(entries[10].line == "230; 1259 16665 TABLE app odd; name postgres");
  CHECK(entries[14].depends == std::vector<int>{940, 218, 323, 323, 2, 8});
  CHECK(parse_entries("").empty());
}

TEST_CASE("A table comes with what it needs, and nothing else") {
  const auto selection = select_entries(parse_entries(k_listing), {16608});
  CHECK(ids(selection.before) ==
        std::vector<int>{8, 2, 940, 323, 325, 218, 221, 3557, 219, 3560, 3377});
  CHECK(ids(selection.after) == std::vector<int>{3396, 3398, 3562, 3399, 3544});
  CHECK(selection.left_out ==
        std::vector<std::string>{"RULE app t r postgres: it needs a table that is not copied"});
}

TEST_CASE("A partition comes with its parents, a child with the table it inherits from") {
  CHECK(ids(select_entries(parse_entries(k_listing), {16643}).before) ==
        std::vector<int>{8, 224, 225, 3376});
  CHECK(ids(select_entries(parse_entries(k_listing), {16652}).before) ==
        std::vector<int>{8, 226, 227, 218, 3378});
}

TEST_CASE("A rule to a table that is copied too is kept") {
  const auto selection = select_entries(parse_entries(k_listing), {16608, 16665});
  CHECK(selection.left_out.empty());
  CHECK(ids(selection.after) == std::vector<int>{3396, 3541, 3398, 3562, 3399, 3544});
}

TEST_CASE("The version that a program of PostgreSQL tells is read") {
  CHECK(major_of("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n") == 15);
  CHECK(major_of("pg_dump (PostgreSQL) 18beta1\n") == 18);
  CHECK(major_of("something else 15\n") == 0);
}

}  // namespace
}  // namespace pgstride::target
