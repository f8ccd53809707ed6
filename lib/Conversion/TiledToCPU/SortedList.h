//===- SortedList.h - the best pairs of score and index so far ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A list of the `size` best scores seen, descending, with their indices, in
// vectors of the level's width: carried by loops in registers while it is
// short, in scratch memory otherwise. A place not taken yet holds a NaN, which
// every score beats; so does a NaN score, which is therefore inserted and never
// lost from sight.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_TILEDTOCPU_SORTEDLIST_H
#define PEERMLA_LIB_CONVERSION_TILEDTOCPU_SORTEDLIST_H

#include "KernelBuilder.h"

namespace peermla {

class SortedList {
public:
  using State = llvm::SmallVector<mlir::Value>;

  /// Allocates the memory of up to `capacity` entries.
  SortedList(KernelBuilder &b, int64_t capacity);

  /// Makes the list one of `size` entries; `size <= capacity`. The state is
  /// what loops carry; empty for a list in memory.
  State start(int64_t size);
  /// Writes the state to memory, where `scores` and `indices` can be read.
  void finish(const State &state);

  int64_t getSize() const { return size; }
  Row scores() const { return Row{scoreBuffer, {}}; }
  Row indices() const { return Row{indexBuffer, {}}; }

  /// The score that a new entry has to beat.
  mlir::Value worst(const State &state);
  /// Puts an entry into its place if it has one: behind equal scores, or, if
  /// `byIndex`, in front of those with a higher index.
  State insert(const State &state, mlir::Value score, mlir::Value index,
               bool byIndex);
  /// Replaces the first vectors by entries that are in order already.
  /// `vectors(chunk)` gives scores and indices.
  State replaceFirst(
      const State &state, int64_t chunks,
      llvm::function_ref<std::pair<mlir::Value, mlir::Value>(mlir::Value)>
          vectors);

private:
  /// One vector of scores, one of indices.
  using Chunk = std::pair<mlir::Value, mlir::Value>;
  Chunk insertInto(Chunk chunk, Chunk before, Chunk entry, bool byIndex);
  Chunk splat(mlir::Value score, mlir::Value index);
  Chunk loadChunk(mlir::Value column);
  void storeChunk(Chunk chunk, mlir::Value column);
  bool isInRegisters() const;

  KernelBuilder &b;
  int64_t width, size = 0, chunks = 0;
  mlir::Value scoreBuffer, indexBuffer;
};

} // namespace peermla

#endif // PEERMLA_LIB_CONVERSION_TILEDTOCPU_SORTEDLIST_H
