// A race made on purpose where our workers are: called by oneTBB through a class of the same name,
// so that the same frames stand below it and the same suppressions are tried
// (tests/support/tsan.supp).
#include <cstdio>
#include <latch>

#include <tbb/concurrent_queue.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

namespace pgstride::transfer {

struct WorkerPool {
  struct Machinery;
};

struct WorkerPool::Machinery {
  explicit Machinery(int workers)
      : parallelism(tbb::global_control::max_allowed_parallelism,
                    static_cast<std::size_t>(workers) + 1),
        arena(workers, 0), all(workers) {
    for (int number = 0; number < workers; ++number) {
      arena.execute([&, number] { group.run([this, number] { work(number); }); });
    }
  }
  ~Machinery() {
    arena.execute([this] { group.wait(); });
  }
  Machinery(const Machinery&) = delete;
  Machinery& operator=(const Machinery&) = delete;

  [[gnu::noinline]] void work(int number) {
    all.arrive_and_wait();  // two threads for sure
    for (int i = 0; i < 1000; ++i) {
      count += number;  // the race
      queue.push(count);
    }
  }

  tbb::global_control parallelism;
  tbb::task_arena arena;
  tbb::task_group group;
  tbb::concurrent_bounded_queue<long> queue;
  std::latch all;
  long count = 0;
};

}  // namespace pgstride::transfer

int main() {
  const pgstride::transfer::WorkerPool::Machinery machinery(2);
  std::puts("ran");
}
