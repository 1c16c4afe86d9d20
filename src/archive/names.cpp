#include "archive/names.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include "archive/compressor.hpp"
#include "base/checksum.hpp"

namespace pgstride::archive {

namespace {

/// Directory and file name hold two components each, a number and suffixes, within the 255 bytes
/// of a Linux file name.
constexpr std::size_t k_most_bytes = 100;
constexpr std::size_t k_hash_bytes = 16;
/// `%` is otherwise followed by two digits or is alone: these can't come from an identifier.
constexpr std::string_view k_cut_mark = "%~";
constexpr std::string_view k_empty = "%";

bool must_escape(unsigned char byte, bool first) {
  return byte < 0x20 || byte == 0x7f || byte == '/' || byte == '%' || byte == '.' ||
         (first && (byte == '-' || byte == ' '));
}

std::string percent(unsigned char byte) {
  return fmt::format("%{:02X}", byte);
}

/// A length at most `most` that parts neither a UTF-8 sequence nor a `%XX`.
std::size_t whole_length(std::string_view text, std::size_t most) {
  std::size_t length = most;
  while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80U) {
    --length;
  }
  for (std::size_t back = 1; back <= 2 && back <= length; ++back) {
    if (text[length - back] == '%') {
      return length - back;
    }
  }
  return length;
}

std::string cut(std::string_view escaped, std::string_view identifier) {
  Checksum checksum;
  checksum.update(identifier);
  const auto length = whole_length(escaped, k_most_bytes - k_cut_mark.size() - k_hash_bytes);
  return fmt::format("{}{}{}", escaped.substr(0, length), k_cut_mark, checksum.text());
}

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  for (const auto word : words) {
    if (text == word) {
      return true;
    }
  }
  return false;
}

/// A schema `manifest` with a table `json` must not take the place of the job's own files.
bool meets_job_file(std::string_view schema, std::string_view name) {
  static constexpr std::array<std::string_view, 5> k_stems = {"manifest", "checkpoint", "job",
                                                              "report", "pgstride"};
  static constexpr std::array<std::string_view, 10> k_endings = {
      "json", "db", "db-wal", "db-shm", "db-journal", "lock", "html", "log", "pid", "part"};
  return is_one_of(schema, k_stems) && is_one_of(name, k_endings);
}

}  // namespace

std::string escape_component(std::string_view identifier) {
  if (identifier.empty()) {
    return std::string(k_empty);
  }
  std::string out;
  for (const char c : identifier) {
    const auto byte = static_cast<unsigned char>(c);
    if (must_escape(byte, out.empty())) {
      out += percent(byte);
    } else {
      out += c;
    }
  }
  return out.size() > k_most_bytes ? cut(out, identifier) : out;
}

std::string unescape_component(std::string_view component) {
  component = component.substr(0, component.find(k_cut_mark));
  std::string out;
  for (std::size_t i = 0; i < component.size(); ++i) {
    unsigned value = 0;
    const char* const digits = component.data() + i + 1;
    if (component[i] == '%' && i + 2 < component.size() &&
        std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      out += static_cast<char>(value);
      i += 2;
    } else if (component != k_empty) {
      out += component[i];
    }
  }
  return out;
}

std::string table_directory(std::string_view schema, std::string_view name) {
  std::string directory = escape_component(schema) + "." + escape_component(name);
  if (meets_job_file(schema, name)) {
    directory.replace(0, 1, percent(static_cast<unsigned char>(directory[0])));
  }
  return directory;
}

std::string chunk_path(std::string_view schema, std::string_view name, std::int64_t number,
                       Format format, CompressionMethod method) {
  const std::string directory = table_directory(schema, name);
  return fmt::format("{}/{}.{:06}.{}{}", directory, directory, number, format_suffix(format),
                     file_suffix(method));
}

std::vector<std::string> table_directories_in(const std::filesystem::path& directory) {
  namespace fs = std::filesystem;
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& place : fs::directory_iterator(directory, error)) {
    const auto name = place.path().filename().string();
    if (!place.is_directory(error)) {
      continue;
    }
    std::size_t files = 0;
    std::size_t others = 0;
    for (const auto& entry : fs::directory_iterator(place.path(), error)) {
      const auto file = entry.path().filename().string();
      const bool numbered = file.starts_with(name + ".") && file.size() > name.size() + 1 &&
                            file[name.size() + 1] >= '0' && file[name.size() + 1] <= '9';
      ++(numbered ? files : others);
    }
    if (files > 0 && others == 0) {
      found.push_back(name);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string format_suffix(Format format) {
  switch (format) {
  case Format::text:
    return "txt";
  case Format::binary:
    return "bin";
  case Format::csv:
    break;
  }
  return "csv";
}

std::string format_name(Format format) {
  switch (format) {
  case Format::text:
    return "text";
  case Format::binary:
    return "binary";
  case Format::csv:
    break;
  }
  return "csv";
}

}  // namespace pgstride::archive
