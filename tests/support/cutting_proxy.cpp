#include "support/cutting_proxy.hpp"

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace pgstride::test {
namespace {

constexpr int k_look_ms = 50;  // how often a stop is looked for

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto text = path.string();
  if (text.size() >= sizeof(address.sun_path)) {
    throw std::runtime_error("too long for a unix socket: " + text);
  }
  std::memcpy(static_cast<char*>(address.sun_path), text.data(), text.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

int new_socket() {
  const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made < 0) {
    throw std::system_error(errno, std::generic_category(), "socket");
  }
  return made;
}

bool send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool is_readable(int socket, int limit_ms) {
  pollfd entry{socket, POLLIN, 0};
  return ::poll(&entry, 1, limit_ms) > 0;
}

}  // namespace

CuttingProxy::CuttingProxy(std::filesystem::path server_socket, std::string text, int every,
                           std::optional<Cut> way)
    : m_server_socket(std::move(server_socket)), m_text(std::move(text)), m_every(every),
      m_way(way), m_listener(new_socket()) {
  const auto address = address_of(m_dir / m_server_socket.filename());
  if (::bind(m_listener, generic(address), sizeof(address)) != 0 || ::listen(m_listener, 64) != 0) {
    throw std::system_error(errno, std::generic_category(), "listen");
  }
  m_accepting = std::jthread([this](std::stop_token stop) { accept_all(std::move(stop)); });
}

CuttingProxy::~CuttingProxy() {
  m_accepting.request_stop();
  m_accepting.join();
  ::close(m_listener);
}

void CuttingProxy::accept_all(std::stop_token stop) {
  while (!stop.stop_requested()) {
    if (!is_readable(m_listener, k_look_ms)) {
      continue;
    }
    const int client = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) {
      m_connections.emplace_back(
          [this, client](const std::stop_token& ended) { serve(ended, client); });
    }
  }
  m_connections.clear();
}

bool CuttingProxy::is_due(std::string_view bytes) {
  return m_cutting && bytes.find(m_text) != std::string_view::npos && ++m_seen % m_every == 0;
}

void CuttingProxy::serve(const std::stop_token& stop, int client) {
  const int server = new_socket();
  const auto address = address_of(m_server_socket);
  std::array<char, 64 << 10> buffer{};
  bool open = ::connect(server, generic(address), sizeof(address)) == 0;
  while (open && !stop.stop_requested()) {
    std::array<pollfd, 2> ends{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
    if (::poll(ends.data(), ends.size(), k_look_ms) <= 0) {
      continue;
    }
    if (ends[1].revents != 0) {
      const auto got = ::recv(server, buffer.data(), buffer.size(), 0);
      open = got > 0 && send_all(client, {buffer.data(), static_cast<std::size_t>(got)});
    }
    if (open && ends[0].revents != 0) {
      const auto got = ::recv(client, buffer.data(), buffer.size(), 0);
      const std::string_view bytes(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
      open = got > 0;
      if (open && is_due(bytes)) {
        const auto way = m_way.value_or(static_cast<Cut>(m_cuts % 3));
        if (way != Cut::before) {
          send_all(server, bytes);
        }
        if (way == Cut::answer) {
          is_readable(server, 10'000);
        }
        ++m_cuts;
        open = false;
      } else if (open) {
        open = send_all(server, bytes);
      }
    }
  }
  ::close(client);
  ::close(server);
}

}  // namespace pgstride::test
