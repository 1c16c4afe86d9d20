// Threads that keep writing to a source while it is exported. Start and stop from one thread.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "harness/table_kinds.hpp"

namespace pgstride::test {

struct WriterOptions {
  int threads = 2;
  unsigned long seed = 1;
  long rows = 1000;  ///< as given to create_tables()
  /// Also VACUUM FULL, rewriting ALTER, and TRUNCATE with all rows put back in one transaction.
  bool rewrites = false;
};

class Writers {
 public:
  Writers(std::string conninfo, const std::vector<TableKind>& kinds, WriterOptions options);
  ~Writers();
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  void stop();
  /// Transactions committed so far.
  [[nodiscard]] long writes() const { return m_writes; }
  [[nodiscard]] long rewrites() const { return m_rewrites; }

 private:
  void work(std::stop_token stop, unsigned long seed);

  std::string m_conninfo;
  std::vector<TableKind> m_kinds;
  WriterOptions m_options;
  std::atomic<long> m_writes = 0;
  std::atomic<long> m_rewrites = 0;
  std::vector<std::jthread> m_threads;
};

}  // namespace pgstride::test
