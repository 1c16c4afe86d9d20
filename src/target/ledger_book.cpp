#include "target/ledger_book.hpp"

#include <utility>

#include "target/ledger.hpp"
#include "target/unload.hpp"

namespace pgstride::target {

namespace {

class LedgerGate final : public ChunkGate {
 public:
  explicit LedgerGate(LedgerRun run) : m_run(std::move(run)) {}

  bool begin(pg::Connection& connection, const ChunkEntry& entry, LoadCounts& counts) override {
    return begin_loading(connection, m_run, entry, counts);
  }
  void commit(pg::Connection& connection, const ChunkEntry& entry,
              const LoadCounts& counts) override {
    commit_loading(connection, m_run, entry, counts);
  }

 private:
  LedgerRun m_run;
};

class LedgerBook final : public LoadBook {
 public:
  LedgerBook(const std::string& job, std::string name) : m_run{job, 0}, m_name(std::move(name)) {}

  void enter(pg::Connection& connection, bool must_exist,
             const WaitingForZombies& waiting) override {
    m_run = enter_ledger(connection, m_run.job, m_name, must_exist, waiting);
  }
  [[nodiscard]] RefusedTables untold() const override { return {}; }

  std::vector<BookedTable> tables(pg::Connection& connection) override {
    const bool entered = m_run.epoch != 0;
    return entered ? ledger_tables(connection, m_run.job) : std::vector<BookedTable>{};
  }
  std::vector<BookedChunk> chunks(pg::Connection& connection) override {
    return ledger_chunks(connection, m_run.job);
  }
  RefusedTables start_tables(pg::Connection& connection, const std::vector<BookedTable>& tables,
                             bool truncate) override {
    return target::start_tables(connection, m_run, tables, truncate);
  }
  std::string unload(pg::Connection& connection, const TableName& table,
                     const std::vector<LoadedRange>& ranges) override {
    return unload_chunks(connection, m_run, table, ranges);
  }
  void check(pg::Connection& connection) override { check_run(connection, m_run); }
  void chunk_done(std::int64_t /*chunk_id*/) override {}  // its own transaction has entered it

  bool knows_job(pg::Connection& connection) override { return in_ledger(connection, m_run.job); }
  void check_discard(pg::Connection& connection,
                     const std::map<std::string, TableName>& names) override {
    target::check_discard(connection, m_run.job, names);
  }
  void discard(pg::Connection& connection, const std::map<std::string, TableName>& names) override {
    discard_from_ledger(connection, m_run.job, names);
  }
  bool forget(pg::Connection& connection) override {
    return drop_from_ledger(connection, m_run.job);
  }
  std::unique_ptr<ChunkGate> gate(GateTools /*tools*/) override {
    return std::make_unique<LedgerGate>(m_run);
  }

 private:
  LedgerRun m_run;
  std::string m_name;
};

}  // namespace

std::unique_ptr<LoadBook> ledger_book(const std::string& job, const std::string& name) {
  return std::make_unique<LedgerBook>(job, name);
}

}  // namespace pgstride::target
