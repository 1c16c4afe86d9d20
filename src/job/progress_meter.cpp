#include "job/progress_meter.hpp"

#include <algorithm>
#include <cmath>

namespace pgstride::job {

namespace {

// Rates are averaged with this time constant: short enough to follow, long enough to be read.
constexpr double k_rate_seconds = 5.0;
constexpr double k_eta_seconds = 30.0;
// No ETA before so much was seen: it would only jump.
constexpr double k_eta_after_seconds = 2.0;
constexpr double k_eta_after_fraction = 0.002;

double seconds(ProgressMeter::Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

ProgressMeter::ProgressMeter(const Start& start, Clock::time_point now)
    : m_sum(start.done), m_estimated_bytes(start.estimated_bytes),
      m_done_estimated(start.done_estimated_bytes), m_began(now), m_last(now),
      m_previous(start.done) {}

void ProgressMeter::chunk_done(const Chunk& chunk, const ChunkResult& result) {
  ++m_sum.chunks_done;
  m_sum.rows += result.rows;
  m_sum.bytes += result.bytes;
  m_sum.raw_bytes += result.raw_bytes;
  m_done_estimated += chunk.estimated_bytes;
  m_run_estimated += static_cast<double>(chunk.estimated_bytes);
  m_run_raw += static_cast<double>(result.raw_bytes);
}

Progress ProgressMeter::now(const std::vector<PartialChunk>& under_way, Clock::time_point now) {
  Progress progress = m_sum;
  // Bytes that come out for a byte of table, as seen in this run.
  const double ratio = m_run_estimated > 0 ? std::max(m_run_raw / m_run_estimated, 0.01) : 1.0;
  double done = static_cast<double>(m_done_estimated);
  for (const auto& chunk : under_way) {
    progress.rows += chunk.rows;
    progress.raw_bytes += chunk.raw_bytes;
    progress.bytes += chunk.bytes;
    const auto estimated = static_cast<double>(chunk.estimated_bytes);
    done += std::min(static_cast<double>(chunk.raw_bytes) / ratio, estimated * 0.99);
  }
  const double by_chunks = progress.chunks > 0 ? static_cast<double>(progress.chunks_done) /
                                                     static_cast<double>(progress.chunks)
                                               : 0.0;
  double fraction = m_estimated_bytes > 0
                        ? std::min(done / static_cast<double>(m_estimated_bytes), 1.0)
                        : by_chunks;
  if (progress.chunks_done < progress.chunks) {
    fraction = std::min(fraction, 0.999);
  } else {
    fraction = 1.0;
  }
  if (m_first_fraction < 0) {
    m_first_fraction = m_last_fraction = fraction;
  }
  fraction = std::max(fraction, m_last_fraction);  // never back
  progress.percent = fraction * 100.0;
  smooth(progress, fraction, now);
  progress.rows_per_s = m_sum.rows_per_s;
  progress.bytes_per_s = m_sum.bytes_per_s;
  progress.raw_bytes_per_s = m_sum.raw_bytes_per_s;
  if (seconds(now - m_began) > k_eta_after_seconds &&
      fraction - m_first_fraction > k_eta_after_fraction && m_fraction_per_s > 0) {
    progress.eta_s = (1.0 - fraction) / m_fraction_per_s;
  }
  return progress;
}

void ProgressMeter::smooth(const Progress& progress, double fraction, Clock::time_point now) {
  const double step = seconds(now - m_last);
  if (step <= 0.05) {
    return;
  }
  const auto follow = [&](double& rate, double latest, double constant) {
    // At first the plain average, later the exponential one.
    const double age = seconds(now - m_began);
    const double weight = std::max(1.0 - std::exp(-step / constant), std::min(step / age, 1.0));
    rate += weight * (latest - rate);
  };
  const auto per_second = [&](std::int64_t latest, std::int64_t before) {
    return std::max(static_cast<double>(latest - before), 0.0) / step;
  };
  follow(m_sum.rows_per_s, per_second(progress.rows, m_previous.rows), k_rate_seconds);
  follow(m_sum.bytes_per_s, per_second(progress.bytes, m_previous.bytes), k_rate_seconds);
  follow(m_sum.raw_bytes_per_s, per_second(progress.raw_bytes, m_previous.raw_bytes),
         k_rate_seconds);
  follow(m_fraction_per_s, (fraction - m_last_fraction) / step, k_eta_seconds);
  m_previous = progress;
  m_last_fraction = fraction;
  m_last = now;
}

}  // namespace pgstride::job
