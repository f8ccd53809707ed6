//===- CostModelTests.cpp - arithmetic of the cost model ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/CostModel.h"
#include "gtest/gtest.h"

using namespace peermla;

namespace {

/// A machine whose times are easy to compute.
constexpr UnitRates rates = {/*flop=*/100,
                             /*narrowFlop=*/400,
                             /*special=*/10,
                             /*sharedBytes=*/20,
                             /*memoryBytes=*/5,
                             /*allMemoryBytes=*/12,
                             /*launchSeconds=*/0.5,
                             /*itemSeconds=*/0.25};

/// A level of such units with caches of 1000 and 5000 bytes.
CpuLevel makeLevel() {
  CpuLevel level = CpuLevel::getDefault();
  level.l2Bytes = 1000;
  level.sharedCacheBytes = 5000;
  level.rates = rates;
  return level;
}

Work make(double flop, double narrowFlop, double special, double bytes,
          double sharedBytes) {
  return {flop, narrowFlop, special, bytes, sharedBytes, 1};
}

TEST(Machine, FloorIsTheLongestTerm) {
  Machine machine(rates, 2);
  EXPECT_DOUBLE_EQ(machine.getFloor(make(600, 400, 0, 0, 0)), 3.5);
  EXPECT_DOUBLE_EQ(machine.getFloor(make(600, 400, 80, 0, 0)), 4);
  EXPECT_DOUBLE_EQ(machine.getFloor(make(600, 400, 80, 50, 0)), 5);
}

TEST(Machine, FloorKnowsWhatAllUnitsShare) {
  Work work = make(0, 0, 0, 120, 0);
  EXPECT_DOUBLE_EQ(Machine(rates, 1).getFloor(work), 24);
  EXPECT_DOUBLE_EQ(Machine(rates, 2).getFloor(work), 12);
  EXPECT_DOUBLE_EQ(Machine(rates, 3).getFloor(work), 10);
}

TEST(Machine, FloorIgnoresBytesThatNeedNotMove) {
  EXPECT_DOUBLE_EQ(Machine(rates, 2).getFloor(make(0, 0, 0, 0, 100)), 0);
}

/// A GPU of two such multiprocessors.
GpuTarget makeGpu() {
  GpuTarget gpu = *GpuTarget::get("sm_80");
  gpu.rates = rates;
  gpu.numUnits = 2;
  gpu.plainFlop = 25;
  return gpu;
}

TEST(Machine, AKernelOfOneBlockIsLaunchedToo) {
  Work item = make(100, 0, 0, 0, 0);
  EXPECT_DOUBLE_EQ(Machine(rates, 2).predict(1, item), 1.25);
  EXPECT_DOUBLE_EQ(Machine(makeGpu()).predict(1, item), 1.75);
  EXPECT_DOUBLE_EQ(Machine(makeGpu()).predict(3, item), 3);
}

TEST(Machine, StepsOfAGpuHaveNoMatrixInstructions) {
  Work work = make(100, 400, 0, 0, 0);
  EXPECT_DOUBLE_EQ(Machine(makeGpu()).getFloor(work), 1);
  EXPECT_DOUBLE_EQ(Machine(makeGpu(), false).getFloor(work), 10);
}

TEST(Machine, ItemTimeAddsBytesOfBothKinds) {
  EXPECT_DOUBLE_EQ(Machine(rates, 2).getItemTime(make(100, 0, 0, 10, 20)),
                   3.25);
}

TEST(Machine, BytesMoveDuringTheOverlapAlone) {
  Machine machine(rates, 2);
  Work item = make(400, 0, 0, 10, 0);
  EXPECT_DOUBLE_EQ(machine.getItemTime(item), 4.25);
  item.overlap = 0.25;
  EXPECT_DOUBLE_EQ(machine.getItemTime(item), 5.25);
}

TEST(Machine, PredictedTimeIsRounds) {
  Work item = make(100, 0, 0, 0, 0);
  Machine machine(rates, 2);
  EXPECT_DOUBLE_EQ(machine.predict(4, item), 0.5 + 2 * 1.25);
  EXPECT_DOUBLE_EQ(machine.predict(5, item), 0.5 + 3 * 1.25);
  EXPECT_DOUBLE_EQ(machine.getBalance(5), 5.0 / 6);
  EXPECT_DOUBLE_EQ(machine.getBalance(0), 1);
}

TEST(Machine, OneItemOrOneUnitNeedsNoLaunch) {
  Work item = make(100, 0, 0, 0, 0);
  EXPECT_DOUBLE_EQ(Machine(rates, 2).predict(1, item), 1.25);
  EXPECT_DOUBLE_EQ(Machine(rates, 1).predict(3, item), 3.75);
}

TEST(Machine, PredictedTimeIsBoundByMemory) {
  // Eight units ask for 8 * 5 bytes per second and get 12.
  EXPECT_DOUBLE_EQ(Machine(rates, 8).predict(8, make(0, 0, 0, 6, 0)), 0.5 + 4);
}

/// 6 x 20 = 6 x 7 times 7 x 20, B in five panels of four columns.
MatrixProduct makeProduct() {
  MatrixProduct product;
  product.rows = 6;
  product.columns = 20;
  product.terms = 7;
  product.batch = 3;
  product.panel = 4;
  product.panelVectors = 2;
  product.tileRows = 3;
  product.bytesA = 2;
  product.bytesB = 4;
  product.bytesC = 8;
  return product;
}

TEST(MatrixProduct, WorkMovesEachMatrixOnce) {
  Work work = makeProduct().getWork();
  EXPECT_DOUBLE_EQ(work.flop, 3 * 2 * 6 * 20 * 7);
  EXPECT_DOUBLE_EQ(work.narrowFlop, 0);
  EXPECT_DOUBLE_EQ(work.bytes, 3 * (6 * 7 * 2 + 7 * 20 * 4 + 6 * 20 * 8));
}

TEST(MatrixProduct, NarrowProductsHaveTheirOwnRate) {
  MatrixProduct product = makeProduct();
  product.isNarrow = true;
  EXPECT_DOUBLE_EQ(product.getWork().flop, 0);
  EXPECT_DOUBLE_EQ(product.getWork().narrowFlop, 3 * 2 * 6 * 20 * 7);
}

TEST(MatrixBlocks, ItemsCountRestsAndBatches) {
  EXPECT_DOUBLE_EQ((MatrixBlocks{4, 8}).getItems(makeProduct()), 3 * 2 * 3);
}

TEST(MatrixBlocks, AllItemsTogetherReadEachMatrixOnceWhereCachesHoldThem) {
  MatrixProduct product = makeProduct();
  MatrixBlocks blocks{3, 4};
  Work item = blocks.getItem(product, makeLevel());
  double items = blocks.getItems(product);
  EXPECT_DOUBLE_EQ(items * item.bytes, product.getWork().bytes);
  // The second block of rows finds B in the shared cache.
  EXPECT_DOUBLE_EQ(items * item.sharedBytes, 3 * 7 * 20 * 4);
}

TEST(MatrixBlocks, LargeWeightsComeFromMemoryForEachBlockOfRows) {
  MatrixProduct product = makeProduct();
  CpuLevel level = makeLevel();
  level.sharedCacheBytes = 7 * 20 * 4 - 1;
  MatrixBlocks blocks{3, 4};
  EXPECT_DOUBLE_EQ(blocks.getItems(product) *
                       blocks.getItem(product, level).bytes,
                   product.getWork().bytes + 3 * 7 * 20 * 4);
}

TEST(MatrixBlocks, RowsThatLeaveTheCacheAreFetchedForEachPanel) {
  MatrixProduct product = makeProduct();
  CpuLevel level = makeLevel();
  MatrixBlocks blocks{6, 20};
  EXPECT_DOUBLE_EQ(blocks.getCacheBytes(product),
                   7 * (6 * 2 + 4 * 4) + 6 * 20 * 4);
  EXPECT_DOUBLE_EQ(blocks.getItem(product, level).sharedBytes, 0);
  level.l2Bytes = 700;
  // Five panels, the first of which finds them in memory.
  EXPECT_DOUBLE_EQ(blocks.getItem(product, level).sharedBytes, 4 * 6 * 7 * 2);
}

TEST(MatrixBlocks, OnlyTheFirstTileHidesThatAPanelArrives) {
  MatrixProduct product = makeProduct();
  EXPECT_DOUBLE_EQ((MatrixBlocks{6, 4}).getItem(product, makeLevel()).overlap,
                   0.5);
  EXPECT_DOUBLE_EQ((MatrixBlocks{2, 4}).getItem(product, makeLevel()).overlap,
                   1);
}

TEST(MatrixBlocks, FewRowsWaitForTheMultiplier) {
  EXPECT_DOUBLE_EQ(getTileEfficiency(1, 4), 0.5);
  EXPECT_DOUBLE_EQ(getTileEfficiency(2, 4), 1);
  EXPECT_DOUBLE_EQ(getTileEfficiency(8, 1), 8.0 / 9);
  EXPECT_DOUBLE_EQ(getTileEfficiency(6, 4), 1);
  MatrixProduct product = makeProduct();
  product.rows = 1;
  // Two sums where eight would be in flight.
  EXPECT_DOUBLE_EQ((MatrixBlocks{3, 4}).getItem(product, makeLevel()).flop,
                   2 * 1 * 4 * 7 * 4);
}

TEST(MatrixBlocks, APrologueIsReadAndComputedInEachBlockOfColumns) {
  MatrixProduct product = makeProduct();
  MatrixBlocks blocks{3, 4};
  Work stored = blocks.getItem(product, makeLevel());
  // A row takes 3 seconds, reads 10 bytes that are new and 4 that are shared.
  product.prologue = Work{200, 0, 30, 10, 4, 1};
  Work recomputed = blocks.getItem(product, makeLevel());
  EXPECT_DOUBLE_EQ(recomputed.flop - stored.flop, 3 * 3 * rates.flop);
  // Five blocks of columns read three rows; A itself is not read.
  EXPECT_NEAR(recomputed.bytes - stored.bytes, 3 * (10 - 7 * 2) / 5.0, 1e-9);
  EXPECT_DOUBLE_EQ(recomputed.sharedBytes - stored.sharedBytes,
                   3 * (4 + 10 * 4 / 5.0));
}

TEST(RowBlocks, ItemsAreTheMeanOfAllRows) {
  RowBlocks blocks{4};
  EXPECT_DOUBLE_EQ(blocks.getItems(9), 3);
  EXPECT_DOUBLE_EQ(blocks.getItems(3), 1);
  Work item = blocks.getItem(9, make(2, 0, 5, 0, 7));
  EXPECT_DOUBLE_EQ(item.flop, 6);
  EXPECT_DOUBLE_EQ(item.special, 15);
  EXPECT_DOUBLE_EQ(item.sharedBytes, 21);
}

TEST(CpuLevel, RatesAreThoseOfTheBestInstruction) {
  for (const CpuLevel &level : CpuLevel::all()) {
    EXPECT_GE(level.rates.narrowFlop, level.rates.flop) << level.name.str();
    EXPECT_GE(level.rates.allMemoryBytes, level.rates.memoryBytes);
    EXPECT_GT(level.rates.launchSeconds, level.rates.itemSeconds);
  }
}

TEST(GpuTarget, RatesAreThoseOfTheBestInstruction) {
  for (const GpuTarget &gpu : GpuTarget::all()) {
    EXPECT_GT(gpu.rates.narrowFlop, gpu.rates.flop) << gpu.name.str();
    EXPECT_GT(gpu.rates.flop, gpu.plainFlop) << gpu.name.str();
  }
}

TEST(CpuLevel, SymbolsNameTheLevel) {
  EXPECT_EQ(CpuLevel::get("x86-64-v4")->getSymbol("forward.kernel_3"),
            "forward.kernel_3.x86_64_v4");
}

} // namespace
