#include "pgstride/lsn.hpp"

#include <doctest/doctest.h>

#include "pgstride/error.hpp"

namespace pgstride {
namespace {

TEST_CASE("an LSN is printed and read as PostgreSQL does") {
  CHECK(Lsn{0x16B374D848}.text() == "16/B374D848");
  CHECK(Lsn{0}.text() == "0/0");
  CHECK(Lsn{0x100000000}.text() == "1/0");
  CHECK(Lsn{UINT64_MAX}.text() == "FFFFFFFF/FFFFFFFF");
  CHECK(Lsn::parse("16/B374D848").value == 0x16B374D848);
  CHECK(Lsn::parse("0/0").value == 0);
  CHECK(Lsn::parse("ffffffff/FFFFFFFF").value == UINT64_MAX);
  CHECK(Lsn::parse("1/00000001") == Lsn{0x100000001});
}

TEST_CASE("LSNs are ordered by position, not by text") {
  CHECK(Lsn::parse("9/0") < Lsn::parse("10/0"));
}

TEST_CASE("what is no LSN is refused") {
  for (const char* text : {"", "/", "1/", "/1", "16B374D848", "1/2/3", "123456789/0", "0/123456789",
                           "G/0", "-1/0", "+1/0", "0x1/0", " 1/0", "1/0 "}) {
    CAPTURE(text);
    CHECK_THROWS_AS(Lsn::parse(text), Error);
  }
}

}  // namespace
}  // namespace pgstride
