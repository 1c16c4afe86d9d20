#include "job/book_settlement.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "job/identity_step.hpp"
#include "job/load_plan.hpp"

namespace pgstride::job {

BookSettlement::BookSettlement(Job& job, pg::Connection& connection, JobTarget& target)
    : m_job(job), m_target(target) {
  for (const auto& table : target.book->tables(connection)) {
    m_generations[table.key] = table.generation;
    if (table.base == target::TableBase::held_rows) {
      target.full.insert(table.key);
    }
  }
  m_chunks = target.book->chunks(connection);
}

int BookSettlement::settle() {
  std::vector<std::pair<ChunkResult, std::string>> changes;
  int lost = 0;
  const auto current = root_generations(*m_job.store, m_target.record.id);
  const bool exact =
      m_job.record.consistency == "exact" && m_job.run.consistency != Consistency::fuzzy;
  std::map<std::int64_t, bool> counts;
  for (const auto& record : m_job.store->tables()) {
    const auto key = table_key(record.table);
    const auto known = m_generations.find(key);
    counts[record.table.id] = known != m_generations.end() && known->second == current.at(key);
  }
  m_job.store->each_delivery(0, "", [&](const checkpoint::Delivery& delivery) {
    if (delivery.result.target_id != m_target.record.id) {
      return;
    }
    const auto* entry = counts[delivery.chunk.table_id] ? find(delivery.chunk.id) : nullptr;
    if (entry != nullptr && exact && entry->valid_lsn < delivery.needed_lsn) {
      entry = nullptr;  // rows that have changed since: they are taken out before others come
    }
    if ((entry != nullptr) == (delivery.state == "done")) {
      return;
    }
    ChunkResult result;
    result.chunk_id = delivery.chunk.id;
    result.table_id = delivery.chunk.table_id;
    result.target_id = m_target.record.id;
    result.outcome = entry != nullptr ? Outcome::done : Outcome::cancelled;
    if (entry != nullptr) {
      result.set(entry->counts);
    }
    result.valid_lsn = entry != nullptr ? entry->valid_lsn : Lsn{};
    if (entry == nullptr) {
      ++lost;
    } else if (entry->valid_lsn == m_job.record.snapshot_lsn) {
      result.snapshot = m_job.record.snapshot;
    } else {
      m_job.older_chunks = true;
    }
    changes.emplace_back(result, entry != nullptr ? "" : "the target does not have it");
  });
  store(changes);
  return lost;
}

const target::BookedChunk* BookSettlement::find(std::int64_t chunk_id) const {
  const auto at = std::lower_bound(
      m_chunks.begin(), m_chunks.end(), chunk_id,
      [](const target::BookedChunk& chunk, std::int64_t id) { return chunk.chunk_id < id; });
  return at != m_chunks.end() && at->chunk_id == chunk_id ? &*at : nullptr;
}

void BookSettlement::store(const std::vector<std::pair<ChunkResult, std::string>>& changes) {
  if (changes.empty()) {
    return;
  }
  const auto batch = m_job.store->batch();
  for (const auto& [result, reason] : changes) {
    m_job.store->settle(result, reason);
  }
  m_job.note("ledger", fmt::format("{} chunks settled as target {} says", changes.size(),
                                   m_target.record.id));
  batch->commit();
}

}  // namespace pgstride::job
