//===- MlaOps.cpp - reference of the mla ops ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention is evaluated in its expanded form, sequence by sequence: the key
// rows are gathered, keys and values of a head are computed from them, and each
// query takes two passes over its scores (maximum, then sum).
//
// Sequences are clamped to the T tokens that exist, negative lengths count as
// 0, and a cache row is read or written only if its block exists.
//
//===----------------------------------------------------------------------===//

#include "LoopBuilder.h"
#include "ModelOps.h"
#include <limits>

using namespace mlir;
using namespace peermla;
using namespace peermla::reference;

//===----------------------------------------------------------------------===//
// Ragged batches and paged caches
//===----------------------------------------------------------------------===//

namespace {

/// Rows `begin` to `end` of the batch are tokens of sequence `id`, which had
/// `past` tokens before.
struct Sequence {
  Value id, begin, end, past;
};

/// A row of a paged cache. If it does not exist, neither index may be used.
struct CacheRow {
  Value exists, block, row;
};

} // namespace

static void forEachSequence(LoopBuilder &b, Value cuSeqlens, Value pastLens,
                            Value numTokens,
                            function_ref<void(Sequence)> body) {
  Value count = b.subtractIndex(b.dim(cuSeqlens, 0), b.index(1));
  b.forEach(count, [&](Value id) {
    Value next = b.addIndex(id, b.index(1));
    Value begin = b.clamp(b.loadIndex(cuSeqlens, id), b.index(0), numTokens);
    Value end = b.clamp(b.loadIndex(cuSeqlens, next), begin, numTokens);
    Value past = pastLens ? b.maxIndex(b.loadIndex(pastLens, id), b.index(0))
                          : b.index(0);
    body({id, begin, end, past});
  });
}

/// The row of the cache that holds the given position of a sequence.
static CacheRow findRow(LoopBuilder &b, Value cache, Value blockTable,
                        Value sequence, Value position) {
  Value page = b.maxIndex(b.dim(cache, 1), b.index(1));
  Value column = b.divideIndex(position, page);
  Value hasEntry = b.isWithin(column, b.index(0), b.dim(blockTable, 1));
  Value block = b.choose(
      hasEntry, b.builder().getIndexType(),
      [&] { return b.loadIndex(blockTable, {sequence, column}); },
      [&] { return b.index(-1); });
  return {b.isWithin(block, b.index(0), b.dim(cache, 0)), block,
          b.remainder(position, page)};
}

//===----------------------------------------------------------------------===//
// Positions and rotation
//===----------------------------------------------------------------------===//

void reference::lowerPositions(mla::PositionsOp op) {
  LoopBuilder b(op);
  Value positions = op.getInit(), numTokens = b.dim(positions, 0);
  b.forEach(numTokens, [&](Value t) { b.store(b.i32(0), positions, t); });
  forEachSequence(b, op.getCuSeqlens(), op.getPastLens(), numTokens,
                  [&](Sequence s) {
                    b.forRange(s.begin, s.end, [&](Value t) {
                      Value fresh = b.subtractIndex(t, s.begin);
                      b.storeIndex(b.addIndex(s.past, fresh), positions, t);
                    });
                  });
}

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
  forEachSequence(
      b, op.getCuSeqlens(), op.getPastLens(), b.dim(rows, 0), [&](Sequence s) {
        b.forRange(s.begin, s.end, [&](Value t) {
          Value position = b.addIndex(s.past, b.subtractIndex(t, s.begin));
          CacheRow to = findRow(b, cache, op.getBlockTable(), s.id, position);
          b.when(to.exists, [&] {
            b.forEach(b.dim(rows, 1), [&](Value c) {
              b.store(b.load(rows, {t, c}), cache, {to.block, to.row, c});
            });
          });
        });
      });
}

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

/// rows[j, :] = the key row of position j, for all positions of a sequence.
static void gatherRows(LoopBuilder &b, mla::AttentionOp op, Sequence s,
                       Value rows) {
  Value kv = op.getKv(), columns = b.dim(rows, 1);
  b.forEach(b.dim(rows, 0), [&](Value j) {
    if (!op.isPaged()) {
      b.forEach(columns, [&](Value c) {
        b.store(b.load(kv, {b.addIndex(s.begin, j), c}), rows, {j, c});
      });
      return;
    }
    CacheRow from = findRow(b, kv, op.getBlockTable(), s.id, j);
    b.when(
        from.exists,
        [&] {
          b.forEach(columns, [&](Value c) {
            b.store(b.load(kv, {from.block, from.row, c}), rows, {j, c});
          });
        },
        [&] {
          b.forEach(columns,
                    [&](Value c) { b.store(b.f64(0.0), rows, {j, c}); });
        });
  });
}

/// keys[j, :] = [w_uk[h] c[j] | k_pe[j]] and values[j, :] = w_uv[h] c[j].
static void expandRows(LoopBuilder &b, mla::AttentionOp op, Value rows, Value h,
                       Value keys, Value values) {
  Value wUk = op.getWUk(), wUv = op.getWUv();
  Value dn = b.dim(wUk, 1), dc = b.dim(wUk, 2);
  Value dr = b.subtractIndex(b.dim(rows, 1), dc);
  b.forEach(b.dim(rows, 0), [&](Value j) {
    auto latent = [&](Value c) { return b.load(rows, {j, c}); };
    b.forEach(dn, [&](Value n) {
      b.store(b.dot(
                  dc, [&](Value c) { return b.load(wUk, {h, n, c}); }, latent),
              keys, {j, n});
    });
    b.forEach(dr, [&](Value i) {
      b.store(b.load(rows, {j, b.addIndex(dc, i)}), keys,
              {j, b.addIndex(dn, i)});
    });
    b.forEach(b.dim(wUv, 1), [&](Value v) {
      b.store(b.dot(
                  dc, [&](Value c) { return b.load(wUv, {h, v, c}); }, latent),
              values, {j, v});
    });
  });
}

/// One query: o[t, h, :] and lse[t, h] over the first `visible` keys.
static void attend(LoopBuilder &b, mla::AttentionOp op, Value t, Value h,
                   Value visible, Value keys, Value values, Value weights) {
  Value q = op.getQ(), o = op.getInits()[0];
  Value scale = b.f64(op.getScale().convertToDouble());
  b.forEach(visible, [&](Value j) {
    Value score = b.dot(
        b.dim(q, 2), [&](Value c) { return b.load(q, {t, h, c}); },
        [&](Value c) { return b.load(keys, {j, c}); });
    b.store(b.multiply(scale, score), weights, j);
  });
  Value none = b.f64(-std::numeric_limits<double>::infinity());
  Value maximum = b.fold(visible, none, [&](Value j, Value partial) {
    return b.maximum(partial, b.load(weights, j));
  });
  b.forEach(visible, [&](Value j) {
    b.store(b.exp(b.subtract(b.load(weights, j), maximum)), weights, j);
  });
  Value sum = b.sum(visible, [&](Value j) { return b.load(weights, j); });
  b.forEach(b.dim(o, 2), [&](Value v) {
    Value weighted = b.dot(
        visible, [&](Value j) { return b.load(weights, j); },
        [&](Value j) { return b.load(values, {j, v}); });
    b.store(b.divide(weighted, sum), o, {t, h, v});
  });
  if (op.getInits().size() > 1)
    b.store(b.add(maximum, b.log(sum)), op.getInits()[1], {t, h});
}

void reference::lowerAttention(mla::AttentionOp op) {
  LoopBuilder b(op);
  Value q = op.getQ(), o = op.getInits()[0];
  // What a token outside all sequences gets.
  b.forEachElement(o, [&](ValueRange i) { b.store(b.f64(0.0), o, i); });
  if (op.getInits().size() > 1) {
    Value none = b.f64(-std::numeric_limits<double>::infinity());
    Value lse = op.getInits()[1];
    b.forEachElement(lse, [&](ValueRange i) { b.store(none, lse, i); });
  }
  unsigned last = cast<MemRefType>(op.getKv().getType()).getRank() - 1;
  Value columns = b.dim(op.getKv(), last);
  forEachSequence(
      b, op.getCuSeqlens(), op.getPastLens(), b.dim(q, 0), [&](Sequence s) {
        Value fresh = b.subtractIndex(s.end, s.begin);
        Value numKeys = b.addIndex(s.past, fresh);
        Value rows = b.allocateF64({numKeys, columns});
        Value keys = b.allocateF64({numKeys, b.dim(q, 2)});
        Value values = b.allocateF64({numKeys, b.dim(o, 2)});
        Value weights = b.allocateF64(numKeys);
        gatherRows(b, op, s, rows);
        b.forEach(b.dim(q, 1), [&](Value h) {
          expandRows(b, op, rows, h, keys, values);
          b.forRange(s.begin, s.end, [&](Value t) {
            Value position = b.addIndex(s.past, b.subtractIndex(t, s.begin));
            Value visible =
                op.getCausal() ? b.addIndex(position, b.index(1)) : numKeys;
            attend(b, op, t, h, visible, keys, values, weights);
          });
        });
        for (Value memref : {rows, keys, values, weights})
          b.free(memref);
      });
}
