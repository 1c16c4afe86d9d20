// One session with a PostgreSQL server: the only doorway to libpq. A connection belongs to one
// thread at a time; only cancel tokens given to it may be triggered from others.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "pgstride/error.hpp"

struct pg_conn;
struct pg_result;

namespace pgstride::pg {

/// A query's rows, as text. Valid by itself; outlives its connection.
class Result {
 public:
  explicit Result(pg_result* result) : m_result(result) {}
  [[nodiscard]] int rows() const;
  [[nodiscard]] int columns() const;
  [[nodiscard]] bool is_null(int row, int column) const;
  [[nodiscard]] std::string_view get(int row, int column) const;
  [[nodiscard]] std::string text(int row, int column) const {
    return std::string(get(row, column));
  }
  [[nodiscard]] std::optional<std::string> optional(int row, int column) const;
  [[nodiscard]] std::int64_t int64(int row, int column) const;
  [[nodiscard]] double number(int row, int column) const;
  [[nodiscard]] bool boolean(int row, int column) const { return get(row, column) == "t"; }
  /// N of the command tag (`SELECT 5`, `COPY 5`), 0 if it has none.
  [[nodiscard]] std::int64_t affected() const;

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> m_result;
};

/// A parameter of a query: a text, or NULL.
using Param = std::optional<std::string>;

struct ConnectOptions {
  std::string conninfo;          ///< any libpq connection string; empty: the PG* variables
  std::string application_name;  ///< `pgstride/<job>/w3`
  std::stop_token cancel;        ///< ends waits and running statements with ErrorKind::stopped
  std::chrono::milliseconds statement_timeout{0};
  /// A walsender of the database (`replication=database`): takes replication commands and SQL by
  /// exec(), one statement at a time, and no query() (documentation, 55.4).
  bool replication = false;
};

class Connection {
 public:
  /// Connects, checks the version (14 or later) and applies the fixed session settings of
  /// correctness.md, 7. Throws Error: connection, server, stopped, usage (a malformed string).
  explicit Connection(const ConnectOptions& options);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// Runs one or more statements by the simple protocol; the result is the last one's.
  /// Throws Error: server (SQLSTATE set), connection, stopped (after the statement was cancelled).
  Result exec(const std::string& sql);

  /// The same, calling `waiting` each time so long has passed without an answer.
  Result exec(const std::string& sql, std::chrono::milliseconds interval,
              const std::function<void()>& waiting);

  /// Runs one statement with parameters `$1…` as text.
  Result query(const std::string& sql, const std::vector<Param>& parameters);

  [[nodiscard]] int server_version() const;  ///< as PQserverVersion: 150018
  [[nodiscard]] int backend_pid() const;
  [[nodiscard]] bool usable() const;  ///< false once the connection broke
  /// Looks at the idle connection without waiting: false if the server has closed it.
  bool still_connected();
  [[nodiscard]] bool in_transaction() const;  ///< true also in a failed one

  /// Sends what is queued; throws Error (connection).
  void flush();

  /// Rolls back if a transaction is open; never throws, a broken connection stays broken.
  void abandon_transaction() noexcept;

  /// Asks the server to cancel what runs here (PQcancel); never throws.
  void cancel() noexcept;

  [[nodiscard]] pg_conn* native() const { return m_connection.get(); }  ///< for src/pg only
  [[nodiscard]] const std::stop_token& cancel_token() const { return m_cancel; }

  /// Waits until the server has sent something (or, with `for_write`, can take something). When the
  /// cancel token is triggered it cancels the running statement once and goes on waiting, for ten
  /// seconds at most. Throws Error (connection) if the server does not answer the cancel.
  void wait(bool for_write = false);

  /// Waits at most so long until wait() would return; false if it would not yet. Looks at no token.
  bool ready(std::chrono::milliseconds limit, bool for_write) const;
  [[nodiscard]] int socket() const;      ///< for poll(2); -1 if the connection is broken or closed
  [[nodiscard]] bool encrypted() const;  ///< by SSL or GSSAPI
  /// Closes: usable() is false from now on.
  void close() noexcept;

  /// True once the cancel token was seen by wait(): what comes back now is thrown away.
  [[nodiscard]] bool cancelled() const { return m_cancelled_at.has_value(); }

  /// The pending error of the connection as an Error of the right kind.
  [[nodiscard]] Error connection_error(const std::string& doing) const;
  /// A failed result as an Error with SQLSTATE, DETAIL, CONTEXT, statement.
  [[nodiscard]] Error result_error(const pg_result* result, const std::string& statement) const;

 private:
  void establish(const ConnectOptions& options);
  void apply_session_settings(const ConnectOptions& options);
  void send(const std::string& sql);
  Result finish(const std::string& sql);

  struct Close {
    void operator()(pg_conn* connection) const;
  };
  std::unique_ptr<pg_conn, Close> m_connection;
  std::stop_token m_cancel;
  std::optional<std::chrono::steady_clock::time_point> m_cancelled_at;
};

}  // namespace pgstride::pg
