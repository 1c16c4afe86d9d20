#include "pgstride/error.hpp"

#include <doctest/doctest.h>

#include <initializer_list>

namespace pgstride {
namespace {

Error server_error(const char* sqlstate, ErrorKind kind = ErrorKind::server) {
  return Error(kind, "something failed").with_server(sqlstate, "", "", "");
}

TEST_CASE("what passes by itself is transient") {
  for (const char* state : {"08006", "53300", "53100", "57P01", "57P02", "57P03", "57P05", "40001",
                            "40P01", "55P03", "55006"}) {
    CAPTURE(state);
    CHECK(server_error(state).is_transient());
  }
  CHECK(Error(ErrorKind::connection, "server closed the connection").is_transient());
  CHECK(Error(ErrorKind::lock, "table is locked").is_transient());
}

TEST_CASE("what needs somebody's help is not transient") {
  for (const char* state : {"57014", "57P04", "42501", "42P01", "22P02", "XX000"}) {
    CAPTURE(state);
    CHECK_FALSE(server_error(state).is_transient());
  }
  for (const auto kind : {ErrorKind::usage, ErrorKind::snapshot, ErrorKind::io, ErrorKind::identity,
                          ErrorKind::checkpoint, ErrorKind::stopped, ErrorKind::internal}) {
    CHECK_FALSE(Error(kind, "no").is_transient());
  }
  CHECK_FALSE(server_error("28P01", ErrorKind::connection).is_transient());
  CHECK_FALSE(server_error("3D000", ErrorKind::connection).is_transient());
}

TEST_CASE("a session that the server ended poisons its connection, a failed statement does not") {
  for (const char* state : {"57P01", "57P02", "57P03", "57P05", "08P01", "25P03"}) {
    CAPTURE(state);
    CHECK(server_error(state).poisons_connection());
  }
  CHECK(Error(ErrorKind::connection, "broken").poisons_connection());
  for (const char* state : {"57014", "40001", "55P03", "53200"}) {
    CAPTURE(state);
    CHECK_FALSE(server_error(state).poisons_connection());
  }
}

TEST_CASE("the full text has a line for each thing that is known") {
  CHECK(Error(ErrorKind::io, "can't write").full_text() == "can't write");
  Error error(ErrorKind::server, "duplicate key");
  error.with_server("23505", "Key (id)=(1) already exists.", "COPY t, line 3", "COPY t FROM STDIN");
  error.with_hint("load into an empty table");
  CHECK(error.full_text() == "duplicate key\nSQLSTATE: 23505\n"
                             "DETAIL: Key (id)=(1) already exists.\nCONTEXT: COPY t, line 3\n"
                             "HINT: load into an empty table");
  CHECK(error.statement() == "COPY t FROM STDIN");
}

}  // namespace
}  // namespace pgstride
