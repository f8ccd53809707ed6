//===- SmallFloat.h - numbers of few bits ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_SMALLFLOAT_H
#define PEERMLA_LIB_SIMULATOR_SMALLFLOAT_H

#include "peermla/Simulator/Abi.h"
#include <cstring>

namespace peermla::sim {

inline uint32_t toBits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}
inline float fromBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

/// Whether a magnitude whose last kept bit is `odd` grows by one unit; `rest`
/// is what is cut off, in units of which `half` is one half.
bool roundsUp(uint32_t mode, bool negative, bool odd, uint64_t rest,
              uint64_t half);

/// The bits of `value` in F16, BF16, TF32 (in the upper 19 bits of 32), E4M3 or
/// E5M2, rounded as RoundingFlags say. NaN is the canonical one of PTX.
uint32_t encodeFloat(double value, ElementType type, uint32_t flags);
/// The same of a float; a NaN keeps nothing of its bits either.
uint32_t encodeFloat(float value, ElementType type, uint32_t flags);

inline float decodeBF16(uint16_t bits) {
  return fromBits(uint32_t(bits) << 16);
}
float decodeF16(uint16_t bits);
/// F16, BF16, TF32, E4M3, E5M2 or F32; TF32 drops the lower 13 bits, as tensor
/// cores do.
float decodeFloat(uint32_t bits, ElementType type);

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_SMALLFLOAT_H
