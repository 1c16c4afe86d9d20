#include "pg/replication_stream.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/big_endian.hpp"
#include "pg/quote.hpp"
#include "pg/start_copy.hpp"

namespace pgstride::pg {

namespace {

// The server sends a keepalive by itself when it has nothing more, or when half of its
// wal_sender_timeout is over; asked, it answers at once.
constexpr std::chrono::seconds k_ask_every{1};
constexpr std::chrono::milliseconds k_look_at_stop_every{100};

// The caller may be busy for long between two messages: looking its keys up on the server.
constexpr const char* k_patience = "SET wal_sender_timeout = '15min'";

// Its grammar knows no backslashes (src/backend/replication/repl_scanner.l).
std::string replication_literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') {
      out += c;
    }
  }
  return out + "'";
}

template <typename Number> void put(std::string& out, Number value) {
  for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xffU);
  }
}

Error strange_frame(std::string_view frame) {
  return {ErrorKind::server,
          fmt::format("the change stream can't be read: a frame of {} bytes that is neither data "
                      "nor a keepalive",
                      frame.size()),
          "is there anything between pgstride and the server that changes what is sent?"};
}

}  // namespace

ReplicationStream::ReplicationStream(Connection connection, const StreamRequest& request)
    : m_connection(std::move(connection)), m_answer_at(Clock::now() + k_ask_every) {
  m_connection.exec(k_patience);
  start_copy(m_connection,
             fmt::format("START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', "
                         "publication_names {})",
                         quote_identifier(request.slot), request.start.text(),
                         replication_literal(quote_identifier(request.publication))),
             CopyDirection::both);
}

ReplicationStream::~ReplicationStream() {
  release();
}

std::optional<std::string_view> ReplicationStream::next(Lsn end) {
  for (;;) {
    if (m_position >= end) {
      return std::nullopt;
    }
    if (m_connection.cancel_token().stop_requested()) {
      throw Error(ErrorKind::stopped, "stopped while the change stream was read");
    }
    if (Clock::now() >= m_answer_at) {
      answer(true);
    }
    release();
    const int length = PQgetCopyData(m_connection.native(), &m_message, 1);
    if (length < 0) {
      fail();
    }
    if (length == 0) {
      receive();
      continue;
    }
    if (const auto data = take_in({m_message, static_cast<std::size_t>(length)})) {
      return data;
    }
  }
}

// False if nothing has come for a while.
bool ReplicationStream::receive() {
  if (!m_connection.ready(k_look_at_stop_every, false)) {
    return false;
  }
  if (PQconsumeInput(m_connection.native()) == 0) {
    throw m_connection.connection_error("reading the change stream");
  }
  return true;
}

// The plugin's message in a frame, or none: a keepalive.
std::optional<std::string_view> ReplicationStream::take_in(std::string_view frame) {
  constexpr std::size_t k_data_head = 1 + 3 * 8;  // w, its start, WAL end, time
  constexpr std::size_t k_keepalive = 1 + 2 * 8 + 1;
  if (frame.front() == 'w' && frame.size() >= k_data_head) {
    return frame.substr(k_data_head);
  }
  if (frame.front() != 'k' || frame.size() != k_keepalive) {
    throw strange_frame(frame);
  }
  // All that ends up to there has been decoded and sent before (walsender.c, sentPtr).
  m_position = std::max(m_position, Lsn{big_endian<std::uint64_t>(frame.data() + 1)});
  if (frame.back() != 0) {
    answer(false);
  }
  return std::nullopt;
}

void ReplicationStream::release() {
  PQfreemem(m_message);
  m_message = nullptr;
}

// That we live. The flushed position 0/0 leaves the slot where it is, and keeps this session from
// ever being counted as a synchronous standby (walsender.c, syncrep.c).
void ReplicationStream::answer(bool ask_back) {
  std::string status = "r";
  for (int i = 0; i < 3; ++i) {
    put(status, std::uint64_t{0});  // written, flushed, applied
  }
  put(status, std::uint64_t{0});  // time: of lag statistics only
  status += ask_back ? '\1' : '\0';
  if (PQputCopyData(m_connection.native(), status.data(), static_cast<int>(status.size())) < 0) {
    throw m_connection.connection_error("answering the change stream");
  }
  m_connection.flush();
  m_answer_at = Clock::now() + k_ask_every;
}

void ReplicationStream::fail() {
  std::optional<Error> error;
  PGresult* raw = nullptr;
  while ((raw = PQgetResult(m_connection.native())) != nullptr) {
    const auto status = PQresultStatus(raw);
    if (!error && status == PGRES_FATAL_ERROR) {
      error = m_connection.result_error(raw, "START_REPLICATION");
    }
    PQclear(raw);
    if (status == PGRES_COPY_IN || status == PGRES_COPY_BOTH) {
      break;  // the server has ended its side only
    }
  }
  m_connection.close();
  throw error ? *error
              : Error(ErrorKind::connection, "the server ended the change stream before its end");
}

}  // namespace pgstride::pg
