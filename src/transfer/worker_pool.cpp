#include "transfer/worker_pool.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include <tbb/concurrent_queue.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "base/backoff.hpp"
#include "transfer/worker.hpp"

namespace pgstride::transfer {

namespace {

constexpr std::chrono::milliseconds k_tick{200};
// Every worker has a few messages under way at most; a tick comes only when nothing
// waits.
constexpr int k_spare_messages = 64;

}  // namespace

struct WorkerPool::Machinery {
  Machinery(int workers, const WorkerSettings& settings, MakeCopier maker,
            std::optional<std::int64_t> max_rate)
      : count(workers), make_copier(std::move(maker)), limiter(max_rate),
        progress(static_cast<std::size_t>(workers)),
        // Workers block on sockets; without this line oneTBB ran 2 of 8 at once on two cores.
        parallelism(tbb::global_control::max_allowed_parallelism,
                    static_cast<std::size_t>(workers) + 1),
        arena(workers, 0) {
    messages.set_capacity(workers * 2 + k_spare_messages);
    for (int number = 1; number <= workers; ++number) {
      arena.execute(
          [&, number] { group.run([this, number, &settings] { work(number, settings); }); });
    }
    ticker = std::jthread([this](const std::stop_token& stop) { tick(stop); });
  }

  Machinery(const Machinery&) = delete;
  Machinery& operator=(const Machinery&) = delete;

  ~Machinery() {
    ticker.request_stop();
    ticker.join();
    std::optional<CopyTask> unused;
    while (tasks.try_pop(unused)) {
    }
    for (int i = 0; i < count; ++i) {
      tasks.push(std::nullopt);
    }
    // Nobody reads the messages any more: a worker must not wait for room among them.
    const std::jthread drain([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        Message message;  // a worker may wait for the end of an errand
        if (!messages.try_pop(message)) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
      }
    });
    arena.execute([this] { group.wait(); });
  }

  // Called by workers.
  bool ask(std::function<void()> run) {
    Errand errand{std::move(run), {}};
    auto done = errand.done.get_future();
    messages.push(std::move(errand));
    try {
      return done.get();
    } catch (const std::future_error& /*broken_promise*/) {
      return false;
    }
  }

  // On a thread of its own, or on this one where there is none to be had.
  std::future<void> commit_beside(const std::shared_ptr<TaskDone>& done) {
    const auto commit = [this, done] {
      commit_files(*done);
      messages.push(std::move(*done));
    };
    try {
      return std::async(std::launch::async, commit);
    } catch (const std::system_error& /*resource_unavailable_try_again*/) {
      commit();
      return {};
    }
  }

  void work(int number, const WorkerSettings& settings) {
    // Made with its first task: what it refers to was written before that task was submitted.
    std::optional<Worker> worker;
    const auto on_job_thread = [this](std::function<void()> run) { return ask(std::move(run)); };
    std::future<void> committing;  // at most one file waits for the disk beside the chunk's reading
    for (;;) {
      std::optional<CopyTask> task;
      tasks.pop(task);
      if (!task) {
        return;
      }
      if (!worker) {
        auto& shown = progress[static_cast<std::size_t>(number - 1)];
        worker.emplace(number, settings, make_copier(number, limiter, shown, on_job_thread), shown,
                       [this](TaskRetried retried) { messages.push(std::move(retried)); });
      }
      messages.push(TaskBegun{task->chunk_id});
      auto done = worker->run(*task);
      const bool leaves = done.worker_left.has_value();
      if (committing.valid()) {
        committing.get();
      }
      if (has_files(done)) {
        committing = commit_beside(std::make_shared<TaskDone>(std::move(done)));
      } else {
        messages.push(std::move(done));
      }
      if (leaves) {
        return;
      }
      sleep_for(settings.chunk_pause, settings.stop.drain);
    }
  }

  void tick(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    while (!stop.stop_requested()) {
      if (messages.size() <= 0) {
        messages.try_push(Tick{});
      }
      std::unique_lock lock(mutex);
      wake.wait_for(lock, stop, k_tick, [] { return false; });
    }
  }

  int count;
  MakeCopier make_copier;
  RateLimiter limiter;
  std::deque<WorkerProgress> progress;
  tbb::concurrent_bounded_queue<std::optional<CopyTask>> tasks;
  tbb::concurrent_bounded_queue<Message> messages;
  tbb::global_control parallelism;
  tbb::task_arena arena;
  tbb::task_group group;
  std::jthread ticker;
};

WorkerPool::WorkerPool(int workers, const WorkerSettings& settings, MakeCopier make_copier,
                       std::optional<std::int64_t> max_rate)
    : m_machinery(
          std::make_unique<Machinery>(workers, settings, std::move(make_copier), max_rate)) {}

WorkerPool::~WorkerPool() = default;

void WorkerPool::submit(CopyTask task) {
  m_machinery->tasks.push(std::move(task));
}

std::vector<CopyTask> WorkerPool::take_back() {
  std::vector<CopyTask> left;
  std::optional<CopyTask> task;
  while (m_machinery->tasks.try_pop(task)) {
    left.push_back(std::move(*task));
  }
  return left;
}

Message WorkerPool::next() {
  Message message;
  m_machinery->messages.pop(message);
  return message;
}

std::optional<Message> WorkerPool::try_next() {
  Message message;
  if (m_machinery->messages.try_pop(message)) {
    return message;
  }
  return std::nullopt;
}

std::vector<WorkerPool::UnderWay> WorkerPool::under_way() const {
  std::vector<UnderWay> out;
  for (const auto& progress : m_machinery->progress) {
    const auto id = progress.chunk_id.load(std::memory_order_relaxed);
    if (id != 0) {
      out.push_back({id, progress.rows.load(std::memory_order_relaxed),
                     progress.raw_bytes.load(std::memory_order_relaxed),
                     progress.bytes.load(std::memory_order_relaxed)});
    }
  }
  return out;
}

}  // namespace pgstride::transfer
