//===- ConversionTests.cpp - rounding, packing, approximation -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"
#include <cmath>
#include <cstring>

using namespace peermla::sim;

namespace {

float fromBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

struct Type {
  ElementType type;
  uint32_t exponentBits, mantissaBits;
  double max;
  uint32_t numBits;
};
const Type types[] = {
    {ElementType::F16, 5, 10, 65504, 16},
    {ElementType::BF16, 8, 7, 0x1.fep127, 16},
    {ElementType::E5M2, 5, 2, 57344, 8},
    {ElementType::E4M3, 4, 3, 448, 8},
};

/// The value of a pattern by definition; NaN for what is none.
double decode(const Type &type, uint32_t bits) {
  uint32_t m = bits & ((1u << type.mantissaBits) - 1);
  int32_t e = bits >> type.mantissaBits & ((1u << type.exponentBits) - 1);
  int32_t bias = (1 << (type.exponentBits - 1)) - 1;
  double sign = bits >> (type.numBits - 1) ? -1 : 1;
  double value = e == 0 ? std::ldexp(m, 1 - bias - int32_t(type.mantissaBits))
                        : std::ldexp(m + (1u << type.mantissaBits),
                                     e - bias - int32_t(type.mantissaBits));
  bool ieee = type.type != ElementType::E4M3;
  if (ieee && e == (1 << type.exponentBits) - 1)
    return m ? NAN : sign * INFINITY;
  if (value > type.max)
    return NAN;
  return sign * value;
}

TEST(ConversionTest, decodesEveryPattern) {
  for (const Type &type : types)
    for (uint32_t bits = 0; bits < 1u << type.numBits; ++bits) {
      double expected = decode(type, bits);
      float value = peermla_sim_convert_to_f32(bits, uint32_t(type.type));
      if (std::isnan(expected))
        ASSERT_TRUE(std::isnan(value)) << bits;
      else
        ASSERT_EQ(double(value), expected) << bits;
      if (!std::isnan(expected)) {
        uint32_t back =
            peermla_sim_convert_from_f32(value, uint32_t(type.type), 0);
        ASSERT_EQ(back, bits);
      }
    }
}

/// Between each two neighbours: a quarter, the half, three quarters.
TEST(ConversionTest, roundsToNeighbours) {
  for (const Type &type : types)
    for (uint32_t bits = 0;; ++bits) {
      double low = decode(type, bits), high = decode(type, bits + 1);
      if (!(high <= type.max))
        break;
      // Neighbours of bf16 near the smallest floats have no float between them.
      float quarter = float(low + (high - low) / 4);
      float half = float(low + (high - low) / 2);
      float three = float(low + (high - low) * 3 / 4);
      auto convert = [&](float value, uint32_t flags) {
        return peermla_sim_convert_from_f32(value, uint32_t(type.type), flags);
      };
      uint32_t even = bits & 1 ? bits + 1 : bits;
      using namespace RoundingFlags;
      ASSERT_EQ(convert(quarter, Nearest), bits);
      ASSERT_EQ(convert(half, Nearest), even);
      ASSERT_EQ(convert(three, Nearest), bits + 1);
      ASSERT_EQ(convert(half, NearestAway), bits + 1);
      ASSERT_EQ(convert(three, Zero), bits);
      ASSERT_EQ(convert(quarter, Up), bits + 1);
      ASSERT_EQ(convert(three, Down), bits);
      uint32_t sign = 1u << (type.numBits - 1);
      ASSERT_EQ(convert(-half, Nearest), even | sign);
      ASSERT_EQ(convert(-quarter, Up), bits | sign);
      ASSERT_EQ(convert(-quarter, Down), (bits + 1) | sign);
      ASSERT_EQ(convert(-half, Relu), 0u);
    }
}

TEST(ConversionTest, overflowSaturatesIfAsked) {
  using namespace RoundingFlags;
  auto convert = [](float value, ElementType type, uint32_t flags) {
    return peermla_sim_convert_from_f32(value, uint32_t(type), flags);
  };
  EXPECT_EQ(convert(1e6f, ElementType::E4M3, Saturate), 0x7eu);
  EXPECT_EQ(convert(-1e6f, ElementType::E4M3, Saturate), 0xfeu);
  EXPECT_EQ(convert(1e6f, ElementType::E5M2, Saturate), 0x7bu);
  EXPECT_EQ(convert(INFINITY, ElementType::E5M2, Saturate), 0x7bu);
  EXPECT_EQ(convert(1e6f, ElementType::F16, Nearest), 0x7c00u);
  EXPECT_EQ(convert(1e6f, ElementType::F16, Zero), 0x7bffu);
  EXPECT_EQ(convert(65519.f, ElementType::F16, Nearest), 0x7bffu);
  EXPECT_EQ(convert(65520.f, ElementType::F16, Nearest), 0x7c00u);
  EXPECT_EQ(convert(NAN, ElementType::F16, Nearest), 0x7fffu);
  EXPECT_EQ(convert(-NAN, ElementType::BF16, Relu), 0x7fffu);
  EXPECT_EQ(convert(NAN, ElementType::E4M3, Saturate), 0x7fu);
}

TEST(ConversionTest, tf32KeepsTenBits) {
  auto convert = [](float value, uint32_t flags) {
    return peermla_sim_convert_from_f32(value, uint32_t(ElementType::TF32),
                                        flags);
  };
  using namespace RoundingFlags;
  EXPECT_EQ(convert(1.0f + 0x1p-11f, Nearest), 0x3f800000u);
  EXPECT_EQ(convert(1.0f + 0x1p-11f, NearestAway), 0x3f802000u);
  EXPECT_EQ(convert(1.0f + 0x1.8p-11f, Nearest), 0x3f802000u);
  EXPECT_EQ(convert(-1.5f, Nearest), 0xbfc00000u);
  EXPECT_EQ(peermla_sim_convert_to_f32(0x3f803fff, uint32_t(ElementType::TF32)),
            1.0f + 0x1p-10f);
}

TEST(ConversionTest, pairsHaveTheFirstOperandOnTop) {
  EXPECT_EQ(peermla_sim_convert_pair_from_f32(1.0f, -2.0f,
                                              uint32_t(ElementType::BF16), 0),
            0x3f80c000u);
  EXPECT_EQ(peermla_sim_convert_pair_from_f32(1.0f, -2.0f,
                                              uint32_t(ElementType::E4M3), 0),
            0x38c0u);
  EXPECT_EQ(peermla_sim_convert_pair(0x38c0, uint32_t(ElementType::E4M3),
                                     uint32_t(ElementType::F16), 0),
            0x3c00c000u);
  EXPECT_EQ(peermla_sim_convert_pair(0x3c00c000, uint32_t(ElementType::F16),
                                     uint32_t(ElementType::E5M2), 0),
            0x3cc0u);
}

TEST(ConversionTest, integersRoundAndSaturate) {
  using namespace RoundingFlags;
  auto convert = [](float value, ElementType type, uint32_t flags) {
    return peermla_sim_convert_to_integer(value, uint32_t(type), flags);
  };
  EXPECT_EQ(int64_t(convert(2.5f, ElementType::S32, Nearest)), 2);
  EXPECT_EQ(int64_t(convert(-2.5f, ElementType::S32, Down)), -3);
  EXPECT_EQ(int64_t(convert(-2.5f, ElementType::S32, Up)), -2);
  EXPECT_EQ(int64_t(convert(-2.7f, ElementType::S32, Zero)), -2);
  EXPECT_EQ(int64_t(convert(1e20f, ElementType::S32, Zero)), INT32_MAX);
  EXPECT_EQ(convert(-1.0f, ElementType::U32, Zero), 0u);
  EXPECT_EQ(convert(1e20f, ElementType::U32, Zero), UINT32_MAX);
  EXPECT_EQ(convert(1e20f, ElementType::U64, Zero), ~0ull);
  EXPECT_EQ(int64_t(convert(-1e20f, ElementType::S64, Zero)), INT64_MIN);
  EXPECT_EQ(convert(NAN, ElementType::S32, Zero), 0u);
}

/// The integer that a float is, exactly; |value| is at most 2^64.
__int128 toInteger(double value) { return static_cast<__int128>(value); }

/// Every mode against its definition by the two neighbours of an integer.
void checkFromInteger(uint64_t value, bool isSigned) {
  using namespace RoundingFlags;
  __int128 exact = isSigned ? __int128(int64_t(value)) : __int128(value);
  auto convert = [&](uint32_t mode) {
    return fromBits(peermla_sim_convert_from_integer(
        value, isSigned, uint32_t(ElementType::F32), mode));
  };
  float lower = convert(Down), upper = convert(Up);
  ASSERT_LE(toInteger(lower), exact);
  ASSERT_GE(toInteger(upper), exact);
  bool isExact = toInteger(lower) == exact;
  ASSERT_EQ(upper, isExact ? lower : std::nextafter(lower, INFINITY))
      << int64_t(value);
  ASSERT_EQ(convert(Zero), exact < 0 ? upper : lower) << int64_t(value);
  __int128 below = exact - toInteger(lower), above = toInteger(upper) - exact;
  uint32_t bits;
  memcpy(&bits, &lower, 4);
  float nearest =
      below < above || (below == above && bits % 2 == 0) ? lower : upper;
  ASSERT_EQ(convert(Nearest), nearest) << int64_t(value);
}

TEST(ConversionTest, integersBecomeTheirNeighbours) {
  // Around every power of two, and ties between 2^24 and 2^64.
  for (int power = 0; power <= 64; ++power)
    for (int64_t offset = -3; offset <= 3; ++offset)
      for (uint64_t half : {0ull, 1ull << 7, 1ull << 8, 1ull << 39, 1ull << 40})
        for (uint64_t sign : {uint64_t(1), ~uint64_t(0)}) {
          uint64_t start = power == 64 ? 0 : uint64_t(1) << power;
          uint64_t value = sign * (start + half + uint64_t(offset));
          checkFromInteger(value, /*isSigned=*/true);
          checkFromInteger(value, /*isSigned=*/false);
        }
}

TEST(ConversionTest, integersRoundAtTheEdges) {
  using namespace RoundingFlags;
  auto convert = [](uint64_t value, bool isSigned, ElementType type,
                    uint32_t mode) {
    return peermla_sim_convert_from_integer(value, isSigned, uint32_t(type),
                                            mode);
  };
  constexpr ElementType F32 = ElementType::F32;
  // 2^24 + 1 lies between 0x4b800000 and its successor.
  EXPECT_EQ(convert((1 << 24) + 1, true, F32, Nearest), 0x4b800000u);
  EXPECT_EQ(convert((1 << 24) + 1, true, F32, Up), 0x4b800001u);
  EXPECT_EQ(convert((1 << 24) - 1, true, F32, Up), 0x4b7fffffu);
  EXPECT_EQ(convert(uint64_t(int64_t(INT32_MIN)), true, F32, Zero),
            0xcf000000u);
  // 2^32 - 1, 2^63 - 1 and 2^64 - 1, and the floats below 2^32, 2^63 and 2^64.
  EXPECT_EQ(convert(UINT32_MAX, false, F32, Zero), 0x4f7fffffu);
  EXPECT_EQ(convert(UINT32_MAX, false, F32, Nearest), 0x4f800000u);
  EXPECT_EQ(convert(INT64_MAX, true, F32, Down), 0x5effffffu);
  EXPECT_EQ(convert(INT64_MAX, true, F32, Up), 0x5f000000u);
  EXPECT_EQ(convert(uint64_t(INT64_MIN), true, F32, Down), 0xdf000000u);
  EXPECT_EQ(convert(uint64_t(INT64_MIN), false, F32, Down), 0x5f000000u);
  EXPECT_EQ(convert(UINT64_MAX, false, F32, Zero), 0x5f7fffffu);
  EXPECT_EQ(convert(UINT64_MAX, false, F32, Nearest), 0x5f800000u);
  EXPECT_EQ(convert(UINT64_MAX, true, F32, Nearest), 0xbf800000u);
  EXPECT_EQ(convert(0, true, F32, Down), 0u);
  // Others: 2^53 + 1, and what f16 does not reach.
  EXPECT_EQ(convert((1ull << 53) + 1, true, ElementType::F64, Up),
            0x4340000000000001u);
  EXPECT_EQ(convert(65519, true, ElementType::F16, Nearest), 0x7bffu);
  EXPECT_EQ(convert(65520, true, ElementType::F16, Nearest), 0x7c00u);
  EXPECT_EQ(convert(65520, true, ElementType::F16, Zero), 0x7bffu);
  // A tie of bf16 but for the last of 33 bits, which a float would lose.
  EXPECT_EQ(convert((0x101ull << 24) + 1, true, ElementType::BF16, Nearest),
            0x4f81u);
}

TEST(ConversionTest, approximationsAreClose) {
  auto approx = [](ApproxFunction f, float x, float y = 1) {
    return double(peermla_sim_approx(uint32_t(f), x, y, 1));
  };
  for (float x = 0.01f; x < 100; x *= 1.37f) {
    EXPECT_NEAR(approx(ApproxFunction::Exp2, x) / std::exp2(double(x)), 1,
                0x1p-22);
    EXPECT_NEAR(approx(ApproxFunction::Log2, x), std::log2(double(x)),
                0x1p-21 * std::max(1.0, std::fabs(std::log2(double(x)))));
    EXPECT_NEAR(approx(ApproxFunction::Reciprocal, x) * x, 1, 0x1p-23);
    EXPECT_NEAR(approx(ApproxFunction::ReciprocalSqrt, x) *
                    std::sqrt(double(x)),
                1, 0x1p-22);
    EXPECT_NEAR(approx(ApproxFunction::Tanh, x), std::tanh(double(x)), 0x1p-11);
    EXPECT_NEAR(approx(ApproxFunction::Divide, 3, x) * x, 3, 0x1p-21 * 3);
  }
  // Subnormals are zero with ftz, and stay without.
  EXPECT_EQ(peermla_sim_approx(uint32_t(ApproxFunction::Exp2), -130, 1, 1), 0);
  EXPECT_EQ(peermla_sim_approx(uint32_t(ApproxFunction::Exp2), -130, 1, 0),
            0x1p-130f);
  EXPECT_EQ(approx(ApproxFunction::Divide, 1, 0x1p127f), 0);
}

TEST(ConversionTest, bitFunctions) {
  auto permute = [](PermuteMode mode, uint32_t selector) {
    return peermla_sim_permute(uint32_t(mode), 0x83828180, 0x07060504,
                               selector);
  };
  EXPECT_EQ(permute(PermuteMode::Default, 0x7240), 0x07820480u);
  EXPECT_EQ(permute(PermuteMode::Default, 0xc8c8), 0x00ff00ffu);
  EXPECT_EQ(permute(PermuteMode::F4E, 1), 0x04838281u);
  EXPECT_EQ(permute(PermuteMode::B4E, 1), 0x06078081u);
  EXPECT_EQ(permute(PermuteMode::Rc8, 2), 0x82828282u);
  EXPECT_EQ(permute(PermuteMode::Ecl, 2), 0x83828282u);
  EXPECT_EQ(permute(PermuteMode::Ecr, 1), 0x81818180u);
  EXPECT_EQ(permute(PermuteMode::Rc16, 1), 0x83828382u);
  uint32_t a = 0xf0f0aaaa, b = 0xcc00ff33, c = 0x12345678;
  EXPECT_EQ(peermla_sim_logic3(a, b, c, 0x80), a & b & c);
  EXPECT_EQ(peermla_sim_logic3(a, b, c, 0x96), a ^ b ^ c);
  EXPECT_EQ(peermla_sim_logic3(a, b, c, 0xca), (a & b) | (~a & c));
  EXPECT_EQ(int32_t(peermla_sim_dot4(0xff02fe01, 0x02030405, 10, 3)),
            10 - 2 + 6 - 8 + 5);
  EXPECT_EQ(peermla_sim_dot4(0xff02fe01, 0x02030405, 10, 0),
            10u + 510 + 6 + 254 * 4 + 5);
  EXPECT_EQ(peermla_sim_fma_pair(uint32_t(ElementType::BF16), 0x40003f80,
                                 0x40404040, 0x3f80bf80, 0),
            0x40e04000u);
}

TEST(ConversionTest, symbolsHaveAddresses) {
  bool found = false;
  for (const Symbol &symbol : getSymbols()) {
    EXPECT_NE(symbol.address, nullptr) << symbol.name;
    if (strcmp(symbol.name, "__truncsfbf2"))
      continue;
    found = true;
    auto convert = reinterpret_cast<float (*)(float)>(symbol.address);
    float result = convert(fromBits(0x3f808001));
    uint32_t bits;
    memcpy(&bits, &result, 4);
    EXPECT_EQ(bits, 0x3f81u);
  }
  EXPECT_TRUE(found);
}

} // namespace
