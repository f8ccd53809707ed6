//===- ArgumentTests.cpp - tensors that do not fit ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"
#include <climits>

using namespace peermla;
using namespace peermla::test;

namespace {
/// forward with x [5, 4] and y [5, 3], one of them damaged.
class Arguments : public FakeSession {
protected:
  Tensor<float> x{{5, 4}}, y{{5, 3}};

  std::string forward() {
    std::string message = call("forward", {x, y});
    EXPECT_TRUE(message.empty() || status == PEERMLA_INVALID_ARGUMENT);
    return message;
  }
};
} // namespace

TEST_F(Arguments, AreCounted) {
  EXPECT_EQ(forward(), "");
  EXPECT_EQ(call("forward", {x}), "entry 'forward' expects 2 arguments, got 1");
  EXPECT_EQ(call("forward", {x, nullptr}),
            "argument 'y' expects a tensor, got a null pointer");
  EXPECT_EQ(api.call(context, 0, nullptr, 2), PEERMLA_INVALID_ARGUMENT);
}

TEST_F(Arguments, AreOnTheCpu) {
  x.tensor.device.device_type = kDLCUDA;
  EXPECT_EQ(forward(), "argument 'x' expects a tensor on the CPU (DLPack "
                       "device type 1), got device type 2");
}

TEST_F(Arguments, HaveTheType) {
  x.tensor.dtype = {kDLFloat, 64, 1};
  EXPECT_EQ(forward(), "argument 'x' expects type f32, got f64");
  x.tensor.dtype = {kDLBfloat, 16, 1};
  EXPECT_EQ(forward(), "argument 'x' expects type f32, got bf16");
  x.tensor.dtype = {kDLFloat, 32, 4};
  EXPECT_EQ(forward(), "argument 'x' expects type f32, got a DLPack type with "
                       "code 2, 32 bits, 4 lanes");
}

TEST_F(Arguments, RefuseIntegersOf64Bits) {
  Tensor<int64_t> tokens({2});
  Tensor<int32_t> table({1, 1}), lengths({1});
  Tensor<float> cache({1, 4, 2}), result({2});
  EXPECT_EQ(call("decode", {tokens, cache, table, lengths, result}),
            "argument 'tokens' expects type i32, got i64");
}

TEST_F(Arguments, HaveTheShape) {
  x.shape[1] = 3;
  EXPECT_EQ(forward(), "argument 'x' expects 4 for dimension 1 in shape [T, 4],"
                       " got [5, 3]");
  x.shape[1] = 4;
  y.shape[0] = 6;
  EXPECT_EQ(forward(), "argument 'y' expects T = 5 as in argument 'x' for "
                       "dimension 0 in shape [T, 3], got [6, 3]");
  y.tensor.ndim = 1;
  EXPECT_EQ(forward(), "argument 'y' expects rank 2 in shape [T, 3], got [6]");
  y.tensor.shape = nullptr;
  EXPECT_EQ(forward(),
            "argument 'y' expects a shape, got rank 1 and no extents");
  y.tensor.ndim = -1;
  EXPECT_EQ(forward(),
            "argument 'y' expects a shape, got rank -1 and no extents");
}

TEST_F(Arguments, HaveASizeThatCanBeCounted) {
  x.shape[0] = INT64_MAX / 4;
  EXPECT_EQ(forward(), "argument 'x' expects fewer than 2^63 bytes, got shape "
                       "[2305843009213693951, 4]");
}

TEST_F(Arguments, AreContiguous) {
  int64_t strides[] = {4, 1};
  x.tensor.strides = strides;
  EXPECT_EQ(forward(), "");
  strides[0] = 8;
  EXPECT_EQ(forward(), "argument 'x' expects a contiguous row-major tensor "
                       "with stride 4 for dimension 0, got 8");
  strides[0] = 1;
  strides[1] = 5;
  EXPECT_EQ(forward(), "argument 'x' expects a contiguous row-major tensor "
                       "with stride 1 for dimension 1, got 5");
  // The stride of a dimension of one element, or of none, means nothing.
  x.shape[0] = y.shape[0] = 1;
  strides[0] = 77;
  strides[1] = 1;
  EXPECT_EQ(forward(), "");
  x.shape[0] = y.shape[0] = 0;
  strides[1] = -9;
  x.tensor.data = y.tensor.data = nullptr;
  x.tensor.byte_offset = 3;
  EXPECT_EQ(forward(), "");
}

TEST_F(Arguments, HaveData) {
  x.tensor.data = nullptr;
  EXPECT_EQ(forward(), "argument 'x' expects data, got a null pointer");
}

TEST_F(Arguments, MayBeginAtAnOffset) {
  std::vector<float> storage(4 + 20, 1.0f);
  x.tensor.data = storage.data();
  x.tensor.byte_offset = 16;
  EXPECT_EQ(forward(), "");
  EXPECT_EQ(y.values[0], 30);
  x.tensor.byte_offset = 2;
  EXPECT_EQ(forward(), "argument 'x' expects data aligned to 4 bytes, got an "
                       "address 2 beyond that");
}
