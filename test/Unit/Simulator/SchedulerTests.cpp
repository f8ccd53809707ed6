//===- SchedulerTests.cpp - launches, barriers, deadlocks -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"
#include <atomic>

using namespace peermla::sim;

namespace {

TEST(SchedulerTest, everyThreadOfEveryBlockRunsOnce) {
  for (uint32_t threads : {1u, 2u}) {
    TestKernel kernel(1);
    kernel.launch.block = {3, 5, 2};
    kernel.launch.grid = {2, 3, 4};
    kernel.options.threads = threads;
    kernel.descriptor.communicates = false;
    std::vector<std::atomic<uint32_t>> count(30 * 24);
    auto get = [](SpecialRegister which) {
      return peermla_sim_special_register(uint32_t(which));
    };
    Result result = kernel.run([&] {
      using R = SpecialRegister;
      uint32_t thread = get(R::TidX) + 3 * (get(R::TidY) + 5 * get(R::TidZ));
      uint32_t block =
          get(R::CtaidX) + 2 * (get(R::CtaidY) + 3 * get(R::CtaidZ));
      ++count[block * 30 + thread];
      EXPECT_EQ(get(R::NtidY), 5u);
      EXPECT_EQ(get(R::NctaidZ), 4u);
      EXPECT_EQ(get(R::LaneId), thread % 32);
    });
    EXPECT_TRUE(result.completed);
    EXPECT_EQ(summarize(result), "");
    for (auto &c : count)
      EXPECT_EQ(c, 1u);
  }
}

TEST(SchedulerTest, sharedMemoryIsLowAndAligned) {
  TestKernel kernel(2, 64, 3);
  kernel.run([&] {
    uintptr_t base = reinterpret_cast<uintptr_t>(peermla_sim_shared_base());
    EXPECT_EQ(base >> 32, 0u);
    EXPECT_EQ(base % (256 << 10), 0u);
    // NaN in every block, whatever the last one left.
    EXPECT_EQ(*reinterpret_cast<uint32_t *>(shared(60)), ~0u);
    peermla_sim_barrier_sync(0, 0, 0);
    *reinterpret_cast<uint32_t *>(shared(60)) = 7;
  });
}

TEST(SchedulerTest, barrierOrdersThreads) {
  for (Options &options : getAllModes()) {
    TestKernel kernel(70, 70 * 4);
    kernel.options = options;
    Result result = kernel.run([&] {
      uint32_t tid = getTid();
      for (uint32_t round = 0; round < 3; ++round) {
        store(shared(4 * tid), tid + round, 0);
        peermla_sim_barrier_sync(0, 0, 1);
        EXPECT_EQ(load<uint32_t>(shared(4 * ((tid + 33) % 70)), 2),
                  (tid + 33) % 70 + round);
        peermla_sim_barrier_sync(0, 0, 3);
      }
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
  }
}

TEST(SchedulerTest, namedBarrierCountsArrivalsAndWaits) {
  for (Options &options : getAllModes()) {
    TestKernel kernel(96, 4);
    kernel.options = options;
    Result result = kernel.run([&] {
      // Two warps wait for one that only arrives.
      if (getTid() < 32) {
        if (getTid() == 0)
          store(shared(0), 42u, 0);
        peermla_sim_barrier_arrive(3, 96, 1);
      } else {
        peermla_sim_barrier_sync(3, 96, 2);
        EXPECT_EQ(load<uint32_t>(shared(0), 3), 42u);
      }
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
  }
}

TEST(SchedulerTest, barrierReduces) {
  TestKernel kernel(64);
  Result result = kernel.run([&] {
    uint32_t odd = getTid() % 2;
    auto reduce = [](BarrierReduction kind, uint32_t predicate) {
      return peermla_sim_barrier_reduce(uint32_t(kind), 1, 64, predicate, 0);
    };
    EXPECT_EQ(reduce(BarrierReduction::PopCount, odd), 32u);
    EXPECT_EQ(reduce(BarrierReduction::And, odd), 0u);
    EXPECT_EQ(reduce(BarrierReduction::And, 1), 1u);
    EXPECT_EQ(reduce(BarrierReduction::Or, odd), 1u);
    EXPECT_EQ(reduce(BarrierReduction::Or, 0), 0u);
  });
  EXPECT_EQ(summarize(result), "");
}

TEST(SchedulerTest, threadsThatEndDoNotCountAtABarrierOfAll) {
  TestKernel kernel(64);
  Result result = kernel.run([&] {
    if (getTid() >= 40)
      peermla_sim_exit(0);
    peermla_sim_barrier_sync(0, 0, 1);
  });
  EXPECT_TRUE(result.completed);
  EXPECT_EQ(summarize(result), "");
}

TEST(SchedulerTest, deadlockSaysWhoWaitsWhere) {
  TestKernel kernel(96);
  Result result = kernel.run([&] {
    if (getTid() < 64)
      peermla_sim_barrier_sync(2, 96, 5);
    else if (getTid() < 95)
      peermla_sim_warp_sync(~0u, 6);
    else
      peermla_sim_barrier_sync(1, 64, 7);
  });
  EXPECT_FALSE(result.completed);
  ASSERT_EQ(summarize(result), "deadlock 5");
  std::string text = result.getText(kernel.launch);
  EXPECT_TRUE(contains(text, "64 threads (0-63) in bar.sync at op5"));
  EXPECT_TRUE(contains(text, "31 threads (64-94) in bar.warp.sync at op6"));
  EXPECT_TRUE(contains(text, "1 thread (95) in bar.sync at op7"));
  EXPECT_TRUE(contains(text, "barrier 2: 64 of 96 threads"));
}

TEST(SchedulerTest, misusedBarriersAreReported) {
  TestKernel kernel(64);
  EXPECT_EQ(summarize(kernel.run([&] { peermla_sim_barrier_sync(16, 0, 1); })),
            "barrier 1");
  EXPECT_EQ(summarize(kernel.run([&] {
              if (getTid() < 32)
                peermla_sim_barrier_sync(1, 64, 1);
              else
                peermla_sim_barrier_sync(1, 32, 2);
            })),
            "barrier 2 1; deadlock 2");
  EXPECT_EQ(summarize(kernel.run([&] {
              if (getTid() < 32)
                peermla_sim_barrier_arrive(1, 64, 3);
            })),
            "exit 3");
}

TEST(SchedulerTest, sameSeedSameOrder) {
  auto getOrder = [](uint64_t seed) {
    TestKernel kernel(64, 4);
    kernel.options.shuffle = true;
    kernel.options.seed = seed;
    std::vector<uint32_t> order;
    kernel.run([&] {
      peermla_sim_barrier_sync(0, 0, 0);
      order.push_back(getTid());
    });
    return order;
  };
  EXPECT_EQ(getOrder(1), getOrder(1));
  EXPECT_NE(getOrder(1), getOrder(2));
}

TEST(SchedulerTest, reportsAreTheSameOnAnyNumberOfThreads) {
  auto getReports = [](uint32_t threads) {
    TestKernel kernel(32, 4, 20);
    kernel.options.threads = threads;
    kernel.descriptor.communicates = false;
    return kernel
        .run([&] {
          if (getTid() == getBlock())
            load<uint32_t>(shared(4), getBlock() % 7);
        })
        .getText(kernel.launch);
  };
  EXPECT_TRUE(contains(getReports(1), "(3 times)"));
  EXPECT_EQ(getReports(1), getReports(3));
}

TEST(SchedulerTest, errorLimitStopsTheLaunch) {
  TestKernel kernel(32, 4, 20);
  kernel.options.errorLimit = 3;
  Result result = kernel.run([&] {
    if (getTid() == 0)
      load<uint32_t>(shared(4), getBlock());
  });
  EXPECT_EQ(result.reports.size(), 3u);
  EXPECT_FALSE(result.completed);
}

TEST(SchedulerTest, trapEndsTheGrid) {
  TestKernel kernel(32, 0, 4);
  Result result = kernel.run([&] {
    if (getTid() == 3)
      peermla_sim_trap(9);
  });
  EXPECT_FALSE(result.completed);
  EXPECT_EQ(summarize(result), "trap 9");
}

TEST(SchedulerTest, instructionLimitEndsALoop) {
  TestKernel kernel(32);
  kernel.options.instructionLimit = 10000;
  Result result = kernel.run([&] {
    for (;;)
      peermla_sim_count(uint32_t(InstructionClass::Integer), 10, 4);
  });
  EXPECT_EQ(summarize(result), "trap 4");
}

TEST(SchedulerTest, loopsOverAtomicsLetOthersRun) {
  TestKernel kernel(32, 4);
  Result result = kernel.run([&] {
    auto flag = reinterpret_cast<volatile uint32_t *>(shared(0));
    if (getTid() == 31) {
      store(shared(0), 1u, 1, AccessFlags::Volatile);
      return;
    }
    while (load<uint32_t>(const_cast<uint32_t *>(flag), 0,
                          AccessFlags::Volatile) != 1)
      ;
  });
  EXPECT_TRUE(result.completed);
  Result never = kernel.run([&] {
    while (load<uint32_t>(shared(0), 0, AccessFlags::Volatile) != 1)
      ;
  });
  EXPECT_EQ(summarize(never), "deadlock 0");
}

TEST(SchedulerTest, impossibleLaunchesAreRefused) {
  auto refuse = [](auto change) {
    TestKernel kernel(32);
    change(kernel);
    Result result = kernel.run([] {});
    EXPECT_FALSE(result.completed);
    return result.reports.empty() ? "" : result.reports[0].message;
  };
  EXPECT_TRUE(
      contains(refuse([](TestKernel &k) { k.launch.block = {1025, 1, 1}; }),
               "at most 1024 threads, got 1025x1x1"));
  EXPECT_TRUE(
      contains(refuse([](TestKernel &k) { k.launch.dynamicShared = 232449; }),
               "at most 232448 bytes of shared memory, got 232449"));
  EXPECT_TRUE(contains(refuse([](TestKernel &k) { k.launch.grid = {0, 1, 1}; }),
                       "grid of 0x1x1"));
  EXPECT_TRUE(
      contains(refuse([](TestKernel &k) { k.launch.cluster = {2, 1, 1}; }),
               "no multiple of clusters of 2x1x1"));
  EXPECT_TRUE(
      contains(refuse([](TestKernel &k) { k.descriptor.abiVersion = 99; }),
               "version 99"));
  EXPECT_TRUE(contains(refuse([](TestKernel &k) {
                         k.descriptor.requiredBlock[0] = 64;
                         k.descriptor.requiredBlock[1] = 1;
                         k.descriptor.requiredBlock[2] = 1;
                       }),
                       "requires blocks of 64x1x1, got 32x1x1"));
}

TEST(SchedulerTest, kernelsPrint) {
  TestKernel kernel(1);
  struct alignas(8) {
    int number = -7;
    double real = 2.5;
    const char *text = "abc";
    long long big = 1ll << 40;
  } arguments;
  char format[] = "%d|%6.2f|%s|%lld|100%%\n";
  testing::internal::CaptureStdout();
  kernel.run([&] { EXPECT_EQ(peermla_sim_print(format, &arguments, 0), 4u); });
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "-7|  2.50|abc|1099511627776|100%\n");
}

TEST(SchedulerTest, reportsPrintAsJson) {
  TestKernel kernel(32, 4);
  Result result = kernel.run([&] {
    if (getTid() == 5)
      store(shared(2), 1u, 3);
  });
  std::string json = result.getJson(kernel.launch);
  for (const char *part : {"\"kind\": \"out-of-bounds\"", "\"thread\": 5",
                           "\"op\": \"op3\"", "\"location\": \"test.mlir:1:2\"",
                           "\"completed\": true", "\"store-shared\": 1"})
    EXPECT_TRUE(contains(json, part));
}

} // namespace
