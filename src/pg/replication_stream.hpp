// Reads what a logical slot has to tell, without moving the slot: START_REPLICATION over a
// replication connection (documentation, 55.4). Belongs to one thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "pg/connection.hpp"
#include "pgstride/lsn.hpp"

namespace pgstride::pg {

struct StreamRequest {
  std::string slot;         ///< of the plugin pgoutput
  std::string publication;  ///< what it is read through; 18 leaves out one that is not there
  Lsn start;                ///< transactions that committed below it are left out
};

class ReplicationStream {
 public:
  /// Starts on a connection that was made for replication. A start below the slot's confirmed
  /// position would be moved up to it by the server without a word: the caller has looked at that.
  /// Throws Error: server (42704: no such slot; 55006: somebody else reads it; 55000: its WAL is
  /// gone), connection, stopped.
  ReplicationStream(Connection connection, const StreamRequest& request);
  ReplicationStream(const ReplicationStream&) = delete;
  ReplicationStream& operator=(const ReplicationStream&) = delete;
  /// Closes the connection: the server lets go of the slot as soon as it sees that.
  ~ReplicationStream();

  /// The next message of the plugin, valid until the next call; none once all that committed below
  /// `end` has come. Throws Error: server, connection, stopped.
  std::optional<std::string_view> next(Lsn end);

 private:
  using Clock = std::chrono::steady_clock;

  bool receive();
  std::optional<std::string_view> take_in(std::string_view frame);
  void release();
  void answer(bool ask_back);
  [[noreturn]] void fail();

  Connection m_connection;
  char* m_message = nullptr;
  Lsn m_position;                 ///< all that committed below it has come
  Clock::time_point m_answer_at;  ///< when the server is to hear of us again
};

}  // namespace pgstride::pg
