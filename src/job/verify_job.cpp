// `pgstride verify`: files against the manifest; with a source, each chunk's rows against the
// server's.

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "checkpoint/checkpoint_store.hpp"
#include "job/directory.hpp"
#include "job/hash_sql.hpp"
#include "job/settings.hpp"
#include "job/target_identity.hpp"
#include "job/verify_files.hpp"
#include "job/verify_load.hpp"
#include "pg/conninfo.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"
#include "plan/plan.hpp"

namespace pgstride {

namespace {

using checkpoint::Delivery;
using checkpoint::TableRecord;
using job::FileSum;

void check_source(pg::Connection& connection, const checkpoint::JobRecord& record) {
  const auto now = pg::server_identity(connection);
  if (now.system_identifier != record.system_identifier || now.database != record.database) {
    throw Error(
        ErrorKind::identity,
        fmt::format("the source is database \"{}\" of system {}, but the job's is \"{}\" of "
                    "system {}",
                    now.database, now.system_identifier, record.database, record.system_identifier),
        "give the job's own server with --source");
  }
}

FileSum sum_of(pg::Connection& connection, const Table& table, const Chunk& chunk, bool binary) {
  const auto result = connection.exec(job::hash_query(connection, table, chunk, binary));
  return {result.int64(0, 0), result.text(0, 1)};
}

/// Compares one leaf's chunks with the source, under the open snapshot.
class LeafCheck {
 public:
  LeafCheck(pg::Connection& connection, const Table& table, bool binary)
      : m_connection(connection), m_table(table), m_binary(binary) {}

  /// `file`: none if the file is damaged, which was told already.
  void chunk(const Chunk& chunk, const FileSum& file) {
    const auto source = sum_of(m_connection, m_table, chunk, m_binary);
    if (source.rows != file.rows) {
      add(chunk.number, "rows", std::to_string(source.rows), std::to_string(file.rows));
    } else if (source.hash != file.hash) {
      add(chunk.number, "hash", source.hash, file.hash);
    }
  }

  std::vector<Difference> take() { return std::move(m_differences); }

 private:
  void add(std::int64_t number, const char* what, std::string expected, std::string found) {
    m_differences.push_back(
        {m_table.display_name(), number, what, std::move(expected), std::move(found), ""});
  }

  pg::Connection& m_connection;
  const Table& m_table;
  bool m_binary;
  std::vector<Difference> m_differences;
};

// Rows of a table split by page may have moved to other pages since; what counts is the table.
bool same_as_a_whole(pg::Connection& connection, const Table& table, bool binary,
                     const std::vector<FileSum>& files) {
  Chunk whole;
  const auto source = sum_of(connection, table, whole, binary);
  FileSum sum;
  __extension__ __int128 total = 0;
  for (const auto& file : files) {
    sum.rows += file.rows;
    __extension__ __int128 value = 0;
    for (const char c : file.hash) {
      value = c == '-' ? value : value * 10 + (c - '0');
    }
    total += file.hash.starts_with('-') ? -value : value;
  }
  return source.rows == sum.rows && source.hash == fmt::format("{}", total);
}

class SourceCheck {
 public:
  SourceCheck(pg::Connection& connection, checkpoint::CheckpointStore& store,
              const archive::Manifest& manifest, Events& events)
      : m_connection(connection), m_store(store), m_manifest(manifest), m_events(events) {}

  void run(const std::vector<std::map<std::int64_t, FileSum>>& sums, VerifyReport& report) {
    m_connection.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    for (const auto& record : m_store.tables()) {
      if (record.state == "removed") {
        continue;
      }
      const auto index = table_index(record.table);
      check_leaf(record.table, sums.at(index), report.tables.at(index));
    }
    warn_of_other_leaves();
    m_connection.exec("COMMIT");
  }

 private:
  std::size_t table_index(const Table& table) const {
    for (std::size_t i = 0; i < m_manifest.tables.size(); ++i) {
      if (m_manifest.tables[i].schema == table.schema && m_manifest.tables[i].name == table.name) {
        return i;
      }
    }
    throw Error(ErrorKind::io,
                fmt::format("table {} is not in manifest.json", table.display_name()),
                "the manifest belongs to another job");
  }

  void check_leaf(const Table& table, const std::map<std::int64_t, FileSum>& sums,
                  VerifiedTable& out) {
    const bool binary = m_manifest.head.format == Format::binary;
    std::set<std::int64_t> told;
    for (const auto& difference : out.differing) {
      if (difference.chunk) {
        told.insert(*difference.chunk);
      }
    }
    LeafCheck leaf(m_connection, table, binary);
    std::vector<FileSum> files;
    m_store.each_delivery(table.id, "done", [&](const Delivery& delivery) {
      const auto& chunk = delivery.chunk;
      const auto found = sums.find(chunk.number);
      const auto file = found == sums.end() ? FileSum{} : found->second;
      files.push_back(file);
      if (!told.contains(chunk.number)) {
        leaf.chunk(chunk, file);
      }
    });
    auto differences = leaf.take();
    check_total(table, files, differences);
    if (!differences.empty() && table.split == Split::ctid && told.empty() &&
        same_as_a_whole(m_connection, table, binary, files)) {
      differences.clear();
    }
    if (!differences.empty()) {
      m_events.warning(fmt::format("table {} differs from the source in {} chunks",
                                   table.leaf_display_name(), differences.size()),
                       "rows that changed in the source since the export differ too");
    }
    std::move(differences.begin(), differences.end(), std::back_inserter(out.differing));
  }

  // Rows that no chunk would show: the whole leaf's count against the sum of its files.
  void check_total(const Table& table, const std::vector<FileSum>& files,
                   std::vector<Difference>& differences) {
    std::int64_t rows = 0;
    for (const auto& file : files) {
      rows += file.rows;
    }
    const auto source =
        m_connection
            .exec("SELECT pg_catalog.count(*) FROM (" + plan::chunk_select(table, {}) + ") AS t")
            .int64(0, 0);
    if (source != rows && differences.empty()) {
      differences.push_back({table.display_name(), std::nullopt,
                             "rows of " + table.leaf_display_name(), std::to_string(source),
                             std::to_string(rows), ""});
    }
  }

  // Leaves that the source has and the job does not know, or the other way round.
  void warn_of_other_leaves() {
    std::set<std::uint32_t> roots;
    std::set<std::uint32_t> known;
    for (const auto& record : m_store.tables()) {
      if (record.state != "removed") {
        known.insert(record.table.oid);
        roots.insert(record.table.root_oid);
      }
    }
    for (const auto& member : plan::tree_members(m_connection, {roots.begin(), roots.end()})) {
      if (!member.partitioned && !known.contains(member.oid)) {
        m_events.warning(fmt::format("{}.{} is a leaf of an exported table, but not of the job",
                                     member.schema, member.name),
                         "it was added since, or left out by the job's selection");
      }
    }
  }

  pg::Connection& m_connection;
  checkpoint::CheckpointStore& m_store;
  const archive::Manifest& m_manifest;
  Events& m_events;
};

archive::Manifest manifest_of(const std::filesystem::path& directory) {
  const auto status = job_status(directory, false);
  if (status.state != "done") {
    throw Error(ErrorKind::usage,
                fmt::format("the job in \"{}\" is {}, not done: there is no manifest to verify yet",
                            directory.string(), status.state),
                "finish it with `pgstride resume`");
  }
  return archive::read_manifest(directory);
}

// The source is the job's own, as the target is; both are looked at.
VerifyReport verify_copy(const VerifyOptions& options,
                         std::unique_ptr<checkpoint::CheckpointStore> store, Events& events,
                         const StopTokens& stop) {
  job::Job job;
  job.directory = options.directory;
  job.name = job::job_name(options.directory);
  job.events = &events;
  job.stop = {stop.cancel, stop.cancel};
  job.store = std::move(store);
  job.record = *job.store->job();
  job.conninfo = options.source.value_or(job.record.source);
  job::parse_settings(job.record.settings, job.select, job.chunk, job.load);
  job::match_targets(job, options.targets);
  auto source = job.connect("identity");
  check_source(source, job.record);
  return job::verify_load(job, options.keys);
}

}  // namespace

VerifyReport verify_job(const VerifyOptions& options, Events& events, const StopTokens& stop) {
  if (checkpoint::has_store(options.directory)) {
    auto store = checkpoint::open_store_read_only(options.directory);
    const auto record = store->job();
    if (record && record->verb == "copy") {
      return verify_copy(options, std::move(store), events, stop);
    }
    if (record && record->verb == "import") {
      throw Error(ErrorKind::usage,
                  "an import can't be verified afterwards: its rows were counted, and files of an "
                  "export compared with their manifest, while they were loaded",
                  "to compare an export with its source, verify the export's own directory");
    }
  }
  if (!options.targets.empty() || options.keys) {
    throw Error(
        ErrorKind::usage,
        fmt::format("{} is for a job that loaded databases", options.keys ? "--keys" : "--target"),
        "leave it out: files are compared with the manifest and, with --source, the source");
  }
  const auto manifest = manifest_of(options.directory);
  const bool with_source = options.source.has_value();
  auto checked = job::check_files(
      options.directory, manifest, with_source, stop, [&](std::size_t done, std::size_t total) {
        Progress progress;
        progress.chunks_done = static_cast<std::int64_t>(done);
        progress.chunks = static_cast<std::int64_t>(total);
        progress.percent =
            total == 0 ? 100.0 : 100.0 * static_cast<double>(done) / static_cast<double>(total);
        events.progress(progress);
      });
  VerifyReport report;
  report.consistency = manifest.head.consistency;
  report.consistency_note = manifest.head.consistency_note;
  report.against = with_source ? "the manifest and the source" : "the manifest";
  report.tables = std::move(checked.tables);
  if (with_source) {
    const auto store = checkpoint::open_store_read_only(options.directory);
    const auto record = store->job();
    pg::Connection connection({*options.source,
                               fmt::format("pgstride/{}/verify", job::job_name(options.directory)),
                               stop.cancel, std::chrono::milliseconds(0)});
    check_source(connection, *record);
    SourceCheck(connection, *store, manifest, events).run(checked.sums, report);
  }
  report.ok = std::all_of(report.tables.begin(), report.tables.end(),
                          [](const auto& table) { return table.differing.empty(); });
  return report;
}

}  // namespace pgstride
