//===- Networks.h - sorting networks over keys in registers ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Keys are unsigned numbers of 64 bits, or of 32, in registers of one thread,
// or of lanes of a warp that share a row.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TILETONVVM_NETWORKS_H
#define LIB_CONVERSION_TILETONVVM_NETWORKS_H

#include "Fragments.h"

namespace peermla {

/// Networks over the keys of one row, of which `lanes` lanes have a part each.
class Network {
public:
  Network(FragmentBuilder &b, int64_t lanes) : b(b), lanes(lanes) {}

  /// Puts keys in descending order over all lanes.
  void sort(llvm::MutableArrayRef<mlir::Value> keys);
  /// Leaves the largest of both lists, which are in descending order, in
  /// `best`.
  void merge(llvm::MutableArrayRef<mlir::Value> best,
             llvm::ArrayRef<mlir::Value> batch);

  /// The lowest of the larger half of all keys, in each lane.
  mlir::Value getMiddle(llvm::MutableArrayRef<mlir::Value> keys);

private:
  mlir::Value isLarger(mlir::Value x, mlir::Value y);
  mlir::Value maximum(mlir::Value x, mlir::Value y);
  mlir::Value minimum(mlir::Value x, mlir::Value y);
  void exchange(llvm::MutableArrayRef<mlir::Value> keys, int64_t i, int64_t j);
  mlir::Value shuffle(mlir::Value key, int64_t mask);
  void exchangeLanes(llvm::MutableArrayRef<mlir::Value> keys, int64_t mask,
                     int64_t upper, bool backwards);
  void sortInLane(llvm::MutableArrayRef<mlir::Value> keys);
  void order(llvm::MutableArrayRef<mlir::Value> keys, int64_t count);

  FragmentBuilder &b;
  int64_t lanes;
};

} // namespace peermla

#endif // LIB_CONVERSION_TILETONVVM_NETWORKS_H
