// Anybody's csv, text or binary files, without a manifest, as the files of an import into one
// table. Thread rule of input_files.hpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/file_facts.hpp"
#include "format/row_cutter.hpp"
#include "job/file_beginning.hpp"
#include "job/input_files.hpp"

namespace pgstride::job {

class LooseFiles final : public InputFiles {
 public:
  /// Throws Error (usage) for options that don't go together.
  explicit LooseFiles(const Job& job);

  [[nodiscard]] RowShape shape() const override;
  /// Reads headers, and all of large csv files once, to find where they may be cut.
  [[nodiscard]] InputPlan plan(Job& job) const override;
  void check(Job& job) override;
  void describe(checkpoint::JobRecord& /*record*/) const override {}
  void locate(transfer::FileRange& range, const Chunk& chunk) const override;

 private:
  [[nodiscard]] CompressionMethod compression_of(const std::filesystem::path& path) const;
  [[nodiscard]] FileBeginning beginning_of(const std::filesystem::path& path,
                                           const StopTokens& stop) const;
  [[nodiscard]] std::vector<std::string>
  header_of(const std::vector<FileBeginning>& beginnings) const;
  [[nodiscard]] bool may_cut(const std::filesystem::path& path) const;
  void add_chunks(InputTable& table, const std::filesystem::path& path,
                  const FileBeginning& beginning, std::int64_t piece_bytes,
                  const StopTokens& stop) const;

  std::vector<std::filesystem::path> m_from;
  InputOptions m_input;
  Format m_format;
  format::RowDialect m_dialect;
  std::string m_null;
  std::map<std::string, archive::FileFacts> m_facts;  ///< as planned, by path
  bool m_fed_again = false;                           ///< standard input, for a job that goes on
  std::shared_ptr<std::atomic_flag> m_read_once = std::make_shared<std::atomic_flag>();
};

}  // namespace pgstride::job
