//===- Rope.cpp - rotary frequencies and the softmax scale ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Import/Rope.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cmath>

using namespace peermla::importer;

static double getMscale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

std::pair<double, double>
peermla::importer::yarnRange(const YarnConfig &yarn, double theta, int64_t dr) {
  auto correctionDim = [&](double rotations) {
    return dr *
           std::log(yarn.originalLength / (2 * llvm::numbers::pi * rotations)) /
           (2 * std::log(theta));
  };
  return {std::max(std::floor(correctionDim(yarn.betaFast)), 0.0),
          std::min(std::ceil(correctionDim(yarn.betaSlow)), double(dr - 1))};
}

std::vector<double>
peermla::importer::inverseFrequencies(const RopeConfig &rope, int64_t dr) {
  std::vector<double> frequencies(dr / 2);
  for (auto [i, frequency] : llvm::enumerate(frequencies))
    frequency = std::pow(rope.theta, -2.0 * double(i) / double(dr));
  if (!rope.yarn)
    return frequencies;

  auto [low, high] = yarnRange(*rope.yarn, rope.theta, dr);
  if (low == high)
    high += 0.001; // As the reference: avoids 0 / 0.
  for (auto [i, frequency] : llvm::enumerate(frequencies)) {
    double ramp = std::clamp((double(i) - low) / (high - low), 0.0, 1.0);
    frequency = frequency * (1 - ramp) + (frequency / rope.yarn->factor) * ramp;
  }
  return frequencies;
}

double peermla::importer::cosSinMultiplier(const RopeConfig &rope) {
  if (!rope.yarn)
    return 1;
  const YarnConfig &yarn = *rope.yarn;
  if (yarn.mscale && yarn.mscaleAllDim)
    return getMscale(yarn.factor, *yarn.mscale) /
           getMscale(yarn.factor, *yarn.mscaleAllDim);
  return getMscale(yarn.factor, 1);
}

double peermla::importer::softmaxScale(const RopeConfig &rope, int64_t dn,
                                       int64_t dr) {
  double scale = 1 / std::sqrt(double(dn + dr));
  // mscale_all_dim = 0 gives get_mscale = 1: the same as not given.
  if (rope.yarn && rope.yarn->mscaleAllDim) {
    double mscale = getMscale(rope.yarn->factor, *rope.yarn->mscaleAllDim);
    scale *= mscale * mscale;
  }
  return scale;
}
