//===- CountingTests.cpp - sectors, wavefronts, instructions --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"

using namespace peermla::sim;

namespace {

/// Counters of site 1, where each lane accesses `getAddress(lane)`.
template <typename T, typename GetAddress>
Counters count(GetAddress getAddress, uint32_t flags, uint32_t times = 1) {
  TestKernel kernel(32, 65536);
  kernel.options.countAccesses = true;
  Result result = kernel.run([&] {
    for (uint32_t i = 0; i < times; ++i)
      store(getAddress(getTid()), T(), 1, flags);
  });
  EXPECT_EQ(result.getText(kernel.launch), "");
  return result.sites[1];
}

TEST(CountingTest, sharedWavefronts) {
  auto at = [](uint32_t step) {
    return [=](uint32_t lane) { return shared(lane * step); };
  };
  auto get = [](const Counters &c) {
    return std::make_pair(c.sharedWavefronts, c.sharedIdealWavefronts);
  };
  using Pair = std::pair<uint64_t, uint64_t>;
  uint32_t flags = AccessFlags::Shared;
  EXPECT_EQ(get(count<uint32_t>(at(4), flags)), Pair(1, 1));
  EXPECT_EQ(get(count<uint32_t>(at(8), flags)), Pair(2, 1));
  EXPECT_EQ(get(count<uint32_t>(at(128), flags)), Pair(32, 1));
  EXPECT_EQ(get(count<uint32_t>(at(132), flags)), Pair(1, 1));
  // One word for all is no conflict.
  EXPECT_EQ(get(count<uint32_t>(at(0), flags)), Pair(1, 1));
  // 16 bytes of 32 lanes are four passes at best.
  struct alignas(16) Wide {
    uint32_t x[4];
  };
  EXPECT_EQ(get(count<Wide>(at(16), flags)), Pair(4, 4));
  EXPECT_EQ(get(count<Wide>(at(32), flags)), Pair(8, 4));
  EXPECT_EQ(get(count<uint32_t>(at(8), flags, 5)), Pair(10, 5));
}

TEST(CountingTest, globalSectors) {
  alignas(256) static char memory[8192];
  auto at = [](uint32_t step) {
    return [=](uint32_t lane) { return memory + lane * step; };
  };
  auto run = [&](uint32_t step) {
    Counters c = count<uint32_t>(at(step), AccessFlags::Global);
    EXPECT_EQ(c.globalRequests, 1u);
    return std::make_pair(c.globalSectors, c.globalIdealSectors);
  };
  using Pair = std::pair<uint64_t, uint64_t>;
  EXPECT_EQ(run(4), Pair(4, 4));
  EXPECT_EQ(run(8), Pair(8, 4));
  EXPECT_EQ(run(64), Pair(32, 4));
  EXPECT_EQ(run(0), Pair(1, 1));
}

TEST(CountingTest, asynchronousCopies) {
  alignas(256) static char memory[4096];
  // From pitch 16 to 16 bytes in a row, to every second 16, and through a
  // swizzle of rows of 128 bytes.
  auto run = [&](uint32_t (*getOffset)(uint32_t lane)) {
    TestKernel kernel(32, 8192);
    kernel.options.countAccesses = true;
    kernel.launch.buffers.push_back({memory, sizeof(memory), "memory"});
    Result result = kernel.run([&] {
      uint32_t lane = getTid();
      peermla_sim_cp_async(shared(getOffset(lane)), memory + 16 * lane, 16, 16,
                           1);
      peermla_sim_cp_async_commit(2);
      peermla_sim_cp_async_wait(0, 3);
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
    const Counters &c = result.sites[1];
    EXPECT_EQ(c.globalSectors, 16u);
    EXPECT_EQ(c.sharedIdealWavefronts, 4u);
    return c.sharedWavefronts;
  };
  EXPECT_EQ(run([](uint32_t lane) { return 16 * lane; }), 4u);
  EXPECT_EQ(run([](uint32_t lane) { return 32 * lane; }), 8u);
  EXPECT_EQ(run([](uint32_t lane) { return 128 * lane; }), 32u);
  EXPECT_EQ(run([](uint32_t lane) { return 128 * lane + 16 * (lane % 8); }),
            4u);
}

TEST(CountingTest, tensorCopiesMoveWhatTheTensorHas) {
  alignas(256) static char memory[5 * 256];
  TensorMapDesc desc;
  desc.type = ElementType::BF16;
  desc.rank = 2;
  desc.base = memory;
  desc.sizes[0] = 96;
  desc.sizes[1] = 5;
  desc.strides[0] = 256;
  desc.box[0] = 64;
  desc.box[1] = 4;
  TensorMap map;
  ASSERT_EQ(encodeTensorMap(map, desc), "");
  auto run = [&](int32_t column, int32_t row) {
    TestKernel kernel(1, 4096);
    kernel.options.countAccesses = true;
    kernel.launch.buffers.push_back({memory, sizeof(memory), "memory"});
    kernel.launch.buffers.push_back({&map, sizeof(map), "map", true});
    Result result = kernel.run([&] {
      peermla_sim_mbarrier_init(shared(0), 1, 0);
      peermla_sim_fence(uint32_t(FenceKind::MbarrierInit), 0);
      peermla_sim_mbarrier_arrive_expect_tx(shared(0), 512, 0, 0);
      int32_t c[2] = {column, row};
      peermla_sim_tma_load(shared(1024), &map, shared(0), c, 2, 0, 1);
      while (!peermla_sim_mbarrier_wait(shared(0), 0,
                                        WaitFlags::Parity | WaitFlags::Try, 2))
        ;
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
    EXPECT_EQ(result.sites[1].tmaLoadBytes, 512u);
    return result.sites[1].globalSectors;
  };
  EXPECT_EQ(run(0, 0), 4u * 4);
  EXPECT_EQ(run(0, 3), 2u * 4);
  EXPECT_EQ(run(0, -1), 3u * 4);
  EXPECT_EQ(run(64, 1), 4u * 2);
  EXPECT_EQ(run(-32, 0), 4u * 2);
  EXPECT_EQ(run(0, 5), 0u);
  EXPECT_EQ(run(96, 0), 0u);
}

TEST(CountingTest, ldmatrixConflicts) {
  for (uint32_t step : {16u, 128u, 144u}) {
    TestKernel kernel(32, 8192);
    kernel.options.countAccesses = true;
    Result result = kernel.run([&] {
      uint32_t fragment[4];
      peermla_sim_ldmatrix(fragment, shared(getTid() * step), 4, 0, 1);
    });
    EXPECT_EQ(result.sites[1].sharedWavefronts, step == 128 ? 32u : 4u);
    EXPECT_EQ(result.sites[1].sharedIdealWavefronts, 4u);
  }
}

// A store that some lanes skip: those behind a meeting are requests of all
// lanes again.
TEST(CountingTest, lanesMeetAgain) {
  for (bool meets : {false, true}) {
    TestKernel kernel(32, 8192);
    kernel.options.countAccesses = true;
    Result result = kernel.run([&] {
      auto put = [](uint32_t offset) {
        store(shared(offset), uint32_t(0), 1, AccessFlags::Shared);
      };
      if (getTid() % 2 == 0)
        put((getTid() + 33) * 4);
      if (meets)
        peermla_sim_warp_sync(~0u, 2);
      put(getTid() * 4);
    });
    // The banks that half of the lanes use first are those of the others later.
    EXPECT_EQ(result.sites[1].sharedWavefronts, meets ? 2u : 3u);
  }
}

TEST(CountingTest, instructionsByClassAndSite) {
  TestKernel kernel(64, 128, 3);
  kernel.options.countAccesses = true;
  Result result = kernel.run([&] {
    peermla_sim_count(uint32_t(InstructionClass::Float), 7, 2);
    peermla_sim_barrier_sync(0, 0, 3);
  });
  auto get = [](const Counters &c, InstructionClass kind) {
    return c.instructions[uint32_t(kind)];
  };
  EXPECT_EQ(get(result.total, InstructionClass::Float), 7u * 64 * 3);
  EXPECT_EQ(get(result.sites[2], InstructionClass::Float), 7u * 64 * 3);
  EXPECT_EQ(get(result.sites[3], InstructionClass::Barrier), 64u * 3);
  // All but the last thread of each block wait.
  EXPECT_EQ(result.total.barrierWaits, 63u * 3);
  EXPECT_EQ(result.total.blockBarriers, 64u * 3);
}

} // namespace
