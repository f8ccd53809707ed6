//===- Attention.cpp - reference of attention -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `mla.attention` is evaluated in its expanded form, sequence by sequence: the
// key rows are gathered, keys and values of a head are computed from them, and
// each query takes two passes over its scores (maximum, then sum).
//
// `mla.online_attention`, which either form becomes, is evaluated from the keys
// where they lie, so that a rewrite can be compared with what it rewrote; so
// are its parts and `mla.merge`.
//
//===----------------------------------------------------------------------===//

#include "Batches.h"
#include "ModelOps.h"
#include <limits>
#include <tuple>

using namespace mlir;
using namespace peermla;
using namespace peermla::reference;

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

/// Turns scores into exp(score - maximum); their sum and the maximum.
static std::pair<Value, Value> exponentiate(LoopBuilder &b, Value count,
                                            Value scores) {
  Value none = b.f64(-std::numeric_limits<double>::infinity());
  Value maximum = b.fold(count, none, [&](Value j, Value partial) {
    return b.maximum(partial, b.load(scores, j));
  });
  b.forEach(count, [&](Value j) {
    b.store(b.exp(b.subtract(b.load(scores, j), maximum)), scores, j);
  });
  Value sum = b.sum(count, [&](Value j) { return b.load(scores, j); });
  return {sum, maximum};
}

/// What a token outside all sequences gets.
static void storeNothing(LoopBuilder &b, ValueRange inits) {
  Value o = inits[0];
  b.forEachElement(o, [&](ValueRange i) { b.store(b.f64(0.0), o, i); });
  if (inits.size() < 2)
    return;
  Value lse = inits[1];
  Value none = b.f64(-std::numeric_limits<double>::infinity());
  b.forEachElement(lse, [&](ValueRange i) { b.store(none, lse, i); });
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
  Value sum, maximum;
  std::tie(sum, maximum) = exponentiate(b, visible, weights);
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
  storeNothing(b, op.getInits());
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

//===----------------------------------------------------------------------===//
// OnlineAttentionOp
//===----------------------------------------------------------------------===//

/// Where one query of a tile is, and the keys [begin, end) that it sees.
struct Query {
  /// Its row in `q`, its head, and its place in the destinations.
  Value row, h;
  SmallVector<Value> place;
  Value begin, end;
};

/// One query of a sequence; `weights` has room for all of its keys.
static void attendOnline(LoopBuilder &b, mla::OnlineAttentionOp op, Sequence s,
                         const Query &query, Value weights) {
  Value q = op.getQ(), k = op.getK(), v = op.getV(), o = op.getInits()[0];
  Value h = query.h;
  unsigned last = cast<MemRefType>(o.getType()).getRank() - 1;
  Value width = b.dim(q, 2), dv = b.dim(o, last);
  Value scale = b.f64(op.getScale().convertToDouble());
  Value visible =
      b.maxIndex(b.subtractIndex(query.end, query.begin), b.index(0));
  auto placeOf = [&](Value c) {
    SmallVector<Value> indices(query.place);
    indices.push_back(c);
    return indices;
  };
  // `ifPresent` sees element c of key row j; a row whose block does not exist
  // counts as zeros.
  auto withRow = [&](Value j, function_ref<void(LoopBuilder::Term)> ifPresent) {
    j = b.addIndex(query.begin, j);
    if (!op.isPaged()) {
      Value at = b.addIndex(s.begin, j);
      return ifPresent([&](Value c) {
        return v ? b.load(k, {at, h, c}) : b.load(k, {at, c});
      });
    }
    CacheRow from = findRow(b, k, op.getBlockTable(), s.id, j);
    b.when(from.exists, [&] {
      ifPresent([&](Value c) { return b.load(k, {from.block, from.row, c}); });
    });
  };
  b.forEach(visible, [&](Value j) {
    b.store(b.f64(0.0), weights, j);
    withRow(j, [&](LoopBuilder::Term key) {
      Value score = b.dot(
          width, [&](Value c) { return b.load(q, {query.row, h, c}); }, key);
      b.store(b.multiply(scale, score), weights, j);
    });
  });
  Value sum, maximum;
  std::tie(sum, maximum) = exponentiate(b, visible, weights);
  b.forEach(dv, [&](Value c) { b.store(b.f64(0.0), o, placeOf(c)); });
  b.forEach(visible, [&](Value j) {
    Value weight = b.divide(b.load(weights, j), sum);
    withRow(j, [&](LoopBuilder::Term key) {
      b.forEach(dv, [&](Value c) {
        Value at = b.addIndex(s.begin, b.addIndex(query.begin, j));
        Value value = v ? b.load(v, {at, h, c}) : key(c);
        Value partial = b.load(o, placeOf(c));
        b.store(b.add(partial, b.multiply(weight, value)), o, placeOf(c));
      });
    });
  });
  if (op.getInits().size() > 1)
    b.store(b.add(maximum, b.log(sum)), op.getInits()[1], query.place);
}

/// The first key of part `part` of a sequence of `numKeys`.
static Value beginOfPart(LoopBuilder &b, mla::OnlineAttentionOp op, Value part,
                         Value numKeys) {
  auto ceilDiv = [&](Value value, int64_t divisor) {
    return b.divideIndex(b.addIndex(value, b.index(divisor - 1)),
                         b.index(divisor));
  };
  Value steps = ceilDiv(ceilDiv(numKeys, *op.getParts()), *op.getPartStep());
  return b.multiplyIndex(part,
                         b.multiplyIndex(steps, b.index(*op.getPartStep())));
}

void reference::lowerOnlineAttention(mla::OnlineAttentionOp op) {
  LoopBuilder b(op);
  Value q = op.getQ(), cuSeqlens = op.getCuSeqlens();
  storeNothing(b, op.getInits());
  // Queries `begin` to `end` of a sequence, the first of them in row `row`.
  auto attendRange = [&](Sequence s, Value begin, Value end, Value row) {
    Value numKeys = b.addIndex(s.past, b.subtractIndex(s.end, s.begin));
    Value weights = b.allocateF64(numKeys);
    b.forRange(begin, end, [&](Value t) {
      Value position = b.addIndex(s.past, b.subtractIndex(t, s.begin));
      Query query;
      query.row = b.addIndex(row, b.subtractIndex(t, begin));
      Value visible =
          op.getCausal() ? b.addIndex(position, b.index(1)) : numKeys;
      b.forEach(b.dim(q, 1), [&](Value h) {
        query.h = h;
        query.begin = b.index(0);
        query.end = visible;
        query.place = {query.row, h};
        if (!op.isPartial())
          return attendOnline(b, op, s, query, weights);
        b.forEach(b.dim(op.getInits()[0], 0), [&](Value i) {
          Value part =
              op.getItem().empty() ? i : b.addIndex(op.getItem()[2], i);
          query.begin = beginOfPart(b, op, part, numKeys);
          Value next = b.addIndex(part, b.index(1));
          query.end = b.minIndex(beginOfPart(b, op, next, numKeys), visible);
          query.place = {i, query.row, h};
          attendOnline(b, op, s, query, weights);
        });
      });
    });
    b.free(weights);
  };
  if (op.getItem().empty())
    return forEachSequence(
        b, cuSeqlens, op.getPastLens(), b.dim(q, 0),
        [&](Sequence s) { attendRange(s, s.begin, s.end, s.begin); });
  // A tile does not know T; its own rows bound what it touches. One without
  // rows names no sequence.
  Value first = op.getItem()[1];
  Value all = b.index(std::numeric_limits<int32_t>::max());
  b.when(b.isWithin(b.index(0), b.index(0), b.dim(q, 0)), [&] {
    Sequence s =
        getSequence(b, cuSeqlens, op.getPastLens(), op.getItem()[0], all);
    Value end = b.minIndex(b.addIndex(first, b.dim(q, 0)), s.end);
    attendRange(s, first, end, b.index(0));
  });
}

//===----------------------------------------------------------------------===//
// MergeOp
//===----------------------------------------------------------------------===//

void reference::lowerMerge(mla::MergeOp op) {
  LoopBuilder b(op);
  Value oParts = op.getOParts(), lseParts = op.getLseParts();
  Value o = op.getInits()[0], P = b.dim(lseParts, 0);
  storeNothing(b, op.getInits());
  Value weights = b.allocateF64(P);
  b.forEach(b.dim(lseParts, 1), [&](Value t) {
    b.forEach(b.dim(lseParts, 2), [&](Value h) {
      b.forEach(P, [&](Value i) {
        b.store(b.load(lseParts, {i, t, h}), weights, i);
      });
      Value sum, maximum;
      std::tie(sum, maximum) = exponentiate(b, P, weights);
      // False where no part has a key: the differences are not numbers.
      Value none = b.f64(-std::numeric_limits<double>::infinity());
      b.when(b.either(b.greater(maximum, none), b.isNan(maximum)), [&] {
        b.forEach(b.dim(o, 2), [&](Value c) {
          Value weighted = b.dot(
              P, [&](Value i) { return b.load(weights, i); },
              [&](Value i) {
                // Without a key there is no `o`: it may be anything.
                Value lse = b.load(lseParts, {i, t, h});
                return b.choose(
                    b.either(b.greater(lse, none), b.isNan(lse)),
                    none.getType(),
                    [&] { return b.load(oParts, {i, t, h, c}); },
                    [&] { return b.f64(0.0); });
              });
          b.store(b.divide(weighted, sum), o, {t, h, c});
        });
        if (op.getInits().size() > 1)
          b.store(b.add(maximum, b.log(sum)), op.getInits()[1], {t, h});
      });
    });
  });
  b.free(weights);
}
