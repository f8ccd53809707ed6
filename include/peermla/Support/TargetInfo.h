//===- TargetInfo.h - facts about the machines code is generated for ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Facts only; decisions about a kernel are made from them by SelectSchedules.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_TARGETINFO_H
#define PEERMLA_SUPPORT_TARGETINFO_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>

namespace mlir {
class Operation;
} // namespace mlir

namespace peermla {

/// How fast one unit of a machine is: a core or a multiprocessor.
/// Operations and bytes per second, of the machines that such code usually runs
/// on; code runs on others too, only its schedule is made for these.
struct UnitRates {
  /// Matrix products of f32, and of bf16 by the level's best instruction.
  double flop, narrowFlop;
  /// Exponentials, roots, quotients.
  double special;
  /// Bytes that are not in the unit's own caches but in one all units share,
  /// and bytes from memory.
  double sharedBytes, memoryBytes;
  /// Bytes from memory to all units together.
  double allMemoryBytes;
  /// Seconds until all units have begun to work on a kernel, and between two
  /// work items of one unit.
  double launchSeconds, itemSeconds;
};

/// An instruction-set level of CPUs. One library holds code for several; the
/// runtime takes the best that the machine has.
struct CpuLevel {
  /// The name users and `PEERMLA_CPU_LEVEL` see, and a form of it that can be
  /// part of a symbol.
  llvm::StringRef name, symbol;
  /// What LLVM calls the processor, the features beyond it, and the triple's
  /// architecture.
  llvm::StringRef processor, features, architecture;
  /// f32 elements of a vector register, and the number of such registers.
  int64_t lanes, registers;
  /// Whether the level has a bf16 x bf16 -> f32 pair product (VDPBF16PS) and
  /// tile products (AMX-BF16).
  bool hasBf16Dot, hasAmx;
  /// Bytes of the caches one core can count on.
  int64_t l1Bytes, l2Bytes;
  /// Bytes of the cache that all cores share.
  int64_t sharedCacheBytes;
  UnitRates rates;

  /// All levels, in the order of preference within an architecture.
  static llvm::ArrayRef<CpuLevel> all();
  /// The level of that name, or null.
  static const CpuLevel *get(llvm::StringRef name);
  /// The level for which code without a target is made.
  static const CpuLevel &getDefault();
  /// The level of the nested module that encloses `op` (its attribute
  /// `peermla.level`), or null.
  static const CpuLevel *of(mlir::Operation *op);
  /// The name that a function has once the levels are in one library.
  std::string getSymbol(llvm::StringRef function) const;
};

/// A family of NVIDIA GPUs that one binary is made for.
struct GpuTarget {
  /// The name users see (`sm_80`), which is what LLVM and ptxas call it, and
  /// the version of PTX that its code needs, times 10.
  llvm::StringRef name;
  unsigned ptxVersion;
  /// Bytes of shared memory: of one block at most, of one block without asking
  /// for more at the launch, and of a multiprocessor.
  int64_t sharedBytesPerBlock, staticSharedBytes, sharedBytesPerUnit;
  /// Threads of a block at most; 32-bit registers of a multiprocessor and of a
  /// thread.
  int64_t threadsPerBlock, registersPerUnit, registersPerThread;
  /// Warps and blocks that a multiprocessor keeps at a time at most.
  int64_t warpsPerUnit, blocksPerUnit;
  /// Whether the target has warpgroup products (wgmma), bulk tensor copies
  /// (TMA) with mbarriers, and register reallocation (setmaxnreg).
  bool hasWgmma, hasTma, hasSetMaxRegisters;
  /// Multiprocessors of the usual device, and the rates of each; those of
  /// products are of matrix instructions, f32 as three products of TF32.
  int64_t numUnits;
  UnitRates rates;
  /// FLOP per second of a multiprocessor without matrix instructions.
  double plainFlop;

  /// Blocks that a multiprocessor keeps at a time, of kernels with so many
  /// threads in a block, 32-bit registers in a thread and bytes of shared
  /// memory in a block, static and dynamic; 0 if none fits. Rounded as
  /// cuda_occupancy.h of the CUDA toolkit says for both targets: a warp takes
  /// registers in units of 256 from one of four parts of the multiprocessor, a
  /// block shared memory in units of 128 bytes and 1 KB beyond its own.
  int64_t getResidentBlocks(int64_t threads, int64_t registers,
                            int64_t sharedBytes) const;

  /// All targets, oldest first.
  static llvm::ArrayRef<GpuTarget> all();
  /// The target of that name, or null.
  static const GpuTarget *get(llvm::StringRef name);
  /// The target of the nested module that encloses `op` (its attribute
  /// `peermla.gpu`), or null.
  static const GpuTarget *of(mlir::Operation *op);
};

} // namespace peermla

#endif // PEERMLA_SUPPORT_TARGETINFO_H
