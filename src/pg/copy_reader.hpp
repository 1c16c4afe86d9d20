// Reads one COPY … TO STDOUT: asynchronous, through libpq's enlarged input buffer, paced
// (speed.md). Belongs to its connection's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/shared_bytes.hpp"
#include "pg/connection.hpp"

namespace pgstride::pg {

/// Enlarges libpq's input buffer for the connection's life; once after connecting, outside a
/// transaction or in one. Without it pacing is 1.43 times slower (speed.md, Reading).
void enlarge_input_buffer(Connection& connection);

class CopyReader {
 public:
  /// Starts the statement. Throws Error as Connection::exec does.
  CopyReader(Connection& connection, std::string sql);
  CopyReader(const CopyReader&) = delete;
  CopyReader& operator=(const CopyReader&) = delete;
  /// Abandons: cancels the statement if it is still running and reads it to its end.
  ~CopyReader();

  /// The next CopyData message (in text and csv one row with its line end), valid until the next
  /// call; none at the end of the data. Throws Error: server, connection, stopped.
  std::optional<std::string_view> next();

  /// The same without waiting, for a loop that waits for many sockets: after `nothing`, take_in()
  /// when the socket is readable, looked at not before ready_at(); then try again. Such a loop
  /// looks at the cancel token itself.
  enum class Step { message, nothing, end };
  Step try_next();
  [[nodiscard]] std::string_view message() const { return m_view; }
  /// The message for longer than the next call.
  [[nodiscard]] SharedBytes take_message();
  [[nodiscard]] std::chrono::steady_clock::time_point ready_at() const { return m_ready_at; }
  [[nodiscard]] int socket() const { return m_connection.socket(); }
  void take_in();

  /// Rows that the server says it sent (`COPY n`); after the end.
  [[nodiscard]] std::int64_t rows() const { return m_rows; }

 private:
  void plan_wait();
  void finish();
  void release();

  Connection& m_connection;
  std::string m_sql;
  char* m_message = nullptr;
  std::string_view m_view;
  std::int64_t m_rows = 0;
  std::size_t m_since_wake = 0;  ///< bytes handed out since the last wait
  bool m_pace = false;           ///< allowed here (not under SSL)
  bool m_paced = false;          ///< the last wait slept first
  int m_unpaced = 0;             ///< waits left without pacing
  std::chrono::steady_clock::time_point m_ready_at;
  bool m_done = false;
};

}  // namespace pgstride::pg
