//===- Random.h - the same numbers everywhere -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_RANDOM_H
#define PEERMLA_LIB_SIMULATOR_RANDOM_H

#include <cstdint>

namespace peermla::sim {

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
class Random {
public:
  explicit Random(uint64_t seed = 0) : state(seed) {}
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In [0, bound), for bounds far below 2^32.
  uint32_t below(uint32_t bound) {
    return uint32_t(((next() >> 32) * bound) >> 32);
  }
  bool coin() { return next() >> 63; }

private:
  uint64_t state;
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_RANDOM_H
