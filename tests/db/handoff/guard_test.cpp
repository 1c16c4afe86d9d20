// The guarded order against writers: every commit record below the position is visible
// (correctness.md, 2). The naive order in the same harness shows that the test can fail.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "handoff/guard.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::handoff {

namespace {

pg::Connection connect(const test::TempCluster& cluster) {
  return pg::Connection(
      {cluster.conninfo(), "pgstride/test/snapshot", {}, std::chrono::milliseconds(0)});
}

struct Sample {
  Lsn lsn;
  std::int64_t rows = 0;
};

/// Four sessions that insert one row a transaction, as fast as they can.
class Inserters {
 public:
  explicit Inserters(const test::TempCluster& cluster) {
    for (int i = 0; i < 4; ++i) {
      m_threads.emplace_back([this, &cluster](const std::stop_token& stop) {
        auto session = cluster.session();
        while (!stop.stop_requested()) {
          session.exec("INSERT INTO counted VALUES (1)");
          ++m_rows;
        }
      });
    }
  }
  [[nodiscard]] std::int64_t rows() const { return m_rows; }

 private:
  std::atomic<std::int64_t> m_rows{0};
  std::vector<std::jthread> m_threads;
};

std::string output_of(const std::string& command) {
  std::string out;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  std::array<char, 65536> buffer{};
  std::size_t length = 0;
  while ((length = ::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0) {
    out.append(buffer.data(), length);
  }
  return out;
}

std::string between(const std::string& line, const std::string& before, char after) {
  const auto start = line.find(before);
  if (start == std::string::npos) {
    return "";
  }
  const auto begin = line.find_first_not_of(' ', start + before.size());
  return line.substr(begin, line.find(after, begin) - begin);
}

/// Positions of the commit records of transactions that inserted into the table, from the log
/// itself.
std::vector<Lsn> commit_positions(const test::TempCluster& cluster, const std::string& from) {
  cluster.exec("SELECT pg_switch_wal()");
  const auto to = cluster.exec("SELECT pg_current_wal_flush_lsn()");
  const auto node = cluster.exec("SELECT pg_relation_filenode('counted')");
  const auto bin = cluster.exec("SELECT setting FROM pg_config WHERE name = 'BINDIR'");
  const auto data = cluster.exec("SHOW data_directory");
  std::istringstream in(output_of(bin + "/pg_waldump -p " + data + "/pg_wal -s " + from + " -e " +
                                  to + " 2>/dev/null"));
  std::set<std::string> inserting;
  std::vector<Lsn> out;
  for (std::string line; std::getline(in, line);) {
    const auto xid = between(line, "tx:", ',');
    if (line.find("rmgr: Heap ") != std::string::npos && line.find("INSERT") != std::string::npos &&
        line.find("/" + node + " ") != std::string::npos) {
      inserting.insert(xid);
    } else if (line.find("COMMIT") != std::string::npos && inserting.contains(xid)) {
      out.push_back(Lsn::parse(between(line, "lsn:", ',')));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::size_t lost_in(const std::vector<Sample>& samples, const std::vector<Lsn>& commits) {
  std::size_t bad = 0;
  for (const auto& sample : samples) {
    const auto below =
        std::lower_bound(commits.begin(), commits.end(), sample.lsn) - commits.begin();
    bad += below > sample.rows ? 1 : 0;
  }
  return bad;
}

}  // namespace

TEST_CASE("Under writers the guarded order shows every commit below its position; the naive one "
          "does not") {
  test::TempCluster cluster(test::ClusterOptions{.fsync = true});
  cluster.exec("CREATE TABLE counted (i int)");
  const auto from = cluster.exec("SELECT pg_current_wal_flush_lsn()");
  std::vector<Sample> guarded;
  std::vector<Sample> naive;
  {
    const Inserters inserters(cluster);
    auto session = connect(cluster);
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (inserters.rows() < 20000 && std::chrono::steady_clock::now() < until) {
      const auto snapshot = take_guarded_snapshot(session, [](const auto&, const auto&) {});
      guarded.push_back(
          {snapshot.lsn, session.exec("SELECT count(*) FROM public.counted").int64(0, 0)});
      session.exec("COMMIT");
      const auto lsn = Lsn::parse(session.exec("SELECT pg_current_wal_insert_lsn()").get(0, 0));
      naive.push_back({lsn, session.exec("SELECT count(*) FROM public.counted").int64(0, 0)});
    }
  }
  const auto commits = commit_positions(cluster, from);
  CAPTURE(guarded.size());
  REQUIRE(commits.size() > 1000);
  REQUIRE(guarded.size() > 20);
  CHECK(lost_in(guarded, commits) == 0);
  CHECK(lost_in(naive, commits) > 0);
}

TEST_CASE(
    "A longer transaction and a prepared one hold the snapshot up, are named, and let it go on") {
  test::TempCluster cluster;
  cluster.exec("CREATE TABLE t (i int)");
  auto writer = cluster.session();
  writer.exec("BEGIN; INSERT INTO t VALUES (1)");
  cluster.exec("BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'long'");
  auto session = connect(cluster);
  std::vector<std::string> told;
  const auto snapshot =
      take_guarded_snapshot(session, [&](const std::string& message, const auto&) {
        told.push_back(message);
        if (told.size() == 1) {
          writer.exec("COMMIT");
        } else {
          cluster.exec("COMMIT PREPARED 'long'");
        }
      });
  REQUIRE(told.size() >= 2);
  CHECK(told[0].find(std::to_string(writer.backend_pid())) != std::string::npos);
  CHECK(told[1].find("'long'") != std::string::npos);
  CHECK(session.exec("SELECT count(*) FROM public.t").int64(0, 0) == 2);
  CHECK(snapshot.end_lsn >= snapshot.lsn);
}

}  // namespace pgstride::handoff
