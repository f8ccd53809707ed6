//===- SmallFloat.cpp - numbers of few bits -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SmallFloat.h"

using namespace peermla::sim;

namespace {
struct Format {
  uint32_t exponentBits, mantissaBits;
  /// Bits of the largest finite value, of infinity (0 if there is none) and of
  /// the canonical NaN.
  uint32_t maxFinite, infinity, nan;

  int32_t getBias() const { return (1 << (exponentBits - 1)) - 1; }
  uint32_t getSign() const { return 1u << (exponentBits + mantissaBits); }
};
} // namespace

static Format getFormat(ElementType type) {
  switch (type) {
  case ElementType::F16:
    return {5, 10, 0x7bff, 0x7c00, 0x7fff};
  case ElementType::BF16:
    return {8, 7, 0x7f7f, 0x7f80, 0x7fff};
  case ElementType::E4M3:
    return {4, 3, 0x7e, 0, 0x7f};
  case ElementType::E5M2:
    return {5, 2, 0x7b, 0x7c, 0x7f};
  case ElementType::TF32:
  default:
    return {8, 10, 0x3fbff, 0x3fc00, 0x3ffff};
  }
}

/// TF32 stands in the upper bits of a word.
static uint32_t place(uint32_t bits, ElementType type) {
  return type == ElementType::TF32 ? bits << 13 : bits;
}

bool peermla::sim::roundsUp(uint32_t mode, bool negative, bool odd,
                            uint64_t rest, uint64_t half) {
  switch (mode) {
  case RoundingFlags::Nearest:
    return rest > half || (rest == half && odd);
  case RoundingFlags::NearestAway:
    return rest >= half;
  case RoundingFlags::Down:
    return negative && rest;
  case RoundingFlags::Up:
    return !negative && rest;
  default:
    return false;
  }
}

uint32_t peermla::sim::encodeFloat(double value, ElementType type,
                                   uint32_t flags) {
  Format format = getFormat(type);
  uint32_t mode = flags & RoundingFlags::Mode;
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  bool negative = bits >> 63;
  if (value != value)
    return place(format.nan, type);
  if (flags & RoundingFlags::Relu && negative)
    return 0;
  uint32_t sign = negative ? format.getSign() : 0;
  uint64_t mantissa = bits & ((1ull << 52) - 1);
  int32_t exponent = int32_t(bits >> 52 & 0x7ff);
  bool infinite = exponent == 0x7ff;
  uint32_t result;
  if (infinite) {
    result = ~0u;
  } else if (exponent == 0) {
    // Zero, or a double so small that it counts as the smallest beyond zero.
    bool up = roundsUp(mode, negative, false, mantissa != 0, 2);
    result = up ? 1 : 0;
  } else {
    mantissa |= 1ull << 52;
    int32_t biased = exponent - 1023 + format.getBias();
    uint32_t shift = 52 - format.mantissaBits;
    if (biased < 1)
      shift += uint32_t(1 - biased);
    // What is shifted out entirely still counts as something.
    uint64_t kept = shift < 64 ? mantissa >> shift : 0;
    uint64_t rest = shift < 64 ? mantissa & ((1ull << shift) - 1) : 1;
    uint64_t half = shift < 64 ? 1ull << (shift - 1) : 2;
    kept += roundsUp(mode, negative, kept & 1, rest, half);
    if (biased >= 1)
      kept += uint64_t(biased - 1) << format.mantissaBits;
    result = kept > format.maxFinite ? ~0u : uint32_t(kept);
  }
  if (result == ~0u) {
    bool towardsZero = mode == RoundingFlags::Zero ||
                       (mode == RoundingFlags::Down && !negative) ||
                       (mode == RoundingFlags::Up && negative);
    if ((flags & RoundingFlags::Saturate) || (towardsZero && !infinite))
      result = format.maxFinite;
    else
      result = format.infinity ? format.infinity : format.nan;
  }
  return place(result | sign, type);
}

uint32_t peermla::sim::encodeFloat(float value, ElementType type,
                                   uint32_t flags) {
  uint32_t bits = toBits(value);
  if (flags & RoundingFlags::FlushSubnormal && (bits & 0x7f800000) == 0)
    value = fromBits(bits & 0x80000000);
  if (type == ElementType::F32)
    return flags & RoundingFlags::Relu && value < 0 ? 0 : toBits(value);
  // The common case without a detour.
  if (type == ElementType::BF16 && flags == RoundingFlags::Nearest &&
      value == value)
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return encodeFloat(double(value), type, flags);
}

/// A value of `format`, by its parts.
static float decode(uint32_t bits, const Format &format) {
  uint32_t magnitude = bits & (format.getSign() - 1);
  bool negative = bits & format.getSign();
  uint32_t mantissa = magnitude & ((1u << format.mantissaBits) - 1);
  uint32_t exponent = magnitude >> format.mantissaBits;
  uint32_t sign = negative ? 0x80000000 : 0;
  if (format.infinity ? magnitude > format.infinity : magnitude == format.nan)
    return fromBits(0x7fffffff);
  if (format.infinity && magnitude == format.infinity)
    return fromBits(sign | 0x7f800000);
  if (exponent == 0) {
    // Exact: a small integer times a power of two that float has.
    float unit = fromBits(
        uint32_t(127 + 1 - format.getBias() - int32_t(format.mantissaBits))
        << 23);
    float value = float(mantissa) * unit;
    return negative ? -value : value;
  }
  return fromBits(sign |
                  uint32_t(int32_t(exponent) - format.getBias() + 127) << 23 |
                  mantissa << (23 - format.mantissaBits));
}

float peermla::sim::decodeF16(uint16_t bits) {
  return decode(bits, getFormat(ElementType::F16));
}

float peermla::sim::decodeFloat(uint32_t bits, ElementType type) {
  switch (type) {
  case ElementType::F16:
    return decodeF16(uint16_t(bits));
  case ElementType::BF16:
    return decodeBF16(uint16_t(bits));
  case ElementType::E4M3:
  case ElementType::E5M2:
    return decode(bits & 0xff, getFormat(type));
  case ElementType::TF32:
    return fromBits(bits & ~0x1fffu);
  default:
    return fromBits(bits);
  }
}
