//===- Conversions.cpp - cvt, approximations, permutations ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Approximate functions are the host's correctly rounded ones or close to them:
// within what PTX allows, but not the bits of hardware. ex2.approx.ftz.f32 has
// a relative error of 2^-22.5, lg2 2^-22 absolute near 1, rcp and rsqrt 1 and 2
// units in the last place, tanh 2^-11, sin and cos 2^-20.9 absolute in [-pi,
// pi].
//
//===----------------------------------------------------------------------===//

#include "SmallFloat.h"
#include "peermla/Simulator/Abi.h"
#include <cmath>

using namespace peermla::sim;
using namespace peermla::sim::abi;

static float flush(float value, bool ftz) {
  uint32_t bits = toBits(value);
  return ftz && (bits & 0x7f800000) == 0 ? fromBits(bits & 0x80000000) : value;
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

I32 peermla::sim::abi::peermla_sim_convert_from_f32(F32 value, I32 type,
                                                    I32 flags) {
  return encodeFloat(value, ElementType(type), flags);
}

static uint32_t getPairShift(ElementType type) {
  return type == ElementType::E4M3 || type == ElementType::E5M2 ? 8 : 16;
}

I32 peermla::sim::abi::peermla_sim_convert_pair_from_f32(F32 upper, F32 lower,
                                                         I32 type, I32 flags) {
  ElementType element = ElementType(type);
  return encodeFloat(upper, element, flags) << getPairShift(element) |
         encodeFloat(lower, element, flags);
}

F32 peermla::sim::abi::peermla_sim_convert_to_f32(I32 bits, I32 type) {
  return decodeFloat(bits, ElementType(type));
}

I32 peermla::sim::abi::peermla_sim_convert_pair(I32 bits, I32 from, I32 to,
                                                I32 flags) {
  uint32_t shift = getPairShift(ElementType(from));
  uint32_t mask = (1u << shift) - 1;
  float lower = decodeFloat(bits & mask, ElementType(from));
  float upper = decodeFloat(bits >> shift & mask, ElementType(from));
  return peermla_sim_convert_pair_from_f32(upper, lower, to, flags);
}

I64 peermla::sim::abi::peermla_sim_convert_to_integer(F32 value, I32 type,
                                                      I32 flags) {
  if (value != value)
    return 0;
  double x = flush(value, flags & RoundingFlags::FlushSubnormal);
  switch (flags & RoundingFlags::Mode) {
  case RoundingFlags::Nearest:
    x = std::nearbyint(x);
    break;
  case RoundingFlags::NearestAway:
    x = std::round(x);
    break;
  case RoundingFlags::Down:
    x = std::floor(x);
    break;
  case RoundingFlags::Up:
    x = std::ceil(x);
    break;
  default:
    x = std::trunc(x);
  }
  // Bounds that doubles have: 2^63 and 2^64 are the first ones too large.
  switch (ElementType(type)) {
  case ElementType::S32:
    return uint64_t(
        int64_t(std::fmin(std::fmax(x, -2147483648.0), 2147483647.0)));
  case ElementType::U32:
    return uint64_t(std::fmin(std::fmax(x, 0.0), 4294967295.0));
  case ElementType::U64:
    return x <= 0 ? 0 : x >= 18446744073709551616.0 ? ~0ull : uint64_t(x);
  default:
    if (x >= 9223372036854775808.0)
      return uint64_t(INT64_MAX);
    return x < -9223372036854775808.0 ? uint64_t(INT64_MIN)
                                      : uint64_t(int64_t(x));
  }
}

/// The integer, rounded to so many binary digits. Exact: at most 53 are left.
static double roundToDigits(uint64_t value, bool isSigned, int digits,
                            uint32_t mode) {
  bool isNegative = isSigned && int64_t(value) < 0;
  uint64_t magnitude = isNegative ? 0 - value : value;
  int excess = 0;
  while (excess < 64 - digits && magnitude >> excess >> digits)
    ++excess;
  uint64_t kept = magnitude >> excess;
  if (excess > 0) {
    uint64_t rest = magnitude - (kept << excess);
    kept +=
        roundsUp(mode, isNegative, kept % 2, rest, uint64_t(1) << (excess - 1));
  }
  double rounded = std::ldexp(double(kept), excess);
  return isNegative ? -rounded : rounded;
}

I64 peermla::sim::abi::peermla_sim_convert_from_integer(I64 value, I32 isSigned,
                                                        I32 type, I32 flags) {
  uint32_t mode = flags & RoundingFlags::Mode;
  switch (ElementType(type)) {
  case ElementType::F64: {
    double rounded = roundToDigits(value, isSigned, 53, mode);
    uint64_t bits;
    memcpy(&bits, &rounded, sizeof(bits));
    return bits;
  }
  case ElementType::F32:
    return toBits(float(roundToDigits(value, isSigned, 24, mode)));
  case ElementType::F16:
    return encodeFloat(roundToDigits(value, isSigned, 11, mode),
                       ElementType::F16, flags);
  default:
    return encodeFloat(roundToDigits(value, isSigned, 8, mode),
                       ElementType::BF16, flags);
  }
}

//===----------------------------------------------------------------------===//
// Approximations
//===----------------------------------------------------------------------===//

static float approximate(ApproxFunction function, float x, float y) {
  switch (function) {
  case ApproxFunction::Exp2:
    return std::exp2(x);
  case ApproxFunction::Log2:
    return std::log2(x);
  case ApproxFunction::Reciprocal:
    return 1.0f / x;
  case ApproxFunction::ReciprocalSqrt:
    return float(1.0 / std::sqrt(double(x)));
  case ApproxFunction::Sqrt:
    return std::sqrt(x);
  case ApproxFunction::Sin:
    return std::sin(x);
  case ApproxFunction::Cos:
    return std::cos(x);
  case ApproxFunction::Tanh:
    return std::tanh(x);
  case ApproxFunction::Divide:
    // Defined as x times the reciprocal, which is 0 for the largest divisors.
    return std::fabs(y) > 0x1p126f && !std::isinf(y) ? x * 0.0f : x / y;
  }
  return x;
}

F32 peermla::sim::abi::peermla_sim_approx(I32 function, F32 x, F32 y, I32 ftz) {
  return flush(
      approximate(ApproxFunction(function), flush(x, ftz), flush(y, ftz)), ftz);
}

I32 peermla::sim::abi::peermla_sim_approx_pair(I32 function, I32 type, I32 x) {
  ElementType element = ElementType(type);
  auto apply = [&](uint32_t bits) {
    return encodeFloat(
        approximate(ApproxFunction(function), decodeFloat(bits, element), 1.0f),
        element, RoundingFlags::Nearest);
  };
  return apply(x >> 16) << 16 | apply(x & 0xffff);
}

I32 peermla::sim::abi::peermla_sim_fma_pair(I32 type, I32 a, I32 b, I32 c,
                                            I32 flags) {
  ElementType element = ElementType(type);
  auto apply = [&](uint32_t shift) {
    auto get = [&](uint32_t bits) {
      return double(decodeFloat(bits >> shift & 0xffff, element));
    };
    // A product of two is exact in double; the sum may be rounded there, but
    // 53 bits are more than twice what is kept.
    double value = std::fma(get(a), get(b), get(c));
    uint32_t rounding = flags;
    if (flags & RoundingFlags::Saturate) {
      // .sat is the range [0, 1] here.
      value = value != value ? 0.0 : std::fmin(std::fmax(value, 0.0), 1.0);
      rounding &= ~uint32_t(RoundingFlags::Saturate);
    }
    return encodeFloat(value, element, rounding) << shift;
  };
  return apply(16) | apply(0);
}

//===----------------------------------------------------------------------===//
// Bits
//===----------------------------------------------------------------------===//

I32 peermla::sim::abi::peermla_sim_permute(I32 mode, I32 low, I32 high,
                                           I32 selector) {
  uint64_t bytes = uint64_t(high) << 32 | low;
  uint32_t result = 0, s = selector & 3;
  for (uint32_t i = 0; i < 4; ++i) {
    uint32_t index = 0;
    bool signs = false;
    switch (PermuteMode(mode)) {
    case PermuteMode::Default:
      index = selector >> (4 * i) & 7;
      signs = selector >> (4 * i + 3) & 1;
      break;
    case PermuteMode::F4E:
      index = s + i;
      break;
    case PermuteMode::B4E:
      index = (s - i) & 7;
      break;
    case PermuteMode::Rc8:
      index = s;
      break;
    case PermuteMode::Ecl:
      index = i < s ? s : i;
      break;
    case PermuteMode::Ecr:
      index = i < s ? i : s;
      break;
    case PermuteMode::Rc16:
      index = (s & 1) * 2 + (i & 1);
      break;
    }
    uint32_t byte = bytes >> (8 * index) & 0xff;
    if (signs)
      byte = byte & 0x80 ? 0xff : 0;
    result |= byte << (8 * i);
  }
  return result;
}

I32 peermla::sim::abi::peermla_sim_logic3(I32 a, I32 b, I32 c, I32 table) {
  uint32_t result = 0;
  for (uint32_t i = 0; i < 8; ++i)
    if (table >> i & 1)
      result |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  return result;
}

I32 peermla::sim::abi::peermla_sim_dot4(I32 a, I32 b, I32 c, I32 isSigned) {
  for (uint32_t i = 0; i < 4; ++i) {
    uint8_t x = uint8_t(a >> (8 * i)), y = uint8_t(b >> (8 * i));
    int32_t p = isSigned & 1 ? int8_t(x) : x;
    int32_t q = isSigned & 2 ? int8_t(y) : y;
    c += uint32_t(p * q);
  }
  return c;
}
