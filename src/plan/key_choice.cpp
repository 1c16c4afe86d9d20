#include "plan/key_choice.hpp"

#include <fmt/format.h>

#include "pgstride/error.hpp"
#include "plan/interval.hpp"
#include "plan/key_candidates.hpp"

namespace pgstride::plan {

namespace {

// What a resume could keep once its snapshot is gone (correctness.md, 3), in a few words.
std::string resume_note(const Table& table) {
  const bool full = table.replica_identity == 'f';
  if (table.split == Split::key && table.key->primary) {
    const bool streamed = full || table.replica_identity == 'd';
    return std::string("; a resume keeps what is done: fuzzy without a slot, ") +
           (streamed ? "exact with one" : "and its replica identity does not fit one");
  }
  if (table.split == Split::key && full) {
    return "; a resume exports the table again without a slot, what changed of it with one";
  }
  return "; a resume exports the table again, with a slot only if it changed";
}

void take(Table& table, Candidate candidate, std::string reason) {
  table.split = Split::key;
  if (!candidate.immediate) {
    reason += " (deferrable: not a replica identity)";
  }
  table.key = std::move(candidate.key);
  table.key_reason = std::move(reason);
}

std::string index_reason(const Candidate& candidate, const char* kind) {
  return candidate.key.index.empty() ? std::string(kind)
                                     : fmt::format("{} {}", kind, candidate.key.index);
}

void warn_of_key(Table& table, const KeyFacts& facts, const Candidate& candidate) {
  if (candidate.key.index.empty() && table.kind != RelationKind::view &&
      table.kind != RelationKind::foreign_table) {
    table.warnings.push_back("no index begins with the key: each chunk scans the table");
  }
  if (!candidate.key.primary) {
    table.warnings.push_back("the key is not the primary key and may change: when the snapshot is "
                             "lost, the table is exported again");
  }
  if (badly_correlated(facts, candidate)) {
    table.warnings.push_back(fmt::format("the key does not follow the heap (correlation {:.2f}): "
                                         "each chunk reads pages all over the "
                                         "table, if it is a large part of it by a sequential scan; "
                                         "--split ctid reads each page once",
                                         *correlation_of(facts, candidate)));
  }
  if (collation_changed(facts, candidate)) {
    table.warnings.push_back(fmt::format(
        "the collation of the key has another version than index {} was built with: REINDEX it, "
        "then ALTER COLLATION … REFRESH VERSION, or use --split ctid",
        candidate.key.index));
  }
}

// Random reads over a heap that no cache holds read it once per chunk; effective_cache_size is
// what the administrator says may be cached. Smaller tables keep the primary key: only under it
// can a resume without a slot go on where it was.
bool ctid_is_better(const KeyFacts& facts, const Candidate& candidate) {
  return badly_correlated(facts, candidate) &&
         (!candidate.key.primary || facts.size.heap > facts.cache_bytes);
}

void choose_automatically(Table& table, const KeyFacts& facts, bool may_use_ctid) {
  std::string against;
  const auto consider = [&](std::optional<Candidate> candidate, const char* kind) {
    if (!candidate) {
      return false;
    }
    if (may_use_ctid && collation_changed(facts, *candidate)) {
      against = fmt::format("{} has a collation of another version: REINDEX", candidate->key.index);
      return false;
    }
    if (may_use_ctid && ctid_is_better(facts, *candidate)) {
      against = fmt::format("{} does not follow the heap (correlation {:.2f})",
                            candidate->key.index, *correlation_of(facts, *candidate));
      return false;
    }
    warn_of_key(table, facts, *candidate);
    const auto reason = index_reason(*candidate, kind);
    take(table, std::move(*candidate), reason);
    return true;
  };
  if (consider(primary_key(facts), "primary key") ||
      consider(unique_not_null(facts), "unique index") ||
      consider(selective_index(facts), "index")) {
    return;
  }
  table.split = may_use_ctid ? Split::ctid : Split::none;
  table.key_reason = (may_use_ctid ? "ctid: " : "one chunk: ") +
                     (against.empty() ? std::string("no usable index") : against);
}

void check_request(const Table& table, const KeyRequest& request) {
  if (request.interval &&
      (table.key->columns.size() != 1 || !is_time_type(table.key->columns.front().type))) {
    throw Error(ErrorKind::usage,
                fmt::format("--interval: the key of table {} is not one date or timestamp column",
                            table.display_name()),
                "name one with --key TABLE:COLUMN");
  }
  if (request.interval && request.bounds) {
    throw Error(ErrorKind::usage, fmt::format("--interval and --bounds are both given for table {}",
                                              table.display_name()));
  }
}

bool has_ctids(const Relation& relation) {
  return relation.heap && (relation.kind == 'r' || relation.kind == 'm');
}

void choose_forced_key(Table& table, const KeyFacts& facts) {
  choose_automatically(table, facts, false);
  if (table.split == Split::none && has_ctids(*facts.relation)) {
    table.split = Split::ctid;
    table.key_reason = "ctid: no usable index";
    table.warnings.push_back("no index to split by: split by ctid instead of a key");
  }
}

void choose_without_key(Table& table, const KeyFacts& facts, SplitChoice split) {
  const bool ctid = split == SplitChoice::ctid && has_ctids(*facts.relation);
  table.split = ctid ? Split::ctid : Split::none;
  if (split == SplitChoice::none) {
    table.key_reason = "one chunk: --split none";
  } else {
    table.key_reason = ctid ? "--split ctid" : "one chunk: it has no ctids to split by";
  }
}

}  // namespace

void choose_key(pg::Connection& connection, Table& table, const KeyFacts& facts,
                const KeyRequest& request) {
  if (request.columns || request.interval) {
    auto candidate = request.columns ? wanted_key(connection, table, facts, *request.columns)
                                     : time_key(table, facts);
    warn_of_key(table, facts, candidate);
    const auto reason =
        index_reason(candidate, candidate.key.index.empty()
                                    ? "--key"
                                    : (request.columns ? "--key, index" : "--interval, index"));
    take(table, std::move(candidate), reason);
  } else if (request.split == SplitChoice::key || request.bounds) {
    choose_forced_key(table, facts);
  } else if (request.split == SplitChoice::automatic) {
    choose_automatically(table, facts, has_ctids(*facts.relation));
  } else {
    choose_without_key(table, facts, request.split);
  }
  if (request.bounds && !table.key) {
    throw Error(ErrorKind::usage,
                fmt::format("--bounds: table {} has no key to be cut by", table.display_name()),
                "name its column with --key TABLE:COLUMN");
  }
  if (request.interval || request.bounds) {
    check_request(table, request);
  }
  if (request.bounds) {
    table.key_reason = "--bounds, " + table.key_reason;
  }
  if (table.split == Split::none && table.kind == RelationKind::view) {
    table.key_reason = "one chunk: a view";
  } else if (table.split == Split::none && table.kind == RelationKind::foreign_table) {
    table.key_reason = "one chunk: a foreign table";
  }
  table.key_reason += resume_note(table);
}

}  // namespace pgstride::plan
