#include <doctest/doctest.h>

#include <clocale>

#include "human.hpp"
#include "progress_line.hpp"

using namespace pgstride;
using namespace pgstride::cli;

namespace {

Progress half_way() {
  Progress progress;
  progress.tables_done = 1;
  progress.tables = 12;
  progress.chunks_done = 512;
  progress.chunks = 1024;
  progress.rows = 10'460'000;
  progress.estimated_rows = 20'620'000;
  progress.bytes = 500;
  progress.raw_bytes = 1000;
  progress.percent = 49.99;
  progress.rows_per_s = 589'520;
  progress.bytes_per_s = 51.66 * 1048576;
  progress.raw_bytes_per_s = 115.55 * 1048576;
  progress.eta_s = 83.0;
  return progress;
}

}  // namespace

TEST_CASE("The bar fits every width and keeps percent and ETA longest") {
  for (const char* locale : {"C.UTF-8", "C"}) {
    std::setlocale(LC_CTYPE, locale);
    for (int width = 1; width <= 250; ++width) {
      CAPTURE(width);
      const std::string line = bar_line("a job of a long long name", half_way(), width);
      CHECK(display_width(line) <= width);
      CHECK(line.find('\x01') == std::string::npos);
      if (width >= 30) {
        CHECK(line.find("49 %") != std::string::npos);
        CHECK(line.find("ETA 1 min 23 s") != std::string::npos);
      }
      if (width >= 150) {
        CHECK(line.find("115.5 MB/s raw, 51.7 MB/s compressed") != std::string::npos);
        CHECK(line.find("512/1024 chunks") != std::string::npos);
        CHECK(line.find("589.5k rows/s") != std::string::npos);
      }
    }
  }
}

TEST_CASE("100 percent is said only when all chunks are done") {
  Progress progress = half_way();
  progress.percent = 104;
  CHECK(shown_percent(progress) == 99);
  progress.chunks_done = progress.chunks;
  progress.percent = 97;
  CHECK(shown_percent(progress) == 100);
  progress.chunks = progress.chunks_done = 0;
  progress.percent = -1;
  CHECK(shown_percent(progress) == 0);
}

TEST_CASE("The cells of the bar are as many as asked for") {
  std::setlocale(LC_CTYPE, "C.UTF-8");
  for (const double percent : {-5.0, 0.0, 0.1, 33.3, 50.0, 99.99, 100.0, 140.0}) {
    CAPTURE(percent);
    CHECK(display_width(bar_cells(percent, 20, true)) == 20);
    CHECK(bar_cells(percent, 20, false).size() == 22);
  }
  CHECK(bar_cells(50, 4, false) == "[##  ]");
}

TEST_CASE("Without compression the rate is said once") {
  Progress progress = half_way();
  progress.raw_bytes = progress.bytes;
  CHECK(plain_line(progress).find("compressed") == std::string::npos);
  CHECK(plain_line(half_way()).find("51.7 MB/s compressed") != std::string::npos);
}
