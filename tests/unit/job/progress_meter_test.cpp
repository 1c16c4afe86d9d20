#include <doctest/doctest.h>

#include "job/progress_meter.hpp"

namespace pgstride::job {

namespace {

using Clock = ProgressMeter::Clock;
using std::chrono::milliseconds;

ProgressMeter::Start ten_chunks() {
  ProgressMeter::Start start;
  start.done.chunks = 10;
  start.estimated_bytes = 1000;
  return start;
}

Chunk chunk() {
  Chunk chunk;
  chunk.estimated_bytes = 100;
  return chunk;
}

ChunkResult result() {
  ChunkResult result;
  result.rows = 10;
  result.raw_bytes = 50;
  result.bytes = 20;
  return result;
}

}  // namespace

TEST_CASE("At an even pace the ETA is the time that is left") {
  const auto began = Clock::now();
  ProgressMeter meter(ten_chunks(), began);
  meter.now({}, began);
  Progress progress;
  for (int i = 1; i <= 8; ++i) {
    meter.chunk_done(chunk(), result());
    progress = meter.now({}, began + milliseconds(1000 * i));
  }
  CHECK(progress.percent == doctest::Approx(80.0));
  REQUIRE(progress.eta_s);
  CHECK(*progress.eta_s == doctest::Approx(2.0).epsilon(0.2));
  CHECK(progress.rows_per_s == doctest::Approx(10.0).epsilon(0.2));
}

TEST_CASE("There is no ETA before something was seen, and progress never goes back") {
  const auto began = Clock::now();
  ProgressMeter meter(ten_chunks(), began);
  CHECK_FALSE(meter.now({}, began).eta_s);
  const auto ahead = meter.now({{100, 5, 90, 30}}, began + milliseconds(500));
  const auto after = meter.now({}, began + milliseconds(1000));  // the chunk was cut short
  CHECK(after.percent >= ahead.percent);
}

TEST_CASE("It is never 100 % before the last chunk, also where estimates are far too low") {
  const auto began = Clock::now();
  auto start = ten_chunks();
  start.estimated_bytes = 10;
  ProgressMeter meter(start, began);
  for (int i = 1; i <= 9; ++i) {
    meter.chunk_done(chunk(), result());
    CHECK(meter.now({}, began + milliseconds(100 * i)).percent < 100.0);
  }
  meter.chunk_done(chunk(), result());
  CHECK(meter.now({}, began + milliseconds(1000)).percent == doctest::Approx(100.0));
}

TEST_CASE("What former runs did counts in the percentage but not in the rate") {
  const auto began = Clock::now();
  auto start = ten_chunks();
  start.done.chunks_done = 5;
  start.done.rows = 50;
  start.done_estimated_bytes = 500;
  ProgressMeter meter(start, began);
  meter.now({}, began);
  meter.chunk_done(chunk(), result());
  const auto progress = meter.now({}, began + milliseconds(1000));
  CHECK(progress.percent == doctest::Approx(60.0));
  CHECK(progress.rows == 60);
  CHECK(progress.rows_per_s == doctest::Approx(10.0).epsilon(0.01));
}

}  // namespace pgstride::job
