#include "job/input_files.hpp"

#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "archive/compressor.hpp"
#include "archive/file_facts.hpp"
#include "base/checksum.hpp"
#include "job/exported_files.hpp"
#include "job/loose_files.hpp"

namespace pgstride::job {

std::unique_ptr<InputFiles> open_input_files(const Job& job) {
  std::error_code error;
  if (!std::filesystem::is_directory(job.from.front(), error)) {
    return std::make_unique<LooseFiles>(job);
  }
  if (job.from.size() > 1) {
    throw Error(ErrorKind::usage, "--from names several directories, or one among files",
                "give one export, or files");
  }
  if (job.input != InputOptions{}) {
    throw Error(
        ErrorKind::usage,
        "options of the files don't go with an export: its manifest says what they are like",
        "leave --format, --header, --columns and the like out");
  }
  return std::make_unique<ExportedFiles>(job.from.front());
}

checkpoint::InputRecord look_at_file(const std::filesystem::path& path, bool hash) {
  const auto facts = archive::file_facts(path);
  checkpoint::InputRecord input;
  input.path = path.string();
  input.bytes = facts.bytes;
  input.mtime_ns = facts.mtime_ns;
  if (hash) {
    Checksum checksum;
    archive::read_file(path, CompressionMethod::none,
                       [&](std::string_view bytes) { checksum.update(bytes); }, {});
    input.xxh3 = checksum.text();
  }
  return input;
}

void check_inputs(const std::vector<checkpoint::InputRecord>& inputs) {
  for (const auto& planned : inputs) {
    const auto now = look_at_file(planned.path, !planned.xxh3.empty());
    const bool same = planned.xxh3.empty()
                          ? now.bytes == planned.bytes && now.mtime_ns == planned.mtime_ns
                          : now.xxh3 == planned.xxh3;
    if (!same) {
      throw Error(ErrorKind::identity,
                  fmt::format("file {} was changed since the job was planned", planned.path),
                  "put the old one back, or begin again with --restart");
    }
  }
}

}  // namespace pgstride::job
