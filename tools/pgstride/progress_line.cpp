#include "progress_line.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "human.hpp"

namespace pgstride::cli {

namespace {

/// A piece of the line; those of a higher rank are left out first.
struct Piece {
  std::string text;
  int rank = 0;
};

std::string rates(const Progress& progress) {
  // Without compression the two rates are one.
  const bool same = progress.bytes == progress.raw_bytes;
  return same ? fmt::format("{}/s", bytes_text(progress.bytes_per_s))
              : fmt::format("{}/s raw, {}/s compressed", bytes_text(progress.raw_bytes_per_s),
                            bytes_text(progress.bytes_per_s));
}

std::string short_rates(const Progress& progress) {
  return progress.bytes == progress.raw_bytes
             ? rates(progress)
             : fmt::format("{}/s > {}/s", bytes_text(progress.raw_bytes_per_s),
                           bytes_text(progress.bytes_per_s));
}

std::string joined(const std::vector<Piece>& pieces, int rank) {
  std::string out;
  for (const Piece& piece : pieces) {
    if (piece.rank <= rank) {
      out += (out.empty() ? "" : "  ") + piece.text;
    }
  }
  return out;
}

}  // namespace

int shown_percent(const Progress& progress) {
  if (progress.chunks > 0 && progress.chunks_done >= progress.chunks) {
    return 100;
  }
  return std::clamp(static_cast<int>(std::floor(progress.percent)), 0, 99);
}

std::string bar_cells(double percent, int cells, bool blocks) {
  const double filled = std::clamp(percent, 0.0, 100.0) / 100 * cells;
  const int whole = static_cast<int>(filled);
  std::string out = blocks ? "" : "[";
  for (int at = 0; at < whole; ++at) {
    out += blocks ? "█" : "#";
  }
  int rest = cells - whole;
  if (rest > 0 && blocks) {
    // U+258F … U+2589: eighths of a cell.
    constexpr std::array<const char*, 8> k_eighths{"░", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    out += k_eighths.at(static_cast<std::size_t>((filled - whole) * 8));
    --rest;
  }
  for (int at = 0; at < rest; ++at) {
    out += blocks ? "░" : " ";
  }
  return out + (blocks ? "" : "]");
}

std::string bar_line(const std::string& job, const Progress& progress, int width) {
  const int percent = shown_percent(progress);
  const auto pieces = [&](bool long_rates) {
    return std::vector<Piece>{
        {fit(printable(job), 20), 4},
        {"\x01", 3},  // the bar stands here
        {fmt::format("{:>3} %", percent), 0},
        {fmt::format("{} of {}", progress.tables_done, counted(progress.tables, "table")), 6},
        {fmt::format("{}/{} chunks", progress.chunks_done, progress.chunks), 5},
        {fmt::format("{} rows/s", short_count(progress.rows_per_s)), 2},
        {long_rates ? rates(progress) : short_rates(progress), 1},
        {fmt::format("ETA {}", eta_text(progress.eta_s)), 0}};
  };
  constexpr int k_least_cells = 8;
  constexpr int k_most_cells = 30;
  for (const bool long_rates : {true, false}) {
    for (int rank = 6; rank >= (long_rates ? 6 : 0); --rank) {
      std::string line = joined(pieces(long_rates), rank);
      const std::size_t mark = line.find('\x01');
      const bool blocks = utf8_locale();
      const int frame = blocks ? 0 : 2;
      const int room = width - display_width(line) + (mark == std::string::npos ? 0 : 1) - frame;
      if (mark != std::string::npos && room >= k_least_cells) {
        line.replace(mark, 1, bar_cells(percent, std::min(room, k_most_cells), blocks));
        return line;
      }
      if (mark == std::string::npos && display_width(line) <= width) {
        return line;
      }
    }
  }
  return fit(fmt::format("{} %", percent), width);
}

std::string plain_line(const Progress& progress) {
  return fmt::format("{} %: {} of {}, {}/{} chunks, {} rows, {} rows/s, {}, ETA {}",
                     shown_percent(progress), progress.tables_done,
                     counted(progress.tables, "table"), progress.chunks_done, progress.chunks,
                     count_text(progress.rows), short_count(progress.rows_per_s), rates(progress),
                     eta_text(progress.eta_s));
}

}  // namespace pgstride::cli
