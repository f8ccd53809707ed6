//===- MatrixTests.cpp - ldmatrix, stmatrix, mma.sync ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"
#include <cmath>
#include <cstring>

using namespace peermla::sim;

namespace {

TEST(MatrixTest, ldmatrixDistributesRows) {
  for (uint32_t count : {1u, 2u, 4u})
    for (bool transposed : {false, true}) {
      TestKernel kernel(32, 2048);
      kernel.options.checkRaces = kernel.options.checkInit = true;
      Result result = kernel.run([&] {
        uint32_t lane = getTid();
        // Element c of row r of matrix i is 100 i + 10 r + c; rows are 32 bytes
        // apart, in an order of its own.
        uint32_t i = lane / 8, r = lane % 8;
        char *row = shared((i * 8 + (r ^ 5)) * 32);
        for (uint32_t c = 0; c < 8; ++c)
          store(row + 2 * c, uint16_t(100 * i + 10 * r + c), 0);
        peermla_sim_warp_sync(~0u, 1);
        uint32_t fragment[4];
        peermla_sim_ldmatrix(fragment, row, count, transposed, 2);
        for (uint32_t m = 0; m < count; ++m)
          for (uint32_t e = 0; e < 2; ++e) {
            uint32_t x = lane / 4, y = 2 * (lane % 4) + e;
            EXPECT_EQ(fragment[m] >> (16 * e) & 0xffff,
                      100 * m + (transposed ? 10 * y + x : 10 * x + y));
          }
      });
      EXPECT_EQ(result.getText(kernel.launch), "");
    }
}

TEST(MatrixTest, stmatrixIsTheInverse) {
  for (uint32_t count : {1u, 2u, 4u})
    for (bool transposed : {false, true}) {
      TestKernel kernel(32, 1024);
      Result result = kernel.run([&] {
        uint32_t lane = getTid(), fragment[4], back[4];
        for (uint32_t i = 0; i < 4; ++i)
          fragment[i] = 1000 * i + 2 * lane + ((2 * lane + 1) << 16);
        char *row = shared(lane * 16);
        peermla_sim_stmatrix(row, fragment, count, transposed, 0);
        peermla_sim_ldmatrix(back, row, count, transposed, 1);
        for (uint32_t i = 0; i < count; ++i)
          EXPECT_EQ(back[i], fragment[i]);
        // Register 0 of lane 1 holds columns 2 and 3 of row 0.
        uint16_t element;
        memcpy(&element, shared(transposed ? 2 * 16 : 2 * 2), 2);
        EXPECT_EQ(element, 2);
      });
      EXPECT_EQ(result.getText(kernel.launch), "");
    }
}

TEST(MatrixTest, rowsMustBeAlignedAndInside) {
  TestKernel kernel(32, 256);
  Result result = kernel.run([&] {
    uint32_t lane = getTid(), fragment[4];
    peermla_sim_ldmatrix(fragment, shared(lane * 16 + (lane == 3 ? 8 : 0)), 1,
                         0, 0);
    EXPECT_EQ(fragment[0] == ~0u, true); // NaN: nobody wrote
    peermla_sim_ldmatrix(fragment, shared(lane * 16), 4, 0, 1);
  });
  ASSERT_EQ(summarize(result), "misaligned 0; out-of-bounds 1");
  EXPECT_EQ(result.reports[0].thread, 3u);
  EXPECT_EQ(result.reports[1].thread, 16u);
}

/// A small integer, exact in every type.
int32_t element(uint32_t which, uint32_t row, uint32_t column) {
  return int32_t((row * 7 + column * 5 + which * 3 + row * column) % 9) - 4;
}

uint32_t encode(int32_t value, ElementType type) {
  if (type == ElementType::S8)
    return uint8_t(value);
  if (type == ElementType::U8)
    return uint8_t(value + 4);
  return peermla_sim_convert_from_f32(float(value), uint32_t(type), 0);
}

int32_t valueOf(int32_t value, ElementType type) {
  return type == ElementType::U8 ? value + 4 : value;
}

struct MmaCase {
  ElementType type, accumulator;
  uint32_t bits, k;
};
const MmaCase mmaCases[] = {
    {ElementType::BF16, ElementType::F32, 16, 16},
    {ElementType::BF16, ElementType::F32, 16, 8},
    {ElementType::F16, ElementType::F32, 16, 16},
    {ElementType::F16, ElementType::F16, 16, 16},
    {ElementType::F16, ElementType::F16, 16, 8},
    {ElementType::TF32, ElementType::F32, 32, 8},
    {ElementType::TF32, ElementType::F32, 32, 4},
    {ElementType::E4M3, ElementType::F32, 8, 32},
    {ElementType::E5M2, ElementType::F32, 8, 16},
    {ElementType::S8, ElementType::S32, 8, 32},
    {ElementType::U8, ElementType::S32, 8, 16},
};

TEST(MatrixTest, mmaMultiplies) {
  for (const MmaCase &c : mmaCases) {
    uint32_t perWord = 32 / c.bits;
    TestKernel kernel(32);
    Result result = kernel.run([&] {
      uint32_t lane = getTid(), g = lane / 4, t = lane % 4;
      uint32_t a[4] = {}, b[2] = {}, addend[4] = {}, d[4] = {};
      auto put = [&](uint32_t &word, uint32_t i, uint32_t bits) {
        word |= bits << (i * c.bits);
      };
      // The tables of PTX: row and column of element i of a lane, by the number
      // of elements in a register.
      for (uint32_t i = 0; i < 16 * c.k / 32; ++i) {
        uint32_t reg = i / perWord, e = i % perWord;
        uint32_t row = g + (reg % 2 ? 8 : 0);
        uint32_t column = t * perWord + e + (reg >= 2 ? 4 * perWord : 0);
        put(a[reg], e, encode(element(0, row, column), c.type));
      }
      for (uint32_t i = 0; i < 8 * c.k / 32; ++i) {
        uint32_t reg = i / perWord, e = i % perWord;
        uint32_t row = t * perWord + e + (reg ? 4 * perWord : 0);
        put(b[reg], e, encode(element(1, row, g), c.type));
      }
      auto getPlace = [&](uint32_t i, uint32_t &row, uint32_t &column) {
        row = g + (i >= 2 ? 8 : 0);
        column = 2 * t + i % 2;
      };
      for (uint32_t i = 0; i < 4; ++i) {
        uint32_t row, column;
        getPlace(i, row, column);
        int32_t value = 2 * element(2, row, column);
        if (c.accumulator == ElementType::F16)
          addend[i / 2] |= encode(value, ElementType::F16) << (16 * (i % 2));
        else if (c.accumulator == ElementType::S32)
          addend[i] = uint32_t(value);
        else
          addend[i] = encode(value, ElementType::F32);
      }
      peermla_sim_mma_sync(d, a, b, addend, c.k, uint32_t(c.type),
                           uint32_t(c.type), uint32_t(c.accumulator), 0, 0);
      for (uint32_t i = 0; i < 4; ++i) {
        uint32_t row, column;
        getPlace(i, row, column);
        int32_t expected = 2 * element(2, row, column);
        for (uint32_t k = 0; k < c.k; ++k)
          expected += valueOf(element(0, row, k), c.type) *
                      valueOf(element(1, k, column), c.type);
        int32_t got = c.accumulator == ElementType::S32 ? int32_t(d[i])
                      : c.accumulator == ElementType::F16
                          ? int32_t(peermla_sim_convert_to_f32(
                                d[i / 2] >> (16 * (i % 2)) & 0xffff,
                                uint32_t(ElementType::F16)))
                          : int32_t(peermla_sim_convert_to_f32(
                                d[i], uint32_t(ElementType::F32)));
        EXPECT_EQ(got, expected)
            << "type " << uint32_t(c.type) << " k " << c.k << " lane " << lane;
      }
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
    EXPECT_EQ(result.total.matrixFlop, 2u * 16 * 8 * c.k);
  }
}

TEST(MatrixTest, mmaOfIntegersSaturates) {
  TestKernel kernel(32);
  kernel.run([&] {
    for (bool saturates : {false, true}) {
      uint32_t a[4], b[2], c[4], d[4];
      std::fill_n(a, 4, 0x7f7f7f7f);
      std::fill_n(b, 2, 0x7f7f7f7f);
      std::fill_n(c, 4, 0x7fffff00);
      peermla_sim_mma_sync(
          d, a, b, c, 32, uint32_t(ElementType::S8), uint32_t(ElementType::S8),
          uint32_t(ElementType::S32), saturates ? MatrixFlags::Saturate : 0, 0);
      EXPECT_EQ(d[1], saturates ? 0x7fffffffu : 0x7fffff00u + 32 * 127 * 127);
    }
  });
}

TEST(MatrixTest, wrongMmaIsReported) {
  TestKernel kernel(32);
  auto run = [&](ElementType type, ElementType accumulator, uint32_t k) {
    return summarize(kernel.run([&] {
      uint32_t a[4] = {}, b[2] = {}, c[4] = {}, d[4];
      peermla_sim_mma_sync(d, a, b, c, k, uint32_t(type), uint32_t(type),
                           uint32_t(accumulator), 0, 7);
    }));
  };
  EXPECT_EQ(run(ElementType::BF16, ElementType::F32, 16), "");
  EXPECT_EQ(run(ElementType::BF16, ElementType::F16, 16), "descriptor 7");
  EXPECT_EQ(run(ElementType::BF16, ElementType::F32, 32), "descriptor 7");
  EXPECT_EQ(run(ElementType::F64, ElementType::F32, 16), "descriptor 7");
}

TEST(MatrixTest, warpsThatAreNotWholeAreReported) {
  TestKernel kernel(32);
  Result result = kernel.run([&] {
    uint32_t a[4] = {}, b[2] = {}, c[4] = {}, d[4];
    if (getTid() == 31)
      return;
    peermla_sim_mma_sync(d, a, b, c, 16, uint32_t(ElementType::BF16),
                         uint32_t(ElementType::BF16),
                         uint32_t(ElementType::F32), 0, 7);
  });
  EXPECT_TRUE(contains(summarize(result), "7"));
}

} // namespace
