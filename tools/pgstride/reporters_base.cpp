#include "reporters.hpp"

namespace pgstride::cli {

void Fanout::planned(const Table& table) {
  for (Events* events : m_all) {
    events->planned(table);
  }
}

void Fanout::job_started(const JobStarted& event) {
  for (Events* events : m_all) {
    events->job_started(event);
  }
}

void Fanout::table_started(const TableStarted& event) {
  for (Events* events : m_all) {
    events->table_started(event);
  }
}

void Fanout::chunk_started(const Table& table, const Chunk& chunk) {
  for (Events* events : m_all) {
    events->chunk_started(table, chunk);
  }
}

void Fanout::chunk_done(const Table& table, const ChunkResult& result) {
  for (Events* events : m_all) {
    events->chunk_done(table, result);
  }
}

void Fanout::chunk_retried(const Table& table, std::int64_t chunk_number, int attempt,
                           const std::string& error) {
  for (Events* events : m_all) {
    events->chunk_retried(table, chunk_number, attempt, error);
  }
}

void Fanout::table_done(const TableDone& event) {
  for (Events* events : m_all) {
    events->table_done(event);
  }
}

void Fanout::progress(const Progress& event) {
  for (Events* events : m_all) {
    events->progress(event);
  }
}

void Fanout::warning(const std::string& message, const std::string& hint) {
  for (Events* events : m_all) {
    events->warning(message, hint);
  }
}

void Fanout::info(const std::string& message) {
  for (Events* events : m_all) {
    events->info(message);
  }
}

void Fanout::paused(const JobSummary& summary) {
  for (Events* events : m_all) {
    events->paused(summary);
  }
}

void Fanout::job_done(const JobSummary& summary) {
  for (Events* events : m_all) {
    events->job_done(summary);
  }
}

std::optional<std::int64_t> InFlight::number(std::int64_t chunk_id) const {
  const auto found = m_numbers.find(chunk_id);
  return found == m_numbers.end() ? std::nullopt : std::optional(found->second);
}

void InFlight::chunk_started(const Table& /*table*/, const Chunk& chunk) {
  m_numbers[chunk.id] = chunk.number;
  m_count = static_cast<std::int64_t>(m_numbers.size());
}

void InFlight::chunk_done(const Table& /*table*/, const ChunkResult& result) {
  m_numbers.erase(result.chunk_id);
  m_count = static_cast<std::int64_t>(m_numbers.size());
}

}  // namespace pgstride::cli
