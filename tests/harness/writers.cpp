#include "harness/writers.hpp"

#include <algorithm>
#include <random>

#include "support/run_program.hpp"

namespace pgstride::test {
namespace {

// One row somewhere in the table; none if {r} is past its end.
constexpr const char* k_some_row =
    " WHERE ctid = (SELECT ctid FROM {t} OFFSET {r} LIMIT 1) AND tableoid ="
    " (SELECT tableoid FROM {t} OFFSET {r} LIMIT 1)";

std::string write_sql(const TableKind& kind, unsigned long dice) {
  switch (dice % 4) {
  case 0:
    return kind.insert;
  case 1:
    return "UPDATE {t} SET " + kind.touch + k_some_row;
  case 2:
    return kind.move.empty() ? kind.insert : "UPDATE {t} SET " + kind.move + k_some_row;
  default:
    return std::string("DELETE FROM {t}") + k_some_row;
  }
}

std::string rewrite_sql(const TableKind& kind, unsigned long dice) {
  switch (dice % 3) {
  case 0:
    return "VACUUM FULL {t}";
  case 1:
    return "ALTER TABLE {t} " + kind.rewrite;
  default:
    return "BEGIN; LOCK {t}; CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE {t}; TRUNCATE {t};"
           " INSERT INTO {t} TABLE kept; COMMIT";
  }
}

}  // namespace

Writers::Writers(std::string conninfo, const std::vector<TableKind>& kinds, WriterOptions options)
    : m_conninfo(std::move(conninfo)), m_options(options) {
  std::copy_if(kinds.begin(), kinds.end(), std::back_inserter(m_kinds),
               [](const TableKind& kind) { return !kind.insert.empty(); });
  for (int i = 0; i < options.threads; ++i) {
    const auto seed = options.seed * 1000 + static_cast<unsigned long>(i);
    m_threads.emplace_back([this, seed](std::stop_token stop) { work(std::move(stop), seed); });
  }
}

Writers::~Writers() {
  stop();
}

void Writers::stop() {
  for (auto& thread : m_threads) {
    thread.request_stop();
  }
  m_threads.clear();
}

void Writers::work(std::stop_token stop, unsigned long seed) {
  std::mt19937_64 random(seed);
  while (!stop.stop_requested()) {
    try {
      PgSession session(m_conninfo);
      // Writers must not wait for ever behind the locks of an export.
      session.exec("SET lock_timeout = '200ms'; SET application_name = 'writer'");
      while (!stop.stop_requested()) {
        const auto& kind = m_kinds[random() % m_kinds.size()];
        // Some each second: with many more, an export would never find a moment to lock them all.
        const bool rewrite = m_options.rewrites && !kind.rewrite.empty() && random() % 150 == 0;
        const auto sql =
            filled(rewrite ? rewrite_sql(kind, random()) : write_sql(kind, random()), kind,
                   m_options.rows, random() % static_cast<unsigned long>(m_options.rows));
        if (session.sqlstate_of(sql).empty()) {
          ++(rewrite ? m_rewrites : m_writes);
        } else {
          session.exec("ROLLBACK");  // duplicate keys, lock time-outs and deadlocks are expected
        }
      }
    } catch (const std::exception&) {
      pause_briefly();  // the server is being restarted
    }
  }
}

}  // namespace pgstride::test
