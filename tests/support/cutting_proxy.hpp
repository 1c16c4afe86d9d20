// A server's unix socket at one remove: passes everything through, and cuts connections off when a
// client's message holds a given text, so that what became of a statement stays unknown to the
// client. Threads of its own; start and stop from one thread.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/temp_dir.hpp"

namespace pgstride::test {

enum class Cut {
  before,  ///< the message never reaches the server
  after,   ///< the server gets the message, the client no answer
  answer   ///< the server has answered, the client never hears it
};

class CuttingProxy {
 public:
  /// Cuts every `every`-th message that holds `text`, in the given way, or the three in turn.
  CuttingProxy(std::filesystem::path server_socket, std::string text, int every,
               std::optional<Cut> way = std::nullopt);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  /// The folder to give as `host`.
  [[nodiscard]] std::string host() const { return m_dir.path().string(); }
  [[nodiscard]] int cuts() const { return m_cuts; }
  /// Whether it cuts, or lets all pass. Any thread.
  void set_cutting(bool cutting) { m_cutting = cutting; }

 private:
  void accept_all(std::stop_token stop);
  void serve(const std::stop_token& stop, int client);
  [[nodiscard]] bool is_due(std::string_view bytes);

  std::filesystem::path m_server_socket;
  std::string m_text;
  int m_every;
  std::optional<Cut> m_way;
  std::atomic<bool> m_cutting = true;
  TempDir m_dir{"proxy"};
  int m_listener = -1;
  std::atomic<int> m_seen = 0;
  std::atomic<int> m_cuts = 0;
  std::vector<std::jthread> m_connections;  ///< of the accepting thread
  std::jthread m_accepting;
};

}  // namespace pgstride::test
