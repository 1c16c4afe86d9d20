// A plain libpq session for tests, so that the tests' view of the server owes nothing to the code
// under test. One thread per object.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgstride::test {

using Row = std::vector<std::optional<std::string>>;

class PgSession {
 public:
  /// Throws std::runtime_error with the server's message; so does everything below.
  explicit PgSession(const std::string& conninfo);

  /// Runs one or several statements; gives the last one's rows as `psql -At` prints them: columns
  /// parted by `|`, rows by newlines, NULL as nothing.
  std::string exec(const std::string& sql);
  std::vector<Row> rows(const std::string& sql);
  /// The SQLSTATE that a statement fails with, empty if it succeeds.
  std::string sqlstate_of(const std::string& sql);

  /// Starts a statement without waiting, e.g. one that waits for a lock; finish() waits for it.
  void send(const std::string& sql);
  [[nodiscard]] bool is_busy();
  /// Gives the error's text, empty if it succeeded.
  std::string finish();

  /// COPY … FROM STDIN: `fill` is given a function to put bytes with. Gives the rows taken.
  std::int64_t
  copy_in(const std::string& sql,
          const std::function<void(const std::function<void(std::string_view)>&)>& fill);
  /// COPY … TO STDOUT as one string.
  std::string copy_out(const std::string& sql);

  [[nodiscard]] int backend_pid() const { return PQbackendPID(m_connection.get()); }
  [[nodiscard]] std::string quote(const std::string& identifier) const;
  [[nodiscard]] std::string literal(const std::string& text) const;

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  std::unique_ptr<PGconn, Finish> m_connection;
};

/// One statement in a session of its own.
std::string pg_exec(const std::string& conninfo, const std::string& sql);

}  // namespace pgstride::test
