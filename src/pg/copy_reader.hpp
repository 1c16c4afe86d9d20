// Reads one COPY … TO STDOUT: asynchronous, through libpq's enlarged input buffer, paced
// (speed.md). Belongs to its connection's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

  /// Rows that the server says it sent (`COPY n`); after next() returned none.
  [[nodiscard]] std::int64_t rows() const { return m_rows; }

 private:
  void wait_for_data();
  void finish();
  void release();

  Connection& m_connection;
  std::string m_sql;
  char* m_message = nullptr;
  std::int64_t m_rows = 0;
  std::size_t m_since_wake = 0;  ///< bytes handed out since the last wait
  bool m_pace = false;           ///< allowed here (not under SSL)
  bool m_paced = false;          ///< the last wait slept first
  int m_unpaced = 0;             ///< waits left without pacing
  bool m_done = false;
};

}  // namespace pgstride::pg
