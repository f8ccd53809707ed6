//===- ThreadShadowTests.cpp - threads of a block in global memory --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"

using namespace peermla::sim;

namespace {

constexpr uint32_t kGlobal = AccessFlags::Global;

/// Two warps and a buffer that crosses pages, wherever it lies.
struct Scratch {
  TestKernel kernel{64, 4};
  std::vector<uint32_t> words = std::vector<uint32_t>(4096);

  Scratch() {
    kernel.options.checkRaces = true;
    kernel.launch.buffers.push_back(
        {words.data(), 4 * words.size(), "scratch"});
  }
  void set(uint32_t index, uint32_t value, uint32_t site, uint32_t flags = 0) {
    store(&words[index], value, site, flags | kGlobal);
  }
  uint32_t get(uint32_t index, uint32_t site, uint32_t flags = 0) {
    return load<uint32_t>(&words[index], site, flags | kGlobal);
  }
  /// The reports of a kernel.
  template <typename Body> std::string run(Body body) {
    return summarize(kernel.run(body));
  }
};

TEST(ThreadShadowTest, barriersOrderWhatThreadsDo) {
  for (bool hasBarrier : {true, false}) {
    Scratch scratch;
    std::string reports = scratch.run([&] {
      for (uint32_t i = getTid(); i < 4096; i += 64)
        scratch.set(i, 5 * i, 1);
      if (hasBarrier)
        peermla_sim_barrier_sync(0, 0, 2);
      for (uint32_t i = getTid(); i < 4096; i += 64)
        if (hasBarrier)
          EXPECT_EQ(scratch.get(4095 - i, 3), 5 * (4095 - i));
        else
          scratch.get(4095 - i, 3);
    });
    if (hasBarrier)
      EXPECT_EQ(reports, "");
    else
      EXPECT_TRUE(contains(reports, "race"));
  }
}

TEST(ThreadShadowTest, aReportNamesThreadAndPlace) {
  Scratch scratch;
  Result result = scratch.kernel.run([&] {
    if (getTid() == 40)
      scratch.set(1030, 1, 1);
    peermla_sim_warp_sync(~0u, 2);
    if (getTid() == 7)
      scratch.get(1030, 3);
  });
  ASSERT_EQ(summarize(result).substr(0, 4), "race");
  EXPECT_TRUE(contains(result.getText(scratch.kernel.launch), "unordered"));
  EXPECT_TRUE(contains(result.getText(scratch.kernel.launch),
                       "global memory at offset 4120 of 'scratch'"));
}

TEST(ThreadShadowTest, equalValuesDoNotConflict) {
  Scratch scratch;
  EXPECT_EQ(scratch.run([&] { scratch.set(3, 9, 1); }), "");
  EXPECT_EQ(scratch.run([&] { scratch.set(3, 9 + getTid() / 63, 1); }),
            "race 1 1");
}

TEST(ThreadShadowTest, atomicsConflictWithPlainAccessesAlone) {
  Scratch scratch;
  auto add = [&] {
    peermla_sim_atomic(&scratch.words[2], uint32_t(AtomicOp::Add),
                       uint32_t(ElementType::U32), 1, 0, kGlobal, 1);
  };
  EXPECT_EQ(scratch.run(add), "");
  EXPECT_EQ(scratch.run([&] {
    add();
    scratch.get(2, 2, AccessFlags::Volatile);
  }),
            "");
  std::string reports = scratch.run([&] {
    if (getTid() < 63)
      add();
    else
      scratch.get(2, 2);
  });
  EXPECT_TRUE(contains(reports, "race"));
}

TEST(ThreadShadowTest, sourcesOfCopiesAreRead) {
  Scratch scratch;
  std::string reports = scratch.run([&] {
    if (getTid() == 0)
      scratch.set(8, 1, 1);
    if (getTid() == 63) {
      peermla_sim_cp_async(shared(0), &scratch.words[8], 4, 4, 2);
      peermla_sim_cp_async_commit(3);
      peermla_sim_cp_async_wait(0, 4);
    }
  });
  EXPECT_TRUE(contains(reports, "race 2 1"));
}

// Nothing of one block is in the way of the next.
TEST(ThreadShadowTest, blocksBeginAnew) {
  Scratch scratch;
  scratch.kernel.launch.grid = {5, 1, 1};
  EXPECT_EQ(scratch.run([&] {
    scratch.set(64 * getBlock() + getTid(), getTid(), 1);
    peermla_sim_barrier_sync(0, 0, 2);
    scratch.get(64 * getBlock() + (getTid() ^ 40), 3);
  }),
            "");
}

} // namespace
