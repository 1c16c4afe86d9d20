#include "transfer/copy_source.hpp"

#include "transfer/piece_producer.hpp"
#include "transfer/statement_ends.hpp"

namespace pgstride::transfer {

void CopySource::start(const Producer& producer, const CopyManagerOptions& options) {
  stop();
  if (const auto* statement = std::get_if<StatementProducer>(&producer)) {
    start_statement(*statement, options);
  } else if (const auto* file = std::get_if<FileProducer>(&producer)) {
    m_producer =
        std::make_unique<PieceProducer>(file_pieces(*file, options.buffer_bytes), file->boundaries);
  } else {
    const auto& call = std::get<CallProducer>(producer);
    m_producer = std::make_unique<PieceProducer>(call.next, call.boundaries);
  }
}

void CopySource::start_statement(const StatementProducer& statement,
                                 const CopyManagerOptions& options) {
  if (!m_connection || m_conninfo != statement.conninfo || !m_connection->still_connected()) {
    m_connection.reset();
    m_connection.emplace(pg::ConnectOptions{statement.conninfo, options.application_name,
                                            options.stop, std::chrono::milliseconds(0)});
    m_conninfo = statement.conninfo;
    pg::enlarge_input_buffer(*m_connection);
  }
  if (!statement.before.empty()) {
    m_connection->exec(statement.before);
  }
  m_reader.emplace(*m_connection, statement.statement);
  m_producer = std::make_unique<ReaderProducer>(*m_reader);
}

void CopySource::stop() noexcept {
  m_producer.reset();
  m_reader.reset();
  if (m_connection) {
    m_connection->abandon_transaction();
    if (!m_connection->usable() || m_connection->in_transaction()) {
      m_connection.reset();
    }
  }
}

}  // namespace pgstride::transfer
