#include "pg/copy_data_sender.hpp"

#include <libpq-fe.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace pgstride::pg {

CopyDataSender::CopyDataSender(Connection& connection)
    : m_connection(connection), m_encrypted(connection.encrypted()) {}

void CopyDataSender::begin(std::string_view payload) {
  m_busy = true;
  if (m_encrypted) {
    if (PQputCopyData(m_connection.native(), payload.data(), static_cast<int>(payload.size())) !=
        1) {
      throw m_connection.connection_error("writing COPY data");
    }
    return;
  }
  const auto length = payload.size() + 4;
  m_header = {'d', static_cast<char>(length >> 24U), static_cast<char>(length >> 16U),
              static_cast<char>(length >> 8U), static_cast<char>(length)};
  m_payload = payload;
  m_sent = 0;
}

bool CopyDataSender::push() {
  if (!m_busy) {
    return true;
  }
  if (m_encrypted) {
    const int left = PQflush(m_connection.native());
    if (left < 0) {
      throw m_connection.connection_error("writing COPY data");
    }
    m_busy = left > 0;
  } else {
    m_busy = !push_plain();
  }
  return !m_busy;
}

bool CopyDataSender::push_plain() {
  const auto size = m_header.size() + m_payload.size();
  while (m_sent < size) {
    const auto of_header = std::min(m_sent, m_header.size());
    const auto of_payload = m_sent - of_header;
    std::array<iovec, 2> parts{
        iovec{m_header.data() + of_header, m_header.size() - of_header},
        iovec{const_cast<char*>(m_payload.data()) + of_payload, m_payload.size() - of_payload}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const auto sent =
        ::sendmsg(PQsocket(m_connection.native()), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      m_sent += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return false;
    } else if (errno != EINTR) {
      throw Error(ErrorKind::connection,
                  fmt::format("lost the connection to the server while writing COPY data: {}",
                              std::generic_category().message(errno)));
    }
  }
  return true;
}

}  // namespace pgstride::pg
