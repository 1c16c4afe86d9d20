#include "transfer/fan_out.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "transfer/statement_ends.hpp"

namespace pgstride::transfer {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// How often the stop token and the stalls are looked at. What stands in an unfinished batch when
// nothing has happened for so long goes out.
constexpr milliseconds k_look{100};

timespec to_timespec(nanoseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  return {seconds.count(), static_cast<long>((duration - seconds).count())};
}

}  // namespace

FanOut::FanOut(CopyProducer& producer, std::vector<CopyReceiver*> receivers, FanOutOptions options)
    : m_producer(producer), m_receivers(std::move(receivers)), m_options(std::move(options)),
      m_pool(std::in_place, m_options.batch_bytes, m_options.keep_ends), m_open(m_pool->take()),
      m_states(m_receivers.size()), m_progress(m_receivers.size()) {}

FanOut::Step FanOut::step() {
  for (;;) {
    if (m_options.stop.stop_requested()) {
      throw Error(ErrorKind::stopped, "stopped while COPY ran");
    }
    pump_all();
    if (!m_faults.empty()) {
      return Step::fault;
    }
    if (!any_live()) {
      return Step::none_left;
    }
    if (m_source_ended && all_ended()) {
      return Step::over;
    }
    if (!m_source_ended && !m_source_waits && has_room()) {
      if (read()) {
        return Step::moved;
      }
      continue;
    }
    wait();
  }
}

std::vector<Fault> FanOut::take_faults() {
  return std::exchange(m_faults, {});
}

void FanOut::fail(std::size_t receiver, const Error& error) {
  m_states[receiver].error = error;
  m_faults.push_back({receiver, error});
}

bool FanOut::revive(std::size_t receiver) {
  auto& state = m_states[receiver];
  if (state.messages != m_messages) {
    return false;
  }
  state.error.reset();
  m_progress[receiver] = {m_receivers[receiver]->backlog(), Clock::now()};
  if (m_source_ended) {
    m_receivers[receiver]->end();
  }
  return true;
}

void FanOut::abandon() noexcept {
  for (std::size_t i = 0; i < m_receivers.size(); ++i) {
    if (live(i)) {
      m_receivers[i]->abandon();
    }
  }
}

void FanOut::release() noexcept {
  m_open.reset();
  m_pool.reset();
}

bool FanOut::any_live() const {
  return std::any_of(m_states.begin(), m_states.end(),
                     [](const Intake& state) { return !state.error; });
}

bool FanOut::all_ended() const {
  for (std::size_t i = 0; i < m_receivers.size(); ++i) {
    if (live(i) && !m_receivers[i]->ended()) {
      return false;
    }
  }
  return true;
}

bool FanOut::has_room() const {
  for (std::size_t i = 0; i < m_receivers.size(); ++i) {
    if (live(i) && m_receivers[i]->backlog() >= m_options.backlog_bytes) {
      return false;
    }
  }
  return true;
}

void FanOut::pump_all() {
  for (std::size_t i = 0; i < m_receivers.size(); ++i) {
    if (live(i)) {
      pump(i);
    }
  }
}

void FanOut::pump(std::size_t number) {
  try {
    m_receivers[number]->pump();
    look_for_stall(number);
  } catch (const Error& error) {
    fail(number, error);
  }
}

void FanOut::look_for_stall(std::size_t number) {
  auto& progress = m_progress[number];
  const auto backlog = m_receivers[number]->backlog();
  if (m_options.stall_limit.count() == 0) {
    return;
  }
  const auto now = Clock::now();
  if (backlog == 0 || backlog != progress.backlog) {
    progress = {backlog, now};
  } else if (now - progress.since > m_options.stall_limit) {
    throw Error(ErrorKind::connection,
                fmt::format("took no data for {} s",
                            static_cast<double>(m_options.stall_limit.count()) / 1000),
                "look what its session waits for (pg_stat_activity, pg_locks)");
  }
}

// True once a batch was handed out.
bool FanOut::read() {
  switch (m_producer.fill(*m_open, m_options.batch_bytes)) {
  case CopyProducer::Step::full:
    hand_out();
    return true;
  case CopyProducer::Step::nothing:
    m_source_waits = true;
    return false;
  case CopyProducer::Step::end:
    break;
  }
  m_source_ended = true;
  const bool rest = !m_open->empty();
  if (rest) {
    hand_out();
  }
  for (std::size_t i = 0; i < m_receivers.size(); ++i) {
    if (live(i)) {
      m_receivers[i]->end();
    }
  }
  return rest;
}

void FanOut::hand_out() {
  const SharedBatch batch = std::exchange(m_open, m_pool->take());
  const auto bytes = static_cast<std::int64_t>(batch->size());
  m_messages += batch->messages();
  m_bytes += bytes;
  for (std::size_t i = 0; i < m_receivers.size(); ++i) {
    if (live(i)) {
      m_receivers[i]->take(batch);
      m_states[i].messages += batch->messages();
      m_states[i].bytes += bytes;
      m_most_behind = std::max(m_most_behind, m_receivers[i]->backlog());
    }
  }
}

void FanOut::wait() {
  std::vector<pollfd> sockets;
  for (std::size_t i = 0; i < m_receivers.size(); ++i) {
    if (live(i) && !m_receivers[i]->ended()) {
      const auto events = POLLIN | (m_receivers[i]->wants_write() ? POLLOUT : 0);
      sockets.push_back({m_receivers[i]->socket(), static_cast<short>(events), 0});
    }
  }
  nanoseconds limit = k_look;
  bool looks_at_source = m_source_waits && has_room();
  if (looks_at_source) {
    const auto pause = m_producer.ready_at() - Clock::now();
    if (pause > nanoseconds(0)) {
      limit = std::min<nanoseconds>(limit, pause);
      looks_at_source = false;
    } else {
      sockets.push_back({m_producer.socket(), POLLIN, 0});
    }
  }
  const auto timeout = to_timespec(limit);
  const int ready = ::ppoll(sockets.data(), sockets.size(), &timeout, nullptr);
  if (looks_at_source && (ready <= 0 || sockets.back().revents != 0)) {
    // Also after a time-out: under SSL bytes may wait within the library.
    m_producer.take_in();
    m_source_waits = false;
  }
  if (ready == 0 && limit == k_look && !m_open->empty() && has_room()) {
    hand_out();
  }
}

FanOutResult fan_out(pg::CopyReader& reader, const std::vector<pg::CopyWriter*>& writers,
                     const FanOutOptions& options, const FanOutProgress& progress) {
  ReaderProducer producer(reader);
  std::vector<WriterReceiver> receivers;
  std::vector<CopyReceiver*> pointers;
  receivers.reserve(writers.size());
  pointers.reserve(writers.size());
  for (auto* writer : writers) {
    pointers.push_back(&receivers.emplace_back(*writer));
  }
  FanOut pump(producer, pointers, options);
  FanOutResult result;
  try {
    auto step = FanOut::Step::moved;
    while (step == FanOut::Step::moved || step == FanOut::Step::fault) {
      step = pump.step();
      pump.take_faults();  // each receiver's state has its own
      if (step == FanOut::Step::moved && progress) {
        progress(pump.messages(), pump.bytes());
      }
    }
    result.complete = step == FanOut::Step::over;
  } catch (...) {
    pump.abandon();
    throw;
  }
  result.rows = reader.rows();
  result.bytes = pump.bytes();
  for (std::size_t i = 0; i < writers.size(); ++i) {
    result.receivers.push_back(pump.receiver(i));
  }
  return result;
}

}  // namespace pgstride::transfer
