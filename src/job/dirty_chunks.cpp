#include "job/dirty_chunks.hpp"

#include <algorithm>

#include "plan/key_places.hpp"

namespace pgstride::job {

namespace {

// Distinct keys of one look-up: the bounds are sent and sorted with them, so more where there are
// many bounds.
constexpr std::size_t k_least_keys = 20'000;
constexpr std::size_t k_most_keys = 200'000;
// Of all tables together, with what a string and its node in the set take.
constexpr std::size_t k_most_key_bytes = 32 << 20;
constexpr std::size_t k_bytes_of_a_node = 64;

std::string joined(const KeyValue& key) {
  std::string text;
  for (const auto& part : key) {
    text += part;
    text += '\0';
  }
  return text;
}

KeyValue parted(const std::string& text) {
  KeyValue key;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\0', at);
    key.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return key;
}

}  // namespace

DirtyChunks::DirtyChunks(checkpoint::CheckpointStore& store,
                         const std::vector<const checkpoint::TableRecord*>& tables,
                         pg::Connection& session)
    : m_session(session) {
  for (const auto* record : tables) {
    Table table;
    table.id = record->table.id;
    table.by_key = record->table.split == Split::key && record->table.key;
    if (table.by_key) {
      table.key = *record->table.key;
    }
    store.each_delivery(table.id, "done", [&](const auto& delivery) { add(table, delivery); });
    table.all_dirty = true;  // nothing counts yet
    if (!table.held.empty()) {
      m_tables.emplace(record->table.oid, std::move(table));
    }
  }
  if (!m_valid.empty()) {
    m_oldest = *m_valid.begin();
  }
}

void DirtyChunks::add(Table& table, const checkpoint::Delivery& delivery) {
  const auto& chunk = delivery.chunk;
  const auto place = table.held.size();
  table.held.push_back({{chunk.id, delivery.result.target_id}, delivery.result.valid_lsn, false});
  m_valid.insert(delivery.result.valid_lsn);
  if (chunk.kind != ChunkKind::range && chunk.kind != ChunkKind::null_keys) {
    table.by_key = false;
    return;
  }
  auto& ranges = chunk.kind == ChunkKind::range ? table.ranges : table.null_keys;
  // Pages of one value, and the same chunk on several targets.
  if (!ranges.empty() && ranges.back().end == place && ranges.back().lower == chunk.lower &&
      ranges.back().upper == chunk.upper) {
    ++ranges.back().end;
  } else {
    ranges.push_back({chunk.lower, chunk.upper, place, place + 1});
  }
}

std::optional<Lsn> DirtyChunks::oldest() const {
  return m_oldest;
}

handoff::WatchedTables DirtyChunks::watched() const {
  handoff::WatchedTables watched;
  for (const auto& [oid, table] : m_tables) {
    auto& columns = watched[oid];
    if (table.by_key) {
      for (const auto& column : table.key.columns) {
        columns.push_back(column.name);
      }
    }
  }
  return watched;
}

// What was read before the commit's position does not show the transaction. Keys that wait are of
// older ones, for which what begins to count now did not.
void DirtyChunks::transaction(Lsn commit_lsn) {
  if (m_valid.empty() || commit_lsn < *m_valid.begin()) {
    m_commit = commit_lsn;
    return;
  }
  look_up_all();
  m_commit = commit_lsn;
  m_valid.erase(m_valid.begin(), m_valid.upper_bound(commit_lsn));
  for (auto& [oid, table] : m_tables) {
    settle(table);
  }
}

// None: nothing that this could make dirty is left.
DirtyChunks::Table* DirtyChunks::table_of(std::uint32_t relation) {
  const auto found = m_tables.find(relation);
  return found == m_tables.end() || found->second.all_dirty ? nullptr : &found->second;
}

bool DirtyChunks::counts(const Table& table, const Held& held) const {
  return !held.dirty && held.valid_lsn <= m_commit &&
         !table.whole.contains(held.delivery.target_id);
}

bool DirtyChunks::is_wanted(const Table& table, const Range& range) const {
  const auto begin = table.held.begin();
  return std::any_of(begin + static_cast<std::ptrdiff_t>(range.first),
                     begin + static_cast<std::ptrdiff_t>(range.end),
                     [&](const Held& held) { return counts(table, held); });
}

void DirtyChunks::mark(Table& table, const Range& range) {
  for (auto i = range.first; i < range.end; ++i) {
    auto& held = table.held[i];
    held.dirty = held.dirty || counts(table, held);
  }
}

void DirtyChunks::settle(Table& table) {
  table.all_dirty = std::none_of(table.held.begin(), table.held.end(),
                                 [&](const Held& held) { return counts(table, held); });
}

void DirtyChunks::key_changed(std::uint32_t relation, KeyValue key) {
  auto* table = table_of(relation);
  if (table == nullptr) {
    return;
  }
  auto text = joined(key);
  const auto bytes = text.size() + k_bytes_of_a_node;
  if (table->keys.insert(std::move(text)).second) {
    m_key_bytes += bytes;
  }
  if (m_key_bytes >= k_most_key_bytes) {
    look_up_all();
  } else if (table->keys.size() >=
             std::clamp(table->ranges.size() / 2, k_least_keys, k_most_keys)) {
    look_up(*table);
  }
}

void DirtyChunks::null_key_changed(std::uint32_t relation) {
  if (auto* table = table_of(relation)) {
    for (const auto& range : table->null_keys) {
      mark(*table, range);
    }
  }
}

void DirtyChunks::table_changed(std::uint32_t relation, const std::string& why) {
  if (auto* table = table_of(relation)) {
    for (const auto& held : table->held) {
      if (counts(*table, held)) {
        table->whole.emplace(held.delivery.target_id, why);
      }
    }
    settle(*table);
  }
}

// Bounds between two ranges of no concern are left out.
DirtyChunks::Places DirtyChunks::places_of(const Table& table) const {
  Places places;
  places.ranges.push_back(nullptr);
  const auto begins = [&](const KeyValue& bound, const Range* range) {
    if (places.ranges.back() != nullptr || range != nullptr) {
      places.bounds.push_back(bound);
      places.ranges.push_back(range);
    }
  };
  const Range* before = nullptr;
  for (const auto& range : table.ranges) {
    if (before != nullptr && before->upper && before->upper != range.lower) {
      begins(*before->upper, nullptr);  // what is between them is not done
    }
    const auto* wanted = is_wanted(table, range) ? &range : nullptr;
    if (range.lower) {
      begins(*range.lower, wanted);
    } else {
      places.ranges.back() = wanted;
    }
    before = &range;
  }
  if (before != nullptr && before->upper) {
    begins(*before->upper, nullptr);
  }
  return places;
}

void DirtyChunks::look_up(Table& table) {
  std::vector<KeyValue> keys;
  keys.reserve(table.keys.size());
  for (const auto& text : table.keys) {
    keys.push_back(parted(text));
    m_key_bytes -= text.size() + k_bytes_of_a_node;
  }
  table.keys.clear();
  const auto places = places_of(table);
  const bool any = std::any_of(places.ranges.begin(), places.ranges.end(),
                               [](const auto* range) { return range != nullptr; });
  if (!keys.empty() && any) {
    for (const auto place : plan::places_of_keys(m_session, table.key, places.bounds, keys)) {
      if (const auto* range = places.ranges.at(place)) {
        mark(table, *range);
      }
    }
  }
  settle(table);
}

void DirtyChunks::look_up_all() {
  for (auto& [oid, table] : m_tables) {
    if (!table.keys.empty()) {
      look_up(table);
    }
  }
}

std::map<std::int64_t, DirtyTable> DirtyChunks::finish() {
  look_up_all();
  std::map<std::int64_t, DirtyTable> dirty;
  for (auto& [oid, table] : m_tables) {
    DirtyTable out;
    for (const auto& held : table.held) {
      if (held.dirty && !table.whole.contains(held.delivery.target_id)) {
        out.chunks.push_back(held.delivery);
      }
    }
    out.whole = std::move(table.whole);
    if (!out.whole.empty() || !out.chunks.empty()) {
      dirty.emplace(table.id, std::move(out));
    }
  }
  return dirty;
}

}  // namespace pgstride::job
