// Sends CopyData messages one by one without waiting. On a plain connection it writes them to the
// socket itself: nothing is copied, and libpq does not read behind our back (its send does, and
// then keeps an error of the server to itself until the COPY ends). Belongs to its connection's
// thread.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "pg/connection.hpp"

namespace pgstride::pg {

class CopyDataSender {
 public:
  /// During COPY IN, with nothing left to flush.
  explicit CopyDataSender(Connection& connection);

  /// Begins a message, once the one before is sent; the payload must stay until then. Throws Error
  /// (connection).
  void begin(std::string_view payload);
  /// Sends what the socket takes; true if nothing is left. Throws Error (connection).
  bool push();
  /// Part of a message is sent and part is not, so that nothing else may be.
  [[nodiscard]] bool busy() const { return m_busy; }

 private:
  bool push_plain();

  Connection& m_connection;
  bool m_encrypted;
  bool m_busy = false;
  std::array<char, 5> m_header{};  ///< type and length
  std::string_view m_payload;
  std::size_t m_sent = 0;  ///< of header and payload
};

}  // namespace pgstride::pg
