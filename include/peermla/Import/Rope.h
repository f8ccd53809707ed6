//===- Rope.h - rotary frequencies and the softmax scale ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The numbers of a rotary embedding that follow from a configuration alone:
// inverse frequencies, the multiplier of cosines and sines, and the scale of
// the attention scores, with and without YaRN. Everything is in f64. Angles are
// not computed here; `mla.rope_table` does that from the frequencies.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_IMPORT_ROPE_H
#define PEERMLA_IMPORT_ROPE_H

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace peermla::importer {

/// The parameters of YaRN, which stretches a model to longer contexts.
struct YarnConfig {
  /// How many times longer than `originalLength` contexts may become, >= 1.
  double factor = 1;
  /// L, the context length of the original training.
  double originalLength = 0;
  /// Rotations over L beyond which a frequency is kept, and below which it is
  /// divided by `factor`.
  double betaFast = 32, betaSlow = 1;
  /// Absent values are meaningful, see `cosSinMultiplier` and `softmaxScale`.
  std::optional<double> mscale, mscaleAllDim;
};

/// A rotary embedding of any width.
struct RopeConfig {
  /// The base of the frequencies, > 0, and > 1 with YaRN.
  double theta = 1e4;
  std::optional<YarnConfig> yarn;
};

/// (low, high): the pairs below `low` keep their frequency, those above `high`
/// have it divided by the factor, those between are blended:
///
///   cdim(r) = dr ln(L / (2 pi r)) / (2 ln theta)
///   low     = max(floor(cdim(beta_fast)), 0)
///   high    = min(ceil(cdim(beta_slow)), dr - 1)
std::pair<double, double> yarnRange(const YarnConfig &yarn, double theta,
                                    int64_t dr);

/// The `dr / 2` inverse frequencies:
///
///   f_i        = theta^(-2i / dr)
///   ramp_i     = clamp((i - low) / (high - low), 0, 1)
///   inv_freq_i = f_i (1 - ramp_i) + (f_i / factor) ramp_i      f_i without
///   YaRN
std::vector<double> inverseFrequencies(const RopeConfig &rope, int64_t dr);

/// What cosines and sines are multiplied by, 1 without YaRN:
///
///   get_mscale(s, m) = 1 if s <= 1 else 0.1 m ln(s) + 1
///   get_mscale(factor, mscale) / get_mscale(factor, mscale_all_dim)
///
/// if both are given, else get_mscale(factor, 1).
double cosSinMultiplier(const RopeConfig &rope);

/// The scale of the scores, in expanded and absorbed form alike:
///
///   (dn + dr)^-1/2 get_mscale(factor, mscale_all_dim)^2
///
/// where the second factor is there with YaRN if `mscale_all_dim` is given.
double softmaxScale(const RopeConfig &rope, int64_t dn, int64_t dr);

} // namespace peermla::importer

#endif // PEERMLA_IMPORT_ROPE_H
