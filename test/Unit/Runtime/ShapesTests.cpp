//===- ShapesTests.cpp - symbols of an entry ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Runtime/Shapes.h"
#include "gtest/gtest.h"
#include <climits>

using namespace peermla;

namespace {
/// forward(x [T, 64], cu_seqlens [B+1], past_lens [B], y [T, T])
class Shapes : public testing::Test {
protected:
  static constexpr DLDataType f32 = {kDLFloat, 32, 1};
  const char *symbols[2] = {"T", "B"};
  peermla_dim x[2] = {{0, 0}, {-1, 64}};
  peermla_dim cuSeqlens[1] = {{1, 1}};
  peermla_dim pastLens[1] = {{1, 0}};
  peermla_dim y[2] = {{0, 0}, {0, 0}};
  peermla_argument arguments[4] = {
      {"x", PEERMLA_IN, f32, 2, x},
      {"cu_seqlens", PEERMLA_IN, f32, 1, cuSeqlens},
      {"past_lens", PEERMLA_IN, f32, 1, pastLens},
      {"y", PEERMLA_OUT, f32, 2, y}};
  peermla_entry entry = {"forward", 4, arguments, 2, symbols};
  SymbolBinding binding{entry};

  std::string bind(int32_t argument, const std::vector<int64_t> &shape) {
    return binding
        .bind(argument, static_cast<int32_t>(shape.size()), shape.data())
        .getMessage();
  }
};
} // namespace

TEST_F(Shapes, LearnsSymbols) {
  EXPECT_EQ(bind(0, {5, 64}), "");
  EXPECT_EQ(bind(1, {4}), "");
  EXPECT_EQ(bind(2, {3}), "");
  EXPECT_EQ(bind(3, {5, 5}), "");
  EXPECT_EQ(binding.getValues(), (std::vector<int64_t>{5, 3}));
  EXPECT_EQ(binding.getExtent(cuSeqlens[0]), 4);
  binding.reset();
  EXPECT_EQ(binding.getExtent(cuSeqlens[0]), SymbolBinding::unknown);
}

TEST_F(Shapes, AcceptsNothing) {
  EXPECT_EQ(bind(0, {0, 64}), "");
  EXPECT_EQ(bind(1, {1}), "");
  EXPECT_EQ(bind(2, {0}), "");
}

TEST_F(Shapes, NamesBothSidesOfAContradiction) {
  EXPECT_EQ(bind(1, {4}), "");
  EXPECT_EQ(bind(2, {4}),
            "argument 'past_lens' expects B = 3 as in argument 'cu_seqlens' "
            "for dimension 0 in shape [B], got [4]");
  binding.reset();
  EXPECT_EQ(bind(2, {2}), "");
  EXPECT_EQ(bind(1, {2}),
            "argument 'cu_seqlens' expects B+1 = 3 with B = 2 as in argument "
            "'past_lens' for dimension 0 in shape [B+1], got [2]");
  EXPECT_EQ(bind(3, {5, 6}),
            "argument 'y' expects T = 5 for dimension 1 in shape [T, T], got "
            "[5, 6]");
}

TEST_F(Shapes, NamesOtherRanksAndExtents) {
  EXPECT_EQ(bind(0, {5}),
            "argument 'x' expects rank 2 in shape [T, 64], got [5]");
  EXPECT_EQ(bind(0, {5, 63}), "argument 'x' expects 64 for dimension 1 in "
                              "shape [T, 64], got [5, 63]");
  EXPECT_EQ(bind(0, {-1, 64}), "argument 'x' expects at least 0 for dimension "
                               "0 in shape [T, 64], got [-1, 64]");
  EXPECT_EQ(bind(1, {0}), "argument 'cu_seqlens' expects at least 1 for "
                          "dimension 0 in shape [B+1], got [0]");
}

TEST_F(Shapes, DoesNotOverflow) {
  EXPECT_EQ(bind(2, {INT64_MAX}), "");
  EXPECT_NE(bind(1, {5}), "");
  EXPECT_EQ(binding.getExtent(cuSeqlens[0]), SymbolBinding::unknown);
}
