//===- Networks.h - sorting networks over keys in registers ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A batch of keys is sorted by Batcher's odd-even merge sort. Of it and the K
// best so far, both in descending order, the K largest are the maxima of one
// read forwards and the other backwards, a bitonic sequence, which log2(K)
// steps put in order. No step depends on the keys: all threads of a warp do the
// same.
//
// Lanes that share a row have K / lanes neighbouring keys each: what they have
// sorted alone is merged between pairs, fours, ... of them in the same way.
// Steps over distances of K / lanes and more exchange keys by shuffles.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TILETONVVM_NETWORKS_H
#define LIB_CONVERSION_TILETONVVM_NETWORKS_H

#include "Fragments.h"

namespace peermla {

/// Networks over the keys of one row, of which `lanes` lanes have a part each.
struct Network {
  FragmentBuilder &b;
  int64_t lanes;

  /// Puts the larger key at `i`. The other one is what is left of both bits:
  /// one operation per half, where another choice would be two.
  void exchange(llvm::MutableArrayRef<mlir::Value> keys, int64_t i, int64_t j) {
    mlir::Value larger = maximum(keys[i], keys[j]);
    mlir::Value both = mlir::arith::XOrIOp::create(b, keys[i], keys[j]);
    keys[j] = mlir::arith::XOrIOp::create(b, both, larger);
    keys[i] = larger;
  }
  mlir::Value isLarger(mlir::Value x, mlir::Value y) {
    return mlir::arith::CmpIOp::create(b, mlir::arith::CmpIPredicate::ugt, x,
                                       y);
  }
  mlir::Value maximum(mlir::Value x, mlir::Value y) {
    return b.select(isLarger(x, y), x, y);
  }

  /// The key that the lane at `mask` has.
  mlir::Value shuffle(mlir::Value key, int64_t mask) {
    mlir::Type i32 = b.getI32Type(), i64 = b.getI64Type();
    auto ofLane = [&](mlir::Value half) -> mlir::Value {
      half = mlir::NVVM::ShflOp::create(
          b, i32, b.i32(-1), mlir::arith::TruncIOp::create(b, i32, half),
          b.i32(mask), b.i32(31), mlir::NVVM::ShflKind::bfly, mlir::UnitAttr());
      return mlir::arith::ExtUIOp::create(b, i64, half);
    };
    mlir::Value half = mlir::arith::ConstantIntOp::create(b, 32, 64);
    mlir::Value high = ofLane(mlir::arith::ShRUIOp::create(b, key, half));
    return mlir::arith::OrIOp::create(
        b, mlir::arith::ShLIOp::create(b, high, half), ofLane(key));
  }

  /// Leaves the larger keys to the lower one of lanes at `mask`, whose numbers
  /// differ in bit `upper` first. With `backwards`, keys of the other lane are
  /// taken from the last on.
  void exchangeLanes(llvm::MutableArrayRef<mlir::Value> keys, int64_t mask,
                     int64_t upper, bool backwards) {
    mlir::Value bit = mlir::arith::AndIOp::create(b, b.lane(), b.i32(upper));
    mlir::Value isUpper = mlir::arith::CmpIOp::create(
        b, mlir::arith::CmpIPredicate::ne, bit, b.i32(0));
    llvm::SmallVector<mlir::Value> others;
    for (mlir::Value key : keys)
      others.push_back(shuffle(key, mask));
    if (backwards)
      std::reverse(others.begin(), others.end());
    for (auto [key, other] : llvm::zip(keys, others)) {
      mlir::Value keeps = b.xorOf(isLarger(key, other), isUpper);
      key = b.select(keeps, key, other);
    }
  }

  /// Descending keys of a lane; as many as a power of two.
  void sortInLane(llvm::MutableArrayRef<mlir::Value> keys) {
    int64_t size = keys.size();
    for (int64_t run = 1; run < size; run *= 2)
      for (int64_t distance = run; distance > 0; distance /= 2)
        for (int64_t first = distance % run; first + distance < size;
             first += 2 * distance)
          for (int64_t i = first;
               i < std::min(first + distance, size - distance); ++i)
            if (i / (2 * run) == (i + distance) / (2 * run))
              exchange(keys, i, i + distance);
  }

  /// Descending keys over all lanes.
  void sort(llvm::MutableArrayRef<mlir::Value> keys) {
    sortInLane(keys);
    for (int64_t run = 1; run < lanes; run *= 2) {
      exchangeLanes(keys, 2 * run - 1, run, /*backwards=*/true);
      order(keys, run);
    }
  }

  /// Puts bitonic sequences over `count` lanes in descending order.
  void order(llvm::MutableArrayRef<mlir::Value> keys, int64_t count) {
    for (int64_t distance = count / 2; distance > 0; distance /= 2)
      exchangeLanes(keys, distance, distance, /*backwards=*/false);
    int64_t size = keys.size();
    for (int64_t distance = size / 2; distance > 0; distance /= 2)
      for (int64_t i = 0; i < size; ++i)
        if (i / distance % 2 == 0)
          exchange(keys, i, i + distance);
  }

  /// The largest of both lists, which are in descending order, in `best`.
  void merge(llvm::MutableArrayRef<mlir::Value> best,
             llvm::ArrayRef<mlir::Value> batch) {
    int64_t size = best.size();
    for (int64_t i = 0; i < size; ++i) {
      mlir::Value other = batch[size - 1 - i];
      best[i] =
          maximum(best[i], lanes == 1 ? other : shuffle(other, lanes - 1));
    }
    order(best, lanes);
  }
};

} // namespace peermla

#endif // LIB_CONVERSION_TILETONVVM_NETWORKS_H
