#include "job/verify_files.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "archive/compressor.hpp"
#include "archive/manifest_check.hpp"
#include "archive/names.hpp"
#include "base/checksum.hpp"
#include "format/row_hash.hpp"
#include "format/row_reader.hpp"
#include "job/copy_sql.hpp"
#include "pgstride/error.hpp"

namespace pgstride::job {

namespace fs = std::filesystem;

namespace {

struct Checked {
  std::vector<Difference> differences;
  std::optional<FileSum> sum;
};

struct Item {
  std::size_t table = 0;
  const archive::ManifestFile* file = nullptr;
};

OutputOptions output_of(const archive::ManifestHead& head) {
  OutputOptions output;
  output.format = head.format;
  output.header = head.header;
  output.compression = head.compression;
  if (head.format != Format::binary) {
    if (!head.delimiter.empty()) {
      output.delimiter = head.delimiter[0];
    }
    output.null = head.null;
  }
  return output;
}

Checked check_file(const fs::path& directory, const archive::Manifest& manifest, const Item& item,
                   bool with_hash) {
  const auto& file = *item.file;
  const auto& table = manifest.tables[item.table];
  const auto name = table.schema + "." + table.name;
  Checked out;
  const auto differ = [&](const std::string& what, const std::string& expected,
                          const std::string& found) {
    out.differences.push_back({name, file.chunk, what, expected, found, file.file});
  };
  std::error_code error;
  const auto path = directory / file.file;
  const auto size = fs::file_size(path, error);
  if (error) {
    differ("missing", file.file, error.message());
    return out;
  }
  if (size != static_cast<std::uintmax_t>(file.bytes)) {
    differ("size", std::to_string(file.bytes), std::to_string(size));
  }
  Checksum checksum;
  format::RowHash hash(manifest.head.format == Format::binary);
  // Without a hash too every row is taken apart: each must have as many fields as there are
  // columns.
  const auto reader = format::make_row_reader(
      row_format(output_of(manifest.head), table.columns.size()),
      with_hash ? format::RowSink([&](std::span<const format::Field> row) { hash.add(row); })
                : format::RowSink([](std::span<const format::Field>) {}));
  try {
    archive::read_file(
        path, manifest.head.compression.method,
        [&](std::string_view bytes) { checksum.update(bytes); },
        [&](std::string_view bytes) { reader->write(bytes); });
    reader->finish();
  } catch (const Error& damage) {
    differ("damaged", "a readable file", damage.what());
    return out;
  }
  if (checksum.text() != file.xxh3) {
    differ("xxh3", file.xxh3, checksum.text());
  }
  if (reader->rows() != file.rows) {
    differ("rows", std::to_string(file.rows), std::to_string(reader->rows()));
  }
  out.sum = FileSum{reader->rows(), with_hash ? hash.sum() : "0"};
  return out;
}

// Of the manifest itself. A missing entry whose file is there is told as that: extra.
void find_entry_faults(const fs::path& directory, const archive::Manifest& manifest,
                       std::vector<VerifiedTable>& out) {
  for (const auto& fault : archive::find_entry_faults(manifest, directory)) {
    auto& table = out[fault.table];
    if (fault.kind == archive::EntryFault::Kind::repeated) {
      table.differing.push_back(
          {table.name, fault.chunk, "repeated", "one entry", "several", fault.file});
    } else if (fault.file.empty()) {
      table.differing.push_back({table.name, fault.chunk, "unlisted",
                                 fmt::format("{} rows in all entries", fault.rows_said),
                                 std::to_string(fault.rows_listed), ""});
    }
  }
}

// Files in a table's directory that the manifest does not list.
void find_extra(const fs::path& directory, const archive::Manifest& manifest, std::size_t index,
                VerifiedTable& out) {
  const auto& table = manifest.tables[index];
  const auto place = archive::table_directory(table.schema, table.name);
  std::set<std::string> listed;
  for (const auto& file : manifest.files[index]) {
    listed.insert(file.file);
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory / place, error)) {
    const auto name = place + "/" + entry.path().filename().string();
    if (!listed.contains(name)) {
      out.differing.push_back({out.name, std::nullopt, "extra", "no such file", name, name});
    }
  }
}

// Files in directories that look like a table's and are of none: `D/D.000042.…`. Who loads
// `*/*.csv` would load them too.
void find_stray_directories(const fs::path& directory, const archive::Manifest& manifest,
                            std::vector<VerifiedTable>& out) {
  std::set<std::string> listed;
  for (const auto& table : manifest.tables) {
    listed.insert(archive::table_directory(table.schema, table.name));
  }
  for (const auto& place : archive::table_directories_in(directory)) {
    if (listed.contains(place)) {
      continue;
    }
    auto& stray = out.emplace_back(VerifiedTable{place, 0, {}});
    for (const auto& entry : fs::directory_iterator(directory / place)) {
      const auto name = place + "/" + entry.path().filename().string();
      stray.differing.push_back({place, std::nullopt, "extra", "no such file", name, name});
    }
  }
}

}  // namespace

CheckedFiles check_files(const fs::path& directory, const archive::Manifest& manifest,
                         bool with_hash, const StopTokens& stop,
                         const std::function<void(std::size_t, std::size_t)>& progress) {
  std::vector<Item> items;
  for (std::size_t table = 0; table < manifest.tables.size(); ++table) {
    for (const auto& file : manifest.files[table]) {
      items.push_back({table, &file});
    }
  }
  std::vector<Checked> checked(items.size());
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> done{0};
  const auto work = [&] {
    for (auto i = next++; i < items.size() && !stop.drain.stop_requested(); i = next++) {
      checked[i] = check_file(directory, manifest, items[i], with_hash);
      ++done;
    }
  };
  {
    std::atomic<unsigned> running{std::clamp(std::thread::hardware_concurrency(), 1U, 8U)};
    std::mutex mutex;
    std::condition_variable ended;
    std::vector<std::jthread> threads;
    for (auto i = running.load(); i > 0; --i) {
      threads.emplace_back([&] {
        work();
        const std::scoped_lock lock(mutex);
        --running;
        ended.notify_one();
      });
    }
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, std::chrono::milliseconds(200), [&] { return running == 0; })) {
      progress(done, items.size());
    }
  }
  if (stop.drain.stop_requested()) {
    throw Error(ErrorKind::stopped, "stopped while verifying");
  }
  CheckedFiles out;
  out.sums.resize(manifest.tables.size());
  for (const auto& table : manifest.tables) {
    out.tables.push_back({table.schema + "." + table.name, 0, {}});
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto& table = out.tables[items[i].table];
    ++table.chunks;
    std::move(checked[i].differences.begin(), checked[i].differences.end(),
              std::back_inserter(table.differing));
    if (checked[i].sum) {
      out.sums[items[i].table][items[i].file->chunk] = *checked[i].sum;
    }
  }
  find_entry_faults(directory, manifest, out.tables);
  for (std::size_t i = 0; i < manifest.tables.size(); ++i) {
    find_extra(directory, manifest, i, out.tables[i]);
  }
  find_stray_directories(directory, manifest, out.tables);
  return out;
}

}  // namespace pgstride::job
