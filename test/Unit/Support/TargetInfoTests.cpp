//===- TargetInfoTests.cpp - blocks that a multiprocessor keeps -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/TargetInfo.h"
#include "gtest/gtest.h"

using namespace peermla;

namespace {

const GpuTarget &a100() { return *GpuTarget::get("sm_80"); }
const GpuTarget &h200() { return *GpuTarget::get("sm_90a"); }

TEST(ResidentBlocks, TakeRegistersPerWarpInUnits) {
  // 72 x 32 = 9 units of 256: 28 warps; with one register more 10: 24.
  EXPECT_EQ(a100().getResidentBlocks(128, 72, 0), 7);
  EXPECT_EQ(a100().getResidentBlocks(128, 73, 0), 6);
  EXPECT_EQ(a100().getResidentBlocks(128, 80, 0), 6);
  EXPECT_EQ(a100().getResidentBlocks(128, 64, 0), 8);
}

TEST(ResidentBlocks, HaveWarpsInFourParts) {
  // 90 registers: 5 warps in each part, 20 and not 21 in all.
  EXPECT_EQ(h200().getResidentBlocks(32, 90, 0), 20);
  EXPECT_EQ(h200().getResidentBlocks(7 * 32, 90, 0), 2);
  EXPECT_EQ(h200().getResidentBlocks(448, 72, 0), 2);
}

TEST(ResidentBlocks, ShareMemory) {
  // Half of the 228 KB of a multiprocessor, of which 1 KB is not the block's.
  EXPECT_EQ(h200().getResidentBlocks(128, 32, 115712), 2);
  EXPECT_EQ(h200().getResidentBlocks(128, 32, 115713), 1);
  EXPECT_EQ(a100().getResidentBlocks(128, 32, 82944), 2);
  EXPECT_EQ(a100().getResidentBlocks(128, 32, 82945), 1);
}

TEST(ResidentBlocks, AreLimitedInNumberAndWarps) {
  EXPECT_EQ(a100().getResidentBlocks(32, 16, 0), 32);
  EXPECT_EQ(a100().getResidentBlocks(33, 16, 0), 32);
  EXPECT_EQ(a100().getResidentBlocks(96, 16, 0), 21);
  EXPECT_EQ(a100().getResidentBlocks(1024, 32, 0), 2);
}

TEST(ResidentBlocks, MayNotFit) {
  EXPECT_EQ(a100().getResidentBlocks(1024, 65, 0), 0);
  EXPECT_EQ(a100().getResidentBlocks(2048, 16, 0), 0);
  EXPECT_EQ(a100().getResidentBlocks(32, 256, 0), 0);
  EXPECT_EQ(a100().getResidentBlocks(32, 32, 166913), 0);
  // Five warps are asked for as if they were eight.
  EXPECT_EQ(a100().getResidentBlocks(160, 255, 0), 1);
  EXPECT_EQ(a100().getResidentBlocks(9 * 32, 224, 0), 0);
}

} // namespace
