#include <optional>
#include <utility>

#include "pg/connection.hpp"
#include "pg/copy_writer.hpp"
#include "transfer/managed_receiver.hpp"

namespace pgstride::transfer {

namespace {

class StatementEnd : public ManagedReceiver {
 public:
  StatementEnd(StatementReceiver what, const CopyManagerOptions& options)
      : m_what(std::move(what)), m_connect{m_what.conninfo, options.application_name, options.stop,
                                           std::chrono::milliseconds(0)},
        m_buffer_bytes(options.buffer_bytes) {}

  void start() override {
    abandon();
    m_rows = 0;
    m_in_doubt = false;
    if (!m_connection || !m_connection->still_connected()) {
      m_connection.reset();
      m_connection.emplace(m_connect);
    }
    m_connection->exec("BEGIN");
    try {
      if (!m_what.before.empty()) {
        m_connection->exec(m_what.before);
      }
      m_writer.emplace(*m_connection, m_what.statement, m_buffer_bytes);
    } catch (const Error&) {
      m_connection->abandon_transaction();
      throw;
    }
  }

  [[nodiscard]] bool can_go_on() const override {
    return m_writer && !m_writer->ended() && m_connection->usable();
  }

  void commit() override {
    m_rows = m_writer->finish();
    m_writer.reset();
    if (!m_what.after.empty()) {
      m_connection->exec(m_what.after);
    }
    try {
      m_connection->exec("COMMIT");
    } catch (const Error& error) {
      m_in_doubt = error.sqlstate().empty() || error.poisons_connection();
      throw;
    }
  }

  void take(const SharedBatch& batch) override { m_writer->offer(shared_bytes(batch)); }
  void end() override { m_writer->end(); }
  void pump() override { m_writer->pump(); }
  [[nodiscard]] bool ended() const override { return m_writer->ended(); }
  [[nodiscard]] std::size_t backlog() const override { return m_writer->backlog(); }
  [[nodiscard]] int socket() const override { return m_writer->socket(); }
  [[nodiscard]] bool wants_write() const override { return m_writer->wants_write(); }

  void abandon() noexcept override {
    if (m_writer) {
      m_writer->abandon();
      m_writer.reset();
    }
    if (m_connection) {
      m_connection->abandon_transaction();
      if (!m_connection->usable() || m_connection->in_transaction()) {
        m_connection.reset();
      }
    }
  }

  [[nodiscard]] std::int64_t rows() const override { return m_rows; }
  [[nodiscard]] bool in_doubt() const override { return m_in_doubt; }

 private:
  StatementReceiver m_what;
  pg::ConnectOptions m_connect;
  std::size_t m_buffer_bytes;
  std::optional<pg::Connection> m_connection;
  std::optional<pg::CopyWriter> m_writer;
  std::int64_t m_rows = 0;
  bool m_in_doubt = false;
};

}  // namespace

std::unique_ptr<ManagedReceiver> make_statement_receiver(const StatementReceiver& receiver,
                                                         const CopyManagerOptions& options) {
  return std::make_unique<StatementEnd>(receiver, options);
}

}  // namespace pgstride::transfer
