#include "archive/manifest_check.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <system_error>
#include <utility>

#include "archive/names.hpp"

namespace pgstride::archive {

namespace {

namespace fs = std::filesystem;

// Of `public.orders.000042.csv` in its directory; none for what is no chunk's name.
std::optional<std::int64_t> number_in(const std::string& name, const std::string& table) {
  if (!name.starts_with(table + ".") || name.ends_with(".part")) {
    return std::nullopt;
  }
  constexpr std::size_t k_least_digits = 6;  // archive::chunk_path()
  constexpr std::size_t k_most_digits = 18;
  const auto begin = name.begin() + static_cast<std::ptrdiff_t>(table.size()) + 1;
  const auto end =
      std::find_if(begin, name.end(), [](unsigned char byte) { return std::isdigit(byte) == 0; });
  const auto digits = static_cast<std::size_t>(end - begin);
  if (digits < k_least_digits || digits > k_most_digits || end == name.end() || *end != '.') {
    return std::nullopt;
  }
  return std::stoll(std::string(begin, end));
}

/// The entries of one table.
class TableCheck {
 public:
  TableCheck(const Manifest& manifest, std::size_t index, const fs::path& directory)
      : m_table(manifest.tables[index]), m_files(manifest.files[index]), m_index(index),
        m_directory(directory) {}

  std::vector<EntryFault> run() {
    std::set<std::string> names;
    for (const auto& file : m_files) {
      const bool new_name = names.insert(file.file).second;
      const bool new_number = m_numbers.insert(file.chunk).second;
      if (!new_name || !new_number) {
        add(EntryFault::Kind::repeated, file.chunk, file.file);
      } else {
        m_rows += file.rows;
      }
    }
    if (m_rows < m_table.rows) {
      find_missing(names);
    }
    return std::move(m_faults);
  }

 private:
  void add(EntryFault::Kind kind, std::optional<std::int64_t> chunk, const std::string& file) {
    m_faults.push_back({kind, m_index, chunk, file, m_table.rows, m_rows});
  }

  // By the files that are there and not listed; else by the numbers that are left out.
  void find_missing(const std::set<std::string>& names) {
    const auto place = table_directory(m_table.schema, m_table.name);
    const auto before = m_faults.size();
    std::set<std::pair<std::int64_t, std::string>> there;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(m_directory / place, error)) {
      const auto name = entry.path().filename().string();
      const auto number = number_in(name, place);
      if (number && !names.contains(place + "/" + name)) {
        there.emplace(*number, place + "/" + name);
      }
    }
    for (const auto& [number, file] : there) {
      add(EntryFault::Kind::missing, number, file);
    }
    const auto most = m_numbers.empty() ? 0 : *m_numbers.rbegin();
    for (std::int64_t number = 0; m_faults.size() == before && number < most; ++number) {
      if (!m_numbers.contains(number)) {
        add(EntryFault::Kind::missing, number, "");
        break;  // any of them, of which some may have had no rows
      }
    }
    if (m_faults.size() == before) {
      add(EntryFault::Kind::missing, std::nullopt, "");
    }
  }

  const ManifestTable& m_table;
  const std::vector<ManifestFile>& m_files;
  std::size_t m_index;
  const fs::path& m_directory;
  std::set<std::int64_t> m_numbers;
  std::int64_t m_rows = 0;  ///< each chunk's once
  std::vector<EntryFault> m_faults;
};

}  // namespace

std::vector<EntryFault> find_entry_faults(const Manifest& manifest, const fs::path& directory) {
  std::vector<EntryFault> faults;
  for (std::size_t i = 0; i < manifest.tables.size(); ++i) {
    const auto found = TableCheck(manifest, i, directory).run();
    faults.insert(faults.end(), found.begin(), found.end());
  }
  return faults;
}

std::string fault_text(const Manifest& manifest, const EntryFault& fault) {
  const auto& table = manifest.tables[fault.table];
  const auto name = table.schema + "." + table.name;
  if (fault.kind == EntryFault::Kind::repeated) {
    return fmt::format("{}: chunk {} is listed twice ({})", name, *fault.chunk, fault.file);
  }
  const auto what = !fault.file.empty() ? "the entry of " + fault.file
                    : fault.chunk       ? fmt::format("an entry such as chunk {}'s", *fault.chunk)
                                        : std::string("an entry behind its last");
  return fmt::format("{}: {} is missing, as {} of {} rows are listed", name, what,
                     fault.rows_listed, fault.rows_said);
}

}  // namespace pgstride::archive
