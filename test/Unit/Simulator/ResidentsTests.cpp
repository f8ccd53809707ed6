//===- ResidentsTests.cpp - clusters that wait for each other -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"

using namespace peermla::sim;

namespace {

constexpr uint32_t kRelaxed = AccessFlags::Atomic | AccessFlags::Global;
constexpr uint32_t kAcquire = kRelaxed | AccessFlags::Acquire;
constexpr uint32_t kRelease = kRelaxed | AccessFlags::Release;

/// A variable in global memory that a kernel may access.
struct Word {
  uint32_t value = 0;
  void addTo(TestKernel &kernel, const char *name = "word") {
    kernel.launch.buffers.push_back({&value, sizeof(value), name});
  }
  uint32_t get(uint32_t flags, uint32_t site) {
    return load<uint32_t>(&value, site, flags);
  }
  uint32_t add(uint32_t addend, uint32_t flags, uint32_t site) {
    return uint32_t(peermla_sim_atomic(&value, uint32_t(AtomicOp::Add),
                                       uint32_t(ElementType::U32), addend, 0,
                                       flags, site));
  }
  /// Whether it was `from` and is `to` now.
  bool change(uint32_t from, uint32_t to, uint32_t flags, uint32_t site) {
    return uint32_t(peermla_sim_atomic(&value, uint32_t(AtomicOp::Cas),
                                       uint32_t(ElementType::U32), to, from,
                                       flags, site)) == from;
  }
};

/// All blocks arrive at `count` and wait until `blocks` have.
void meetInGrid(Word &count, uint32_t blocks) {
  peermla_sim_barrier_sync(0, 0, 20);
  if (getTid() == 0) {
    count.add(1, kRelease, 21);
    while (count.get(kAcquire, 22) < blocks)
      ;
  }
  peermla_sim_barrier_sync(0, 0, 23);
}

TEST(ResidentsTest, aBarrierOfTheGridHoldsAllBlocks) {
  for (Options &options : getAllModes())
    for (uint32_t blocks : {2u, 7u, 40u}) {
      TestKernel kernel(33, 4, blocks);
      kernel.options = options;
      Word count;
      std::vector<uint32_t> parts(blocks);
      count.addTo(kernel);
      kernel.launch.buffers.push_back({parts.data(), 4 * blocks, "parts"});
      Result result = kernel.run([&] {
        uint32_t block = getBlock();
        if (getTid() == 32)
          store(&parts[block], block + 1, 1, AccessFlags::Global);
        meetInGrid(count, blocks);
        uint32_t other = (block + blocks - 1) % blocks;
        EXPECT_EQ(load<uint32_t>(&parts[other], 2, AccessFlags::Global),
                  other + 1);
      });
      EXPECT_EQ(result.getText(kernel.launch), "");
      EXPECT_TRUE(result.completed);
    }
}

TEST(ResidentsTest, aBlockThatIsNotAwaitedIsARace) {
  for (uint32_t seed = 0; seed < 10; ++seed) {
    TestKernel kernel(32, 4, 4);
    kernel.options.checkRaces = true;
    kernel.options.shuffle = seed > 0;
    kernel.options.seed = seed;
    Word count;
    std::vector<uint32_t> parts(4);
    count.addTo(kernel);
    kernel.launch.buffers.push_back({parts.data(), 16, "parts"});
    Result result = kernel.run([&] {
      if (getTid() == 0)
        store(&parts[getBlock()], 1u, 1, AccessFlags::Global);
      meetInGrid(count, 3);
      load<uint32_t>(&parts[getTid() % 4], 2, AccessFlags::Global);
    });
    EXPECT_TRUE(contains(summarize(result), "race")) << seed;
  }
}

TEST(ResidentsTest, aBarrierOfTooManyIsADeadlock) {
  TestKernel kernel(64, 4, 3);
  Word count;
  count.addTo(kernel);
  Result result = kernel.run([&] { meetInGrid(count, 4); });
  EXPECT_FALSE(result.completed);
  std::string text = result.getText(kernel.launch);
  EXPECT_TRUE(contains(text, "deadlock"));
  EXPECT_TRUE(contains(text, "1 thread (0) in a loop of atomic accesses at "
                             "op22"));
  EXPECT_TRUE(contains(text, "63 threads (1-63) in bar.sync at op23"));
}

TEST(ResidentsTest, onlySoManyAreResident) {
  TestKernel kernel(1, 4, 300);
  Word count;
  count.addTo(kernel);
  Result result = kernel.run([&] { meetInGrid(count, 300); });
  EXPECT_FALSE(result.completed);
  EXPECT_TRUE(contains(result.getText(kernel.launch),
                       "only 256 of 300 blocks are resident at a time"));
}

// The threads of a block poll together.
TEST(ResidentsTest, pollsMayHaveBarriersBetweenThem) {
  for (Options &options : getAllModes()) {
    TestKernel kernel(40, 4, 2);
    kernel.options = options;
    Word flag;
    flag.addTo(kernel);
    auto wait = [&](uint32_t value) {
      for (bool isSet = false; !isSet;) {
        if (getTid() == 0)
          store(shared(0), flag.get(kAcquire, 1), 2);
        peermla_sim_barrier_sync(0, 0, 3);
        isSet = load<uint32_t>(shared(0), 4) == value;
        peermla_sim_barrier_sync(0, 0, 5);
      }
    };
    Result result = kernel.run([&] {
      if (getBlock() == 0)
        wait(1);
      else if (getTid() == 0)
        flag.add(1, kRelease, 6);
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
    if (options.checkRaces)
      continue;
    EXPECT_EQ(summarize(kernel.run([&] { wait(2); })).substr(0, 8), "deadlock");
  }
}

TEST(ResidentsTest, severalAddressesMayBePolled) {
  for (uint32_t blocks : {1u, 2u}) {
    TestKernel kernel(2, 8, blocks);
    Word flags[2];
    for (Word &flag : flags)
      flag.addTo(kernel);
    Result result = kernel.run([&] {
      if (getTid() == 1 || (blocks == 2 && getBlock() == 1)) {
        for (Word &flag : flags)
          flag.add(1, kRelease, 1);
        return;
      }
      while (!flags[0].get(kAcquire, 2) || !flags[1].get(kAcquire, 3))
        ;
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
    EXPECT_TRUE(result.completed);
  }
}

TEST(ResidentsTest, manyStrongReadsAreNoDeadlock) {
  TestKernel kernel(2, 0, 2);
  std::vector<uint32_t> words(50000, 1);
  kernel.launch.buffers.push_back({words.data(), 4 * words.size(), "words"});
  uint32_t sum = 0;
  Result result = kernel.run([&] {
    for (uint32_t &word : words)
      sum +=
          load<uint32_t>(&word, 1, AccessFlags::Volatile | AccessFlags::Global);
  });
  EXPECT_EQ(result.getText(kernel.launch), "");
  EXPECT_EQ(sum, 4 * words.size());
}

// Plain loads are no polls, but the others get their turn in the end.
TEST(ResidentsTest, aLoopOfPlainLoadsIsARace) {
  TestKernel kernel(2, 4, 2);
  kernel.options.checkRaces = true;
  kernel.descriptor.communicates = false;
  Word flag;
  flag.addTo(kernel);
  Result result = kernel.run([&] {
    if (getBlock() == 1)
      return store(&flag.value, 1u, 1, AccessFlags::Global);
    while (load<volatile uint32_t>(&flag.value, 2, AccessFlags::Global) == 0)
      ;
  });
  EXPECT_TRUE(result.completed);
  EXPECT_TRUE(contains(summarize(result), "race 1 2"));
}

TEST(ResidentsTest, aLockExcludesOtherBlocks) {
  for (Options &options : getAllModes()) {
    TestKernel kernel(3, 4, 5);
    kernel.options = options;
    Word lock, sum;
    lock.addTo(kernel);
    sum.addTo(kernel);
    Result result = kernel.run([&] {
      if (getTid() != 1)
        return;
      for (uint32_t round = 0; round < 20; ++round) {
        while (!lock.change(0, 1, kAcquire, 1))
          ;
        store(&sum.value,
              1 + load<uint32_t>(&sum.value, 2, AccessFlags::Global), 3,
              AccessFlags::Global);
        lock.change(1, 0, kRelease, 4);
      }
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
    EXPECT_EQ(sum.value, 100u);
  }
}

TEST(ResidentsTest, theSeedDecidesWhoComesFirst) {
  auto getOrder = [](uint64_t seed, uint32_t threads) {
    TestKernel kernel(2, 4, 12);
    kernel.options.shuffle = true;
    kernel.options.seed = seed;
    kernel.options.threads = threads;
    Word ticket;
    ticket.addTo(kernel);
    std::vector<uint32_t> order(24);
    kernel.run(
        [&] { order[ticket.add(1, kRelaxed, 1)] = 2 * getBlock() + getTid(); });
    return order;
  };
  for (uint64_t seed = 1; seed < 20; ++seed) {
    EXPECT_EQ(getOrder(seed, 1), getOrder(seed, 1));
    EXPECT_EQ(getOrder(seed, 1), getOrder(seed, 4));
    EXPECT_NE(getOrder(seed, 1), getOrder(seed + 1, 1));
  }
}

} // namespace
