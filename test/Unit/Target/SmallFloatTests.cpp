//===- SmallFloatTests.cpp - conversions of bf16 and f16 ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Machine code of every level, for scalars and vectors of lengths that do and
// do not fit the registers, against LLVM's APFloat. That the code compiles says
// that it calls no conversion function.
//
//===----------------------------------------------------------------------===//

#include "CompiledModule.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace peermla;
using llvm::APFloat;

namespace {
/// Level, element type, lanes.
using Case = std::tuple<std::string, std::string, int>;
class SmallFloat : public testing::TestWithParam<Case> {
protected:
  const std::string &getLevel() const { return std::get<0>(GetParam()); }
  bool isBf16() const { return std::get<1>(GetParam()) == "bf16"; }
  bool hasInstructions() const { return getLevel() == "x86-64-v4-bf16"; }
  const llvm::fltSemantics &getSemantics() const {
    return isBf16() ? APFloat::BFloat() : APFloat::IEEEhalf();
  }
  /// A function that applies `op` from elements IN to OUT, a vector at a time.
  std::string createModule(const std::string &op, bool extends) const {
    std::string small = std::get<1>(GetParam());
    return replace(R"(
      func.func @map(%in: memref<?xIN>, %out: memref<?xOUT>) {
        %c0 = arith.constant 0 : index
        %step = arith.constant LANES : index
        %n = memref.dim %in, %c0 : memref<?xIN>
        scf.for %i = %c0 to %n step %step {
          %x = vector.load %in[%i] : memref<?xIN>, vector<LANESxIN>
          %y = arith.OP %x : vector<LANESxIN> to vector<LANESxOUT>
          vector.store %y, %out[%i] : memref<?xOUT>, vector<LANESxOUT>
        }
        return
      }
    )",
                   {{"LANES", std::to_string(std::get<2>(GetParam()))},
                    {"IN", extends ? small : "f32"},
                    {"OUT", extends ? "f32" : small},
                    {"OP", op}});
  }

private:
  static std::string
  replace(std::string text,
          std::vector<std::pair<std::string, std::string>> names) {
    for (const auto &[name, value] : names)
      for (size_t at; (at = text.find(name)) != std::string::npos;)
        text.replace(at, name.size(), value);
    return text;
  }
};
} // namespace

TEST_P(SmallFloat, ExtendsExactly) {
  CompiledModule module(createModule("extf", true), getLevel());
  ASSERT_TRUE(module);
  // A multiple of all lengths; the last values repeat.
  std::vector<uint16_t> inputs(65536 + 224);
  for (size_t i = 0; i < inputs.size(); ++i)
    inputs[i] = uint16_t(i);
  inputs.resize(inputs.size() / 96 * 96);
  std::vector<float> outputs(inputs.size());
  module.map(inputs, outputs);
  for (auto [bits, y] : llvm::zip_equal(inputs, outputs)) {
    APFloat exact(getSemantics(), llvm::APInt(16, bits));
    bool losesInfo;
    exact.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    if (exact.isNaN())
      EXPECT_TRUE(std::isnan(y)) << bits;
    else
      EXPECT_EQ(llvm::bit_cast<uint32_t>(y),
                uint32_t(exact.bitcastToAPInt().getZExtValue()))
          << bits;
  }
}

TEST_P(SmallFloat, RoundsToNearestEven) {
  CompiledModule module(createModule("truncf", false), getLevel());
  ASSERT_TRUE(module);
  std::vector<float> inputs;
  // A sweep of all bit patterns, and all ties with their neighbours.
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += 9973)
    inputs.push_back(llvm::bit_cast<float>(uint32_t(bits)));
  unsigned dropped = isBf16() ? 16 : 13;
  for (uint64_t high = 0; high < (uint64_t(1) << 32);
       high += uint64_t(37) << dropped)
    for (int neighbour : {-1, 0, 1})
      inputs.push_back(llvm::bit_cast<float>(
          uint32_t(high + (uint64_t(1) << (dropped - 1)) + neighbour)));
  inputs.resize((inputs.size() + 95) / 96 * 96, 1.0f);
  std::vector<uint16_t> outputs(inputs.size());
  module.map(inputs, outputs);
  int failures = 0;
  for (auto [x, y] : llvm::zip_equal(inputs, outputs)) {
    APFloat exact(x);
    // The instruction takes subnormal inputs for 0 and makes no such result.
    if (isBf16() && hasInstructions() && exact.isDenormal())
      exact = APFloat::getZero(APFloat::IEEEsingle(), exact.isNegative());
    bool losesInfo;
    exact.convert(getSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    uint16_t expected = exact.bitcastToAPInt().getZExtValue();
    APFloat actual(getSemantics(), llvm::APInt(16, y));
    bool same =
        exact.isNaN() ? actual.isNaN() && !actual.isSignaling() : y == expected;
    if (!same && ++failures < 10)
      ADD_FAILURE() << x << " became " << y << ", expected " << expected;
  }
  EXPECT_EQ(failures, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Levels, SmallFloat,
    testing::Combine(testing::ValuesIn(getRunnableLevels()),
                     testing::Values("bf16", "f16"),
                     testing::Values(1, 3, 8, 16, 32)),
    [](const auto &info) {
      std::string name = std::get<0>(info.param) + "_" +
                         std::get<1>(info.param) + "_" +
                         std::to_string(std::get<2>(info.param));
      for (char &c : name)
        if (c == '-')
          c = '_';
      return name;
    });
