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
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace peermla;

/// Puts the larger key at `i`. The other one of 64 bits is what is left of both
/// bits: one operation per half, where another choice would be two.
void Network::exchange(MutableArrayRef<Value> keys, int64_t i, int64_t j) {
  Value larger = maximum(keys[i], keys[j]);
  if (larger.getType().isInteger(32)) {
    keys[j] = arith::MinUIOp::create(b, keys[i], keys[j]);
    keys[i] = larger;
    return;
  }
  Value both = arith::XOrIOp::create(b, keys[i], keys[j]);
  keys[j] = arith::XOrIOp::create(b, both, larger);
  keys[i] = larger;
}

Value Network::isLarger(Value x, Value y) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, x, y);
}

Value Network::maximum(Value x, Value y) {
  if (x.getType().isInteger(32))
    return arith::MaxUIOp::create(b, x, y);
  return b.select(isLarger(x, y), x, y);
}

Value Network::minimum(Value x, Value y) {
  if (x.getType().isInteger(32))
    return arith::MinUIOp::create(b, x, y);
  return b.select(isLarger(x, y), y, x);
}

/// The key that the lane at `mask` has.
Value Network::shuffle(Value key, int64_t mask) {
  auto ofLane = [&](Value half) -> Value {
    return NVVM::ShflOp::create(b, half.getType(), b.i32(-1), half, b.i32(mask),
                                b.i32(31), NVVM::ShflKind::bfly, UnitAttr());
  };
  if (key.getType().isInteger(32))
    return ofLane(key);
  auto halves = VectorType::get({2}, b.getI32Type());
  Value pair = LLVM::BitcastOp::create(b, halves, key);
  auto elements = vector::ToElementsOp::create(b, pair);
  Value others = vector::FromElementsOp::create(
      b, halves,
      ValueRange{ofLane(elements.getResult(0)), ofLane(elements.getResult(1))});
  return LLVM::BitcastOp::create(b, key.getType(), others);
}

/// Leaves the larger keys to the lower one of lanes at `mask`, whose numbers
/// differ in bit `upper` first. With `backwards`, keys of the other lane are
/// taken from the last on.
void Network::exchangeLanes(MutableArrayRef<Value> keys, int64_t mask,
                            int64_t upper, bool backwards) {
  Value bit = arith::AndIOp::create(b, b.lane(), b.i32(upper));
  Value isUpper =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bit, b.i32(0));
  auto keep = [&](Value &key, Value other) {
    key = b.select(b.xorOf(isLarger(key, other), isUpper), key, other);
  };
  // Few keys of others are there at a time.
  int64_t size = keys.size();
  for (int64_t i = 0; i < size; ++i) {
    int64_t j = backwards ? size - 1 - i : i;
    if (j < i)
      break;
    Value ofFirst = shuffle(keys[j], mask);
    Value ofLast = i == j ? Value() : shuffle(keys[i], mask);
    keep(keys[i], ofFirst);
    if (ofLast)
      keep(keys[j], ofLast);
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

/// Both halves of the lanes are sorted; the larger half of all are the maxima
/// of one read forwards and the other backwards.
Value Network::getMiddle(MutableArrayRef<Value> keys) {
  Network(b, lanes / 2).sort(keys);
  Value lowest;
  for (size_t i = 0; i < keys.size(); ++i) {
    Value other = shuffle(keys[keys.size() - 1 - i], lanes - 1);
    Value larger = maximum(keys[i], other);
    lowest = lowest ? minimum(lowest, larger) : larger;
  }
  for (int64_t distance = 1; distance < lanes; distance *= 2)
    lowest = minimum(lowest, shuffle(lowest, distance));
  return lowest;
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
