#include "pg/early_answer.hpp"

#include <libpq-fe.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace pgstride::pg {

namespace {

using Clock = std::chrono::steady_clock;

// Under encryption only notices can be told from other messages: input that brought none, with so
// long a silence behind it, is an answer. The rest of a notice comes sooner. An answer that libpq
// reads while it sends is missed, and seen at the end of the COPY.
constexpr std::chrono::milliseconds k_silence{250};

constexpr std::size_t k_first_look = 4096;

}  // namespace

bool ends_ready(std::string_view bytes) {
  constexpr std::string_view k_ready("Z\0\0\0\5", 5);  // then the transaction's status: I, T or E
  return bytes.size() > k_ready.size() &&
         bytes.substr(bytes.size() - k_ready.size() - 1, k_ready.size()) == k_ready &&
         bytes.back() != 0;
}

EarlyAnswer::EarlyAnswer(Connection& connection)
    : m_connection(connection),
      m_former(PQsetNoticeReceiver(connection.native(), &EarlyAnswer::on_notice, this)),
      m_encrypted(connection.encrypted()), m_bytes(k_first_look) {}

EarlyAnswer::~EarlyAnswer() {
  if (m_connection.native() != nullptr) {
    PQsetNoticeReceiver(m_connection.native(), m_former, nullptr);
  }
}

void EarlyAnswer::on_notice(void* self, const pg_result* /*result*/) {
  ++static_cast<EarlyAnswer*>(self)->m_heard;
}

void EarlyAnswer::listen() {
  if (m_encrypted) {
    listen_encrypted();
  } else if (!m_came) {
    look();
  }
}

// The bytes stay in the socket until read(). Nobody else reads: CopyDataSender sends.
void EarlyAnswer::look() {
  const int socket = PQsocket(m_connection.native());
  const auto peek = [&] {
    return ::recv(socket, m_bytes.data(), m_bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  };
  auto count = peek();
  if (count < 0) {
    return;  // nothing there; what is wrong with the socket shows when libpq uses it
  }
  int available = 0;
  if (static_cast<std::size_t>(count) == m_bytes.size() &&
      ::ioctl(socket, FIONREAD, &available) == 0 &&
      static_cast<std::size_t>(available) > m_bytes.size()) {
    m_bytes.resize(static_cast<std::size_t>(available));
    count = peek();
  }
  m_came = count > 0 && ends_ready({m_bytes.data(), static_cast<std::size_t>(count)});
  read();
}

void EarlyAnswer::listen_encrypted() {
  const bool readable = m_connection.ready(std::chrono::milliseconds(0), false);
  const auto heard = m_heard;
  read();
  if (m_heard != heard) {
    m_doubtful_since.reset();
  } else if (readable) {
    m_doubtful_since = Clock::now();
  } else if (m_doubtful_since && Clock::now() - *m_doubtful_since > k_silence) {
    m_came = true;
  }
}

void EarlyAnswer::read() {
  PGconn* native = m_connection.native();
  if (PQconsumeInput(native) == 0) {
    throw m_connection.connection_error("writing COPY data");
  }
  while (PGnotify* notify = PQnotifies(native)) {  // hands the notices before it out, too
    PQfreemem(notify);
    ++m_heard;
  }
}

}  // namespace pgstride::pg
