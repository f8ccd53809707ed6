//===- MemoryUse.h - what memory ops of a kernel read and write -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory is named by where it comes from: an allocation, or a parameter of the
// kernel. Parameters may be views of one buffer, so all of them count as one
// piece of memory.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TILEDTOTHREADS_MEMORYUSE_H
#define LIB_CONVERSION_TILEDTOTHREADS_MEMORYUSE_H

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "llvm/ADT/DenseSet.h"

namespace peermla {

/// Pieces of memory, by the values they come from; null stands for memory of
/// parameters.
struct MemoryUse {
  llvm::SmallDenseSet<mlir::Value> reads, writes;

  bool isEmpty() const { return reads.empty() && writes.empty(); }
  void add(const MemoryUse &other);
  /// Whether one writes what the other reads or writes.
  bool conflictsWith(const MemoryUse &other) const;
};

class MemoryUses {
public:
  explicit MemoryUses(mlir::Operation *function) : views(function) {}

  /// What `op` and the ops in it read and write; failure if it does not say.
  mlir::FailureOr<MemoryUse> get(mlir::Operation *op) const;

private:
  mlir::BufferViewFlowAnalysis views;
};

} // namespace peermla

#endif // LIB_CONVERSION_TILEDTOTHREADS_MEMORYUSE_H
