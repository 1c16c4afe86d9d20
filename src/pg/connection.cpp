#include "pg/connection.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <regex>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace pgstride::pg {

namespace {

using Clock = std::chrono::steady_clock;

// How often a wait looks at the cancel token: what a second Ctrl-C takes at most.
constexpr int k_poll_ms = 100;
// How long a cancelled statement may go on before the connection is given up.
constexpr std::chrono::seconds k_cancel_patience{10};

std::string trimmed(const char* message) {
  std::string text = message == nullptr ? "" : message;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.pop_back();
  }
  return text;
}

std::string field(const PGresult* result, int code) {
  const char* value = PQresultErrorField(result, code);
  return value == nullptr ? "" : value;
}

// True if readable, writable or broken; false when `limit_ms` is over.
bool poll_socket(const PGconn* connection, bool for_write, int limit_ms) {
  pollfd entry{};
  entry.fd = PQsocket(connection);
  entry.events = static_cast<short>(POLLIN | (for_write ? POLLOUT : 0));
  if (entry.fd < 0) {
    return true;  // the next libpq call reports it
  }
  return ::poll(&entry, 1, limit_ms) != 0;
}

bool holds_secret(const std::string& conninfo) {
  return conninfo.find("password") != std::string::npos ||
         conninfo.find("://") != std::string::npos;
}

// libpq's own words may quote the string, and with it a password.
void check_conninfo(const std::string& conninfo) {
  char* message = nullptr;
  PQconninfoOption* parsed = PQconninfoParse(conninfo.c_str(), &message);
  const std::string why = trimmed(message);
  PQfreemem(message);
  if (parsed == nullptr) {
    throw Error(ErrorKind::usage,
                holds_secret(conninfo) ? std::string("can't read the connection string")
                                       : "can't read the connection string: " + why,
                "write it as host=… dbname=… user=…, or as postgresql://user@host/database");
  }
  PQconninfoFree(parsed);
}

// connect_timeout of the connection string, in seconds; libpq itself heeds it in its blocking call
// only.
std::chrono::seconds connect_timeout(PGconn* connection) {
  constexpr std::chrono::seconds k_standard{60};
  std::chrono::seconds limit = k_standard;
  PQconninfoOption* options = PQconninfo(connection);
  for (auto* option = options; option != nullptr && option->keyword != nullptr; ++option) {
    if (std::string_view(option->keyword) == "connect_timeout" && option->val != nullptr) {
      const int seconds = std::atoi(option->val);
      limit = seconds > 0 ? std::chrono::seconds(std::max(seconds, 2)) : k_standard;
    }
  }
  PQconninfoFree(options);
  return limit;
}

/// What libpq says of a connection that failed, with the server's SQLSTATE taken out: it is told
/// only within the text, of which the words are in the server's language.
struct ConnectFailure {
  std::string message;
  std::string sqlstate;  ///< empty if no server spoke
};

ConnectFailure connect_failure(const PGconn* connection) {
  // fe-protocol3.c, pqBuildErrorMessage3: "FATAL:  28P01: …" and a last line "LOCATION:  …".
  static const std::regex k_state(":  ([0-9A-Z]{5}): ");
  static const std::regex k_location("\n[^\n]*:  [^\n]*, [a-z_]+\\.c:[0-9]+");
  ConnectFailure failure;
  auto text = trimmed(PQerrorMessage(connection));
  for (std::smatch found; std::regex_search(text, found, k_state);) {
    failure.sqlstate = found[1];  // of several hosts the last one
    text = found.prefix().str() + ":  " + found.suffix().str();
  }
  failure.message = std::regex_replace(text, k_location, "");
  if (failure.sqlstate.empty() && PQconnectionNeedsPassword(connection) != 0) {
    failure.sqlstate = "28P01";  // libpq gave up by itself: no password to answer with
  }
  return failure;
}

std::string connect_hint(const ConnectFailure& failure) {
  const auto& message = failure.message;
  if (failure.sqlstate == "53300") {
    return "each worker takes a connection, and the job three more: give fewer workers (-j), end "
           "other sessions, or raise max_connections or the role's or database's CONNECTION LIMIT";
  }
  if (message.find("password") != std::string::npos) {
    return "give the password by PGPASSWORD, PGPASSFILE or ~/.pgpass";
  }
  if (message.find("does not exist") != std::string::npos) {
    return "check the database and user name of the connection string";
  }
  if (message.find("pg_hba.conf") != std::string::npos) {
    return "the server's pg_hba.conf must allow this host, user and database";
  }
  return "check that the server runs and that host and port are right";
}

}  // namespace

void Connection::Close::operator()(pg_conn* connection) const {
  PQfinish(connection);
}

Connection::Connection(const ConnectOptions& options) : m_cancel(options.cancel) {
  if (m_cancel.stop_requested()) {
    throw Error(ErrorKind::stopped, "stopped before connecting");
  }
  check_conninfo(options.conninfo);
  establish(options);
  if (server_version() < 140000) {
    throw Error(ErrorKind::usage,
                fmt::format("the server is PostgreSQL {}.{}, too old", server_version() / 10000,
                            server_version() % 10000),
                "pgstride needs PostgreSQL 14 or later (ranges of ctid)");
  }
  apply_session_settings(options);
}

Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

void Connection::establish(const ConnectOptions& options) {
  // A link that is cut without a word would be noticed after two hours only. What the user's string
  // says about them comes later and wins, as the names at the end win over the string.
  const std::array<const char*, 10> keywords{"keepalives_idle",  "keepalives_interval",
                                             "keepalives_count", "tcp_user_timeout",
                                             "dbname",           "application_name",
                                             "client_encoding",  "fallback_application_name",
                                             "replication",      nullptr};
  const std::array<const char*, 10> values{"30", "10", "3", "60000",
                                           // An empty name would hide PGDATABASE.
                                           options.conninfo.empty() ? nullptr
                                                                    : options.conninfo.c_str(),
                                           options.application_name.c_str(), "UTF8", "pgstride",
                                           options.replication ? "database" : nullptr, nullptr};
  m_connection.reset(PQconnectStartParams(keywords.data(), values.data(), 1));
  if (!m_connection) {
    throw Error(ErrorKind::connection, "out of memory while connecting");
  }
  PQsetErrorVerbosity(m_connection.get(), PQERRORS_VERBOSE);  // with the SQLSTATE
  PQsetNoticeProcessor(
      m_connection.get(), [](void*, const char*) {}, nullptr);
  const auto deadline = Clock::now() + connect_timeout(m_connection.get());
  auto state = PGRES_POLLING_WRITING;
  while (PQstatus(m_connection.get()) != CONNECTION_BAD && state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) {
      break;
    }
    while (!poll_socket(m_connection.get(), state == PGRES_POLLING_WRITING, k_poll_ms)) {
      if (m_cancel.stop_requested()) {
        throw Error(ErrorKind::stopped, "stopped while connecting");
      }
      if (Clock::now() > deadline) {
        throw Error(ErrorKind::connection, "the server did not answer while connecting",
                    "check host, port and firewall, or give a longer connect_timeout");
      }
    }
    state = PQconnectPoll(m_connection.get());
  }
  if (PQstatus(m_connection.get()) != CONNECTION_OK) {
    const auto failure = connect_failure(m_connection.get());
    throw Error(ErrorKind::connection, failure.message, connect_hint(failure))
        .with_server(failure.sqlstate, "", "", "");
  }
  PQsetErrorVerbosity(m_connection.get(), PQERRORS_DEFAULT);
  PQsetnonblocking(m_connection.get(), 1);
}

// correctness.md, 7: without each of them values were seen to change or rows to hide.
void Connection::apply_session_settings(const ConnectOptions& options) {
  std::vector<std::string> statements = {
      "SELECT pg_catalog.set_config('search_path', '', false)",
      "SET DateStyle = 'ISO, YMD'",
      "SET IntervalStyle = 'postgres'",
      "SET extra_float_digits = 3",
      "SET TimeZone = 'UTC'",
      "SET client_encoding = 'UTF8'",
      "SET bytea_output = 'hex'",
      "SET xmloption = 'content'",
      "SET lc_monetary = 'C'",
      "SET standard_conforming_strings = on",
      "SET synchronize_seqscans = off",
      "SET row_security = off",
      "SET lock_timeout = 0",
      "SET idle_in_transaction_session_timeout = 0",
      "SET idle_session_timeout = 0",
      "SET default_transaction_deferrable = off",
      "SET max_parallel_workers_per_gather = 0",
      "SET jit = off",
      fmt::format("SET statement_timeout = {}", options.statement_timeout.count())};
  if (server_version() >= 170000) {
    statements.emplace_back("SET transaction_timeout = 0");
  }
  if (!options.replication) {
    exec(fmt::format("{}", fmt::join(statements, ";")));
    return;
  }
  for (const auto& statement : statements) {
    exec(statement);  // the walsender of 14 reads one at a time
  }
}

void Connection::wait(bool for_write) {
  while (!poll_socket(m_connection.get(), for_write, k_poll_ms)) {
    if (!m_cancel.stop_requested()) {
      continue;
    }
    if (!m_cancelled_at) {
      m_cancelled_at = Clock::now();
      cancel();
    } else if (Clock::now() - *m_cancelled_at > k_cancel_patience) {
      throw Error(ErrorKind::stopped, "stopped; the server did not answer the cancel");
    }
  }
}

bool Connection::ready(std::chrono::milliseconds limit, bool for_write) const {
  return poll_socket(m_connection.get(), for_write, static_cast<int>(limit.count()));
}

int Connection::socket() const {
  return PQsocket(m_connection.get());
}

bool Connection::encrypted() const {
  return PQsslInUse(m_connection.get()) != 0 || PQgssEncInUse(m_connection.get()) != 0;
}

void Connection::close() noexcept {
  m_connection.reset();
}

void Connection::flush() {
  for (;;) {
    const int left = PQflush(m_connection.get());
    if (left < 0) {
      throw connection_error("sending a statement");
    }
    if (left == 0) {
      return;
    }
    wait(true);
    if (PQconsumeInput(m_connection.get()) == 0) {
      throw connection_error("sending a statement");
    }
  }
}

void Connection::send(const std::string& sql) {
  if (m_cancel.stop_requested()) {
    throw Error(ErrorKind::stopped, "stopped");
  }
  if (PQsendQuery(m_connection.get(), sql.c_str()) == 0) {
    throw connection_error("sending a statement");
  }
}

Result Connection::exec(const std::string& sql) {
  send(sql);
  return finish(sql);
}

Result Connection::exec(const std::string& sql, std::chrono::milliseconds interval,
                        const std::function<void()>& waiting) {
  send(sql);
  flush();
  auto tell_at = Clock::now() + interval;
  while (!m_cancel.stop_requested() && !ready(std::chrono::milliseconds(k_poll_ms), false)) {
    if (Clock::now() >= tell_at) {
      waiting();
      tell_at = Clock::now() + interval;
    }
  }
  return finish(sql);
}

Result Connection::query(const std::string& sql, const std::vector<Param>& parameters) {
  if (m_cancel.stop_requested()) {
    throw Error(ErrorKind::stopped, "stopped");
  }
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const auto& parameter : parameters) {
    values.push_back(parameter ? parameter->c_str() : nullptr);
  }
  if (PQsendQueryParams(m_connection.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0) == 0) {
    throw connection_error("sending a statement");
  }
  return finish(sql);
}

Result Connection::finish(const std::string& sql) {
  flush();
  std::optional<Result> last;
  std::optional<Error> error;
  for (;;) {
    while (PQisBusy(m_connection.get()) != 0) {
      wait();
      if (PQconsumeInput(m_connection.get()) == 0) {
        throw connection_error("waiting for a statement's result");
      }
    }
    PGresult* raw = PQgetResult(m_connection.get());
    if (raw == nullptr) {
      break;
    }
    Result result(raw);
    const auto status = PQresultStatus(raw);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
      if (!error) {
        error = result_error(raw, sql);
      }
      if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
        break;  // never asked for here; the connection can't be used any more
      }
      continue;
    }
    last = std::move(result);
  }
  if (m_cancel.stop_requested() && (error || m_cancelled_at)) {
    throw Error(ErrorKind::stopped, "stopped while a statement ran");
  }
  if (error) {
    throw *error;
  }
  if (!last) {
    throw connection_error("reading a statement's result");
  }
  return std::move(*last);
}

int Connection::server_version() const {
  return PQserverVersion(m_connection.get());
}

int Connection::backend_pid() const {
  return PQbackendPID(m_connection.get());
}

bool Connection::usable() const {
  return m_connection && PQstatus(m_connection.get()) == CONNECTION_OK;
}

bool Connection::still_connected() {
  // Twice and more: the server's last words come first, the end of the stream behind them.
  for (int i = 0; i < 4 && usable() && poll_socket(m_connection.get(), false, 0); ++i) {
    PQconsumeInput(m_connection.get());
    PQisBusy(m_connection.get());
  }
  return usable();
}

bool Connection::in_transaction() const {
  return m_connection && PQtransactionStatus(m_connection.get()) != PQTRANS_IDLE;
}

void Connection::abandon_transaction() noexcept {
  if (!usable() || !in_transaction()) {
    return;
  }
  try {
    exec("ROLLBACK");
  } catch (const std::exception&) {
    // The session ends with its connection, and the transaction with it.
  }
}

void Connection::cancel() noexcept {
  PGcancel* handle = PQgetCancel(m_connection.get());
  if (handle != nullptr) {
    std::array<char, 256> message{};
    PQcancel(handle, message.data(), static_cast<int>(message.size()));
    PQfreeCancel(handle);
  }
}

Error Connection::connection_error(const std::string& doing) const {
  const auto message = trimmed(PQerrorMessage(m_connection.get()));
  return {ErrorKind::connection,
          fmt::format("lost the connection to the server while {}: {}", doing, message)};
}

Error Connection::result_error(const pg_result* result, const std::string& statement) const {
  const auto sqlstate = field(result, PG_DIAG_SQLSTATE);
  auto message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (message.empty()) {
    message = trimmed(PQresultErrorMessage(result));
  }
  const bool broken = PQstatus(m_connection.get()) == CONNECTION_BAD || sqlstate.empty();
  Error error(broken ? ErrorKind::connection : ErrorKind::server, message,
              field(result, PG_DIAG_MESSAGE_HINT));
  error.with_server(sqlstate, field(result, PG_DIAG_MESSAGE_DETAIL), field(result, PG_DIAG_CONTEXT),
                    statement);
  return error;
}

}  // namespace pgstride::pg
