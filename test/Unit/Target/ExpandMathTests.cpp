//===- ExpandMathTests.cpp - accuracy of elementwise functions ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Machine code of every level against the host's functions in double precision,
// over a sweep of bit patterns; bounds are those of the pass's documentation.
//
//===----------------------------------------------------------------------===//

#include "CompiledModule.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace peermla;

namespace {
constexpr float inf = std::numeric_limits<float>::infinity();

struct Function {
  const char *op;
  double (*exact)(double);
  /// Largest error in units in the last place of the result.
  double bound;
  /// Results below this magnitude may be 0.
  double smallest;
};

void PrintTo(const Function &function, std::ostream *os) { *os << function.op; }

double rsqrtExact(double x) { return 1 / std::sqrt(x); }

const Function functions[] = {
    {"exp", std::exp, 1.5, 0x1p-125},   {"exp2", std::exp2, 1.5, 0x1p-125},
    {"log", std::log, 2.0, 0},          {"erf", std::erf, 2.0, 0x1p-126},
    {"tanh", std::tanh, 2.0, 0x1p-126}, {"rsqrt", rsqrtExact, 1.5, 0x1p-126}};

class ExpandMath
    : public testing::TestWithParam<std::tuple<std::string, Function>> {};
} // namespace

/// A function that applies `op` to vectors of 16, and to what is left as
/// scalars.
static std::string createModule(const std::string &op) {
  std::string text = R"(
    func.func @map(%in: memref<?xf32>, %out: memref<?xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %n = memref.dim %in, %c0 : memref<?xf32>
      %rest = arith.remui %n, %c16 : index
      %whole = arith.subi %n, %rest : index
      scf.for %i = %c0 to %whole step %c16 {
        %x = vector.load %in[%i] : memref<?xf32>, vector<16xf32>
        %y = math.OP %x : vector<16xf32>
        vector.store %y, %out[%i] : memref<?xf32>, vector<16xf32>
      }
      scf.for %i = %whole to %n step %c1 {
        %x = memref.load %in[%i] : memref<?xf32>
        %y = math.OP %x : f32
        memref.store %y, %out[%i] : memref<?xf32>
      }
      return
    }
  )";
  for (size_t at; (at = text.find("OP")) != std::string::npos;)
    text.replace(at, 2, op);
  return text;
}

/// Every 1009th bit pattern that is a number, and a dense sweep near 0.
static std::vector<float> createInputs() {
  std::vector<float> inputs;
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += 1009) {
    float value = llvm::bit_cast<float>(uint32_t(bits));
    if (std::isfinite(value))
      inputs.push_back(value);
  }
  for (int i = -200000; i <= 200000; ++i)
    inputs.push_back(i * 5e-4f);
  return inputs;
}

TEST_P(ExpandMath, StaysBelowTheDocumentedError) {
  const auto &[level, function] = GetParam();
  CompiledModule module(createModule(function.op), level);
  ASSERT_TRUE(module);
  std::vector<float> inputs = createInputs(), outputs(inputs.size());
  module.map(inputs, outputs);

  double worst = 0;
  float worstInput = 0;
  for (auto [x, y] : llvm::zip_equal(inputs, outputs)) {
    double exact = function.exact(x);
    if (std::isnan(exact)) {
      EXPECT_TRUE(std::isnan(y)) << function.op << "(" << x << ") = " << y;
      continue;
    }
    float rounded = float(exact);
    if (y == rounded || (y == 0 && std::abs(exact) <= function.smallest))
      continue;
    double unit = std::isinf(rounded)
                      ? 0x1p104
                      : double(std::nextafter(std::abs(rounded), inf)) -
                            std::abs(rounded);
    double error = std::abs(double(y) - exact) / unit;
    if (!(error <= worst)) {
      worst = error;
      worstInput = x;
    }
  }
  RecordProperty("worst", std::to_string(worst));
  EXPECT_LE(worst, function.bound)
      << function.op << "(" << worstInput << ") on " << level;
}

TEST_P(ExpandMath, KeepsNanAndLimits) {
  const auto &[level, function] = GetParam();
  CompiledModule module(createModule(function.op), level);
  ASSERT_TRUE(module);
  // One vector and a rest; NaN with different payloads.
  std::vector<float> inputs(19, 0.5f), outputs(19);
  inputs[0] = inputs[16] = inf;
  inputs[1] = inputs[17] = -inf;
  inputs[2] = std::numeric_limits<float>::quiet_NaN();
  inputs[3] = llvm::bit_cast<float>(uint32_t(0xffc001ff));
  inputs[18] = llvm::bit_cast<float>(uint32_t(0x7fc001ff));
  module.map(inputs, outputs);
  for (int i : {0, 1, 16, 17}) {
    float exact = float(function.exact(inputs[i]));
    if (std::isnan(exact))
      EXPECT_TRUE(std::isnan(outputs[i])) << outputs[i];
    else
      EXPECT_EQ(outputs[i], exact) << function.op << "(" << inputs[i] << ")";
  }
  for (int i : {2, 3, 18})
    EXPECT_TRUE(std::isnan(outputs[i])) << outputs[i];
}

namespace {
class ExpandAngles : public testing::TestWithParam<std::string> {};
} // namespace

/// `op` in f64 of x / 1024, rounded to f32, as vectors of 8 and as scalars.
static std::string createAngleModule(const std::string &op) {
  std::string text = R"(
    func.func @map(%in: memref<?xf32>, %out: memref<?xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c8 = arith.constant 8 : index
      %scale = arith.constant 0.0009765625 : f64
      %scales = arith.constant dense<0.0009765625> : vector<8xf64>
      %n = memref.dim %in, %c0 : memref<?xf32>
      %rest = arith.remui %n, %c8 : index
      %whole = arith.subi %n, %rest : index
      scf.for %i = %c0 to %whole step %c8 {
        %x = vector.load %in[%i] : memref<?xf32>, vector<8xf32>
        %wide = arith.extf %x : vector<8xf32> to vector<8xf64>
        %angle = arith.mulf %wide, %scales : vector<8xf64>
        %y = math.OP %angle : vector<8xf64>
        %z = arith.truncf %y : vector<8xf64> to vector<8xf32>
        vector.store %z, %out[%i] : memref<?xf32>, vector<8xf32>
      }
      scf.for %i = %whole to %n step %c1 {
        %x = memref.load %in[%i] : memref<?xf32>
        %wide = arith.extf %x : f32 to f64
        %angle = arith.mulf %wide, %scale : f64
        %y = math.OP %angle : f64
        %z = arith.truncf %y : f64 to f32
        memref.store %z, %out[%i] : memref<?xf32>
      }
      return
    }
  )";
  for (size_t at; (at = text.find("OP")) != std::string::npos;)
    text.replace(at, 2, op);
  return text;
}

/// Rounded results of angles up to 2^40, near and far from zeros of the
/// function.
TEST_P(ExpandAngles, RoundsToTheExactValue) {
  std::vector<float> inputs, outputs;
  for (int i = -40000; i <= 40000; ++i)
    inputs.push_back(float(i));
  for (float x = 40000; x < 0x1p50f; x *= 1.0003f) {
    inputs.push_back(x);
    inputs.push_back(-x);
  }
  inputs.resize(inputs.size() / 8 * 8 + 5, 1.0f);
  outputs.resize(inputs.size());
  double (*const exact[])(double) = {std::cos, std::sin};
  for (int which : {0, 1}) {
    CompiledModule module(createAngleModule(which ? "sin" : "cos"), GetParam());
    ASSERT_TRUE(module);
    module.map(inputs, outputs);
    double worst = 0;
    for (auto [x, y] : llvm::zip_equal(inputs, outputs)) {
      double value = exact[which](double(x) / 1024);
      double unit = std::max(
          0x1p-52, double(std::nextafter(float(std::abs(value)), inf)) -
                       float(std::abs(value)));
      worst = std::max(worst, std::abs(y - value) / unit);
    }
    // Half a unit is the rounding to f32.
    EXPECT_LE(worst, 1.0) << GetParam();
  }
}

TEST_P(ExpandAngles, InfiniteAnglesHaveNone) {
  std::vector<float> inputs(11, inf), outputs(11);
  inputs[1] = inputs[9] = -inf;
  inputs[2] = inputs[10] = std::numeric_limits<float>::quiet_NaN();
  for (const char *op : {"cos", "sin"}) {
    CompiledModule module(createAngleModule(op), GetParam());
    ASSERT_TRUE(module);
    module.map(inputs, outputs);
    for (float y : outputs)
      EXPECT_TRUE(std::isnan(y)) << op << " " << y;
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, ExpandAngles,
                         testing::ValuesIn(getRunnableLevels()),
                         [](const auto &info) {
                           std::string name = info.param;
                           for (char &c : name)
                             if (c == '-')
                               c = '_';
                           return name;
                         });

INSTANTIATE_TEST_SUITE_P(
    Levels, ExpandMath,
    testing::Combine(testing::ValuesIn(getRunnableLevels()),
                     testing::ValuesIn(functions)),
    [](const auto &info) {
      std::string name =
          std::get<0>(info.param) + "_" + std::get<1>(info.param).op;
      for (char &c : name)
        if (c == '-')
          c = '_';
      return name;
    });
