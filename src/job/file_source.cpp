#include "job/file_source.hpp"

#include <string>
#include <utility>

#include "archive/names.hpp"
#include "job/freezing.hpp"
#include "job/identity_step.hpp"
#include "job/load_plan.hpp"
#include "transfer/file_loader.hpp"

namespace pgstride::job {

void FileSource::check() {
  if (!m_files) {  // which knows whether standard input was read already
    m_files = open_input_files(m_job);
  }
  m_files->check(m_job);
}

bool FileSource::open() {
  return !open_tables(m_job).empty();
}

void FileSource::plan() {
  std::vector<Table> tables;
  for (auto& record : m_job.store->tables()) {
    if (record.state != "removed" && record.state != "failed") {
      tables.push_back(std::move(record.table));
    }
  }
  m_loads = plan_file_loads(m_job, m_files->shape(), tables);
  forbid_freezing(m_job, m_loads);
}

std::unique_ptr<transfer::ChunkCopier>
FileSource::make_copier(int number, const transfer::WorkerSettings& settings,
                        transfer::RateLimiter& limiter, transfer::WorkerProgress& progress,
                        const target::OnJobThread& on_job_thread) {
  return std::make_unique<transfer::FileLoader>(number, settings, limiter, progress, on_job_thread);
}

void FileSource::describe(transfer::CopyTask& task, const Chunk& chunk, const Table& table) {
  const auto& load = m_loads.at(table.id);
  task.table_key = table_key(table);
  for (const auto target : task.targets) {
    task.load_sql.push_back(load.copy_sql.at(target));
    task.ways.push_back(load.ways.at(target));
  }
  task.frozen = load.frozen;
  auto& input = task.input;
  m_files->locate(input, chunk);
  if (chunk.lower) {
    input.lower = std::stoll(chunk.lower->at(0));
    input.lines_before = std::stoll(chunk.lower->at(1));
  }
  if (chunk.upper) {
    input.upper = std::stoll(chunk.upper->at(0));
  }
  input.estimated_rows = chunk.estimated_rows;
  input.estimated_bytes = chunk.estimated_bytes;
  input.kept = load.kept;
}

TableStarted FileSource::started(const Table& table) const {
  return {table.display_name(), archive::format_name(m_files->shape().format), ""};
}

}  // namespace pgstride::job
