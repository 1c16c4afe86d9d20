#include "target/conflict_key.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace pgstride::target {

namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) {
    out += (out.empty() ? "" : ", ") + name;
  }
  return out;
}

/// Why the server would not take an index for ON CONFLICT (columns); empty if it would.
std::string objection(const UniqueIndex& index, const std::vector<std::string>& loaded) {
  if (index.exclusion) {
    return "belongs to an exclusion constraint";
  }
  if (!index.immediate) {
    return "is deferrable";
  }
  if (!index.valid) {
    return "is not valid";
  }
  if (index.partial) {
    return "is partial";
  }
  if (index.expressions) {
    return "is over expressions";
  }
  for (const auto& column : index.columns) {
    if (std::find(loaded.begin(), loaded.end(), column) == loaded.end()) {
      return fmt::format("has column \"{}\", which is not loaded", column);
    }
  }
  return "";
}

bool same_columns(std::vector<std::string> a, std::vector<std::string> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

std::vector<const UniqueIndex*> usable(const TargetTable& target,
                                       const std::vector<std::string>& loaded) {
  std::vector<const UniqueIndex*> out;
  for (const auto& index : target.unique_indexes) {
    if (objection(index, loaded).empty()) {
      out.push_back(&index);
    }
  }
  return out;
}

// `unique index a is deferrable; unique index b is partial`, of those that might have been meant.
std::string objections(const TargetTable& target, const std::vector<std::string>& loaded,
                       const std::vector<std::string>& wanted) {
  std::string out;
  for (const auto& index : target.unique_indexes) {
    const auto why = objection(index, loaded);
    if (!why.empty() && (wanted.empty() || same_columns(index.columns, wanted))) {
      out += fmt::format("{}unique index \"{}\" {}", out.empty() ? ": " : "; ", index.name, why);
    }
  }
  return out;
}

}  // namespace

ConflictKey key_of(const UniqueIndex& index) {
  return {index.name, index.columns, index.operators, index.collations, index.nulls_distinct};
}

ConflictKey choose_conflict_key(const TargetTable& target, const std::vector<std::string>& loaded,
                                const std::vector<std::string>& wanted) {
  const auto indexes = usable(target, loaded);
  if (!wanted.empty()) {
    for (const auto* index : indexes) {
      if (same_columns(index->columns, wanted)) {
        return key_of(*index);
      }
    }
    throw Error(ErrorKind::usage,
                fmt::format("{} has no unique key over ({}) that rows can be compared by{}",
                            target.name.display(), listed(wanted),
                            objections(target, loaded, wanted)),
                "upsert needs a plain unique index over just these columns on the target");
  }
  if (indexes.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("{} has no unique key that rows can be compared by{}",
                            target.name.display(), objections(target, loaded, wanted)),
                "upsert needs a primary key or a plain unique index on the target");
  }
  if (!indexes.front()->primary && indexes.size() > 1) {
    std::string keys;
    for (const auto* index : indexes) {
      keys += fmt::format("{}({})", keys.empty() ? "" : ", ", listed(index->columns));
    }
    throw Error(ErrorKind::usage,
                fmt::format("{} has no primary key, but several unique keys: {}",
                            target.name.display(), keys),
                "choose one with --key");
  }
  return key_of(*indexes.front());
}

std::optional<ConflictKey> find_conflict_key(const TargetTable& target,
                                             const std::vector<std::string>& loaded) {
  const auto indexes = usable(target, loaded);
  if (indexes.empty() || (!indexes.front()->primary && indexes.size() > 1)) {
    return std::nullopt;
  }
  return key_of(*indexes.front());
}

bool any_conflict_detectable(const TargetTable& target) {
  return std::all_of(target.unique_indexes.begin(), target.unique_indexes.end(),
                     [](const UniqueIndex& index) { return index.immediate; });
}

}  // namespace pgstride::target
