//===- TargetInfo.cpp - facts about the machines --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/TargetInfo.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;

// Rates of one core: products as measured on Zen and Sapphire Rapids cores,
// exponentials from the length of their polynomial, bytes as measured with one
// and two cores; servers have more channels than two cores can use. A launch is
// an empty parallel region of libgomp with two threads that spin.
static constexpr UnitRates v3Rates = {105e9, 105e9, 4e9,     40e9,
                                      20e9,  200e9, 0.45e-6, 20e-9};
// One rate of f32 for both: their f32 code is the same, so are its schedules.
static constexpr UnitRates v4Rates = {210e9, 210e9, 8e9,     40e9,
                                      20e9,  200e9, 0.45e-6, 20e-9};
static constexpr UnitRates v4Bf16Rates = {210e9, 410e9, 8e9,     40e9,
                                          20e9,  200e9, 0.45e-6, 20e-9};
static constexpr UnitRates amxRates = {210e9, 1900e9, 8e9,     40e9,
                                       20e9,  200e9,  0.45e-6, 20e-9};
static constexpr UnitRates aarch64Rates = {48e9, 48e9,  2e9,     40e9,
                                           20e9, 200e9, 0.45e-6, 20e-9};

static const CpuLevel levels[] = {
    {"x86-64-v3", "x86_64_v3", "x86-64-v3", "", "x86_64", 8, 16, false, false,
     32 << 10, 256 << 10, 16 << 20, v3Rates},
    {"x86-64-v4", "x86_64_v4", "x86-64-v4", "", "x86_64", 16, 32, false, false,
     32 << 10, 1 << 20, 32 << 20, v4Rates},
    {"x86-64-v4-bf16", "x86_64_v4_bf16", "x86-64-v4", "+avx512bf16", "x86_64",
     16, 32, true, false, 32 << 10, 1 << 20, 32 << 20, v4Bf16Rates},
    {"amx", "amx", "sapphirerapids", "", "x86_64", 16, 32, true, true, 48 << 10,
     2 << 20, 32 << 20, amxRates},
    {"aarch64", "aarch64", "generic", "", "aarch64", 4, 32, false, false,
     32 << 10, 512 << 10, 16 << 20, aarch64Rates},
};

ArrayRef<CpuLevel> CpuLevel::all() { return levels; }

const CpuLevel *CpuLevel::get(StringRef name) {
  for (const CpuLevel &level : levels)
    if (level.name == name)
      return &level;
  return nullptr;
}

const CpuLevel &CpuLevel::getDefault() { return levels[0]; }

std::string CpuLevel::getSymbol(StringRef function) const {
  return (function + "." + symbol).str();
}

const CpuLevel *CpuLevel::of(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto name = op->getAttrOfType<StringAttr>("peermla.level"))
      return get(name);
  return nullptr;
}

//===----------------------------------------------------------------------===//
// GPUs
//===----------------------------------------------------------------------===//

// Per multiprocessor, from the data sheets of A100 (108 multiprocessors at
// 1.41 GHz, 2.0 TB/s) and H200 (132 at about 1.6 GHz under load; 800 TFLOP/s of
// dense bf16 and 4.3 TB/s are what is reached). TF32 has half the rate of bf16,
// of which f32 takes a third; 16 exponentials per clock.
static constexpr UnitRates sm80Rates = {480e9, 2.9e12, 22e9, 40e9,
                                        18e9,  2.0e12, 3e-6, 0.5e-6};
static constexpr UnitRates sm90aRates = {1.0e12, 6.0e12, 26e9, 60e9,
                                         32e9,   4.3e12, 3e-6, 0.5e-6};

static const GpuTarget gpuTargets[] = {
    {"sm_80", 70, 166912, 48 << 10, 167936, 1024, 65536, 255, 64, 32, false,
     false, false, 108, sm80Rates, 180e9},
    {"sm_90a", 80, 232448, 48 << 10, 233472, 1024, 65536, 255, 64, 32, true,
     true, true, 132, sm90aRates, 400e9},
};

ArrayRef<GpuTarget> GpuTarget::all() { return gpuTargets; }

const GpuTarget *GpuTarget::get(StringRef name) {
  for (const GpuTarget &target : gpuTargets)
    if (target.name == name)
      return &target;
  return nullptr;
}

const GpuTarget *GpuTarget::of(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto name = op->getAttrOfType<StringAttr>("peermla.gpu"))
      return get(name);
  return nullptr;
}

int64_t GpuTarget::getResidentBlocks(int64_t threads, int64_t registers,
                                     int64_t sharedBytes) const {
  constexpr int64_t lanes = 32, registerUnit = 256, parts = 4;
  constexpr int64_t sharedUnit = 128, reservedBytes = 1024;
  if (threads > threadsPerBlock || registers > registersPerThread ||
      sharedBytes > sharedBytesPerBlock)
    return 0;
  int64_t warps = llvm::divideCeil(threads, lanes);
  int64_t blocks = std::min(blocksPerUnit, warpsPerUnit / warps);
  if (registers > 0) {
    int64_t ofWarp = llvm::alignTo(registers * lanes, registerUnit);
    int64_t residentWarps = registersPerUnit / parts / ofWarp * parts;
    // Whether a block fits at all is asked as if its warps filled the parts.
    int64_t assumedWarps = llvm::alignTo(warps, parts);
    if (assumedWarps > residentWarps)
      return 0;
    blocks = std::min(blocks, residentWarps / warps);
  }
  int64_t ofBlock = llvm::alignTo(sharedBytes + reservedBytes, sharedUnit);
  return std::min(blocks, sharedBytesPerUnit / ofBlock);
}
