#include "verify_text.hpp"

#include <set>

#include <fmt/format.h>

#include "human.hpp"

namespace pgstride::cli {

namespace {

/// What differs, in words: sums and hashes stand in the JSON.
std::string fault(const Difference& difference) {
  const std::string file = printable(difference.file);
  const std::string& what = difference.what;
  if (what == "missing") {
    return fmt::format("its file {} is missing", file);
  }
  if (what == "size") {
    return fmt::format("its file {} has {} bytes, not {}", file, difference.found,
                       difference.expected);
  }
  if (what == "xxh3") {
    return fmt::format("its file {} has another checksum than in the manifest", file);
  }
  if (what == "damaged") {
    return fmt::format("its file {} can't be read: {}", file, printable(difference.found));
  }
  if (what == "extra") {
    return fmt::format("file {} is not in the manifest", file);
  }
  if (what == "repeated") {
    return fmt::format("the manifest lists its file {} more than once", file);
  }
  if (what == "unlisted") {
    return fmt::format("an entry is missing in the manifest, which has {} and lists {}",
                       difference.expected, difference.found);
  }
  if (what == "hash") {
    return fmt::format("as many rows in the source as in {}, but not the same ones",
                       difference.found_in);
  }
  return file.empty() ? fmt::format("{}: {} in the source, {} in {}", printable(what),
                                    difference.expected, difference.found, difference.found_in)
                      : fmt::format("its file {} has {} rows, the manifest says {}", file,
                                    difference.found, difference.expected);
}

std::string difference_text(const Difference& difference) {
  const std::string where =
      difference.chunk ? fmt::format("{} chunk {}", printable(difference.table), *difference.chunk)
                       : printable(difference.table);
  std::string out = fmt::format("{}: {}\n", where, fault(difference));
  for (const DifferingKey& key : difference.keys) {
    out += fmt::format("  {} in {}: {}\n", key.what, difference.found_in, printable(key.key));
  }
  if (difference.more_keys > 0) {
    out += fmt::format("  and {} more\n", difference.more_keys);
  }
  return out;
}

/// Missing files and those of another size are what a resume finds by itself.
std::string hints(const VerifyReport& report, const std::string& directory) {
  std::set<std::string> found_by_itself;
  std::set<std::string> damaged;
  for (const VerifiedTable& table : report.tables) {
    for (const Difference& difference : table.differing) {
      if (difference.what == "missing" || difference.what == "size") {
        found_by_itself.insert(difference.file);
      } else if (difference.what == "xxh3" || difference.what == "damaged") {
        damaged.insert(difference.file);
      }
    }
  }
  std::erase_if(damaged, [&](const std::string& file) { return found_by_itself.contains(file); });
  std::string out;
  if (!damaged.empty()) {
    out += fmt::format("HINT: delete the damaged {}, such as {}; then "
                       "`pgstride resume {}` exports what is missing again\n",
                       damaged.size() == 1 ? "file" : "files", printable(*damaged.begin()),
                       shell_word(directory));
  } else if (!found_by_itself.empty()) {
    out += fmt::format("HINT: `pgstride resume {}` exports what is missing or of another size "
                       "again\n",
                       shell_word(directory));
  }
  return out;
}

std::string fuzzy_text(const VerifyReport& report, bool with_source) {
  if (report.consistency != "fuzzy") {
    return {};
  }
  std::string out = fmt::format("the job is fuzzy: {}\n", printable(report.consistency_note));
  if (with_source && !report.ok) {
    out += "a difference from the source may be such a row, or one that changed since the export; "
           "a difference from the manifest is damage\n";
  }
  return out;
}

}  // namespace

std::string verify_text(const VerifyReport& report, const std::string& directory,
                        bool with_source) {
  std::string out;
  std::int64_t chunks = 0;
  std::int64_t differing = 0;
  for (const VerifiedTable& table : report.tables) {
    for (const Difference& difference : table.differing) {
      out += difference_text(difference);
      ++differing;
    }
    chunks += table.chunks;
  }
  const std::string checked = fmt::format(
      "{} in {} against {}", counted(chunks, "chunk"),
      counted(static_cast<std::int64_t>(report.tables.size()), "table"), report.against);
  out += report.ok ? fmt::format("verified {}: no difference\n", checked)
                   : fmt::format("verified {}: {}\n", checked, counted(differing, "difference"));
  return out + fuzzy_text(report, with_source) + hints(report, directory);
}

}  // namespace pgstride::cli
