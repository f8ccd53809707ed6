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
// saves its registers.
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

/// Chooses among `available`, the levels of a library: `requested` if there is
/// one, else the most preferred for which `usable` holds. `origin` is what
/// messages call the request.
Status selectLevel(const std::vector<std::string> &available,
                   const std::string &requested, const char *origin,
                   bool (*usable)(const std::string &level), size_t &selected);

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_CPULEVELS_H
