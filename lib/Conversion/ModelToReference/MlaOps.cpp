//===- MlaOps.cpp - reference of positions, items, rotations, appends -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Batches.h"
#include "ModelOps.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::reference;

//===----------------------------------------------------------------------===//
// PositionsOp
//===----------------------------------------------------------------------===//

/// Visits the tokens [first, first + count) of a batch that belong to a
/// sequence: `body(sequence, token, position, row of the tile)`. A null `first`
/// is token 0.
static void
forEachToken(LoopBuilder &b, Value cuSeqlens, Value pastLens, Value first,
             Value count,
             function_ref<void(Sequence, Value position, Value row)> body) {
  if (!first)
    first = b.index(0);
  Value end = b.addIndex(first, count);
  forEachSequence(b, cuSeqlens, pastLens, end, [&](Sequence s) {
    b.forRange(b.maxIndex(s.begin, first), s.end, [&](Value t) {
      Value position = b.addIndex(s.past, b.subtractIndex(t, s.begin));
      body(s, position, b.subtractIndex(t, first));
    });
  });
}

void reference::lowerPositions(mla::PositionsOp op) {
  LoopBuilder b(op);
  Value positions = op.getInit(), numTokens = b.dim(positions, 0);
  b.forEach(numTokens, [&](Value t) { b.store(b.i32(0), positions, t); });
  forEachToken(b, op.getCuSeqlens(), op.getPastLens(), op.getFirst(), numTokens,
               [&](Sequence, Value position, Value row) {
                 b.storeIndex(position, positions, row);
               });
}

//===----------------------------------------------------------------------===//
// WorkItemsOp
//===----------------------------------------------------------------------===//

void reference::lowerWorkItems(mla::WorkItemsOp op) {
  LoopBuilder b(op);
  Value items = op.getInit(), rows = b.dim(items, 0);
  b.forEachElement(items, [&](ValueRange i) { b.store(b.i32(0), items, i); });
  Value number = b.allocate(b.builder().getI32Type(), b.index(1));
  b.storeIndex(b.index(0), number, b.index(0));
  Value n = b.index(op.getTokens());
  forEachSequence(b, op.getCuSeqlens(), Value(), op.getT(), [&](Sequence s) {
    Value fresh = b.subtractIndex(s.end, s.begin);
    Value runs =
        b.divideIndex(b.addIndex(fresh, b.index(op.getTokens() - 1)), n);
    b.forEach(runs, [&](Value run) {
      Value row = b.loadIndex(number, b.index(0));
      b.storeIndex(b.addIndex(row, b.index(1)), number, b.index(0));
      Value first = b.addIndex(s.begin, b.multiplyIndex(run, n));
      Value count = b.minIndex(n, b.subtractIndex(s.end, first));
      b.when(b.isWithin(row, b.index(0), rows), [&] {
        b.storeIndex(s.id, items, {row, b.index(0)});
        b.storeIndex(first, items, {row, b.index(1)});
        b.storeIndex(count, items, {row, b.index(2)});
      });
    });
  });
  b.free(number);
}

//===----------------------------------------------------------------------===//
// RopeTableOp and RopeOp
//===----------------------------------------------------------------------===//

void reference::lowerRopeTable(mla::RopeTableOp op) {
  LoopBuilder b(op);
  Value table = op.getInit();
  Value multiplier = b.f64(op.getMultiplier().convertToDouble());
  int64_t half = op.getInvFreq().size();
  b.forEach(b.dim(table, 0), [&](Value t) {
    Value position = b.toFloat(b.load(op.getPositions(), t));
    for (auto [i, frequency] : llvm::enumerate(op.getInvFreq())) {
      Value angle = b.multiply(position, b.f64(frequency));
      b.store(b.multiply(multiplier, b.cos(angle)), table, {t, b.index(i)});
      b.store(b.multiply(multiplier, b.sin(angle)), table,
              {t, b.index(half + i)});
    }
  });
}

void reference::lowerRope(mla::RopeOp op) {
  LoopBuilder b(op);
  Value x = op.getX(), table = op.getTable(), y = op.getInit();
  unsigned rank = cast<MemRefType>(x.getType()).getRank();
  Value dr = b.dim(table, 1), half = b.divideIndex(dr, b.index(2));
  Value first = b.subtractIndex(b.dim(x, rank - 1), dr);
  auto rotateRow = [&](ValueRange row) {
    auto at = [&](Value column) {
      SmallVector<Value> indices(row);
      indices.push_back(column);
      return indices;
    };
    b.forEach(first, [&](Value j) { b.store(b.load(x, at(j)), y, at(j)); });
    b.forEach(half, [&](Value i) {
      Value even = b.addIndex(first, b.multiplyIndex(b.index(2), i));
      Value odd = b.addIndex(even, b.index(1));
      Value cos = b.load(table, {row[0], i});
      Value sin = b.load(table, {row[0], b.addIndex(half, i)});
      Value a = b.load(x, at(even)), c = b.load(x, at(odd));
      b.store(b.subtract(b.multiply(a, cos), b.multiply(c, sin)), y, at(even));
      b.store(b.add(b.multiply(a, sin), b.multiply(c, cos)), y, at(odd));
    });
  };
  b.forEach(b.dim(x, 0), [&](Value t) {
    if (rank == 2)
      return rotateRow(t);
    b.forEach(b.dim(x, 1), [&](Value h) { rotateRow({t, h}); });
  });
}

//===----------------------------------------------------------------------===//
// CacheAppendOp
//===----------------------------------------------------------------------===//

void reference::lowerCacheAppend(mla::CacheAppendOp op) {
  LoopBuilder b(op);
  Value rows = op.getRows(), cache = op.getInit();
  forEachToken(
      b, op.getCuSeqlens(), op.getPastLens(), op.getFirst(), b.dim(rows, 0),
      [&](Sequence s, Value position, Value row) {
        CacheRow to = findRow(b, cache, op.getBlockTable(), s.id, position);
        b.when(to.exists, [&] {
          b.forEach(b.dim(rows, 1), [&](Value c) {
            b.store(b.load(rows, {row, c}), cache, {to.block, to.row, c});
          });
        });
      });
}
