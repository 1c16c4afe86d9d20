#include "support/pg_exec.hpp"

#include <stdexcept>

namespace pgstride::test {
namespace {

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Clear>;

[[noreturn]] void fail(const std::string& message, const std::string& sql) {
  throw std::runtime_error(message + "in: " + sql.substr(0, 500));
}

void expect(const Result& result, PGconn* connection, const std::string& sql) {
  switch (PQresultStatus(result.get())) {
  case PGRES_COMMAND_OK:
  case PGRES_TUPLES_OK:
  case PGRES_COPY_IN:
  case PGRES_COPY_OUT:
  case PGRES_EMPTY_QUERY:
    return;
  default:
    fail(PQerrorMessage(connection), sql);
  }
}

std::string taken(char* text) {
  std::string result = text != nullptr ? text : "";
  PQfreemem(text);
  return result;
}

}  // namespace

PgSession::PgSession(const std::string& conninfo) : m_connection(PQconnectdb(conninfo.c_str())) {
  if (PQstatus(m_connection.get()) != CONNECTION_OK) {
    throw std::runtime_error(PQerrorMessage(m_connection.get()));
  }
  PQsetNoticeProcessor(
      m_connection.get(), [](void*, const char*) {}, nullptr);
}

std::vector<Row> PgSession::rows(const std::string& sql) {
  const Result result(PQexec(m_connection.get(), sql.c_str()));
  expect(result, m_connection.get(), sql);
  std::vector<Row> all;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    Row values;
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      if (PQgetisnull(result.get(), row, column) != 0) {
        values.emplace_back();
      } else {
        values.emplace_back(
            std::string(PQgetvalue(result.get(), row, column),
                        static_cast<std::size_t>(PQgetlength(result.get(), row, column))));
      }
    }
    all.push_back(std::move(values));
  }
  return all;
}

std::string PgSession::exec(const std::string& sql) {
  std::string text;
  for (const auto& row : rows(sql)) {
    if (!text.empty()) {
      text += '\n';
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += (i > 0 ? "|" : "") + row[i].value_or("");
    }
  }
  return text;
}

std::string PgSession::sqlstate_of(const std::string& sql) {
  const Result result(PQexec(m_connection.get(), sql.c_str()));
  const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  return state != nullptr ? state : "";
}

void PgSession::send(const std::string& sql) {
  if (PQsendQuery(m_connection.get(), sql.c_str()) != 1) {
    fail(PQerrorMessage(m_connection.get()), sql);
  }
}

bool PgSession::is_busy() {
  PQconsumeInput(m_connection.get());
  return PQisBusy(m_connection.get()) != 0;
}

std::string PgSession::finish() {
  std::string error;
  while (const Result result{PQgetResult(m_connection.get())}) {
    if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) {
      error = PQresultErrorMessage(result.get());
    }
  }
  return error;
}

std::int64_t
PgSession::copy_in(const std::string& sql,
                   const std::function<void(const std::function<void(std::string_view)>&)>& fill) {
  const Result started(PQexec(m_connection.get(), sql.c_str()));
  expect(started, m_connection.get(), sql);
  fill([&](std::string_view bytes) {
    while (!bytes.empty()) {
      const auto part = bytes.substr(0, 1 << 20);
      if (PQputCopyData(m_connection.get(), part.data(), static_cast<int>(part.size())) != 1) {
        fail(PQerrorMessage(m_connection.get()), sql);
      }
      bytes.remove_prefix(part.size());
    }
  });
  if (PQputCopyEnd(m_connection.get(), nullptr) != 1) {
    fail(PQerrorMessage(m_connection.get()), sql);
  }
  std::int64_t count = 0;
  std::string error;
  while (const Result result{PQgetResult(m_connection.get())}) {
    if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) {
      error = PQresultErrorMessage(result.get());
    } else {
      count = std::stoll(PQcmdTuples(result.get()));
    }
  }
  if (!error.empty()) {
    fail(error, sql);
  }
  return count;
}

std::string PgSession::copy_out(const std::string& sql) {
  const Result started(PQexec(m_connection.get(), sql.c_str()));
  expect(started, m_connection.get(), sql);
  std::string all;
  char* row = nullptr;
  int length = 0;
  while ((length = PQgetCopyData(m_connection.get(), &row, 0)) > 0) {
    all.append(row, static_cast<std::size_t>(length));
    PQfreemem(row);
  }
  const auto error = finish();
  if (length != -1 || !error.empty()) {
    fail(error, sql);
  }
  return all;
}

std::string PgSession::quote(const std::string& identifier) const {
  return taken(PQescapeIdentifier(m_connection.get(), identifier.c_str(), identifier.size()));
}

std::string PgSession::literal(const std::string& text) const {
  return taken(PQescapeLiteral(m_connection.get(), text.c_str(), text.size()));
}

std::string pg_exec(const std::string& conninfo, const std::string& sql) {
  return PgSession(conninfo).exec(sql);
}

}  // namespace pgstride::test
