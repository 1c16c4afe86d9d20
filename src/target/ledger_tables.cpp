#include <string>
#include <utility>
#include <vector>

#include "base/crash_point.hpp"
#include "target/ledger_parts.hpp"
#include "target/truncate.hpp"

namespace pgstride::target {

namespace {

/// One transaction of start_tables.
class LedgerStart final : public TableStarter {
 public:
  LedgerStart(pg::Connection& connection, const LedgerRun& run, bool truncate)
      : m_connection(connection), m_run(run), m_truncate(truncate) {}

  void enter(const BookedTable& table) override {
    if (m_truncate) {
      m_to_empty.push_back(table.name);
    }
    m_new.emplace_back(&table, m_truncate ? TableBase::truncated : base_now(m_connection, table));
  }

  bool has_loaded(const BookedTable& table) override {
    return has_chunks(m_connection, m_run.job, table.key);
  }

  void raise(const BookedTable& table) override {
    m_connection.query("UPDATE pgstride.job_table SET generation = $3 WHERE job = $1 AND key = $2",
                       {m_run.job, table.key, std::to_string(table.generation)});
  }

  std::string empty_again(const BookedTable& table) override {
    const auto added = rows_added(m_connection, m_run.job, table.key);
    if (auto why = empty_loaded_table(m_connection, table, added); !why.empty()) {
      return why;
    }
    m_connection.query("DELETE FROM pgstride.chunk WHERE job = $1 AND key = $2",
                       {m_run.job, table.key});
    raise(table);
    return "";
  }

  // What was entered.
  void write() {
    truncate_tables(m_connection, m_to_empty);
    for (const auto& [table, base] : m_new) {
      m_connection.query("INSERT INTO pgstride.job_table (job, key, generation, base, relid) "
                         "VALUES ($1, $2, $3, $4, $5)",
                         {m_run.job, table->key, std::to_string(table->generation), base_word(base),
                          std::to_string(table->oid)});
    }
  }

 private:
  pg::Connection& m_connection;
  const LedgerRun& m_run;
  bool m_truncate;
  std::vector<TableName> m_to_empty;
  std::vector<std::pair<const BookedTable*, TableBase>> m_new;
};

}  // namespace

RefusedTables start_tables(pg::Connection& connection, const LedgerRun& run,
                           const std::vector<BookedTable>& tables, bool truncate) {
  connection.exec(k_begin_loading);
  share_epoch(connection, run);
  LedgerStart start(connection, run, truncate);
  auto refused = start_each(start, ledger_tables(connection, run.job), tables);
  start.write();
  crash_point("tables_emptied");
  connection.exec("COMMIT");
  crash_point("tables_started");
  return refused;
}

std::vector<BookedTable> ledger_tables(pg::Connection& connection, const std::string& job) {
  const auto result = connection.query(
      "SELECT key, generation, base, relid FROM pgstride.job_table WHERE job = $1 ORDER BY key",
      {job});
  std::vector<BookedTable> tables;
  for (int row = 0; row < result.rows(); ++row) {
    auto& table = tables.emplace_back();
    table.key = result.text(row, 0);
    table.generation = result.int64(row, 1);
    table.base = base_of(result.get(row, 2));
    table.oid = static_cast<std::uint32_t>(result.int64(row, 3));
  }
  return tables;
}

}  // namespace pgstride::target
