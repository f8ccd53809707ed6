//===- GlobalShadowTests.cpp - races between clusters ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GlobalShadow.h"
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

using namespace peermla::sim;

namespace {

struct Fixture {
  GlobalShadow shadow;
  std::vector<ClusterKnowledge> knowledge;
  std::vector<GlobalShadow::Cache> caches;

  explicit Fixture(size_t clusters) : knowledge(clusters), caches(clusters) {
    for (size_t i = 0; i < clusters; ++i)
      knowledge[i].reset(i);
  }
  GlobalConflict access(uint32_t cluster, uint64_t address, uint32_t size,
                        bool write, bool strong = false, uint32_t site = 0) {
    return shadow.access(reinterpret_cast<const void *>(address), size, write,
                         strong, site, knowledge[cluster], caches[cluster]);
  }
  void release(uint32_t cluster, uint64_t address) {
    shadow.release(reinterpret_cast<const void *>(address), knowledge[cluster]);
  }
  void acquire(uint32_t cluster, uint64_t address) {
    shadow.acquire(reinterpret_cast<const void *>(address), knowledge[cluster]);
  }
};

/// Random accesses against sets of all earlier ones: a conflict is reported if
/// and only if there is one with the last write, weak or strong, or the last
/// read since.
TEST(GlobalShadowTest, agreesWithItsDefinition) {
  constexpr uint32_t kClusters = 5, kBytes = 24;
  // Across the border of two pages.
  constexpr uint64_t kStart = 4096 * 1000 - kBytes / 2;
  std::mt19937 random(11);
  for (uint32_t round = 0; round < 200; ++round) {
    Fixture fixture(kClusters);
    // Accesses are numbers; what a cluster knows, and what a release carries.
    std::map<uint32_t, std::set<uint32_t>> known;
    std::set<uint32_t> carried;
    // By byte: the last weak and strong writes, and the last read.
    std::map<uint64_t, uint32_t> weakIds, strongIds, readIds;
    std::map<uint32_t, uint32_t> owners;
    std::map<uint32_t, bool> isStrongAccess;
    uint32_t next = 0;
    for (uint32_t step = 0; step < 60; ++step) {
      uint32_t cluster = random() % kClusters;
      switch (random() % 6) {
      case 0:
        fixture.release(cluster, 8);
        carried.insert(known[cluster].begin(), known[cluster].end());
        continue;
      case 1:
        fixture.acquire(cluster, 8);
        known[cluster].insert(carried.begin(), carried.end());
        continue;
      default:
        break;
      }
      uint32_t size = 1u << random() % 4;
      uint64_t address = kStart + random() % (kBytes / size) * size;
      bool write = random() % 2, isStrong = random() % 3 == 0;
      uint32_t id = next++;
      owners[id] = cluster;
      isStrongAccess[id] = isStrong;
      auto conflicts = [&](std::map<uint64_t, uint32_t> &ids, uint64_t byte) {
        auto found = ids.find(byte);
        return found != ids.end() && owners[found->second] != cluster &&
               !known[cluster].count(found->second);
      };
      bool expected = false;
      for (uint64_t byte = address; byte < address + size; ++byte) {
        bool readStrong = readIds.count(byte) && isStrongAccess[readIds[byte]];
        expected |= conflicts(weakIds, byte);
        expected |= !isStrong && conflicts(strongIds, byte);
        expected |=
            write && !(isStrong && readStrong) && conflicts(readIds, byte);
        if (!write) {
          readIds[byte] = id;
          continue;
        }
        readIds.erase(byte);
        (isStrong ? strongIds : weakIds)[byte] = id;
        if (!isStrong)
          strongIds.erase(byte);
      }
      known[cluster].insert(id);
      GlobalConflict conflict =
          fixture.access(cluster, address, size, write, isStrong);
      ASSERT_EQ(conflict.kind != Conflict::None, expected)
          << "round " << round << " step " << step;
    }
  }
}

TEST(GlobalShadowTest, conflictsNameTheOtherParty) {
  Fixture fixture(3);
  EXPECT_EQ(fixture.access(1, 4096, 16, true, false, 7).kind, Conflict::None);
  GlobalConflict conflict = fixture.access(2, 4104, 4, false, false, 9);
  EXPECT_EQ(conflict.kind, Conflict::ReadAfterWrite);
  EXPECT_EQ(conflict.cluster, 1u);
  EXPECT_EQ(conflict.site, 7u);
  EXPECT_EQ(conflict.address, 4104u);
  conflict = fixture.access(0, 4104, 2, true, false, 11);
  EXPECT_EQ(conflict.kind, Conflict::WriteAfterWrite);
  EXPECT_EQ(conflict.site, 7u);
}

/// An order passes from cluster to cluster, as far as it was released.
TEST(GlobalShadowTest, ordersAreTransitive) {
  Fixture fixture(3);
  fixture.access(0, 64, 4, true);
  fixture.release(0, 8);
  fixture.access(0, 68, 4, true);
  fixture.acquire(1, 8);
  fixture.release(1, 16);
  fixture.acquire(2, 16);
  EXPECT_EQ(fixture.access(2, 64, 4, true).kind, Conflict::None);
  EXPECT_EQ(fixture.access(2, 68, 4, true).kind, Conflict::WriteAfterWrite);
}

/// A relaxed access carries what was written before the last fence.
TEST(GlobalShadowTest, fencesEndWhatRelaxedAccessesRelease) {
  Fixture fixture(2);
  fixture.access(0, 64, 4, true);
  fixture.knowledge[0].fence();
  fixture.access(0, 68, 4, true);
  fixture.shadow.release(reinterpret_cast<const void *>(8),
                         fixture.knowledge[0], /*relaxed=*/true);
  fixture.acquire(1, 8);
  EXPECT_EQ(fixture.access(1, 64, 4, false).kind, Conflict::None);
  EXPECT_EQ(fixture.access(1, 68, 4, false).kind, Conflict::ReadAfterWrite);
}

} // namespace
