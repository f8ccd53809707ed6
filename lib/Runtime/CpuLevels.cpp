//===- CpuLevels.cpp - what this machine can run --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// By CPUID and XGETBV, not __builtin_cpu_supports: its tables are in the
// compiler's support library, which a model is linked without.
//
//===----------------------------------------------------------------------===//

#include "CpuLevels.h"
#include "Text.h"
#include <algorithm>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace peermla;
using namespace peermla::runtime;

const std::vector<std::string> &runtime::getKnownLevels() {
  // Never destroyed: a library without start files has no way to ask for that.
  static const auto &levels = *new std::vector<std::string>{
      "x86-64-v3", "x86-64-v4", "x86-64-v4-bf16", "amx", "aarch64"};
  return levels;
}

#if defined(__x86_64__)
namespace {
/// The registers of CPUID that matter here.
struct Features {
  uint32_t leaf1C = 0, leaf7B = 0, leaf7C = 0, leaf7D = 0, leaf7Sub1A = 0,
           extended1C = 0;
  uint64_t savedState = 0;
};
} // namespace

static Features readFeatures() {
  Features features;
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d))
    return features;
  features.leaf1C = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    features.leaf7B = b;
    features.leaf7C = c;
    features.leaf7D = d;
    // The largest subleaf of leaf 7.
    if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
      features.leaf7Sub1A = a;
  }
  if (__get_cpuid(0x80000001, &a, &b, &c, &d))
    features.extended1C = c;
  constexpr uint32_t osxsave = 1u << 27;
  if (features.leaf1C & osxsave) {
    uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    features.savedState = uint64_t(high) << 32 | low;
  }
  return features;
}

static bool hasAll(uint64_t value, uint64_t bits) {
  return (value & bits) == bits;
}

static constexpr uint32_t bit(unsigned position) { return 1u << position; }

static bool hasV3(const Features &f) {
  // FMA, SSSE3, SSE4.1, SSE4.2, MOVBE, POPCNT, AVX, F16C.
  constexpr uint32_t leaf1C = bit(12) | bit(9) | bit(19) | bit(20) | bit(22) |
                              bit(23) | bit(28) | bit(29);
  // BMI1, AVX2, BMI2.
  constexpr uint32_t leaf7B = bit(3) | bit(5) | bit(8);
  constexpr uint32_t lzcnt = bit(5);
  constexpr uint64_t sseAndAvxState = 0x6;
  return hasAll(f.leaf1C, leaf1C) && hasAll(f.leaf7B, leaf7B) &&
         hasAll(f.extended1C, lzcnt) && hasAll(f.savedState, sseAndAvxState);
}

static bool hasV4(const Features &f) {
  // AVX-512 F, DQ, CD, BW, VL.
  constexpr uint32_t leaf7B = bit(16) | bit(17) | bit(28) | bit(30) | bit(31);
  constexpr uint64_t avx512State = 0xe0;
  return hasV3(f) && hasAll(f.leaf7B, leaf7B) &&
         hasAll(f.savedState, avx512State);
}

static bool hasV4Bf16(const Features &f) {
  constexpr uint32_t avx512bf16 = bit(5);
  return hasV4(f) && hasAll(f.leaf7Sub1A, avx512bf16);
}

/// What the compiler may use for the processor of this level, Sapphire Rapids,
/// not the tiles alone.
static bool hasSapphireRapids(const Features &f) {
  constexpr uint32_t avx512ifma = bit(21);
  // VBMI, VBMI2, GFNI, VAES, VPCLMULQDQ, VNNI, BITALG, VPOPCNTDQ.
  constexpr uint32_t leaf7C =
      bit(1) | bit(6) | bit(8) | bit(9) | bit(10) | bit(11) | bit(12) | bit(14);
  // AMX-BF16, AVX512-FP16, AMX-TILE, AMX-INT8.
  constexpr uint32_t leaf7D = bit(22) | bit(23) | bit(24) | bit(25);
  constexpr uint32_t avxvnni = bit(4);
  constexpr uint64_t tileState = 3u << 17;
  return hasV4Bf16(f) && hasAll(f.leaf7B, avx512ifma) &&
         hasAll(f.leaf7C, leaf7C) && hasAll(f.leaf7D, leaf7D) &&
         hasAll(f.leaf7Sub1A, avxvnni) && hasAll(f.savedState, tileState);
}

/// Linux hands out the state of tiles on request, to a process and all of its
/// threads; without it the first tile instruction is a fault.
static bool requestTiles() {
  constexpr int archReqXcompPerm = 0x1023;
  constexpr int xfeatureXtiledata = 18;
  return syscall(SYS_arch_prctl, archReqXcompPerm, xfeatureXtiledata) == 0;
}
#endif

bool runtime::isUsable(const std::string &level) {
#if defined(__x86_64__)
  static const Features features = readFeatures();
  if (level == "x86-64-v3")
    return hasV3(features);
  if (level == "x86-64-v4")
    return hasV4(features);
  if (level == "x86-64-v4-bf16")
    return hasV4Bf16(features);
  if (level == "amx")
    return hasSapphireRapids(features) && requestTiles();
  return false;
#elif defined(__aarch64__)
  return level == "aarch64";
#else
  return false;
#endif
}

#if defined(__x86_64__)
static std::string readVendor() {
  uint32_t a = 0, words[3] = {};
  if (!__get_cpuid(0, &a, &words[0], &words[2], &words[1]))
    return "";
  return std::string(reinterpret_cast<const char *>(words), sizeof(words));
}
#endif

const std::string &runtime::getVendor() {
#if defined(__x86_64__)
  static const auto &vendor = *new std::string(readVendor());
#else
  static const auto &vendor = *new std::string();
#endif
  return vendor;
}

bool runtime::isFaster(const std::string &level, const std::string &vendor) {
  return level != "x86-64-v4-bf16" || vendor == "AuthenticAMD";
}

Status runtime::selectLevel(const std::vector<std::string> &available,
                            const std::string &requested, const char *origin,
                            const Machine &machine, size_t &selected) {
  const std::vector<std::string> &known = getKnownLevels();
  if (!requested.empty()) {
    std::string subject = origin + (" " + quote(requested));
    if (std::find(known.begin(), known.end(), requested) == known.end())
      return Status(PEERMLA_INVALID_ARGUMENT, subject +
                                                  ": unknown CPU level, "
                                                  "expected one of " +
                                                  joinWithAnd(known));
    auto found = std::find(available.begin(), available.end(), requested);
    if (found == available.end())
      return Status(PEERMLA_UNSUPPORTED,
                    subject +
                        ": this library has no code for this CPU level, "
                        "only for " +
                        joinWithAnd(available));
    if (!machine.usable(requested))
      return Status(PEERMLA_UNSUPPORTED,
                    subject + ": this machine does not have this CPU level");
    selected = found - available.begin();
    return Status();
  }
  for (bool mustBeFaster : {true, false})
    for (auto level = known.rbegin(); level != known.rend(); ++level) {
      auto found = std::find(available.begin(), available.end(), *level);
      if (found == available.end() || !machine.usable(*level) ||
          (mustBeFaster && !isFaster(*level, machine.vendor)))
        continue;
      selected = found - available.begin();
      return Status();
    }
  return Status(PEERMLA_UNSUPPORTED,
                "this machine has none of the library's CPU levels: " +
                    joinWithAnd(available));
}
