//===- CollectiveTests.cpp - shuffles, votes, reductions ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"

using namespace peermla::sim;

namespace {

/// What each lane puts in.
uint32_t valueOf(uint32_t lane) { return lane * lane * 7 + 3; }

/// Runs a shuffle in all lanes of `mask`; results and predicates by lane.
std::vector<std::pair<uint32_t, uint32_t>>
shuffle(ShuffleKind kind, uint32_t b, uint32_t clamp, uint32_t mask = ~0u) {
  TestKernel kernel(32);
  std::vector<std::pair<uint32_t, uint32_t>> results(32);
  Result result = kernel.run([&] {
    uint32_t lane = getTid(), predicate = 9;
    if (!(mask >> lane & 1))
      return;
    results[lane].first = peermla_sim_shuffle(
        uint32_t(kind), mask, valueOf(lane), b, clamp, &predicate, 0);
    results[lane].second = predicate;
  });
  EXPECT_EQ(result.getText(kernel.launch), "");
  return results;
}

TEST(CollectiveTest, shuffleButterfly) {
  auto results = shuffle(ShuffleKind::Butterfly, 5, 31);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(results[lane].first, valueOf(lane ^ 5));
    EXPECT_EQ(results[lane].second, 1u);
  }
}

TEST(CollectiveTest, shuffleDownStopsAtTheEndOfTheSegment) {
  // Segments of 8: the mask in bits 8-12, clamp 31.
  auto results = shuffle(ShuffleKind::Down, 3, 24 << 8 | 31);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    bool inside = lane % 8 + 3 < 8;
    EXPECT_EQ(results[lane].first, valueOf(inside ? lane + 3 : lane));
    EXPECT_EQ(results[lane].second, inside);
  }
}

TEST(CollectiveTest, shuffleUpStopsAtTheStartOfTheSegment) {
  auto results = shuffle(ShuffleKind::Up, 2, 16 << 8);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    bool inside = lane % 16 >= 2;
    EXPECT_EQ(results[lane].first, valueOf(inside ? lane - 2 : lane));
    EXPECT_EQ(results[lane].second, inside);
  }
}

TEST(CollectiveTest, shuffleIndexInSegments) {
  auto results = shuffle(ShuffleKind::Index, 6, 24 << 8 | 31);
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(results[lane].first, valueOf(lane / 8 * 8 + 6));
}

TEST(CollectiveTest, shuffleOfSomeLanes) {
  auto results = shuffle(ShuffleKind::Butterfly, 1, 31, 0x0f);
  for (uint32_t lane = 0; lane < 4; ++lane)
    EXPECT_EQ(results[lane].first, valueOf(lane ^ 1));
}

TEST(CollectiveTest, halvesOfAWarpShuffleApart) {
  TestKernel kernel(32);
  Result result = kernel.run([&] {
    uint32_t lane = getTid(), mask = lane < 16 ? 0xffff : 0xffff0000;
    for (uint32_t i = 0; i < (lane < 16 ? 3u : 5u); ++i)
      EXPECT_EQ(peermla_sim_shuffle(uint32_t(ShuffleKind::Butterfly), mask,
                                    lane + i, 4, 31, nullptr, lane / 16),
                (lane ^ 4) + i);
  });
  EXPECT_EQ(result.getText(kernel.launch), "");
}

TEST(CollectiveTest, shuffleFromALaneThatIsNotThere) {
  TestKernel kernel(32);
  Result result = kernel.run([&] {
    if (getTid() < 16)
      peermla_sim_shuffle(uint32_t(ShuffleKind::Butterfly), 0xffff, 1, 16, 31,
                          nullptr, 4);
  });
  ASSERT_EQ(summarize(result), "divergence 4");
  EXPECT_TRUE(contains(result.reports[0].message, "lane 0 reads from lane 16"));
}

TEST(CollectiveTest, votes) {
  TestKernel kernel(32);
  Result result = kernel.run([&] {
    auto vote = [](VoteKind kind, bool predicate) {
      return peermla_sim_vote(uint32_t(kind), ~0u, predicate, uint32_t(kind));
    };
    uint32_t lane = getTid();
    EXPECT_EQ(vote(VoteKind::Ballot, lane % 3 == 0), 0x49249249u);
    EXPECT_EQ(vote(VoteKind::Any, lane == 31), 1u);
    EXPECT_EQ(vote(VoteKind::Any, false), 0u);
    EXPECT_EQ(vote(VoteKind::All, lane != 31), 0u);
    EXPECT_EQ(vote(VoteKind::All, true), 1u);
    EXPECT_EQ(vote(VoteKind::Uniform, false), 1u);
    EXPECT_EQ(vote(VoteKind::Uniform, lane == 0), 0u);
  });
  EXPECT_EQ(result.getText(kernel.launch), "");
}

TEST(CollectiveTest, reductions) {
  uint32_t all[32], sum = 0, conj = ~0u, disj = 0, excl = 0;
  int32_t least = INT32_MAX, most = INT32_MIN;
  uint32_t leastU = ~0u, mostU = 0;
  for (uint32_t lane = 0; lane < 32; ++lane) {
    uint32_t v = all[lane] = (lane * 2654435761u) ^ (lane == 3 ? 1u << 31 : 0);
    sum += v;
    conj &= v;
    disj |= v;
    excl ^= v;
    least = std::min(least, int32_t(v));
    most = std::max(most, int32_t(v));
    leastU = std::min(leastU, v);
    mostU = std::max(mostU, v);
  }
  TestKernel kernel(32);
  kernel.run([&] {
    auto reduce = [&](ReduceKind kind) {
      return peermla_sim_reduce(uint32_t(kind), ~0u, all[getTid()], 0);
    };
    EXPECT_EQ(reduce(ReduceKind::Add), sum);
    EXPECT_EQ(reduce(ReduceKind::And), conj);
    EXPECT_EQ(reduce(ReduceKind::Or), disj);
    EXPECT_EQ(reduce(ReduceKind::Xor), excl);
    EXPECT_EQ(int32_t(reduce(ReduceKind::MinS32)), least);
    EXPECT_EQ(int32_t(reduce(ReduceKind::MaxS32)), most);
    EXPECT_EQ(reduce(ReduceKind::MinU32), leastU);
    EXPECT_EQ(reduce(ReduceKind::MaxU32), mostU);
  });
}

TEST(CollectiveTest, matches) {
  TestKernel kernel(32);
  kernel.run([&] {
    uint32_t lane = getTid(), predicate;
    uint64_t value = uint64_t(lane % 4) << 40;
    EXPECT_EQ(peermla_sim_match_any(~0u, value, 0), 0x11111111u << lane % 4);
    EXPECT_EQ(peermla_sim_match_all(~0u, value, &predicate, 1), 0u);
    EXPECT_EQ(predicate, 0u);
    EXPECT_EQ(peermla_sim_match_all(~0u, 5, &predicate, 2), ~0u);
    EXPECT_EQ(predicate, 1u);
  });
}

TEST(CollectiveTest, electsOneLane) {
  TestKernel kernel(64);
  uint32_t elected = 0;
  kernel.run([&] {
    if (getTid() % 32 < 8)
      return;
    uint32_t leader;
    elected += peermla_sim_elect(0xffffff00, &leader, 0);
    EXPECT_EQ(leader, 8u);
  });
  EXPECT_EQ(elected, 2u);
}

TEST(CollectiveTest, lanesAtDifferentInstructionsAreReported) {
  TestKernel kernel(32);
  Result result = kernel.run([&] {
    if (getTid() < 16)
      peermla_sim_vote(uint32_t(VoteKind::Any), ~0u, 1, 1);
    else
      peermla_sim_shuffle(uint32_t(ShuffleKind::Down), ~0u, 1, 1, 31, nullptr,
                          2);
  });
  EXPECT_EQ(summarize(result), "divergence 2 1; deadlock 1");
}

TEST(CollectiveTest, masksOfThoseWhoWaitMayOverlap) {
  TestKernel kernel(32);
  uint32_t ballots = 0;
  Result result = kernel.run([&] {
    // Half of the warp votes while the other half waits for all.
    if (getTid() < 16)
      ballots +=
          peermla_sim_vote(uint32_t(VoteKind::Ballot), 0xffff, 1, 1) == 0xffff;
    peermla_sim_warp_sync(~0u, 2);
  });
  EXPECT_EQ(summarize(result), "");
  EXPECT_EQ(ballots, 16u);
}

TEST(CollectiveTest, masksThatWaitForEachOtherAreADeadlock) {
  TestKernel kernel(32);
  Result result = kernel.run(
      [&] { peermla_sim_warp_sync(getTid() < 16 ? 0x1ffff : 0xffff8000, 1); });
  EXPECT_EQ(summarize(result), "deadlock 1");
}

TEST(CollectiveTest, maskWithoutTheLaneIsReported) {
  TestKernel kernel(32);
  Result result = kernel.run([&] { peermla_sim_warp_sync(0x7fffffff, 1); });
  EXPECT_TRUE(contains(summarize(result), "divergence 1"));
}

TEST(CollectiveTest, othersGoOnWhenALaneEnds) {
  TestKernel kernel(32);
  Result result = kernel.run([&] {
    uint32_t lane = getTid();
    if (lane == 31)
      peermla_sim_exit(0);
    EXPECT_EQ(peermla_sim_vote(uint32_t(VoteKind::Ballot), ~0u, 1, 1),
              0x7fffffffu);
  });
  EXPECT_TRUE(result.completed);
  EXPECT_EQ(summarize(result), "");
}

} // namespace
