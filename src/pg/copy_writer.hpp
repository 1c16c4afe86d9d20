// Writes one COPY … FROM STDIN: rows joined into large CopyData messages (speed.md, Copy), without
// waiting unless asked to. Belongs to its connection's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/shared_bytes.hpp"
#include "pg/connection.hpp"
#include "pg/copy_data_sender.hpp"
#include "pg/early_answer.hpp"

namespace pgstride::pg {

/// Two ways to use it, which must not be mixed. The simple one: write() each row, then finish().
/// The other, for a loop that waits for many sockets at once: offer() blocks of rows while
/// backlog() is low, pump() whenever the socket is ready (for writing if wants_write()) and 100 ms
/// later at most; at the end end(), pump() until ended(), finish().
///
/// In the binary format the signature and the trailer are part of the bytes, as in what COPY … TO
/// gives: one such stream makes one COPY here. (Several joined would need all signatures but the
/// first and all trailers but the last left out.)
///
/// The rows are in the table with finish(), or with the transaction that was open before.
class CopyWriter {
 public:
  /// Messages of 64 kB and more are all as fast (speed.md, Copy); this fits into the caches.
  static constexpr std::size_t k_message_bytes = 128 << 10;

  /// Starts the statement and waits until the server takes data. Throws Error as Connection::exec.
  CopyWriter(Connection& connection, std::string sql, std::size_t message_bytes = k_message_bytes);
  CopyWriter(const CopyWriter&) = delete;
  CopyWriter& operator=(const CopyWriter&) = delete;
  /// Abandons, unless finish() returned.
  ~CopyWriter();

  /// Appends bytes, cut anywhere; waits while the server is slower. Throws Error: server (SQLSTATE,
  /// CONTEXT with the line), connection, stopped. A server's refusal is thrown by the call that
  /// sees it, at the latest by finish().
  void write(std::string_view bytes);

  /// Ends the data, waits for the server's answer and gives the rows it took (`COPY n`). Throws
  /// Error as write() does; after a server's error the connection can be used again.
  std::int64_t finish();

  /// Queues bytes without sending any.
  void offer(SharedBytes bytes);
  /// No more will be offered.
  void end();
  /// Sends and hears what is possible without waiting. Throws Error as write() does.
  void pump();
  /// Everything was sent and the server has answered; finish() will not wait.
  [[nodiscard]] bool ended() const { return m_stage == Stage::ended; }
  /// Bytes offered and not yet sent; of a message that is under way, all.
  [[nodiscard]] std::size_t backlog() const { return m_backlog; }
  [[nodiscard]] bool wants_write() const;
  [[nodiscard]] int socket() const { return m_connection.socket(); }

  /// Gives the COPY up: no row of it stays. The connection can be used again, or is closed where
  /// the server does not answer within some seconds, even to a cancel. Does nothing after the end.
  void abandon() noexcept;

 private:
  enum class Stage { copying, ending, ended };

  void offer_joined();
  void wait();
  void drive();
  void send();
  void begin_message();
  void end_message();
  void put_end(const char* reason);
  void lose(const Error& error);
  void collect();
  void judge();
  bool wait_for_end(std::chrono::milliseconds limit);

  Connection& m_connection;
  std::string m_sql;
  std::size_t m_message_bytes;
  std::optional<EarlyAnswer> m_answer;
  std::optional<CopyDataSender> m_sender;
  Stage m_stage = Stage::copying;
  bool m_end_asked = false;
  bool m_given_up = false;
  bool m_blocked = false;  ///< the socket did not take all
  std::string m_joined;    ///< of write(): the message that is being filled
  std::deque<SharedBytes> m_queue;
  std::size_t m_sent = 0;     ///< bytes of the first in the queue before the present message
  std::size_t m_message = 0;  ///< bytes of the present message
  std::size_t m_backlog = 0;
  std::int64_t m_rows = 0;
  bool m_complete = false;
  std::optional<Error> m_error;
};

}  // namespace pgstride::pg
