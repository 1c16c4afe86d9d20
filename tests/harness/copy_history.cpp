#include "harness/copy_history.hpp"

namespace pgstride::test {
namespace {

class CopyHistoryCheck {
 public:
  CopyHistoryCheck(PgSession& source, PgSession& target, std::string name, Json status,
                   Problems& problems)
      : m_source(source), m_target(target), m_name(std::move(name)), m_status(std::move(status)),
        m_problems(problems) {}

  void check(const TableKind& kind, const std::string& consistency) {
    const auto what = m_name + ": " + kind.display_name();
    const auto groups = chunk_groups(m_status, kind.display_name());
    std::set<std::string> snapshots;
    for (const auto& group : groups) {
      snapshots.insert(group.snapshots.begin(), group.snapshots.end());
    }
    if (snapshots.size() == 1) {
      compare_rows(expected(kind, *snapshots.begin(), "true"), found(kind, "true"),
                   what + " at " + *snapshots.begin(), m_problems);
      return;
    }
    if (consistency == "exact") {
      m_problems.push_back(what + " is called exact but has " + std::to_string(snapshots.size()) +
                           " snapshots");
    }
    for (const auto& group : groups) {
      check_group(kind, group, what + " from " + group.lower.value_or("the first key"));
    }
  }

 private:
  [[nodiscard]] RowCounts expected(const TableKind& kind, const std::string& snapshot,
                                   const std::string& where) {
    return row_counts(m_source, content_at(m_source, kind, snapshot, where));
  }

  [[nodiscard]] RowCounts found(const TableKind& kind, const std::string& where) {
    return row_counts(m_target, "SELECT " + row_text("t::text") + ", count(*) FROM " +
                                    kind.quoted() + " t WHERE " + where + " GROUP BY 1");
  }

  // The rows of a range of keys are those that its chunk brought: no other chunk reads them.
  void check_group(const TableKind& kind, const ChunkGroup& group, const std::string& what) {
    const bool of_keys = group.kind == "range" || group.kind == "whole";
    if (group.snapshots.size() != 1 || !of_keys) {
      m_problems.push_back(what + ": " + group.kind + " cuts of several snapshots");
      return;
    }
    const auto leaf = "(SELECT relnamespace::regnamespace || '.' || relname FROM pg_class"
                      " WHERE oid = t.tableoid) = " +
                      m_target.literal(group.leaf);
    compare_rows(
        expected(kind, *group.snapshots.begin(), group_condition(m_source, kind, group)),
        found(kind, leaf + " AND " +
                        key_condition(m_target, kind, group, "t." + m_target.quote(kind.key))),
        what + " at " + *group.snapshots.begin(), m_problems);
  }

  PgSession& m_source;
  PgSession& m_target;
  std::string m_name;
  Json m_status;
  Problems& m_problems;
};

Json of_target(Json status, std::size_t target) {
  auto chunks = Json::array();
  for (auto& chunk : status.at("chunk_list")) {
    if (chunk.at("target") == target) {
      chunks.push_back(std::move(chunk));
    }
  }
  status["chunk_list"] = std::move(chunks);
  return status;
}

std::string consistency_of(const Json& status, const std::string& table) {
  for (const auto& entry : status.at("tables")) {
    if (entry.at("name") == table && entry.at("consistency").is_string()) {
      return entry["consistency"];
    }
  }
  return "";
}

}  // namespace

Problems check_copy_with_history(const CopyJob& job) {
  auto problems = check_end(job);
  const auto status = job.status(true);
  PgSession source(job.source);
  for (std::size_t i = 0; i < job.targets.size(); ++i) {
    PgSession target(job.targets[i]);
    CopyHistoryCheck check(source, target, "target " + std::to_string(i + 1),
                           of_target(status, i + 1), problems);
    for (const auto& kind : job.kinds) {
      if (kind.insert.empty()) {
        compare_tables(source, target, {kind}, problems);
      } else {
        check.check(kind, consistency_of(status, kind.display_name()));
      }
    }
  }
  return problems;
}

}  // namespace pgstride::test
