#include "plan/key_candidates.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pgstride/error.hpp"
#include "plan/interval.hpp"

namespace pgstride::plan {

namespace {

// Below this |correlation| a range of keys is spread over so much of the heap that every chunk
// reads most of its pages: at 0.5 the planner's own interpolation (cost_index uses its square)
// puts three quarters of the way to wholly random.
constexpr double k_bad_correlation = 0.5;
// An index's first column is selective enough for even ranges if it has so many values.
constexpr double k_selective_values = 1000;

const ColumnFact* column_of(const KeyFacts& facts, std::int16_t attnum) {
  for (const auto& fact : *facts.columns) {
    if (fact.column.attnum == attnum) {
      return &fact;
    }
  }
  return nullptr;
}

KeyColumn key_column(const KeyFacts& facts, const IndexColumn& index_column, const Column& column) {
  const auto version = facts.collations.find(index_column.collation_oid);
  return {.name = column.name,
          .type = index_column.type,
          .collation = index_column.collation,
          .collation_version = version == facts.collations.end() ? "" : version->second.actual,
          .op_schema = index_column.op_schema,
          .not_null = column.not_null,
          .descending = index_column.descending};
}

std::optional<Candidate> first_columns(const KeyFacts& facts, const Index& index, std::size_t n) {
  Candidate candidate;
  candidate.immediate = index.immediate;
  candidate.key.index = index.name;
  candidate.key.primary = index.primary && n == index.columns.size();
  candidate.key.unique = index.unique && n == index.columns.size();
  for (std::size_t i = 0; i < n; ++i) {
    const auto* fact = column_of(facts, index.columns[i].attnum);
    if (fact == nullptr || !fact->readable || !index.columns[i].comparable ||
        index.columns[i].descending != index.columns[0].descending) {
      return std::nullopt;  // a row comparison needs one direction
    }
    candidate.key.columns.push_back(key_column(facts, index.columns[i], fact->column));
    candidate.columns.push_back(index.columns[i]);
  }
  return candidate;
}

bool all_not_null(const Key& key) {
  return std::all_of(key.columns.begin(), key.columns.end(),
                     [](const KeyColumn& column) { return column.not_null; });
}

std::int16_t attnum_by_name(const Table& table, const KeyFacts& facts, const std::string& name) {
  for (const auto& fact : *facts.columns) {
    if (fact.column.name == name) {
      if (!fact.readable) {
        throw Error(ErrorKind::usage,
                    fmt::format("may not read the key column \"{}\" of table {}", name,
                                table.leaf_display_name()),
                    "grant SELECT on it to this user");
      }
      return fact.column.attnum;
    }
  }
  throw Error(ErrorKind::usage,
              fmt::format("table {} has no column \"{}\"", table.leaf_display_name(), name),
              "--key names a column that is not there; names fold to lower case unless quoted");
}

std::optional<Candidate> index_beginning_with(const KeyFacts& facts,
                                              const std::vector<std::int16_t>& attnums) {
  std::optional<Candidate> best;
  for (const auto& index : facts.indexes) {
    const bool begins = index.columns.size() >= attnums.size() &&
                        std::equal(attnums.begin(), attnums.end(), index.columns.begin(),
                                   [](std::int16_t attnum, const IndexColumn& column) {
                                     return attnum == column.attnum;
                                   });
    if (!begins) {
      continue;
    }
    auto candidate = first_columns(facts, index, attnums.size());
    if (candidate && (!best || std::pair(candidate->key.primary, candidate->key.unique) >
                                   std::pair(best->key.primary, best->key.unique))) {
      best = std::move(candidate);
    }
  }
  return best;
}

}  // namespace

bool badly_correlated(const KeyFacts& facts, const Candidate& candidate) {
  const auto correlation = correlation_of(facts, candidate);
  return correlation && std::abs(*correlation) < k_bad_correlation;
}

std::optional<double> correlation_of(const KeyFacts& facts, const Candidate& candidate) {
  const auto found = facts.statistics.find(candidate.columns.front().attnum);
  if (found == facts.statistics.end()) {
    return std::nullopt;
  }
  return found->second.correlation;
}

bool collation_changed(const KeyFacts& facts, const Candidate& candidate) {
  return std::any_of(
      candidate.columns.begin(), candidate.columns.end(), [&](const IndexColumn& column) {
        const auto found = facts.collations.find(column.collation_oid);
        return found != facts.collations.end() && !found->second.recorded.empty() &&
               !found->second.actual.empty() && found->second.recorded != found->second.actual;
      });
}

std::optional<Candidate> primary_key(const KeyFacts& facts) {
  for (const auto& index : facts.indexes) {
    if (index.primary) {
      return first_columns(facts, index, index.columns.size());
    }
  }
  return std::nullopt;
}

// Of several the one with the fewest columns, well correlated ones first.
std::optional<Candidate> unique_not_null(const KeyFacts& facts) {
  std::optional<Candidate> best;
  for (const auto& index : facts.indexes) {
    if (!index.unique || index.primary) {
      continue;
    }
    auto candidate = first_columns(facts, index, index.columns.size());
    if (!candidate || !all_not_null(candidate->key)) {
      continue;
    }
    const auto rank = [&](const Candidate& c) {
      return std::pair(badly_correlated(facts, c), c.columns.size());
    };
    if (!best || rank(*candidate) < rank(*best)) {
      best = std::move(candidate);
    }
  }
  return best;
}

// Only with statistics that say so; ctid ranges are even without any.
std::optional<Candidate> selective_index(const KeyFacts& facts) {
  const double rows = facts.relation->reltuples;
  std::optional<Candidate> best;
  double best_correlation = k_bad_correlation;
  for (const auto& index : facts.indexes) {
    auto candidate = first_columns(facts, index, 1);
    const auto found = facts.statistics.find(index.columns.front().attnum);
    if (!candidate || found == facts.statistics.end() || rows <= 0) {
      continue;
    }
    const auto& statistics = found->second;
    const double distinct =
        statistics.n_distinct < 0 ? -statistics.n_distinct * rows : statistics.n_distinct;
    const double correlation = std::abs(statistics.correlation.value_or(0));
    if (distinct >= k_selective_values && statistics.null_frac < 0.1 &&
        correlation >= best_correlation) {
      best_correlation = correlation;
      best = std::move(candidate);
    }
  }
  return best;
}

Candidate wanted_key(pg::Connection& connection, const Table& table, const KeyFacts& facts,
                     const std::vector<std::string>& names) {
  std::vector<std::int16_t> attnums;
  for (const auto& name : names) {
    attnums.push_back(attnum_by_name(table, facts, name));
    if (std::count(attnums.begin(), attnums.end(), attnums.back()) > 1) {
      throw Error(ErrorKind::usage, fmt::format("--key names the column \"{}\" of table {} twice",
                                                name, table.leaf_display_name()));
    }
  }
  if (auto candidate = index_beginning_with(facts, attnums)) {
    return std::move(*candidate);
  }
  Candidate candidate;
  for (std::size_t i = 0; i < attnums.size(); ++i) {
    const auto comparison = default_comparison(connection, facts.relation->oid, attnums[i]);
    if (!comparison) {
      throw Error(ErrorKind::usage,
                  fmt::format("the column \"{}\" of table {} can't be a key: its type has no order",
                              names[i], table.leaf_display_name()),
                  "choose a column of a type with a btree operator class");
    }
    candidate.columns.push_back(*comparison);
    candidate.key.columns.push_back(
        key_column(facts, *comparison, column_of(facts, attnums[i])->column));
  }
  return candidate;
}

// For --interval without --key: an index on one time column, a unique one first.
Candidate time_key(const Table& table, const KeyFacts& facts) {
  std::optional<Candidate> best;
  for (const auto& index : facts.indexes) {
    auto candidate = first_columns(facts, index, 1);
    if (candidate && is_time_type(candidate->key.columns.front().type) &&
        (!best || (candidate->key.unique && !best->key.unique))) {
      best = std::move(candidate);
    }
  }
  if (!best) {
    throw Error(ErrorKind::usage,
                fmt::format("--interval: no index of table {} begins with a date or timestamp",
                            table.display_name()),
                "name the column with --key TABLE:COLUMN");
  }
  return std::move(*best);
}

}  // namespace pgstride::plan
