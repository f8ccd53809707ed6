//===- RaceTests.cpp - clocks, shadow memory, checks of accesses ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Clock.h"
#include "Shadow.h"
#include "TestKernel.h"
#include <map>
#include <random>

using namespace peermla::sim;

namespace {

//===----------------------------------------------------------------------===//
// Clocks
//===----------------------------------------------------------------------===//

/// Random releases and acquires against plain maps.
TEST(ClockTest, clocksAreVectorClocks) {
  constexpr uint32_t kThreads = 40, kObjects = 5;
  std::mt19937 random(7);
  std::vector<Knowledge> threads(kThreads);
  std::vector<SyncClock> objects(kObjects);
  std::vector<std::map<Agent, Epoch>> plainThreads(kThreads),
      plainFenced(kThreads), plainObjects(kObjects),
      plainObjectsFenced(kObjects);
  auto join = [](std::map<Agent, Epoch> &a, const std::map<Agent, Epoch> &b) {
    for (auto &[agent, epoch] : b)
      a[agent] = std::max(a[agent], epoch);
  };
  for (uint32_t t = 0; t < kThreads; ++t)
    threads[t].agent = t;
  uint32_t nextEpoch = 0;
  for (uint32_t step = 0; step < 20000; ++step) {
    uint32_t t = random() % kThreads, o = random() % kObjects;
    Knowledge &thread = threads[t];
    switch (random() % 6) {
    case 0:
    case 1:
      plainThreads[t][t] = thread.own;
      objects[o].release(thread);
      join(plainObjects[o], plainThreads[t]);
      join(plainObjectsFenced[o], plainFenced[t]);
      break;
    case 2:
      objects[o].acquire(thread);
      join(plainThreads[t], plainObjects[o]);
      join(plainFenced[t], plainObjectsFenced[o]);
      break;
    case 3:
      thread.fenceProxy();
      plainThreads[t][t] = thread.own;
      plainFenced[t] = plainThreads[t];
      break;
    case 4: {
      Agent agent = kThreads + random() % 8;
      thread.generic.raise(agent, ++nextEpoch);
      plainThreads[t][agent] = nextEpoch;
      break;
    }
    case 5:
      objects[o].seal();
      if (random() % 8 == 0) {
        objects[o].clear();
        plainObjects[o].clear();
        plainObjectsFenced[o].clear();
      }
      break;
    }
    for (Agent agent = 0; agent < kThreads + 8; ++agent) {
      if (agent != t) {
        Epoch known = plainThreads[t][agent];
        ASSERT_TRUE(thread.knows(agent, known));
        ASSERT_FALSE(thread.knows(agent, known + 1));
      }
      Epoch fenced = plainFenced[t][agent];
      ASSERT_TRUE(thread.knowsFenced(agent, fenced));
      ASSERT_FALSE(thread.knowsFenced(agent, fenced + 1));
    }
  }
}

TEST(ClockTest, aBarrierOfAllLeavesOneBase) {
  constexpr uint32_t kThreads = 1000;
  std::vector<Knowledge> threads(kThreads);
  SyncClock barrier;
  for (uint32_t t = 0; t < kThreads; ++t) {
    threads[t].agent = t;
    barrier.release(threads[t]);
  }
  barrier.seal();
  for (Knowledge &thread : threads) {
    barrier.acquireAll(thread);
    EXPECT_TRUE(thread.generic.getBase() == threads[0].generic.getBase());
    EXPECT_FALSE(thread.generic.hasEntries());
    EXPECT_TRUE(thread.knows(999, 1));
    EXPECT_TRUE(thread.agent == 7 || !thread.knows(7, 2));
  }
}

//===----------------------------------------------------------------------===//
// Shadow memory
//===----------------------------------------------------------------------===//

/// Random accesses of threads that know nothing of each other against a map of
/// bytes: the same accesses conflict.
TEST(ShadowTest, conflictsAreThoseOfBytes) {
  constexpr uint32_t kBytes = 96, kThreads = 4;
  std::mt19937 random(3);
  for (uint32_t round = 0; round < 300; ++round) {
    Shadow shadow;
    shadow.reset(kBytes, true, false);
    std::vector<int> writer(kBytes, -1);
    std::vector<uint32_t> readers(kBytes, 0);
    std::vector<Knowledge> threads(kThreads);
    for (uint32_t t = 0; t < kThreads; ++t)
      threads[t].agent = t;
    for (uint32_t step = 0; step < 60; ++step) {
      uint32_t t = random() % kThreads, size = 1u << random() % 5;
      uint32_t offset = random() % (kBytes / size) * size;
      if (random() % 10 == 0) {
        size = 1 + random() % 40;
        offset = random() % (kBytes - size);
      }
      bool write = random() % 2;
      const Knowledge *party = &threads[t];
      Actor actor;
      actor.agent = t;
      actor.epoch = 1;
      actor.site = step;
      actor.parties = &party;
      actor.numParties = 1;
      bool expected = false;
      for (uint32_t i = offset; i < offset + size; ++i) {
        expected |= writer[i] >= 0 && uint32_t(writer[i]) != t;
        expected |= write && (readers[i] & ~(1u << t));
        if (write) {
          writer[i] = int(t);
          readers[i] = 0;
        } else {
          readers[i] |= 1u << t;
        }
      }
      Conflict conflict = shadow.access(offset, size, write, actor);
      ASSERT_EQ(conflict.kind != Conflict::None, expected)
          << round << " " << step;
    }
  }
}

TEST(ShadowTest, initIsKeptByByte) {
  Shadow shadow;
  shadow.reset(200, false, true);
  shadow.writeInit(3, 100);
  EXPECT_EQ(shadow.readInit(3, 100), ~0u);
  EXPECT_EQ(shadow.readInit(60, 50), 103u);
  EXPECT_EQ(shadow.readInit(2, 4), 2u);
  // Reported once.
  EXPECT_EQ(shadow.readInit(0, 110), 0u);
  EXPECT_EQ(shadow.readInit(0, 110), ~0u);
  shadow.clearInit(64, 8);
  EXPECT_EQ(shadow.readInit(0, 80), 64u);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

Options allChecks() {
  Options options;
  options.checkRaces = options.checkInit = options.checkBounds = true;
  return options;
}

template <typename Body> std::string runChecked(uint32_t threads, Body body) {
  TestKernel kernel(threads, 4096);
  kernel.options = allChecks();
  return summarize(kernel.run(body));
}

TEST(RaceTest, threeKindsOfConflicts) {
  EXPECT_EQ(runChecked(64,
                       [] {
                         if (getTid() == 3)
                           store(shared(0), 1u, 1);
                         if (getTid() == 40)
                           store(shared(0), 1u, 2);
                       }),
            "race 2 1");
  EXPECT_EQ(runChecked(64,
                       [] {
                         if (getTid() == 3)
                           store(shared(0), 1u, 1);
                         if (getTid() == 40)
                           load<uint32_t>(shared(0), 2);
                       }),
            "race 2 1");
  EXPECT_EQ(runChecked(64,
                       [] {
                         if (getTid() == 0)
                           store(shared(0), 1u, 1);
                         peermla_sim_barrier_sync(0, 0, 0);
                         if (getTid() < 40)
                           load<uint32_t>(shared(0), 2);
                         if (getTid() == 40)
                           store(shared(0), 1u, 3);
                       }),
            "race 3 2");
}

TEST(RaceTest, anyOfManyReadersConflicts) {
  // Every reader is ordered before the writer but number 20.
  EXPECT_EQ(runChecked(96,
                       [] {
                         if (getTid() == 0)
                           store(shared(0), 1u, 1);
                         peermla_sim_barrier_sync(0, 0, 0);
                         if (getTid() < 32)
                           load<uint32_t>(shared(0), getTid() == 20 ? 5 : 2);
                         if (getTid() / 32 == 0 && getTid() != 20)
                           peermla_sim_warp_sync(~(1u << 20), 3);
                         if (getTid() == 7)
                           store(shared(0), 1u, 4);
                         peermla_sim_barrier_sync(0, 0, 6);
                       })
                .substr(0, 8),
            "race 4 5");
}

TEST(RaceTest, neighbouringBytesDoNotCollide) {
  EXPECT_EQ(runChecked(32,
                       [] {
                         store(shared(getTid()), uint8_t(1), 1);
                         load<uint8_t>(shared(getTid()), 2);
                       }),
            "");
  EXPECT_EQ(runChecked(32,
                       [] {
                         if (getTid() < 31)
                           store(shared(4 + getTid()), uint8_t(1), 1);
                         else
                           store(shared(4), 1u, 2);
                       }),
            "race 2 1");
}

TEST(RaceTest, collectivesDoNotOrderMemoryButSyncwarpDoes) {
  auto run = [](bool sync) {
    return runChecked(32, [=] {
      store(shared(4 * getTid()), 1u, 1);
      if (sync)
        peermla_sim_warp_sync(~0u, 2);
      else
        peermla_sim_vote(uint32_t(VoteKind::Any), ~0u, 1, 2);
      load<uint32_t>(shared(4 * (getTid() ^ 1)), 3);
    });
  };
  EXPECT_EQ(run(true), "");
  EXPECT_EQ(run(false), "race 3 1");
}

TEST(RaceTest, arrivalsReleaseAndWaitsAcquire) {
  auto run = [](bool waits) {
    return runChecked(64, [=] {
      char *barrier = shared(1024);
      if (getTid() == 0)
        peermla_sim_mbarrier_init(barrier, 32, 0);
      peermla_sim_barrier_sync(0, 0, 1);
      if (getTid() < 32) {
        store(shared(4 * getTid()), 1u, 2);
        peermla_sim_mbarrier_arrive(barrier, 1, 0, 3);
      } else {
        while (waits && !peermla_sim_mbarrier_wait(
                            barrier, 0, WaitFlags::Parity | WaitFlags::Try, 4))
          ;
        load<uint32_t>(shared(4 * (getTid() - 32)), 5);
      }
    });
  };
  EXPECT_EQ(run(true), "");
  EXPECT_TRUE(contains(run(false), "race 5 2"));
}

TEST(RaceTest, mbarrierUsedWithoutSynchronisationAfterItsInit) {
  EXPECT_EQ(runChecked(64,
                       [] {
                         if (getTid() == 0)
                           peermla_sim_mbarrier_init(shared(0), 63, 1);
                         else
                           peermla_sim_mbarrier_arrive(shared(0), 1, 0, 2);
                       }),
            "race 2 1");
}

TEST(RaceTest, atomicsDoNotConflictWithEachOther) {
  auto run = [](uint32_t flags) {
    return runChecked(64, [=] {
      if (getTid() == 0)
        store(shared(0), 0u, 1);
      peermla_sim_barrier_sync(0, 0, 2);
      if (getTid() != 9)
        peermla_sim_atomic(shared(0), uint32_t(AtomicOp::Add),
                           uint32_t(ElementType::U32), 1, 0,
                           AccessFlags::Shared, 3);
      else
        load<uint32_t>(shared(0), 4, flags);
    });
  };
  EXPECT_EQ(run(AccessFlags::Atomic), "");
  EXPECT_EQ(run(0).substr(0, 8), "race 4 3");
}

TEST(RaceTest, releaseAndAcquireOfAFlag) {
  auto run = [](uint32_t release, uint32_t acquire) {
    return runChecked(64, [=] {
      if (getTid() == 0)
        store(shared(0), 0u, 1, AccessFlags::Atomic);
      peermla_sim_barrier_sync(0, 0, 2);
      if (getTid() == 0) {
        store(shared(4), 77u, 3);
        store(shared(0), 1u, 4, AccessFlags::Atomic | release);
      }
      if (getTid() == 40) {
        while (load<uint32_t>(shared(0), 5, AccessFlags::Atomic | acquire) != 1)
          ;
        load<uint32_t>(shared(4), 6);
      }
    });
  };
  EXPECT_EQ(run(AccessFlags::Release, AccessFlags::Acquire), "");
  EXPECT_EQ(run(0, AccessFlags::Acquire), "race 6 3");
  EXPECT_EQ(run(AccessFlags::Release, 0), "race 6 3");
}

TEST(AccessTest, uninitialisedReads) {
  EXPECT_EQ(runChecked(1, [] { load<uint32_t>(shared(8), 1); }),
            "uninitialized 1");
  EXPECT_EQ(runChecked(1,
                       [] {
                         store(shared(8), uint16_t(1), 1);
                         load<uint16_t>(shared(8), 2);
                         load<uint32_t>(shared(8), 3);
                       }),
            "uninitialized 3");
}

TEST(AccessTest, sharedBoundsAndAlignment) {
  EXPECT_EQ(runChecked(1, [] { store(shared(4096), 1u, 1); }),
            "out-of-bounds 1");
  EXPECT_EQ(runChecked(1, [] { store(shared(4092), uint64_t(1), 1); }),
            "out-of-bounds 1");
  EXPECT_EQ(runChecked(1, [] { store(shared(2), 1u, 1); }), "misaligned 1");
  int local;
  EXPECT_EQ(runChecked(1, [&] { store(&local, 1, 1, AccessFlags::Shared); }),
            "out-of-bounds 1");
  EXPECT_EQ(runChecked(1, [] { store(shared(0), 1u, 1, AccessFlags::Global); }),
            "out-of-bounds 1");
}

TEST(AccessTest, globalBounds) {
  auto *data = static_cast<uint32_t *>(allocateGlobal(64));
  ASSERT_NE(data, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 256, 0u);
  data[0] = 5;
  auto run = [&](bool readOnly, auto body) {
    TestKernel kernel(1);
    kernel.options = allChecks();
    kernel.launch.buffers.push_back({data, 64, "x", readOnly});
    Result result = kernel.run(body);
    return summarize(result) +
           (result.reports.empty() ? "" : ": " + result.reports[0].message);
  };
  EXPECT_EQ(run(false,
                [&] {
                  EXPECT_EQ(load<uint32_t>(data, 1, AccessFlags::Global), 5u);
                  store(data + 15, 6u, 2, AccessFlags::Global);
                }),
            "");
  EXPECT_EQ(run(false, [&] { store(data + 16, 6u, 2); }),
            "out-of-bounds 2: write of 4 bytes at 0 bytes past the end of 'x' "
            "(64 bytes)");
  EXPECT_EQ(run(false, [&] { load<uint32_t>(data - 1, 2); }),
            "out-of-bounds 2: read of 4 bytes at 4 bytes before the start of "
            "'x' (64 bytes)");
  EXPECT_EQ(run(true, [&] { store(data, 6u, 2); }),
            "out-of-bounds 2: write of 4 bytes at 'x', which is read-only");
  EXPECT_EQ(run(false,
                [&] {
                  load<uint32_t>(reinterpret_cast<char *>(data) + 2, 2,
                                 AccessFlags::Global);
                })
                .substr(0, 12),
            "misaligned 2");
  // A wild pointer neither reads nor writes.
  EXPECT_TRUE(contains(run(false,
                           [&] {
                             auto *wild = reinterpret_cast<uint32_t *>(0x10);
                             EXPECT_EQ(load<uint32_t>(wild, 2), ~0u);
                             store(wild, 1u, 3);
                           }),
                       "address 0x10, which is in no buffer"));
  // Local variables are not global memory.
  EXPECT_EQ(run(false,
                // Sanitizers move variables off the stack.
                [&]() __attribute__((no_sanitize("address"))) {
                  auto *local = static_cast<int *>(__builtin_alloca(4));
                  *local = 3;
                  EXPECT_EQ(load<int>(local, 1), 3);
                }),
            "");
  freeGlobal(data);
}

TEST(AtomicTest, operations) {
  alignas(16) uint32_t word = 10;
  alignas(16) float floats[4] = {1, 2, 3, 4};
  alignas(16) uint16_t halves[2] = {0x3f80, 0x4000};
  TestKernel kernel(1);
  Result result = kernel.run([&] {
    auto atomic = [](void *address, AtomicOp op, ElementType type,
                     uint64_t operand, uint64_t comparand = 0) {
      return peermla_sim_atomic(address, uint32_t(op), uint32_t(type), operand,
                                comparand, AccessFlags::Global, 0);
    };
    EXPECT_EQ(atomic(&word, AtomicOp::Add, ElementType::U32, 5), 10u);
    EXPECT_EQ(atomic(&word, AtomicOp::Inc, ElementType::U32, 15), 15u);
    EXPECT_EQ(atomic(&word, AtomicOp::Dec, ElementType::U32, 9), 0u);
    EXPECT_EQ(atomic(&word, AtomicOp::Cas, ElementType::B32, 7, 9), 9u);
    EXPECT_EQ(atomic(&word, AtomicOp::Min, ElementType::S32, uint32_t(-3)), 7u);
    EXPECT_EQ(atomic(&word, AtomicOp::Max, ElementType::S32, 2), uint32_t(-3));
    EXPECT_EQ(atomic(&word, AtomicOp::Exchange, ElementType::B32, 1), 2u);
    EXPECT_EQ(atomic(&word, AtomicOp::Xor, ElementType::B32, 3), 1u);
    EXPECT_EQ(word, 2u);
    float values[4] = {0.5, 0.25, -1, 8}, old[4];
    peermla_sim_atomic_vector(old, floats, uint32_t(AtomicOp::Add),
                              uint32_t(ElementType::F32), 4, values, 0);
    EXPECT_EQ(old[3], 4);
    EXPECT_EQ(floats[0], 1.5f);
    EXPECT_EQ(floats[3], 12);
    uint16_t addends[2] = {0x3f80, 0xc000};
    peermla_sim_atomic_vector(nullptr, halves, uint32_t(AtomicOp::Add),
                              uint32_t(ElementType::BF16), 2, addends, 0);
    EXPECT_EQ(halves[0], 0x4000);
    EXPECT_EQ(halves[1], 0);
  });
  EXPECT_EQ(result.getText(kernel.launch), "");
}

TEST(AtomicTest, blocksOnSeveralThreadsAgree) {
  uint32_t sum = 0;
  TestKernel kernel(64, 0, 50);
  kernel.options.threads = 3;
  kernel.descriptor.communicates = false;
  kernel.run([&] {
    peermla_sim_atomic(&sum, uint32_t(AtomicOp::Add),
                       uint32_t(ElementType::U32), getTid(), 0,
                       AccessFlags::Global, 0);
  });
  EXPECT_EQ(sum, 50u * 63 * 32);
}

} // namespace
