//===- HostMath.cpp - functions of other libraries, by their names --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversions that host code generation leaves to the compiler's support
// library, which may lack them (libgcc 12 has no bfloat), and libdevice by the
// C library. A number of 16 bits travels in the lower half of the register of a
// float, on x86-64 as on AArch64.
//
//===----------------------------------------------------------------------===//

#include "SmallFloat.h"
#include <cmath>

using namespace peermla::sim;

static float narrow(double value, ElementType type) {
  return fromBits(encodeFloat(value, type, RoundingFlags::Nearest));
}

extern "C" {
float __truncsfbf2(float x) {
  return fromBits(encodeFloat(x, ElementType::BF16, RoundingFlags::Nearest));
}
float __truncdfbf2(double x) { return narrow(x, ElementType::BF16); }
float __truncsfhf2(float x) { return narrow(x, ElementType::F16); }
float __truncdfhf2(double x) { return narrow(x, ElementType::F16); }
float __extendhfsf2(float x) { return decodeF16(uint16_t(toBits(x))); }

#define UNARY(Name, Function)                                                  \
  float __nv_##Name##f(float x) { return float(Function(x)); }                 \
  double __nv_##Name(double x) { return Function(x); }
#define BINARY(Name, Function)                                                 \
  float __nv_##Name##f(float x, float y) { return float(Function(x, y)); }     \
  double __nv_##Name(double x, double y) { return Function(x, y); }

static double exp10Of(double x) { return std::pow(10.0, x); }
static double rsqrtOf(double x) { return 1.0 / std::sqrt(x); }

UNARY(exp, std::exp)
UNARY(exp2, std::exp2)
UNARY(exp10, exp10Of)
UNARY(expm1, std::expm1)
UNARY(log, std::log)
UNARY(log2, std::log2)
UNARY(log10, std::log10)
UNARY(log1p, std::log1p)
UNARY(sqrt, std::sqrt)
UNARY(rsqrt, rsqrtOf)
UNARY(cbrt, std::cbrt)
UNARY(sin, std::sin)
UNARY(cos, std::cos)
UNARY(tan, std::tan)
UNARY(sinh, std::sinh)
UNARY(cosh, std::cosh)
UNARY(tanh, std::tanh)
UNARY(asin, std::asin)
UNARY(acos, std::acos)
UNARY(atan, std::atan)
BINARY(atan2, std::atan2)
UNARY(erf, std::erf)
UNARY(erfc, std::erfc)
BINARY(pow, std::pow)
BINARY(fmod, std::fmod)
UNARY(floor, std::floor)
UNARY(ceil, std::ceil)
UNARY(trunc, std::trunc)
UNARY(round, std::round)
UNARY(rint, std::nearbyint)
UNARY(fabs, std::fabs)
BINARY(fmax, std::fmax)
BINARY(fmin, std::fmin)
BINARY(copysign, std::copysign)
float __nv_fmaf(float x, float y, float z) { return std::fma(x, y, z); }
double __nv_fma(double x, double y, double z) { return std::fma(x, y, z); }

float __nv_fast_expf(float x) { return std::exp(x); }
float __nv_fast_exp10f(float x) { return float(exp10Of(x)); }
float __nv_fast_logf(float x) { return std::log(x); }
float __nv_fast_log2f(float x) { return std::log2(x); }
float __nv_fast_log10f(float x) { return std::log10(x); }
float __nv_fast_sinf(float x) { return std::sin(x); }
float __nv_fast_cosf(float x) { return std::cos(x); }
float __nv_fast_tanhf(float x) { return std::tanh(x); }
float __nv_fast_powf(float x, float y) { return std::pow(x, y); }
float __nv_fast_fdividef(float x, float y) { return x / y; }
}
