#include "job/verify_load.hpp"

#include <algorithm>
#include <future>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "job/differing_keys.hpp"
#include "job/hash_sql.hpp"
#include "job/load_plan.hpp"
#include "pg/conninfo.hpp"
#include "plan/plan.hpp"
#include "target/target_table.hpp"

namespace pgstride::job {

namespace {

struct RowSum {
  std::int64_t rows = 0;
  std::string hash;
  bool operator==(const RowSum&) const = default;
};

RowSum sum_of(pg::Connection& connection, const Table& table, const Chunk& chunk) {
  const auto result = connection.exec(hash_query(connection, table, chunk, false));
  return {result.int64(0, 0), result.text(0, 1)};
}

/// A table as it stands on both sides.
struct Pair {
  std::vector<Table> source;  ///< its leaves
  Table target;
  std::vector<std::string> key;  ///< columns that tell a row, if any do
};

constexpr std::size_t k_most_keys = 100;  // of a chunk that differs

// Those of the first unique key that is among the columns that are compared; the primary key is
// first.
std::vector<std::string> key_columns(const Table& table, const target::TargetTable& facts) {
  const auto compared = [&](const std::string& name) {
    return std::any_of(table.columns.begin(), table.columns.end(),
                       [&](const Column& column) { return column.name == name; });
  };
  for (const auto& index : facts.unique_indexes) {
    if (index.valid && !index.partial && !index.expressions && !index.exclusion &&
        std::all_of(index.columns.begin(), index.columns.end(), compared)) {
      return index.columns;
    }
  }
  return {};
}

/// The source against one target.
class TargetCheck {
 public:
  TargetCheck(Job& job, const JobTarget& target, bool keys)
      : m_job(job), m_target(target), m_keys(keys), m_source(job.connect("verify")),
        m_there(job.connect_target(target, "verify")) {}

  void run(VerifyReport& report) {
    for (auto* connection : {&m_source, &m_there}) {
      connection->exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    }
    const auto pairs = read_pairs();
    for (const auto& [name, pair] : pairs) {
      auto& table = table_of(report, name);
      if (const auto why = why_not_equal(pair); !why.empty()) {
        table.chunks += check_at_least(pair, why, table);
      } else {
        table.chunks += check(pair, table);
      }
    }
  }

 private:
  // Of rows that did not come, or came beside others, nobody can ask the target whether they are
  // the source's.
  std::string why_not_equal(const Pair& pair) {
    const auto counts = counts_of(pair);
    std::string why;
    const auto add = [&why](std::int64_t rows, const char* what) {
      if (rows > 0) {
        why += fmt::format("{}{} rows were {}", why.empty() ? "" : ", ", rows, what);
      }
    };
    add(counts.ignored, "ignored for the target's");
    add(counts.superseded, "superseded by later ones of their key");
    add(counts.rejected, "rejected");
    const auto key = table_key(pair.source.front());
    if (("\n" + m_target.record.held_rows).find("\n" + key + "\n") != std::string::npos) {
      why += (why.empty() ? "" : ", ") + std::string("it held rows before the job");
    }
    return why;
  }

  LoadCounts counts_of(const Pair& pair) {
    LoadCounts counts;
    for (const auto& sum : m_job.store->totals_of_targets()) {
      const bool of_pair = sum.target_id == m_target.record.id &&
                           std::any_of(pair.source.begin(), pair.source.end(),
                                       [&](const Table& leaf) { return leaf.id == sum.table_id; });
      if (of_pair) {
        counts.ignored += sum.ignored;
        counts.superseded += sum.superseded;
        counts.rejected += sum.rejected;
      }
    }
    return counts;
  }

  std::int64_t check_at_least(const Pair& pair, const std::string& why, VerifiedTable& out) {
    const auto counts = counts_of(pair);
    std::int64_t least = -counts.superseded - counts.rejected;
    for (const auto& leaf : pair.source) {
      least += sum_of(m_source, leaf, {}).rows;
    }
    const auto there = sum_of(m_there, pair.target, {}).rows;
    const auto& name = pair.source.front().display_name();
    m_job.events->warning(
        fmt::format("table {} of target {}: {}; only that it has no fewer rows than came is "
                    "compared",
                    name, m_target.record.id, why),
        "its rows are not all the source's, so they can't be hashed against it");
    if (there < least) {
      Difference difference;
      difference.table = name;
      difference.what = "rows";
      difference.expected = fmt::format("{} or more", least);
      difference.found = std::to_string(there);
      difference.found_in = fmt::format("target {}", m_target.record.id);
      out.differing.push_back(std::move(difference));
    }
    return 1;
  }

  std::map<std::string, Pair> read_pairs() {
    std::vector<Table> tables;
    for (auto& record : m_job.store->tables()) {
      if (record.state != "removed") {
        tables.push_back(std::move(record.table));
      }
    }
    const auto loads = plan_loads(m_job, m_source, tables);
    std::vector<target::TableName> names;
    names.reserve(tables.size());
    for (const auto& table : tables) {
      names.push_back(target_name(m_job.load, table));
    }
    const auto facts = target::read_target_tables(m_there, names);
    std::vector<target::TableName> own_names;
    own_names.reserve(tables.size());
    for (const auto& table : tables) {
      own_names.push_back({table.schema, table.name});
    }
    const auto own = m_keys ? target::read_target_tables(m_source, own_names) : facts;
    std::map<std::string, Pair> pairs;
    for (std::size_t i = 0; i < tables.size(); ++i) {
      auto& table = tables[i];
      table.columns = loads.at(table.id).columns;
      std::erase_if(table.columns, [&](const Column& column) {  // the target has its own
        const auto& touched = m_job.load.touch;
        return std::find(touched.begin(), touched.end(), column.name) != touched.end();
      });
      auto& pair = pairs[table.display_name()];
      pair.target = table;
      pair.key = key_columns(table, own.tables[i]);
      pair.target.leaf_schema = pair.target.schema = names[i].schema;
      pair.target.leaf_name = pair.target.name = names[i].name;
      // Of a partitioned table all partitions are meant, and so it is read without ONLY.
      pair.target.kind = facts.tables[i].partitioned() ? RelationKind::view : RelationKind::table;
      pair.source.push_back(std::move(table));
    }
    return pairs;
  }

  static VerifiedTable& table_of(VerifyReport& report, const std::string& name) {
    for (auto& table : report.tables) {
      if (table.name == name) {
        return table;
      }
    }
    report.tables.push_back({name, 0, {}});
    return report.tables.back();
  }

  std::int64_t check(const Pair& pair, VerifiedTable& out) {
    std::vector<Chunk> chunks;
    if (pair.source.size() == 1) {
      m_job.store->each_delivery(pair.source.front().id, "", [&](const auto& delivery) {
        if (delivery.result.target_id == m_target.record.id) {
          chunks.push_back(delivery.chunk);
        }
      });
    }
    const bool by_chunk = !chunks.empty() && std::none_of(chunks.begin(), chunks.end(), by_page);
    if (!by_chunk || chunks.size() == 1) {
      check_whole(pair, out);
      add_keys(pair, {}, out.differing);
      return 1;
    }
    std::vector<Difference> differences;
    for (const auto& chunk : chunks) {
      const auto [source, there] = both(pair.source.front(), pair.target, chunk);
      compare(pair, chunk.number, source, there, differences);
    }
    // Keys may be ordered otherwise there, by another collation; then the table as a whole counts.
    // It counts too for rows that no chunk there shows.
    VerifiedTable of_whole;
    check_whole(pair, of_whole);
    if (!of_whole.differing.empty()) {
      auto& told = differences.empty() ? of_whole.differing : differences;
      add_keys(pair, chunks, told);
      std::move(told.begin(), told.end(), std::back_inserter(out.differing));
    }
    return static_cast<std::int64_t>(chunks.size());
  }

  void add_keys(const Pair& pair, const std::vector<Chunk>& chunks,
                std::vector<Difference>& differences) {
    for (auto& difference : differences) {
      if (!m_keys || difference.found_in != name()) {
        continue;
      }
      const auto chunk = std::find_if(chunks.begin(), chunks.end(), [&](const Chunk& candidate) {
        return difference.chunk == candidate.number;
      });
      find_differing_keys({m_source, pair.source}, {m_there, {pair.target}},
                          chunk == chunks.end() ? Chunk{} : *chunk, pair.key, k_most_keys,
                          difference);
    }
  }

  // Pages mean nothing on the target.
  static bool by_page(const Chunk& chunk) {
    return chunk.kind == ChunkKind::ctid || chunk.page_lower || chunk.page_upper;
  }

  void check_whole(const Pair& pair, VerifiedTable& out) {
    auto there = std::async(std::launch::async, [&] { return sum_of(m_there, pair.target, {}); });
    RowSum source;
    __extension__ __int128 total = 0;
    for (const auto& leaf : pair.source) {
      const auto sum = sum_of(m_source, leaf, {});
      source.rows += sum.rows;
      __extension__ __int128 value = 0;
      for (const char c : sum.hash) {
        value = c == '-' ? value : value * 10 + (c - '0');
      }
      total += sum.hash.starts_with('-') ? -value : value;
    }
    source.hash = fmt::format("{}", total);
    compare(pair, std::nullopt, source, there.get(), out.differing);
  }

  std::pair<RowSum, RowSum> both(const Table& source, const Table& target, const Chunk& chunk) {
    auto there = std::async(std::launch::async, [&] { return sum_of(m_there, target, chunk); });
    auto here = sum_of(m_source, source, chunk);
    return {std::move(here), there.get()};
  }

  void compare(const Pair& pair, std::optional<std::int64_t> chunk, const RowSum& source,
               const RowSum& there, std::vector<Difference>& differences) const {
    if (source == there) {
      return;
    }
    const bool rows = source.rows != there.rows;
    Difference difference;
    difference.table = pair.source.front().display_name();
    difference.chunk = chunk;
    difference.what = rows ? "rows" : "hash";
    difference.expected = rows ? std::to_string(source.rows) : source.hash;
    difference.found = rows ? std::to_string(there.rows) : there.hash;
    difference.found_in = name();
    differences.push_back(std::move(difference));
  }

  [[nodiscard]] std::string name() const { return fmt::format("target {}", m_target.record.id); }

  Job& m_job;
  const JobTarget& m_target;
  bool m_keys;
  pg::Connection m_source;
  pg::Connection m_there;
};

}  // namespace

VerifyReport verify_load(Job& job, bool keys) {
  if (job.record.state != "done") {
    throw Error(
        ErrorKind::usage,
        fmt::format("the job in \"{}\" is {}, not done", job.directory.string(), job.record.state),
        "finish it with `pgstride resume`");
  }
  VerifyReport report;
  report.consistency = job.record.consistency;
  report.consistency_note = consistency_note(job.record, *job.store);
  report.against = "the source";
  for (const auto& target : job.targets) {
    TargetCheck(job, target, keys).run(report);
  }
  report.ok = std::all_of(report.tables.begin(), report.tables.end(),
                          [](const auto& table) { return table.differing.empty(); });
  return report;
}

}  // namespace pgstride::job
