// The one exception type of the library: properties rather than a tree of types. A value.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace pgstride {

/// What went wrong, as far as a caller acts on it.
enum class ErrorKind {
  usage,       ///< a bad argument, setting or combination; nothing was changed (exit code 2)
  connection,  ///< no connection, or it broke
  server,      ///< the server answered with an error; sqlstate() is set
  lock,        ///< a lock on a table could not be had in time
  snapshot,    ///< the exported snapshot is gone; work under it can't go on
  identity,    ///< another server, database or table than the job's
  io,          ///< a file or directory: full, not writable, damaged
  checkpoint,  ///< checkpoint.db: damaged, of a newer version, in use by another process
  in_doubt,    ///< nobody can tell whether a transaction was committed
  stopped,     ///< a stop was asked for while this was under way
  internal     ///< a broken promise of our own
};

/// An error with what happened (`what()`: lower-case fact naming the object) and what to do
/// (`hint()`). Never holds a password.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message, std::string hint = {})
      : std::runtime_error(message), m_kind(kind), m_hint(std::move(hint)) {}

  [[nodiscard]] ErrorKind kind() const noexcept { return m_kind; }
  [[nodiscard]] const std::string& hint() const noexcept { return m_hint; }
  /// Five characters (PostgreSQL documentation, appendix A), or empty when no server spoke.
  [[nodiscard]] const std::string& sqlstate() const noexcept { return m_sqlstate; }
  /// The server's DETAIL and CONTEXT lines, or empty.
  [[nodiscard]] const std::string& detail() const noexcept { return m_detail; }
  [[nodiscard]] const std::string& context() const noexcept { return m_context; }
  /// The statement that failed, or empty.
  [[nodiscard]] const std::string& statement() const noexcept { return m_statement; }

  Error& with_server(std::string sqlstate, std::string detail, std::string context,
                     std::string statement);
  Error& with_hint(std::string hint);

  /// True if the connection that threw can't be used again.
  [[nodiscard]] bool poisons_connection() const noexcept;
  /// True if the same work may succeed later without anybody's help: the connection was lost, the
  /// server is starting, full or out of some resource, a deadlock or a lock was in the way.
  [[nodiscard]] bool is_transient() const noexcept;
  /// Message, DETAIL, CONTEXT and `HINT:` on lines of their own.
  [[nodiscard]] std::string full_text() const;

 private:
  ErrorKind m_kind;
  std::string m_hint;
  std::string m_sqlstate;
  std::string m_detail;
  std::string m_context;
  std::string m_statement;
};

}  // namespace pgstride
