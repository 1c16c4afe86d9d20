#include "pg/start_copy.hpp"

#include <libpq-fe.h>

#include <memory>

#include <fmt/format.h>

namespace pgstride::pg {

namespace {

using ResultPtr = std::unique_ptr<PGresult, decltype(&PQclear)>;

bool is_copy(ExecStatusType status) {
  return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

struct Wanted {
  ExecStatusType status;
  const char* name;
};

Wanted wanted(CopyDirection direction) {
  switch (direction) {
  case CopyDirection::in:
    return {PGRES_COPY_IN, "COPY … FROM STDIN"};
  case CopyDirection::both:
    return {PGRES_COPY_BOTH, "START_REPLICATION"};
  case CopyDirection::out:
    break;
  }
  return {PGRES_COPY_OUT, "COPY … TO STDOUT"};
}

}  // namespace

void start_copy(Connection& connection, const std::string& sql, CopyDirection direction) {
  PGconn* native = connection.native();
  if (connection.cancel_token().stop_requested()) {
    throw Error(ErrorKind::stopped, "stopped");
  }
  if (PQsendQuery(native, sql.c_str()) == 0) {
    throw connection.connection_error("sending COPY");
  }
  connection.flush();
  while (PQisBusy(native) != 0) {
    connection.wait();
    if (PQconsumeInput(native) == 0) {
      throw connection.connection_error("starting COPY");
    }
  }
  ResultPtr result(PQgetResult(native), &PQclear);
  const auto status = PQresultStatus(result.get());
  const auto asked = wanted(direction);
  if (status == asked.status) {
    return;
  }
  const bool failed = status == PGRES_FATAL_ERROR || !result;
  Error error = failed ? connection.result_error(result.get(), sql)
                       : Error(ErrorKind::usage, fmt::format("the statement is no {}", asked.name),
                               "the statement was: " + sql);
  while (!is_copy(PQresultStatus(result.get())) && result) {
    result.reset(PQgetResult(native));
  }
  if (result) {
    connection.close();
  }
  if (connection.cancelled()) {
    throw Error(ErrorKind::stopped, "stopped while COPY started");
  }
  throw error;
}

}  // namespace pgstride::pg
