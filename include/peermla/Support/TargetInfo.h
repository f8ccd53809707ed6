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

namespace mlir {
class Operation;
} // namespace mlir

namespace peermla {

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

  /// All levels, in the order of preference within an architecture.
  static llvm::ArrayRef<CpuLevel> all();
  /// The level of that name, or null.
  static const CpuLevel *get(llvm::StringRef name);
  /// The level of the nested module that encloses `op` (its attribute
  /// `peermla.level`), or null.
  static const CpuLevel *of(mlir::Operation *op);
};

} // namespace peermla

#endif // PEERMLA_SUPPORT_TARGETINFO_H
