//===- ParallelFor.cpp - who does the work of a call ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Items go out in chunks under one counter: a worker that meets cheap items
// comes back sooner. A chunk is a sixteenth of a worker's fair share, so that
// the last one to finish is late by little, and the counter is touched rarely.
//
//===----------------------------------------------------------------------===//

#include "ParallelFor.h"
#include "OpenMP.h"
#include <algorithm>
#include <atomic>

using namespace peermla::runtime;

namespace {
/// What parallel-for knows about the thread it is called in.
struct ThreadState {
  const Workers *workers = nullptr;
  /// The worker that this thread is, if it is in a body.
  int64_t worker = 0;
  bool inBody = false;
};

struct Region {
  std::atomic<int64_t> next{0};
  int64_t n, chunk;
  void (*body)(int64_t, int64_t, int64_t, void *);
  void *ctx;
  int32_t numWorkers;

  void work(int64_t worker);
};
} // namespace

static thread_local ThreadState threadState;

void Region::work(int64_t worker) {
  ThreadState saved = threadState;
  threadState.worker = worker;
  threadState.inBody = true;
  for (;;) {
    // Never far beyond n: each worker stops at its first miss.
    int64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
    if (begin >= n)
      break;
    body(begin, std::min(begin + chunk, n), worker, ctx);
  }
  threadState = saved;
}

int32_t Workers::getDefaultCount() {
  return std::max(1, omp_get_max_threads());
}

WorkersScope::WorkersScope(const Workers &workers)
    : previous(threadState.workers), previousWorker(threadState.worker),
      wasInBody(threadState.inBody) {
  // A call from inside the body of another session's call (a host's pool may
  // lend this very thread) is a top-level call of its own.
  threadState = {&workers, 0, false};
}

WorkersScope::~WorkersScope() {
  threadState = {previous, previousWorker, wasInBody};
}

void peermla_rt_parallel_for(int64_t n,
                             void (*body)(int64_t, int64_t, int64_t, void *),
                             void *ctx) {
  if (n <= 0)
    return;
  const Workers *workers = threadState.workers;
  int64_t count = workers ? std::min<int64_t>(workers->count, n) : 1;
  constexpr int64_t chunksPerWorker = 16;
  Region region;
  region.n = n;
  region.chunk = n;
  region.body = body;
  region.ctx = ctx;
  region.numWorkers = static_cast<int32_t>(count);
  if (threadState.inBody || count <= 1)
    return region.work(threadState.worker);

  region.chunk = std::max<int64_t>(1, n / (count * chunksPerWorker));
  if (workers->pool.run) {
    workers->pool.run(
        workers->pool.state, region.numWorkers,
        [](int32_t worker, void *argument) {
          auto &region = *static_cast<Region *>(argument);
          if (worker >= 0 && worker < region.numWorkers)
            region.work(worker);
        },
        &region);
    // A pool that ran fewer workers has left nothing undone but time.
    return region.work(0);
  }
  GOMP_parallel(
      [](void *argument) {
        static_cast<Region *>(argument)->work(omp_get_thread_num());
      },
      &region, static_cast<unsigned>(count), 0);
}
