#include "transfer/file_loader.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <stop_token>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "archive/compressor.hpp"
#include "base/checksum.hpp"
#include "base/crash_point.hpp"

namespace pgstride::transfer {

namespace {

std::string shown(const FileRange& range) {
  return range.read_once ? "standard input" : "file " + range.path.string();
}

// Waits for bytes or the end. Throws Error (stopped).
bool standard_input_is_ready(const std::stop_token& stop) {
  constexpr int k_look_ms = 100;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (!stop.stop_requested()) {
    if (::poll(&input, 1, k_look_ms) > 0) {
      return true;
    }
  }
  throw Error(ErrorKind::stopped, "stopped while standard input was awaited");
}

// What the server said of a row, by the file that it stands in.
Error located(const Error& error, const FileRange& range) {
  Error out(error.kind(), fmt::format("{}: {}", shown(range), error.what()), error.hint());
  return out.with_server(error.sqlstate(), error.detail(), error.context(), error.statement());
}

/// What was read.
struct FileEnd {
  std::int64_t at = 0;   ///< of the plain text
  std::int64_t raw = 0;  ///< the file's own bytes
  Checksum checksum;
};

// That it is what was planned. Throws Error (io).
void check_end(const FileRange& range, const FileEnd& end) {
  if (range.must_hold_bytes && end.raw == 0) {
    throw Error(ErrorKind::io, "it is empty", "a job that goes on needs the same input again");
  }
  if (range.upper && end.at < *range.upper) {
    throw Error(ErrorKind::io, fmt::format("it ends at byte {}, before {}", end.at, *range.upper),
                "it was cut short since the plan");
  }
  if (!range.xxh3.empty() && end.checksum.text() != range.xxh3) {
    throw Error(
        ErrorKind::io,
        fmt::format("its XXH3 is {}, the manifest says {}", end.checksum.text(), range.xxh3),
        "it was changed or damaged since the export");
  }
  if (range.facts && archive::file_facts(range.path) != *range.facts) {
    throw Error(ErrorKind::io, "it was changed since the job was planned",
                "put the old one back, or begin again with --restart");
  }
}

}  // namespace

FileLoader::FileLoader(int number, const WorkerSettings& settings, RateLimiter& limiter,
                       WorkerProgress& progress, const target::OnJobThread& on_job_thread)
    : m_settings(settings), m_limiter(limiter), m_progress(progress),
      m_loader(number, settings, on_job_thread) {}

void FileLoader::copy(const CopyTask& task, const std::vector<TargetOutcome*>& open) {
  // What can be read once only can't be read again to look for bad rows.
  const bool once =
      task.input.read_once &&
      (m_settings.rejects || std::any_of(open.begin(), open.end(), [&](auto* outcome) {
         return comes_in_batches(task, *outcome);
       }));
  std::vector<TargetOutcome*> streamed;
  std::vector<TargetOutcome*> batched;
  for (auto* outcome : open) {
    (once || comes_in_batches(task, *outcome) ? batched : streamed).push_back(outcome);
  }
  const auto keep_isolatable = [this](std::vector<TargetOutcome*>& outcomes) {
    std::erase_if(outcomes,
                  [this](const auto* outcome) { return !is_isolatable(m_settings, *outcome); });
  };
  load(task, streamed, LoadBy::copy);
  if (!once) {
    keep_isolatable(streamed);
    batched.insert(batched.end(), streamed.begin(), streamed.end());
  }
  load(task, batched, LoadBy::batches);
  if (!once) {
    keep_isolatable(batched);  // what failed at COMMIT
    load(task, batched, LoadBy::batches_immediate);
  }
}

void FileLoader::load(const CopyTask& task, const std::vector<TargetOutcome*>& open, LoadBy by) {
  if (open.empty()) {
    return;
  }
  const auto& range = task.input;
  for (auto* outcome : open) {
    outcome->error.reset();
  }
  m_rows.reset();
  m_loader.begin(task, open, range.valid_lsn, "", by);
  m_writers = by == LoadBy::copy ? m_loader.writers() : std::vector<pg::CopyWriter*>{};
  m_live = m_loader.live();
  if (m_live > 0) {
    load_rows(task, by);
  }
  for (auto* outcome : open) {
    if (outcome->error && outcome->error->kind() == ErrorKind::server) {
      // Batches know the lines of their rows.
      const bool counts = by == LoadBy::copy && m_rows;
      outcome->error =
          located(counts ? m_rows->in_file_lines(*outcome->error) : *outcome->error, range);
    }
  }
}

void FileLoader::load_rows(const CopyTask& task, LoadBy by) {
  const auto& range = task.input;
  std::int64_t bytes = 0;
  if (range.read_once && range.read_once->test_and_set()) {
    throw Error(ErrorKind::usage, "standard input can't be read a second time; nothing is loaded",
                "run the command again, and feed the same from its beginning");
  }
  try {
    bytes = read(task, by);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io && error.kind() != ErrorKind::usage) {
      throw;
    }
    // An input that can't be read is no reason to stop the others' loading.
    throw Error(ErrorKind::usage,
                fmt::format("{}: {}; nothing of it is loaded", shown(range), error.what()),
                error.hint());
  }
  crash_point("chunk_copied");
  m_loader.commit(task, range.rows, bytes);
}

// Returns the plain bytes. Everything is checked before the first COPY may end.
std::int64_t FileLoader::read(const CopyTask& task, LoadBy by) {
  const auto& range = task.input;
  m_pieces.reset();
  if (by != LoadBy::copy) {
    m_pieces.emplace(
        *task.ways.front(), m_settings.batch_rows,
        [this](std::int64_t row) { return m_rows->line_of_row(row); },
        [this](RowBatch& batch) { load_batch(batch); });
  }
  auto& rows = m_rows.emplace(range, [this](std::string_view bytes) { feed(bytes); });
  // Of a plain file only the range is read; what is compressed has to be read from its beginning.
  const bool seek = range.compression == CompressionMethod::none && range.xxh3.empty();
  FileEnd end;
  end.at = seek ? range.lower : 0;
  std::int64_t taken = 0;
  const auto pass = [&](std::string_view bytes) {
    const auto begin = end.at;
    end.at += static_cast<std::int64_t>(bytes.size());
    const auto from = std::clamp<std::int64_t>(range.lower - begin, 0, end.at - begin);
    const auto to =
        range.upper ? std::clamp(*range.upper - begin, from, end.at - begin) : end.at - begin;
    taken += to - from;
    rows.write(bytes.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)));
    if (m_pieces && rows.is_one_row()) {
      throw Error(ErrorKind::usage, "its lines end with a carriage return alone",
                  "only COPY reads such rows, all or none; give them other line ends first");
    }
  };
  archive::FileStream stream(
      range.path, range.compression, seek ? range.lower : 0,
      [&](std::string_view bytes) {
        end.raw += static_cast<std::int64_t>(bytes.size());
        end.checksum.update(bytes);
      },
      pass);
  std::int64_t passed = 0;
  while (m_live > 0 && !(range.upper && end.at >= *range.upper && range.xxh3.empty()) &&
         (!range.read_once || standard_input_is_ready(m_settings.stop.cancel)) && stream.step()) {
    show(range, taken);
    m_limiter.pass(taken - std::exchange(passed, taken), m_settings.stop.cancel);
    if (m_settings.stop.cancel.stop_requested()) {
      throw Error(ErrorKind::stopped, "stopped while a file was loaded");
    }
  }
  if (m_live > 0) {
    rows.check_end();
    check_end(range, end);
    rows.finish();
    if (m_pieces) {
      m_pieces->finish();
    }
  }
  return taken;
}

void FileLoader::show(const FileRange& range, std::int64_t taken) {
  const auto rows = range.estimated_bytes > 0
                        ? static_cast<double>(range.estimated_rows) * static_cast<double>(taken) /
                              static_cast<double>(range.estimated_bytes)
                        : 0.0;
  m_progress.show(static_cast<std::int64_t>(rows), taken, taken);
}

// A target that refuses is left out; the others go on.
void FileLoader::feed(std::string_view bytes) {
  if (m_pieces) {
    m_pieces->write(bytes);
    return;
  }
  for (std::size_t i = 0; i < m_writers.size(); ++i) {
    if (m_writers[i] == nullptr) {
      continue;
    }
    try {
      m_writers[i]->write(bytes);
    } catch (const Error& error) {
      m_writers[i] = nullptr;
      --m_live;
      m_loader.fail(i, error);
    }
  }
}

void FileLoader::load_batch(RowBatch& batch) {
  m_loader.load(batch);
  m_live = m_loader.live();
}

}  // namespace pgstride::transfer
