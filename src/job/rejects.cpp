#include "job/rejects.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "archive/names.hpp"
#include "base/crash_point.hpp"
#include "base/durable_file.hpp"
#include "format/line_scan.hpp"
#include "transfer/reject_part.hpp"

namespace pgstride::job {

namespace {

namespace fs = std::filesystem;

/// The parts of one table on one target.
struct Rejects {
  std::int64_t target_id = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> chunks;  ///< number, id
};

// What the rejects of a table make, below the job's directory and without its suffix.
fs::path path_of(const Job& job, const Table& table, std::int64_t target) {
  auto directory = fs::path("rejects");
  if (job.targets.size() > 1) {
    directory /= fmt::format("target-{}", target);
  }
  return directory / archive::table_directory(table.schema, table.name);
}

// By path_of().
std::map<fs::path, Rejects> find_rejects(Job& job) {
  std::map<fs::path, Rejects> found;
  for (const auto& sum : job.store->totals()) {
    if (sum.rejected == 0) {
      continue;
    }
    const auto records = job.store->tables();
    const auto& table = std::find_if(records.begin(), records.end(), [&](const auto& record) {
                          return record.table.id == sum.table_id;
                        })->table;
    job.store->each_delivery(sum.table_id, "done", [&](const checkpoint::Delivery& delivery) {
      if (delivery.result.rejected == 0) {
        return;
      }
      const auto target = delivery.result.target_id;
      auto& rejects = found[path_of(job, table, target)];
      rejects.target_id = target;
      rejects.chunks.emplace_back(delivery.chunk.number, delivery.chunk.id);
    });
  }
  for (auto& [path, rejects] : found) {
    std::sort(rejects.chunks.begin(), rejects.chunks.end());
  }
  return found;
}

/// Joins parts, of which each begins with the same header.
class Joined {
 public:
  explicit Joined(const fs::path& path) : m_file(path) {}

  void add(const fs::path& part) {
    std::ifstream in(part, std::ios::binary);
    if (!in) {
      throw io_error("read", part, errno);
    }
    format::LineScan scan(true);
    bool in_header = true;
    std::vector<char> buffer(1 << 20);
    while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
      std::string_view bytes(buffer.data(), static_cast<std::size_t>(in.gcount()));
      if (in_header) {
        std::optional<std::size_t> end;
        scan.each(bytes, [&](std::size_t at) { end = end.value_or(at + 1); });
        in_header = !end;
        if (!m_begun) {
          m_file.write(bytes.substr(0, end.value_or(bytes.size())));
        }
        bytes.remove_prefix(end.value_or(bytes.size()));
      }
      m_file.write(bytes);
    }
    if (in.bad()) {
      throw io_error("read", part, errno);
    }
    m_begun = true;
  }
  void commit() { m_file.commit(); }

 private:
  DurableFile m_file;
  bool m_begun = false;
};

fs::path with_suffix(fs::path path, const char* suffix) {
  path += suffix;
  return path;
}

// Of chunks that were loaded again since, without any.
void drop_outdated(Job& job, const std::map<fs::path, Rejects>& found) {
  for (const auto& record : job.store->tables()) {
    for (const auto& target : job.targets) {
      const auto path = path_of(job, record.table, target.record.id);
      if (!found.contains(path)) {
        remove_file(with_suffix(job.directory / path, ".csv"));
        remove_file(with_suffix(job.directory / path, ".errors.csv"));
      }
    }
  }
}

}  // namespace

void write_rejects(Job& job) {
  const auto found = find_rejects(job);
  drop_outdated(job, found);
  for (const auto& [path, rejects] : found) {
    const auto base = job.directory / path;
    make_directories(base.parent_path());
    Joined rows(with_suffix(base, ".csv"));
    Joined errors(with_suffix(base, ".errors.csv"));
    for (const auto& [number, id] : rejects.chunks) {
      const auto part = transfer::reject_part(job.directory, id, rejects.target_id);
      rows.add(part.rows);
      errors.add(part.errors);
    }
    rows.commit();
    errors.commit();
  }
  crash_point("rejects_joined");
}

void drop_reject_parts(const Job& job) {
  std::error_code error;
  fs::remove_all(transfer::reject_parts(job.directory), error);
  if (error) {
    throw io_error("remove", transfer::reject_parts(job.directory), error.value());
  }
}

void tell_rejects(Job& job) {
  std::string names;
  for (const auto& [path, rejects] : find_rejects(job)) {
    names += (names.empty() ? "" : ", ") + with_suffix(path, ".csv").string();
  }
  if (!names.empty()) {
    job.warn("rows were rejected: " + names,
             "the .errors.csv beside each says why, record by record");
  }
}

}  // namespace pgstride::job
