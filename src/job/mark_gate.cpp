#include "job/mark_gate.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/crash_point.hpp"

namespace pgstride::job {

using checkpoint::BookChunkRecord;
using target::CommitMark;
using target::CommitOutcome;

void MarkedChunks::put(const BookChunkRecord& chunk) {
  const std::scoped_lock lock(m_mutex);
  m_chunks[chunk.chunk_id] = chunk;
}

void MarkedChunks::erase(std::int64_t chunk_id) {
  const std::scoped_lock lock(m_mutex);
  m_chunks.erase(chunk_id);
}

void MarkedChunks::enter(const target::ServerState& server) {
  const std::scoped_lock lock(m_mutex);
  m_server = server;
  m_chunks.clear();
}

bool MarkedChunks::is_on(const target::ServerState& server) {
  const std::scoped_lock lock(m_mutex);
  return server.same_start(m_server);
}

std::optional<BookChunkRecord> MarkedChunks::find(std::int64_t chunk_id) {
  const std::scoped_lock lock(m_mutex);
  const auto found = m_chunks.find(chunk_id);
  return found == m_chunks.end() ? std::nullopt : std::optional(found->second);
}

void tell_of_wait(Job& job, std::int64_t target_id, const std::string& who) {
  job.warn(fmt::format("target {}: waiting for a commit of an earlier attempt: {}", target_id, who),
           "it ends by itself; pg_terminate_backend(pid) on the target ends it at once");
}

MarkGate::MarkGate(Job& job, std::int64_t target_id, MarkedChunks& marked, target::GateTools tools)
    : m_job(job), m_target_id(target_id), m_marked(marked), m_tools(std::move(tools)) {}

bool MarkGate::begin(pg::Connection& connection, const target::ChunkEntry& entry,
                     LoadCounts& counts) {
  if (const auto doubtful = m_marked.find(entry.chunk_id)) {
    if (is_in(connection, *doubtful)) {
      counts = doubtful->counts;
      return false;
    }
    m_marked.erase(entry.chunk_id);
  }
  marker();  // what keeps it from coming must not be found out behind the rows
  connection.exec(target::k_begin_loading);
  crash_point("chunk_begun");
  return true;
}

target::CommitMarker& MarkGate::marker() {
  if (!m_marker || !m_marker->usable()) {
    m_marker.reset();
    target::CommitMarker marker(m_tools.connect());
    if (!m_marked.is_on(marker.server())) {
      throw Error(ErrorKind::in_doubt, fmt::format("target {} was restarted", m_target_id));
    }
    m_marker = std::move(marker);
  }
  return *m_marker;
}

bool MarkGate::is_in(pg::Connection& connection, const BookChunkRecord& chunk) {
  const auto answer =
      target::await_outcome(connection, CommitMark::parse(chunk.mark), [&](const std::string& who) {
        m_tools.on_job_thread([&] { tell_of_wait(m_job, m_target_id, who); });
      });
  if (answer.outcome == CommitOutcome::unknown) {
    throw Error(
        ErrorKind::in_doubt,
        fmt::format("target {}: whether a chunk of table {} was committed can't be told: {}",
                    m_target_id, chunk.key, answer.reason));
  }
  return answer.outcome == CommitOutcome::committed;
}

// A transaction that is not booked never sees its COMMIT sent.
void MarkGate::commit(pg::Connection& connection, const target::ChunkEntry& entry,
                      const LoadCounts& counts) {
  crash_point("chunk_before_mark");
  const BookChunkRecord chunk{
      entry.chunk_id, entry.table_key, entry.valid_lsn, counts, marker().mark(connection).text(),
      false};
  const bool booked =
      m_tools.on_job_thread([&] { m_job.store->books().put_chunk(m_target_id, chunk); });
  if (!booked) {
    throw Error(ErrorKind::stopped, "the job ended before a chunk could be committed");
  }
  m_marked.put(chunk);
  crash_point("chunk_before_commit");
  connection.exec("COMMIT");
  crash_point("chunk_after_commit");
}

}  // namespace pgstride::job
