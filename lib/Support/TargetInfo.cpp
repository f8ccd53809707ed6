//===- TargetInfo.cpp - facts about the machines --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/TargetInfo.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"

using namespace mlir;
using namespace peermla;

static const CpuLevel levels[] = {
    {"x86-64-v3", "x86_64_v3", "x86-64-v3", "", "x86_64", 8, 16, false, false,
     32 << 10, 256 << 10},
    {"x86-64-v4", "x86_64_v4", "x86-64-v4", "", "x86_64", 16, 32, false, false,
     32 << 10, 1 << 20},
    {"x86-64-v4-bf16", "x86_64_v4_bf16", "x86-64-v4", "+avx512bf16", "x86_64",
     16, 32, true, false, 32 << 10, 1 << 20},
    {"amx", "amx", "sapphirerapids", "", "x86_64", 16, 32, true, true, 48 << 10,
     2 << 20},
    {"aarch64", "aarch64", "generic", "", "aarch64", 4, 32, false, false,
     32 << 10, 512 << 10},
};

ArrayRef<CpuLevel> CpuLevel::all() { return levels; }

const CpuLevel *CpuLevel::get(StringRef name) {
  for (const CpuLevel &level : levels)
    if (level.name == name)
      return &level;
  return nullptr;
}

const CpuLevel *CpuLevel::of(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto name = op->getAttrOfType<StringAttr>("peermla.level"))
      return get(name);
  return nullptr;
}
