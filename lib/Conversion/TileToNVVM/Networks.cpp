//===- Networks.cpp - sorting networks over keys in registers -------------===//
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

#include "Networks.h"

using namespace mlir;
using namespace peermla;

/// Puts the larger key at `i`. The other one is what is left of both bits:
/// one operation per half, where another choice would be two.
void Network::exchange(MutableArrayRef<Value> keys, int64_t i, int64_t j) {
  Value larger = maximum(keys[i], keys[j]);
  Value both = arith::XOrIOp::create(b, keys[i], keys[j]);
  keys[j] = arith::XOrIOp::create(b, both, larger);
  keys[i] = larger;
}

Value Network::isLarger(Value x, Value y) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, x, y);
}

Value Network::maximum(Value x, Value y) {
  return b.select(isLarger(x, y), x, y);
}

/// The key that the lane at `mask` has.
Value Network::shuffle(Value key, int64_t mask) {
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  auto ofLane = [&](Value half) -> Value {
    half = NVVM::ShflOp::create(
        b, i32, b.i32(-1), arith::TruncIOp::create(b, i32, half), b.i32(mask),
        b.i32(31), NVVM::ShflKind::bfly, UnitAttr());
    return arith::ExtUIOp::create(b, i64, half);
  };
  Value half = arith::ConstantIntOp::create(b, 32, 64);
  Value high = ofLane(arith::ShRUIOp::create(b, key, half));
  return arith::OrIOp::create(b, arith::ShLIOp::create(b, high, half),
                              ofLane(key));
}

/// Leaves the larger keys to the lower one of lanes at `mask`, whose numbers
/// differ in bit `upper` first. With `backwards`, keys of the other lane are
/// taken from the last on.
void Network::exchangeLanes(MutableArrayRef<Value> keys, int64_t mask,
                            int64_t upper, bool backwards) {
  Value bit = arith::AndIOp::create(b, b.lane(), b.i32(upper));
  Value isUpper =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bit, b.i32(0));
  SmallVector<Value> others;
  for (Value key : keys)
    others.push_back(shuffle(key, mask));
  if (backwards)
    std::reverse(others.begin(), others.end());
  for (auto [key, other] : llvm::zip(keys, others)) {
    Value keeps = b.xorOf(isLarger(key, other), isUpper);
    key = b.select(keeps, key, other);
  }
}

/// Descending keys of a lane; as many as a power of two.
void Network::sortInLane(MutableArrayRef<Value> keys) {
  int64_t size = keys.size();
  for (int64_t run = 1; run < size; run *= 2)
    for (int64_t distance = run; distance > 0; distance /= 2)
      for (int64_t first = distance % run; first + distance < size;
           first += 2 * distance)
        for (int64_t i = first; i < std::min(first + distance, size - distance);
             ++i)
          if (i / (2 * run) == (i + distance) / (2 * run))
            exchange(keys, i, i + distance);
}

/// Descending keys over all lanes.
void Network::sort(MutableArrayRef<Value> keys) {
  sortInLane(keys);
  for (int64_t run = 1; run < lanes; run *= 2) {
    exchangeLanes(keys, 2 * run - 1, run, /*backwards=*/true);
    order(keys, run);
  }
}

/// Puts bitonic sequences over `count` lanes in descending order.
void Network::order(MutableArrayRef<Value> keys, int64_t count) {
  for (int64_t distance = count / 2; distance > 0; distance /= 2)
    exchangeLanes(keys, distance, distance, /*backwards=*/false);
  int64_t size = keys.size();
  for (int64_t distance = size / 2; distance > 0; distance /= 2)
    for (int64_t i = 0; i < size; ++i)
      if (i / distance % 2 == 0)
        exchange(keys, i, i + distance);
}

/// The largest of both lists, which are in descending order, in `best`.
void Network::merge(MutableArrayRef<Value> best, ArrayRef<Value> batch) {
  int64_t size = best.size();
  for (int64_t i = 0; i < size; ++i) {
    Value other = batch[size - 1 - i];
    best[i] = maximum(best[i], lanes == 1 ? other : shuffle(other, lanes - 1));
  }
  order(best, lanes);
}
