#include "job/end_step.hpp"

#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "archive/chunk_file.hpp"
#include "archive/names.hpp"
#include "base/clock.hpp"
#include "base/crash_point.hpp"
#include "base/durable_file.hpp"
#include "job/copy_sql.hpp"
#include "job/handoff_facts.hpp"
#include "job/slot_advance.hpp"

namespace pgstride::job {

namespace fs = std::filesystem;

namespace {

std::string split_name(Split split) {
  return split == Split::key ? "key" : split == Split::ctid ? "ctid" : "none";
}

archive::ManifestFile manifest_file(const checkpoint::Delivery& delivery, const Table& table) {
  archive::ManifestFile file;
  file.file = delivery.result.file;
  file.chunk = delivery.chunk.number;
  file.leaf = table.is_leaf() ? table.leaf_display_name() : "";
  file.rows = delivery.result.rows;
  file.bytes = delivery.result.bytes;
  file.raw_bytes = delivery.result.raw_bytes;
  file.xxh3 = delivery.result.xxh3;
  file.lower = delivery.chunk.lower;
  file.upper = delivery.chunk.upper;
  file.page_lower = delivery.chunk.page_lower;
  file.page_upper = delivery.chunk.page_upper;
  file.kind = delivery.chunk.kind;
  file.lsn = delivery.result.valid_lsn;
  return file;
}

// An empty table makes one file without rows, with its header if asked (cli.md).
archive::ManifestFile write_empty_file(const Job& job, const ParentTable& parent) {
  const auto& table = parent.table;
  archive::ManifestFile file;
  file.file = empty_file_path(job, parent);
  file.lsn = job.record.snapshot_lsn;
  make_directories((job.directory / file.file).parent_path());
  archive::ChunkFile out(job.directory / file.file, job.output.compression);
  out.write(empty_file_bytes(job.output, table.columns));
  out.finish();
  out.commit();
  file.bytes = out.bytes();
  file.raw_bytes = out.raw_bytes();
  file.xxh3 = out.xxh3();
  return file;
}

// Files named like chunks that no finished chunk owns: of runs that died between rename and record,
// or of chunks that were planned anew. Nothing else is touched.
void sweep(const fs::path& directory, const std::string& table_directory,
           const std::set<std::string>& owned) {
  const auto place = directory / table_directory;
  std::error_code error;
  if (!fs::is_directory(place, error)) {
    return;
  }
  const std::regex ending(R"(\.[0-9]{6,}\.(csv|txt|bin)(\.gz|\.zst|\.lz4)?(\.part)?)");
  for (const auto& entry : fs::directory_iterator(place)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(table_directory + ".") &&
        !owned.contains(fmt::format("{}/{}", table_directory, name)) &&
        std::regex_match(name.substr(table_directory.size()), ending)) {
      remove_file(entry.path());
    }
  }
}

// Of tables that have left the job altogether nothing stays.
void sweep_removed(const Job& job, const std::vector<ParentTable>& parents) {
  std::set<std::string> kept;
  for (const auto& parent : parents) {
    kept.insert(archive::table_directory(parent.table.schema, parent.table.name));
  }
  for (const auto& record : job.store->tables()) {
    const auto place = archive::table_directory(record.table.schema, record.table.name);
    if (record.state == "removed" && !kept.contains(place)) {
      sweep(job.directory, place, {});
    }
  }
}

archive::ManifestHead manifest_head(const Job& job) {
  const auto& record = job.record;
  const handoff::Snapshot snapshot{record.snapshot_lsn, record.end_lsn, record.first_snapshot};
  archive::ManifestHead head;
  head.tool_version = record.tool_version;
  head.server_version = record.server_version;
  head.system_identifier = record.system_identifier;
  head.database = record.database;
  head.timeline = record.timeline;
  head.start_lsn = record.start_lsn;
  head.end_lsn = record.end_lsn;
  head.slot = record.slot;
  head.publication = record.publication;
  head.consistency = record.consistency;
  head.consistency_note = consistency_note(record, *job.store);
  head.snapshot_xmin = snapshot.xmin();
  head.snapshot_xmax = snapshot.xmax();
  head.created = iso_utc(now_us());
  head.format = job.output.format;
  head.header = job.output.header;
  const auto format = row_format(job.output, 1);
  head.delimiter = job.output.format == Format::binary ? "" : std::string(1, format.delimiter);
  head.null = job.output.format == Format::binary ? "" : format.null;
  head.compression = job.output.compression;
  return head;
}

}  // namespace

std::string empty_file_path(const Job& job, const ParentTable& parent) {
  return archive::chunk_path(parent.table.schema, parent.table.name, 0, job.output.format,
                             job.output.compression.method);
}

std::int64_t empty_file_size(const Job& job, const ParentTable& parent) {
  std::int64_t bytes = 0;
  const auto compressor =
      archive::make_compressor(job.output.compression, [&](std::string_view compressed) {
        bytes += static_cast<std::int64_t>(compressed.size());
      });
  compressor->write(empty_file_bytes(job.output, parent.table.columns));
  compressor->finish();
  return bytes;
}

void tell_published(const ParentTable& parent,
                    const std::map<std::int64_t, checkpoint::PublishedTable>& published,
                    std::optional<bool>& all, std::string& why_not) {
  if (published.empty()) {
    return;
  }
  all = true;
  for (const auto& leaf : parent.leaves) {
    const auto found = published.find(leaf.table.id);
    if (found == published.end() || !found->second.published) {
      all = false;
      why_not = found == published.end() ? "it is not in the publication" : found->second.reason;
    }
  }
}

std::vector<ParentTable> parent_tables(checkpoint::CheckpointStore& store) {
  std::map<std::int64_t, checkpoint::TableTotals> totals;
  for (const auto& sum : store.totals()) {
    totals[sum.table_id] = sum;
  }
  std::map<std::pair<std::string, std::string>, ParentTable> parents;
  for (auto& record : store.tables()) {
    if (record.state == "removed") {
      continue;
    }
    auto& parent = parents[{record.table.schema, record.table.name}];
    auto& table = parent.table;
    if (parent.leaves.empty()) {
      table.schema = record.table.schema;
      table.name = record.table.name;
      table.columns = record.table.columns;
      table.split = split_name(record.table.split);
      table.consistency = "exact";
      for (const auto& column :
           record.table.key ? record.table.key->columns : std::vector<KeyColumn>{}) {
        table.key.push_back(column.name);
      }
    }
    if (record.consistency == "fuzzy") {
      table.consistency = "fuzzy";
    }
    const auto& sum = totals[record.table.id];
    table.rows += sum.rows;
    table.bytes += sum.bytes;
    parent.chunks += sum.chunks;
    parent.files += sum.files;
    parent.raw_bytes += sum.raw_bytes;
    parent.leaves.push_back(std::move(record));
  }
  std::vector<ParentTable> out;
  out.reserve(parents.size());
  for (auto& [name, parent] : parents) {
    out.push_back(std::move(parent));
  }
  return out;
}

void end_job(Job& job) {
  const auto parents = parent_tables(*job.store);
  const auto published = job.store->published();
  std::vector<archive::ManifestTable> tables;
  std::vector<std::optional<archive::ManifestFile>> empty(parents.size());
  tables.reserve(parents.size());
  for (std::size_t i = 0; i < parents.size(); ++i) {
    if (parents[i].files == 0) {
      empty[i] = write_empty_file(job, parents[i]);
    }
    tables.push_back(parents[i].table);
    tell_published(parents[i], published, tables.back().published, tables.back().unpublished);
    if (empty[i]) {
      tables.back().bytes = empty[i]->bytes;
    }
  }
  crash_point("job_ending");
  advance_slot(job);
  write_handoff_files(job);
  const auto each_file = [&](std::size_t index,
                             const std::function<void(const archive::ManifestFile&)>& add) {
    const auto& parent = parents[index];
    std::set<std::string> owned;
    if (empty[index]) {
      owned.insert(empty[index]->file);
      add(*empty[index]);
    }
    for (const auto& leaf : parent.leaves) {
      job.store->each_delivery(leaf.table.id, "done", [&](const checkpoint::Delivery& delivery) {
        if (!delivery.result.file.empty()) {
          owned.insert(delivery.result.file);
          add(manifest_file(delivery, leaf.table));
        }
      });
    }
    sweep(job.directory, archive::table_directory(parent.table.schema, parent.table.name), owned);
  };
  archive::write_manifest(job.directory, manifest_head(job), tables, each_file);
  sweep_removed(job, parents);
  const auto batch = job.store->batch();
  job.record.state = "done";
  job.record.reason.clear();
  job.record.holders.clear();
  job.record.finished_us = now_us();
  job.save();
  job.note("done", "the manifest is written");
  batch->commit();
}

}  // namespace pgstride::job
