//===- RopeTests.cpp - scale, YaRN range and frequencies ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Golden values: those of the published models, and frequencies computed by the
// reference implementation of DeepSeek-V3.
//
//===----------------------------------------------------------------------===//

#include "peermla/Import/Rope.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace peermla::importer;

static RopeConfig getDeepseek(double mscale, double mscaleAllDim) {
  YarnConfig yarn;
  yarn.factor = 40;
  yarn.originalLength = 4096;
  yarn.mscale = mscale;
  yarn.mscaleAllDim = mscaleAllDim;
  return {1e4, yarn};
}

static RopeConfig getKimi(double factor) {
  YarnConfig yarn;
  yarn.factor = factor;
  yarn.originalLength = 4096;
  yarn.betaFast = yarn.betaSlow = 1;
  yarn.mscale = yarn.mscaleAllDim = 1;
  return {5e4, yarn};
}

TEST(Rope, HasThePublishedScales) {
  EXPECT_NEAR(softmaxScale(getDeepseek(.707, .707), 128, 64), 0.1147214, 5e-8);
  EXPECT_NEAR(softmaxScale(getDeepseek(1, 1), 128, 64), 0.1352338, 5e-8);
  EXPECT_NEAR(softmaxScale(getKimi(32), 128, 64), 0.1308608, 5e-8);
  EXPECT_NEAR(softmaxScale(getKimi(64), 128, 64), 0.1446796, 5e-8);
}

TEST(Rope, HasThePublishedRanges) {
  auto range = [](const RopeConfig &rope) {
    return yarnRange(*rope.yarn, rope.theta, 64);
  };

  EXPECT_EQ(range(getDeepseek(1, 1)), std::make_pair(10.0, 23.0));
  EXPECT_EQ(range(getKimi(32)), std::make_pair(19.0, 20.0));
}

TEST(Rope, ScalesByTheRootOfTheQueryWidthWithoutYarn) {
  EXPECT_DOUBLE_EQ(softmaxScale({}, 128, 64), 1 / std::sqrt(192.0));
  EXPECT_DOUBLE_EQ(softmaxScale({}, 8, 0), 1 / std::sqrt(8.0));
  EXPECT_DOUBLE_EQ(cosSinMultiplier({}), 1.0);
}

TEST(Rope, SquaresTheMagnitudeOnlyIfMscaleAllDimIsGiven) {
  RopeConfig rope = getDeepseek(1, 1);
  double plain = 1 / std::sqrt(192.0);

  rope.yarn->mscaleAllDim = 0;
  EXPECT_DOUBLE_EQ(softmaxScale(rope, 128, 64), plain);
  rope.yarn->mscaleAllDim.reset();
  EXPECT_DOUBLE_EQ(softmaxScale(rope, 128, 64), plain);
}

TEST(Rope, MultipliesCosinesByTheRatioOfMagnitudes) {
  double full = 0.1 * std::log(40.0) + 1;

  EXPECT_DOUBLE_EQ(cosSinMultiplier(getDeepseek(1, 1)), 1.0);
  EXPECT_DOUBLE_EQ(cosSinMultiplier(getDeepseek(1, .5)),
                   full / (0.05 * std::log(40.0) + 1));
  RopeConfig rope = getDeepseek(.707, .707);
  rope.yarn->mscaleAllDim.reset();
  EXPECT_DOUBLE_EQ(cosSinMultiplier(rope), full);
  rope.yarn->factor = 1;
  EXPECT_DOUBLE_EQ(cosSinMultiplier(rope), 1.0);
}

TEST(Rope, KeepsHighAndDividesLowFrequencies) {
  RopeConfig rope = getDeepseek(1, 1);
  std::vector<double> plain = inverseFrequencies({1e4, std::nullopt}, 64);

  std::vector<double> stretched = inverseFrequencies(rope, 64);

  ASSERT_EQ(stretched.size(), 32u);
  for (int i = 0; i < 32; ++i) {
    SCOPED_TRACE(i);
    EXPECT_DOUBLE_EQ(plain[i], std::pow(1e4, -2.0 * i / 64));
    double ramp = std::min(std::max((i - 10) / 13.0, 0.0), 1.0);
    EXPECT_NEAR(stretched[i] / plain[i], 1 - ramp * (1 - 1 / 40.0), 1e-14);
  }
}

TEST(Rope, IsDefinedForARangeOfWidthZero) {
  RopeConfig rope = getKimi(32);
  // Both ends of the range are 0: no pair turns 11 times in 64 positions.
  rope.yarn->originalLength = 64;
  rope.yarn->betaFast = rope.yarn->betaSlow = 11;

  std::vector<double> frequencies = inverseFrequencies(rope, 16);

  EXPECT_EQ(yarnRange(*rope.yarn, rope.theta, 16), std::make_pair(0.0, 0.0));
  EXPECT_DOUBLE_EQ(frequencies[0], 1.0);
  for (int i = 1; i < 8; ++i) {
    SCOPED_TRACE(i);
    EXPECT_DOUBLE_EQ(frequencies[i], std::pow(5e4, -2.0 * i / 16) / 32);
  }
}

TEST(Rope, HasNoFrequenciesWithoutRotatedColumns) {
  EXPECT_TRUE(inverseFrequencies(getDeepseek(1, 1), 0).empty());
}
