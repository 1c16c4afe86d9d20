// Thin owners of one SQLite connection, its prepared statements and a transaction: the only doorway
// to SQLite. Belong to one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "pgstride/error.hpp"
#include "pgstride/lsn.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace pgstride::checkpoint {

class Database;

/// One run of a prepared statement. The destructor gives the statement back to the database, so
/// that no read transaction is left open; it must not outlive the database.
class Query {
 public:
  Query(Query&&) noexcept = default;
  Query& operator=(Query&&) = delete;
  ~Query();

  /// Steps to the next row; false after the last.
  bool next();

  /// Reads the row's columns from the left into `values`, by their types.
  template <typename... T> void read(T&... values) const {
    int column = 0;
    (read_one(column++, values), ...);
  }

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Handle = std::unique_ptr<sqlite3_stmt, Finalize>;

  Query(Database& db, Handle statement, Handle& home);

  void bind_null(int index);
  void bind_integer(int index, std::int64_t value);
  void bind_real(int index, double value);
  void bind_text(int index, std::string_view value);
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string_view text(int column) const;  ///< until the next step
  [[nodiscard]] Lsn lsn(int column) const;

  template <typename T> void bind_one(int index, const T& value) {
    if constexpr (std::is_integral_v<T>) {
      static_assert(std::is_signed_v<T> || sizeof(T) < sizeof(std::int64_t));
      bind_integer(index, static_cast<std::int64_t>(value));
    } else if constexpr (std::is_floating_point_v<T>) {
      bind_real(index, value);
    } else if constexpr (std::is_same_v<T, Lsn>) {
      bind_text(index, value.text());
    } else {
      bind_text(index, value);
    }
  }
  template <typename T> void bind_one(int index, const std::optional<T>& value) {
    if (value) {
      bind_one(index, *value);
    } else {
      bind_null(index);
    }
  }

  template <typename T> void read_one(int column, T& value) const {
    if constexpr (std::is_same_v<T, bool>) {
      value = integer(column) != 0;
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(integer(column));
    } else if constexpr (std::is_floating_point_v<T>) {
      value = real(column);
    } else if constexpr (std::is_same_v<T, Lsn>) {
      value = lsn(column);
    } else {
      value = text(column);
    }
  }
  template <typename T> void read_one(int column, std::optional<T>& value) const {
    value.reset();
    if (!is_null(column)) {
      read_one(column, value.emplace());
    }
  }

  Database* m_db;
  Handle m_statement;
  Handle* m_home;  ///< its place in the database's cache
};

/// How a database is opened. `immutable` takes no locks and ignores a WAL: only where nobody
/// writes.
enum class OpenMode { write, read, immutable };

class Database {
 public:
  /// Throws Error (checkpoint; io for disk trouble), like everything here.
  Database(std::filesystem::path path, OpenMode mode);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  /// Starts a statement with its parameters (?1, ?2, …) in order. `sql` is compiled once.
  template <typename... T> Query query(std::string_view sql, const T&... parameters) {
    Query query = prepare(sql);
    int index = 1;
    (query.bind_one(index++, parameters), ...);
    return query;
  }
  /// Runs a statement to its end and returns how many rows it changed itself (not by triggers).
  template <typename... T> std::int64_t execute(std::string_view sql, const T&... parameters) {
    Query statement = query(sql, parameters...);
    while (statement.next()) {
    }
    return changes();
  }
  /// Runs several statements without parameters.
  void execute_script(const std::string& sql);

  [[nodiscard]] std::int64_t changes() const;
  [[nodiscard]] std::int64_t last_id() const;
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  [[nodiscard]] OpenMode mode() const { return m_mode; }
  /// An Error (checkpoint) that says the file is damaged, and how.
  [[nodiscard]] Error damaged(const std::string& what) const;

 private:
  friend class Query;
  friend class Transaction;
  friend class Step;
  struct Close {
    void operator()(sqlite3* db) const;
  };

  Query prepare(std::string_view sql);
  void begin();
  void commit();
  void rollback() noexcept;
  void check_transaction() const;
  [[noreturn]] void fail(int code);

  std::filesystem::path m_path;
  OpenMode m_mode;
  std::unique_ptr<sqlite3, Close> m_db;  ///< closed after the statements below are finalized
  std::unordered_map<std::string, Query::Handle> m_statements;
  bool m_in_transaction = false;
  bool m_broken = false;  ///< something failed inside the transaction: it can only be abandoned
};

/// All that is executed while it lives is one durable step; abandoned unless commit() returned. On
/// a database opened for reading: all that is read is of one moment.
class Transaction {
 public:
  explicit Transaction(Database& db);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& m_db;
  bool m_open = true;
};

/// Keeps the statements of one call together: a transaction of its own, or part of the one that is
/// under way.
class Step {
 public:
  explicit Step(Database& db);
  void commit();

 private:
  std::optional<Transaction> m_own;
};

/// Older checkpoints lack some.
bool has_column(Database& db, const std::string& table, const std::string& column);

}  // namespace pgstride::checkpoint
