//===- TileLayoutTests.cpp - who owns the elements of a tile --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/MLIRContext.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "gtest/gtest.h"
#include <map>
#include <set>

using namespace mlir;
using namespace peermla::tile;

namespace {

struct TileLayoutTests : testing::Test {
  TileLayoutTests() { context.loadDialect<TileDialect>(); }

  MmaLayoutAttr mma(int64_t warpsM, int64_t warpsN) {
    return MmaLayoutAttr::get(&context, {warpsM, warpsN});
  }

  /// How often each place of the tile is owned.
  static std::map<SmallVector<int64_t>, int>
  countOwners(FragmentLayout layout, ArrayRef<int64_t> shape, int64_t threads) {
    std::map<SmallVector<int64_t>, int> owners;
    for (int64_t thread = 0; thread < threads; ++thread)
      for (int64_t i = 0; i < layout.getFragmentSize(shape); ++i)
        ++owners[layout.getCoordinates(shape, thread, i)];
    return owners;
  }

  static void expectOwners(FragmentLayout layout, ArrayRef<int64_t> shape,
                           int64_t threads, int expected) {
    auto owners = countOwners(layout, shape, threads);
    int64_t elements = 1;
    for (int64_t extent : shape)
      elements *= extent;
    EXPECT_EQ(static_cast<int64_t>(owners.size()), elements);
    for (auto &[place, count] : owners) {
      EXPECT_EQ(count, expected);
      for (auto [coordinate, extent] : llvm::zip(place, shape)) {
        EXPECT_GE(coordinate, 0);
        EXPECT_LT(coordinate, extent);
      }
    }
  }

  MLIRContext context;
};

TEST_F(TileLayoutTests, MmaElementsHaveOneOwner) {
  expectOwners(mma(4, 1), {128, 24}, 128, 1);
  expectOwners(mma(2, 3), {96, 48}, 192, 1);
  expectOwners(mma(1, 1), {16, 8}, 32, 1);
}

TEST_F(TileLayoutTests, WarpsBeyondTheLayoutAreReplicas) {
  expectOwners(mma(4, 1), {64, 16}, 256, 2);
}

TEST_F(TileLayoutTests, SlicesAreReplicatedOverWhatTheyDrop) {
  // 4 lanes and 3 warps have a row, 8 lanes and 2 warps a column.
  expectOwners(SliceLayoutAttr::get(&context, 1, mma(2, 3)), {96}, 192, 12);
  expectOwners(SliceLayoutAttr::get(&context, 0, mma(2, 3)), {48}, 192, 16);
}

TEST_F(TileLayoutTests, ElementsOfRowsHaveOneOwner) {
  auto rows = [&](int64_t threads, int64_t lanes, int64_t vector) {
    return RowsLayoutAttr::get(&context, threads, lanes, vector);
  };
  expectOwners(rows(128, 128, 8), {5, 2048}, 128, 1); // all threads in a row
  expectOwners(rows(96, 96, 4), {2, 1152}, 96, 1);
  expectOwners(rows(128, 16, 2), {24, 64}, 128, 1);
  expectOwners(rows(64, 1, 1), {192, 3}, 64, 1); // a thread owns rows
}

TEST_F(TileLayoutTests, WarpsThatShareARowOwnContiguousParts) {
  auto rows = RowsLayoutAttr::get(&context, 128, 128, 8);
  for (int64_t thread : {0, 31, 32, 77, 127})
    for (int64_t j = 0; j < 16; ++j) {
      int64_t column = rows.getCoordinates({1, 2048}, thread, j)[1];
      EXPECT_EQ(column / 512, thread / 32);
      EXPECT_EQ(column % 256, 8 * (thread % 32) + j % 8);
    }
}

TEST_F(TileLayoutTests, PartsAreReplicatedOverTheLanesOfARow) {
  auto parts = PartsLayoutAttr::get(&context, 3);
  expectOwners(parts, {8, 3}, 96, 4);
  expectOwners(parts, {32, 3}, 96, 1);
}

TEST_F(TileLayoutTests, SlicesOfRowsAgreeWithTheirParent) {
  for (auto [threads, lanes, vector] :
       {std::tuple(128, 128, 8), std::tuple(64, 8, 2), std::tuple(32, 1, 1)}) {
    auto parent = RowsLayoutAttr::get(&context, threads, lanes, vector);
    auto rows = SliceLayoutAttr::get(&context, 1, parent);
    auto columns = SliceLayoutAttr::get(&context, 0, parent);
    SmallVector<int64_t> shape = {64, 2048};
    int64_t perRow = 2048 / lanes;
    expectOwners(rows, {64}, threads, lanes);
    expectOwners(columns, {2048}, threads, threads / lanes);
    for (int64_t thread : {0, 5, 31})
      for (int64_t e = 0; e < parent.getFragmentSize(shape); e += 3) {
        SmallVector<int64_t> place = parent.getCoordinates(shape, thread, e);
        EXPECT_EQ(place[0], rows.getCoordinates({64}, thread, e / perRow)[0]);
        EXPECT_EQ(place[1],
                  columns.getCoordinates({2048}, thread, e % perRow)[0]);
      }
  }
}

/// A thread's rows and columns in a slice are those of its elements of the
/// parent, in the order of (b, h) and of (g, p).
TEST_F(TileLayoutTests, SlicesAgreeWithTheirParent) {
  MmaLayoutAttr parent = mma(2, 2);
  auto rows = SliceLayoutAttr::get(&context, 1, parent);
  auto columns = SliceLayoutAttr::get(&context, 0, parent);
  SmallVector<int64_t> shape = {64, 48};
  int64_t groups = 48 / 16;
  for (int64_t thread : {0, 5, 77, 127})
    for (int64_t i = 0; i < parent.getFragmentSize(shape); ++i) {
      SmallVector<int64_t> place = parent.getCoordinates(shape, thread, i);
      int64_t p = i % 2, h = i / 2 % 2, g = i / 4 % groups, b = i / 4 / groups;
      EXPECT_EQ(place[0], rows.getCoordinates({64}, thread, 2 * b + h)[0]);
      EXPECT_EQ(place[1], columns.getCoordinates({48}, thread, 2 * g + p)[0]);
    }
}

/// The accumulator of mma.m16n8k16, as the PTX manual numbers it.
TEST_F(TileLayoutTests, MmaIsTheAccumulatorOfM16N8) {
  for (int64_t thread = 0; thread < 32; ++thread)
    for (int64_t i = 0; i < 4; ++i) {
      SmallVector<int64_t> place = mma(1, 1).getCoordinates({16, 8}, thread, i);
      EXPECT_EQ(place[0], thread / 4 + (i < 2 ? 0 : 8));
      EXPECT_EQ(place[1], thread % 4 * 2 + i % 2);
    }
}

TEST_F(TileLayoutTests, SharedElementsDoNotOverlap) {
  for (Type element :
       {Type(Float32Type::get(&context)), Type(BFloat16Type::get(&context))}) {
    auto tile = RankedTensorType::get({24, 128}, element,
                                      SharedLayoutAttr::get(&context));
    int64_t bytes = element.getIntOrFloatBitWidth() / 8;
    std::set<int64_t> seen;
    for (int64_t row = 0; row < 24; ++row)
      for (int64_t column = 0; column < 128; ++column) {
        int64_t place = SharedLayoutAttr::getByteOffset(tile, row, column);
        EXPECT_EQ(place % bytes, 0);
        EXPECT_LT(place, 24 * 128 * bytes);
        EXPECT_TRUE(seen.insert(place).second);
      }
  }
}

TEST_F(TileLayoutTests, EightRowsOfAPieceLieInDifferentBanks) {
  auto tile = RankedTensorType::get({16, 64}, BFloat16Type::get(&context),
                                    SharedLayoutAttr::get(&context));
  for (int64_t column = 0; column < 64; column += 8) {
    std::set<int64_t> banks;
    for (int64_t row = 8; row < 16; ++row)
      banks.insert(SharedLayoutAttr::getByteOffset(tile, row, column) % 128);
    EXPECT_EQ(banks.size(), 8u);
  }
}

} // namespace
