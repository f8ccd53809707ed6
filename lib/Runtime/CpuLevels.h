//===- CpuLevels.h - what this machine can run ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The levels a library may have code for, from least to most preferred:
//
//     x86-64-v3       AVX2, FMA, F16C, BMI
//     x86-64-v4       and AVX-512 F, BW, CD, DQ, VL
//     x86-64-v4-bf16  and AVX512-BF16
//     amx             Sapphire Rapids: and AMX tiles of bf16
//     aarch64         NEON
//
// A level counts as usable when the processor has it and the operating system
// saves its registers. That more instructions are there does not make them
// faster: x86-64-v4-bf16 differs from x86-64-v4 by products of bf16 pairs
// (VDPBF16PS), which do twice the work of an f32 multiply-add. AMD's cores
// issue as many of them (Zen 4, Zen 5), Intel's server cores half as many
// (Cooper Lake, Sapphire Rapids), so that there f32 is as fast and exact.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_CPULEVELS_H
#define PEERMLA_LIB_RUNTIME_CPULEVELS_H

#include "Status.h"
#include <string>
#include <vector>

namespace peermla::runtime {

/// All levels, the most preferred last.
const std::vector<std::string> &getKnownLevels();

/// Whether this machine can run code of the level. Asks the operating system
/// for the use of tiles in the case of amx.
bool isUsable(const std::string &level);

/// The maker of this machine's processor, as CPUID spells it; empty elsewhere.
const std::string &getVendor();

/// Whether code of the level is faster than that of the levels before it, on
/// processors of that maker that have it.
bool isFaster(const std::string &level, const std::string &vendor);

/// What there is to know about a machine.
struct Machine {
  bool (*usable)(const std::string &level);
  std::string vendor;
};

/// Chooses among `available`, the levels of a library: `requested` if there is
/// one, else the most preferred usable one that is faster than those before it,
/// else the most preferred usable one. `origin` is what messages call the
/// request.
Status selectLevel(const std::vector<std::string> &available,
                   const std::string &requested, const char *origin,
                   const Machine &machine, size_t &selected);

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_CPULEVELS_H
