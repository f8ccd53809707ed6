//===- ParallelForTests.cpp - every index once ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ParallelFor.h"
#include "gtest/gtest.h"
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace peermla::runtime;

/// Runs n items and checks that each was seen once, under a worker that nobody
/// else had at the time.
static void checkCovers(const Workers &workers, int64_t n) {
  std::vector<std::atomic<int>> seen(n);
  std::vector<std::atomic<int>> active(workers.count);
  std::atomic<bool> failed{false};
  parallelFor(workers, n, [&](int64_t begin, int64_t end, int64_t worker) {
    if (begin >= end || worker < 0 || worker >= workers.count ||
        active[worker].fetch_add(1) != 0) {
      failed = true;
      return;
    }
    for (int64_t i = begin; i < end; ++i)
      ++seen[i];
    active[worker].fetch_sub(1);
  });
  EXPECT_FALSE(failed);
  for (int64_t i = 0; i < n; ++i)
    ASSERT_EQ(seen[i], 1) << "item " << i << " of " << n;
}

TEST(ParallelFor, CoversEachIndexOnce) {
  for (int32_t count : {1, 2, 3, 8}) {
    Workers workers;
    workers.count = count;
    for (int64_t n : {0, 1, 2, 3, 7, 16, 100, 1000, 54321})
      checkCovers(workers, n);
  }
}

TEST(ParallelFor, IsSerialOutsideOfACall) {
  int calls = 0;
  peermla_rt_parallel_for(
      100,
      [](int64_t begin, int64_t end, int64_t worker, void *ctx) {
        EXPECT_EQ(begin, 0);
        EXPECT_EQ(end, 100);
        EXPECT_EQ(worker, 0);
        ++*static_cast<int *>(ctx);
      },
      &calls);
  EXPECT_EQ(calls, 1);
}

TEST(ParallelFor, NestedLoopsAreSerialAndKeepTheWorker) {
  Workers workers;
  workers.count = 4;
  std::atomic<int64_t> total{0};
  std::atomic<bool> failed{false};
  parallelFor(workers, 64, [&](int64_t begin, int64_t end, int64_t worker) {
    struct Inner {
      int64_t worker;
      std::thread::id thread;
      std::atomic<int64_t> &total;
      std::atomic<bool> &failed;
    } inner{worker, std::this_thread::get_id(), total, failed};
    for (int64_t i = begin; i < end; ++i)
      peermla_rt_parallel_for(
          10,
          [](int64_t begin, int64_t end, int64_t worker, void *ctx) {
            auto &inner = *static_cast<Inner *>(ctx);
            if (worker != inner.worker ||
                inner.thread != std::this_thread::get_id())
              inner.failed = true;
            inner.total += end - begin;
          },
          &inner);
  });
  EXPECT_FALSE(failed);
  EXPECT_EQ(total, 640);
}

TEST(ParallelFor, UnevenItemsBalance) {
  // All the work is in the first items; a static halving would give it to one.
  Workers workers;
  workers.count = 2;
  std::vector<int64_t> items(2);
  parallelFor(workers, 32, [&](int64_t begin, int64_t end, int64_t worker) {
    for (int64_t i = begin; i < end; ++i) {
      if (i < 8)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (i < 8)
        ++items[worker];
    }
  });
  EXPECT_EQ(items[0] + items[1], 8);
  EXPECT_GE(items[0], 2);
  EXPECT_GE(items[1], 2);
}

namespace {
/// A host's pool: one thread per worker, and a count of its uses.
struct HostPool {
  int uses = 0;
  /// Workers that it forgets to run.
  int32_t forgotten = 0;

  static void run(void *state, int32_t numWorkers,
                  void (*task)(int32_t, void *), void *argument) {
    auto &pool = *static_cast<HostPool *>(state);
    ++pool.uses;
    std::vector<std::thread> threads;
    for (int32_t i = pool.forgotten; i < numWorkers; ++i)
      threads.emplace_back(task, i, argument);
    for (std::thread &thread : threads)
      thread.join();
  }
};
} // namespace

TEST(ParallelFor, RunsOnAHostPool) {
  HostPool pool;
  Workers workers{3, {&pool, 3, HostPool::run}};
  checkCovers(workers, 1000);
  EXPECT_EQ(pool.uses, 1);
  checkCovers(workers, 1);
  EXPECT_EQ(pool.uses, 1);
  checkCovers(workers, 2);
  EXPECT_EQ(pool.uses, 2);
}

TEST(ParallelFor, NestedLoopsDoNotEnterTheHostPoolAgain) {
  // This pool runs everything in the thread that asks.
  int uses = 0;
  Workers workers{2,
                  {&uses, 2,
                   [](void *state, int32_t n, void (*task)(int32_t, void *),
                      void *argument) {
                     ++*static_cast<int *>(state);
                     for (int32_t i = 0; i < n; ++i)
                       task(i, argument);
                   }}};
  int64_t total = 0;
  parallelFor(workers, 50, [&](int64_t begin, int64_t end, int64_t) {
    for (int64_t i = begin; i < end; ++i)
      peermla_rt_parallel_for(
          7,
          [](int64_t begin, int64_t end, int64_t, void *ctx) {
            *static_cast<int64_t *>(ctx) += end - begin;
          },
          &total);
  });
  EXPECT_EQ(uses, 1);
  EXPECT_EQ(total, 350);
}

TEST(ParallelFor, ALazyPoolLeavesNothingUndone) {
  HostPool pool;
  pool.forgotten = 3;
  Workers workers{3, {&pool, 3, HostPool::run}};
  checkCovers(workers, 1000);
}

TEST(ParallelFor, SeveralThreadsMayHaveTheirOwn) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([i] {
      Workers workers;
      workers.count = 1 + i;
      for (int round = 0; round < 20; ++round)
        checkCovers(workers, 500);
    });
  for (std::thread &thread : threads)
    thread.join();
}
