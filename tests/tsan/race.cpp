// A race made on purpose, in code of ours that runs inside oneTBB: proof that the suppressions of
// tests/support/tsan.supp do not hide our own races.
#include <cstdio>
#include <latch>

#include <tbb/concurrent_queue.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

namespace {

long g_count = 0;

void count(tbb::concurrent_bounded_queue<long>& queue, std::latch& both) {
  both.arrive_and_wait();  // two threads for sure
  for (int i = 0; i < 1000; ++i) {
    ++g_count;  // the race
    queue.push(g_count);
  }
}

}  // namespace

int main() {
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, 3);
  tbb::concurrent_bounded_queue<long> queue;
  std::latch both(2);
  tbb::task_arena arena(3);
  arena.execute([&] {
    tbb::task_group group;
    group.run([&] { count(queue, both); });
    group.run([&] { count(queue, both); });
    group.wait();
  });
  std::printf("counted %ld\n", g_count);
}
