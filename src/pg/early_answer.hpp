// Tells whether the server has ended a COPY … FROM STDIN by itself, i.e. refused it. libpq reads
// its error but keeps it to itself until the client ends the COPY (fe-protocol3.c, pqParseInput3).
// Belongs to its connection's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "pg/connection.hpp"

namespace pgstride::pg {

/// True if the bytes end with ReadyForQuery, behind which a server says nothing until it is asked.
/// Other messages that come during a COPY end with a zero.
bool ends_ready(std::string_view bytes);

class EarlyAnswer {
 public:
  explicit EarlyAnswer(Connection& connection);
  EarlyAnswer(const EarlyAnswer&) = delete;
  EarlyAnswer& operator=(const EarlyAnswer&) = delete;
  ~EarlyAnswer();

  /// Looks at what the server has sent, without waiting; notices and notifications are thrown away.
  /// Throws Error (connection) if the connection broke.
  void listen();

  /// The server has refused.
  [[nodiscard]] bool came() const { return m_came; }
  /// Something came that can't be told apart yet; nothing should be sent until listen() can.
  [[nodiscard]] bool doubtful() const { return m_doubtful_since.has_value(); }

 private:
  static void on_notice(void* self, const pg_result* result);
  void look();
  void listen_encrypted();
  void read();

  Connection& m_connection;
  void (*m_former)(void*, const pg_result*);
  bool m_encrypted;
  bool m_came = false;
  std::vector<char> m_bytes;
  std::size_t m_heard = 0;  ///< notices and notifications
  std::optional<std::chrono::steady_clock::time_point> m_doubtful_since;
};

}  // namespace pgstride::pg
