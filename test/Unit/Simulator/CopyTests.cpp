//===- CopyTests.cpp - cp.async, mbarriers, 1-D bulk copies ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"
#include <cstring>
#include <numeric>

using namespace peermla::sim;

namespace {

constexpr uint32_t kParity = WaitFlags::Parity | WaitFlags::Try;

void wait(char *barrier, uint32_t parity, uint32_t site) {
  while (!peermla_sim_mbarrier_wait(barrier, parity, kParity, site))
    ;
}

/// Initialises an mbarrier by thread 0, for all.
void init(char *barrier, uint32_t count) {
  if (getTid() == 0) {
    peermla_sim_mbarrier_init(barrier, count, 20);
    peermla_sim_fence(uint32_t(FenceKind::MbarrierInit), 21);
  }
  peermla_sim_barrier_sync(0, 0, 22);
}

struct Words {
  alignas(256) uint32_t data[256];
  Words() { std::iota(data, data + 256, 1000); }
};

TEST(CopyTest, cpAsyncCopiesAndFills) {
  Words in;
  for (Options &options : getAllModes()) {
    TestKernel kernel(32, 32 * 16);
    kernel.options = options;
    kernel.launch.buffers.push_back({in.data, sizeof(in.data), "in"});
    Result result = kernel.run([&] {
      uint32_t lane = getTid();
      peermla_sim_cp_async(shared(16 * lane), &in.data[4 * lane], 16,
                           lane % 2 ? 16 : 8, 0);
      peermla_sim_cp_async_commit(1);
      peermla_sim_cp_async_wait(0, 2);
      peermla_sim_barrier_sync(0, 0, 3);
      uint32_t other = (lane + 5) % 32;
      for (uint32_t i = 0; i < 4; ++i)
        EXPECT_EQ(load<uint32_t>(shared(16 * other + 4 * i), 4),
                  other % 2 || i < 2 ? 1000 + 4 * other + i : 0);
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
  }
}

TEST(CopyTest, cpAsyncWaitsForGroups) {
  Words in;
  for (Options &options : getAllModes()) {
    TestKernel kernel(1, 64);
    kernel.options = options;
    Result result = kernel.run([&] {
      for (uint32_t i = 0; i < 3; ++i) {
        peermla_sim_cp_async(shared(4 * i), &in.data[i], 4, 4, 0);
        peermla_sim_cp_async_commit(1);
      }
      peermla_sim_cp_async_wait(1, 2);
      EXPECT_EQ(load<uint32_t>(shared(0), 3), 1000u);
      EXPECT_EQ(load<uint32_t>(shared(4), 3), 1001u);
      if (options.async == Async::Lazy)
        EXPECT_EQ(*reinterpret_cast<uint32_t *>(shared(8)), ~0u);
      peermla_sim_cp_async_wait(0, 4);
      EXPECT_EQ(load<uint32_t>(shared(8), 5), 1002u);
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
  }
}

TEST(CopyTest, cpAsyncWithoutWaitIsARace) {
  Words in;
  TestKernel kernel(1, 64);
  kernel.options.checkRaces = true;
  Result result = kernel.run([&] {
    peermla_sim_cp_async(shared(0), in.data, 16, 16, 1);
    peermla_sim_cp_async_commit(2);
    load<uint32_t>(shared(8), 3);
  });
  ASSERT_EQ(summarize(result), "race 3 1; exit 1");
  EXPECT_EQ(result.reports[0].other, "cp.async of thread 0");
}

TEST(CopyTest, cpAsyncTellsAnMbarrier) {
  Words in;
  for (Options &options : getAllModes())
    for (bool noinc : {false, true}) {
      TestKernel kernel(64, 1024);
      kernel.options = options;
      Result result = kernel.run([&] {
        uint32_t tid = getTid();
        char *barrier = shared(512);
        init(barrier, 32 * (noinc ? 1 : 2));
        if (tid < 32) {
          peermla_sim_cp_async(shared(4 * tid), &in.data[tid], 4, 4, 0);
          peermla_sim_cp_async_mbarrier_arrive(barrier, noinc, 1);
          if (!noinc) {
            peermla_sim_mbarrier_arrive(barrier, 2, 0, 2);
          }
        } else {
          wait(barrier, 0, 3);
          EXPECT_EQ(load<uint32_t>(shared(4 * (tid - 32)), 4), 1000 + tid - 32);
        }
      });
      EXPECT_EQ(result.getText(kernel.launch), "");
    }
}

TEST(CopyTest, cpAsyncWritesByTheGenericProxy) {
  Words in, out;
  auto run = [&](bool waitsForGroup, bool fences) {
    TestKernel kernel(33, 1024);
    kernel.options.checkRaces = true;
    return summarize(kernel.run([&] {
      uint32_t tid = getTid();
      char *barrier = shared(512);
      init(barrier, 32);
      if (tid < 32) {
        peermla_sim_cp_async(shared(4 * tid), &in.data[tid], 4, 4, 0);
        if (waitsForGroup) {
          peermla_sim_cp_async_commit(1);
          peermla_sim_cp_async_wait(0, 2);
          peermla_sim_mbarrier_arrive(barrier, 1, 0, 3);
        } else {
          peermla_sim_cp_async_mbarrier_arrive(barrier, /*noinc=*/1, 3);
        }
        return;
      }
      wait(barrier, 0, 4);
      if (fences)
        peermla_sim_fence(uint32_t(FenceKind::ProxyAsync), 5);
      peermla_sim_bulk_store(out.data, shared(0), 128, 6);
      peermla_sim_bulk_commit(7);
      peermla_sim_bulk_wait(0, 1, 8);
    }));
  };
  for (bool waitsForGroup : {false, true}) {
    EXPECT_EQ(run(waitsForGroup, /*fences=*/true), "");
    EXPECT_EQ(run(waitsForGroup, /*fences=*/false), "race 6 0");
  }
}

TEST(CopyTest, mbarrierPhases) {
  for (Options &options : getAllModes()) {
    TestKernel kernel(32, 64);
    kernel.options = options;
    Result result = kernel.run([&] {
      uint32_t lane = getTid();
      char *barrier = shared(8);
      init(barrier, 32);
      for (uint32_t phase = 0; phase < 5; ++phase) {
        if (lane == phase)
          store(shared(32), phase, 0);
        uint64_t state = peermla_sim_mbarrier_arrive(barrier, 1, 0, 1);
        if (phase % 2)
          wait(barrier, phase & 1, 2);
        else
          while (!peermla_sim_mbarrier_wait(barrier, state, WaitFlags::Try, 2))
            ;
        EXPECT_EQ(load<uint32_t>(shared(32), 3), phase);
        peermla_sim_barrier_sync(0, 0, 4);
      }
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
  }
}

TEST(CopyTest, mbarrierFormsOfArrival) {
  TestKernel kernel(1, 64);
  Result result = kernel.run([&] {
    char *barrier = shared(8);
    peermla_sim_mbarrier_init(barrier, 5, 0);
    auto test = [&](uint64_t operand, uint32_t flags) {
      return peermla_sim_mbarrier_wait(barrier, operand, flags, 1);
    };
    uint64_t state = peermla_sim_mbarrier_arrive(barrier, 3, 0, 2);
    EXPECT_EQ(peermla_sim_mbarrier_pending_count(state), 5u);
    EXPECT_FALSE(test(state, 0));
    state = peermla_sim_mbarrier_arrive(barrier, 1, ArriveFlags::NoComplete, 2);
    EXPECT_EQ(peermla_sim_mbarrier_pending_count(state), 2u);
    // The drop completes this phase, and the next has 4.
    peermla_sim_mbarrier_arrive(barrier, 1, ArriveFlags::Drop, 2);
    EXPECT_TRUE(test(state, 0));
    EXPECT_TRUE(test(0, WaitFlags::Parity));
    state = peermla_sim_mbarrier_arrive(barrier, 3, 0, 2);
    EXPECT_EQ(peermla_sim_mbarrier_pending_count(state), 4u);
    // Transactions hold the phase open.
    peermla_sim_mbarrier_expect_tx(barrier, 100, 3);
    peermla_sim_mbarrier_arrive_expect_tx(barrier, 28, 0, 3);
    peermla_sim_mbarrier_complete_tx(barrier, 127, 3);
    EXPECT_FALSE(test(1, WaitFlags::Parity));
    peermla_sim_mbarrier_complete_tx(barrier, 1, 3);
    EXPECT_TRUE(test(1, WaitFlags::Parity));
    peermla_sim_mbarrier_inval(barrier, 4);
  });
  EXPECT_EQ(result.getText(kernel.launch), "");
}

TEST(CopyTest, misusedMbarriersAreReported) {
  auto run = [](auto body) {
    TestKernel kernel(1, 64);
    return kernel.run([&] { body(shared(8)); });
  };
  EXPECT_EQ(
      summarize(run([](char *b) { peermla_sim_mbarrier_arrive(b, 1, 0, 1); })),
      "barrier 1");
  EXPECT_EQ(
      summarize(run([](char *b) { peermla_sim_mbarrier_init(b + 4, 1, 1); })),
      "misaligned 1");
  EXPECT_EQ(summarize(run([](char *b) { peermla_sim_mbarrier_init(b, 0, 1); })),
            "barrier 1");
  EXPECT_EQ(summarize(run([](char *b) {
              peermla_sim_mbarrier_init(b, 2, 1);
              peermla_sim_mbarrier_arrive(b, 3, 0, 2);
            })),
            "barrier 2");
  // Left in the middle of a phase.
  Result open = run([](char *b) {
    peermla_sim_mbarrier_init(b, 2, 1);
    peermla_sim_mbarrier_arrive(b, 1, 0, 2);
  });
  ASSERT_EQ(summarize(open), "exit 1");
  EXPECT_TRUE(contains(open.reports[0].message,
                       "mbarrier at offset 8: phase 0, 1 of 2 arrivals"));
  // Written over.
  Result over = run([](char *b) {
    peermla_sim_mbarrier_init(b, 1, 1);
    store(b, uint32_t(77), 2);
    peermla_sim_mbarrier_arrive(b, 1, 0, 3);
  });
  ASSERT_EQ(summarize(over), "barrier 3");
  EXPECT_TRUE(contains(over.reports[0].message, "written over"));
}

TEST(CopyTest, mbarrierDeadlockSaysWhatIsMissing) {
  TestKernel kernel(32, 64);
  Result result = kernel.run([&] {
    init(shared(8), 2);
    if (getTid() == 0)
      peermla_sim_mbarrier_arrive_expect_tx(shared(8), 64, 0, 1);
    wait(shared(8), 0, 2);
  });
  EXPECT_EQ(summarize(result), "deadlock 2");
  EXPECT_TRUE(
      contains(result.getText(kernel.launch),
               "32 threads (0-31) in mbarrier.try_wait at op2 test.mlir:1:2"));
  EXPECT_TRUE(contains(result.getText(kernel.launch),
                       "mbarrier at offset 8: phase 0, 1 of 2 arrivals and 64 "
                       "bytes pending"));
}

TEST(CopyTest, aFailedTryMayBeIgnored) {
  // A peek at a barrier that only this thread's later work completes.
  TestKernel kernel(1, 64);
  Result result = kernel.run([&] {
    peermla_sim_mbarrier_init(shared(8), 1, 0);
    EXPECT_EQ(peermla_sim_mbarrier_wait(shared(8), 0, kParity, 1), 0u);
    peermla_sim_mbarrier_arrive(shared(8), 1, 0, 2);
    EXPECT_EQ(peermla_sim_mbarrier_wait(shared(8), 0, kParity, 1), 1u);
  });
  EXPECT_EQ(result.getText(kernel.launch), "");
}

TEST(CopyTest, bulkCopiesGoThrough) {
  Words in;
  for (Options &options : getAllModes()) {
    TestKernel kernel(32, 2048);
    kernel.options = options;
    Words out;
    kernel.launch.buffers.push_back({in.data, sizeof(in.data), "in", true});
    kernel.launch.buffers.push_back({out.data, sizeof(out.data), "out"});
    Result result = kernel.run([&] {
      char *barrier = shared(1024), *data = shared(16);
      init(barrier, 1);
      if (getTid() == 0) {
        peermla_sim_mbarrier_arrive_expect_tx(barrier, 512, 0, 1);
        peermla_sim_bulk_load(data, in.data, barrier, 512, 0, 2);
      }
      wait(barrier, 0, 3);
      uint32_t *mine = reinterpret_cast<uint32_t *>(data) + 4 * getTid();
      for (uint32_t i = 0; i < 4; ++i)
        store(mine + i, load<uint32_t>(mine + i, 4) * 2, 5);
      peermla_sim_fence(uint32_t(FenceKind::ProxyAsync), 6);
      peermla_sim_barrier_sync(0, 0, 7);
      if (getTid() == 0) {
        peermla_sim_bulk_store(&out.data[64], data, 512, 8);
        peermla_sim_bulk_commit(9);
        peermla_sim_bulk_wait(0, 1, 10);
      }
      peermla_sim_barrier_sync(0, 0, 11);
      store(mine, 0u, 12);
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
    for (uint32_t i = 0; i < 128; ++i)
      EXPECT_EQ(out.data[64 + i], 2 * in.data[i]);
    EXPECT_EQ(out.data[63], 1063u);
    EXPECT_EQ(out.data[192], 1192u);
    EXPECT_EQ(result.total.tmaLoadBytes, 512u);
    EXPECT_EQ(result.total.tmaStoreBytes, 512u);
  }
}

TEST(CopyTest, bulkReduceAdds) {
  alignas(16) float out[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  TestKernel kernel(1, 64);
  kernel.options.async = Async::Lazy;
  Result result = kernel.run([&] {
    for (uint32_t i = 0; i < 8; ++i)
      store(shared(4 * i), 0.5f * float(i), 0);
    peermla_sim_fence(uint32_t(FenceKind::ProxyAsync), 1);
    peermla_sim_bulk_reduce(out, shared(0), 32, uint32_t(AtomicOp::Add),
                            uint32_t(ElementType::F32), 2);
    peermla_sim_bulk_commit(3);
    EXPECT_EQ(out[7], 8);
    peermla_sim_bulk_wait(0, 0, 4);
    for (uint32_t i = 0; i < 8; ++i)
      EXPECT_EQ(out[i], 1.5f * float(i) + 1);
  });
  EXPECT_EQ(result.getText(kernel.launch), "");
}

TEST(CopyTest, storesNobodyWaitsForAreReported) {
  Words out;
  TestKernel kernel(1, 64);
  Result result = kernel.run([&] {
    peermla_sim_bulk_store(out.data, shared(0), 64, 5);
    peermla_sim_bulk_commit(6);
  });
  EXPECT_EQ(summarize(result), "exit 5");
}

} // namespace
