// The producer of a CopyManager's present copy, and the session it reads from, which lasts for the
// next. Belongs to one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pg/connection.hpp"
#include "pg/copy_reader.hpp"
#include "pgstride/copy_manager.hpp"
#include "transfer/copy_ends.hpp"

namespace pgstride::transfer {

class CopySource {
 public:
  /// Begins to produce; may wait. Throws Error.
  void start(const Producer& producer, const CopyManagerOptions& options);
  /// Ends what was begun, whether it came to its end or not.
  void stop() noexcept;
  [[nodiscard]] CopyProducer& producer() { return *m_producer; }

 private:
  void start_statement(const StatementProducer& statement, const CopyManagerOptions& options);

  std::string m_conninfo;
  std::optional<pg::Connection> m_connection;
  std::optional<pg::CopyReader> m_reader;
  std::unique_ptr<CopyProducer> m_producer;
};

}  // namespace pgstride::transfer
