//===- PeerOps.cpp - reference of the peer ops ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Selection visits all N experts in the order of their indices and keeps a list
// of the k best, into which a score goes behind those it does not beat: so
// equal scores stay in the order of their indices. It uses none of the bounds
// by which the kernels visit fewer sums.
//
// A NaN beats every number and no NaN. It thus reaches the list and through it
// the gates, and every slot of the list holds an index that exists.
//
//===----------------------------------------------------------------------===//

#include "LoopBuilder.h"
#include "ModelOps.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace peermla;
using namespace peermla::reference;
using peer::Activation;
using peer::Norm;
using peer::ScoreFunction;

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

namespace {

/// The list of the k best scores of one token and head, in memory.
struct BestList {
  LoopBuilder &b;
  Value k, scores, ids;

  BestList(LoopBuilder &b, Value k)
      : b(b), k(k), scores(b.allocateF64(k)),
        ids(b.allocate(b.builder().getIndexType(), k)) {}

  void free() {
    b.free(scores);
    b.free(ids);
  }

  /// Marks all slots as empty.
  void clear() {
    b.forEach(k, [&](Value i) {
      b.store(b.f64(-std::numeric_limits<double>::infinity()), scores, i);
      b.store(b.index(-1), ids, i);
    });
  }

  /// Whether a score goes before what slot `i` holds.
  Value beats(Value score, Value i) {
    Value other = b.load(scores, i);
    Value isEmpty =
        b.compare(LoopBuilder::Comparison::slt, b.load(ids, i), b.index(0));
    Value isFirstNan = b.both(b.isNan(score), b.isFalse(b.isNan(other)));
    return b.either(isEmpty, b.either(isFirstNan, b.greater(score, other)));
  }

  /// Puts an expert behind all that it does not beat; the last one falls out.
  void insert(Value score, Value id) {
    Value last = b.subtractIndex(k, b.index(1));
    b.when(beats(score, last), [&] {
      b.store(score, scores, last);
      b.store(id, ids, last);
      b.forEach(last, [&](Value step) {
        Value i = b.subtractIndex(last, step);
        Value before = b.subtractIndex(i, b.index(1));
        b.when(beats(b.load(scores, i), before), [&] {
          swap(scores, i, before);
          swap(ids, i, before);
        });
      });
    });
  }

private:
  void swap(Value memref, Value i, Value j) {
    Value a = b.load(memref, i), c = b.load(memref, j);
    b.store(c, memref, i);
    b.store(a, memref, j);
  }
};

/// Visits all experts: the sums of one score per dimension, from the left.
class Enumeration {
public:
  Enumeration(LoopBuilder &b, ArrayRef<Value> counts,
              function_ref<Value(unsigned, Value)> scoreOf,
              function_ref<void(Value, Value)> visit)
      : b(b), counts(counts), scoreOf(scoreOf), visit(visit) {}

  void run() { run(0, Value(), Value()); }

private:
  void run(unsigned i, Value partial, Value id) {
    if (i == counts.size())
      return visit(partial, id);
    b.forEach(counts[i], [&](Value j) {
      Value score = scoreOf(i, j);
      if (i == 0)
        return run(1, score, j);
      run(i + 1, b.add(partial, score),
          b.addIndex(b.multiplyIndex(id, counts[i]), j));
    });
  }

  LoopBuilder &b;
  ArrayRef<Value> counts;
  function_ref<Value(unsigned, Value)> scoreOf;
  function_ref<void(Value, Value)> visit;
};

} // namespace

/// gates[t, h, :] = score_function(the scores of the list).
static void storeGates(LoopBuilder &b, BestList &list, ScoreFunction function,
                       Value gates, Value t, Value h) {
  auto score = [&](Value i) { return b.load(list.scores, i); };
  if (function == ScoreFunction::softmax) {
    // The list is in descending order and a NaN comes first.
    Value maximum = score(b.index(0));
    auto weight = [&](Value i) { return b.exp(b.subtract(score(i), maximum)); };
    Value sum = b.sum(list.k, weight);
    b.forEach(list.k, [&](Value i) {
      b.store(b.divide(weight(i), sum), gates, {t, h, i});
    });
    return;
  }
  b.forEach(list.k, [&](Value i) {
    Value gate = function == ScoreFunction::relu
                     ? b.maximum(score(i), b.f64(0.0))
                     : b.divide(b.f64(1.0),
                                b.add(b.f64(1.0),
                                      b.exp(b.subtract(b.f64(0.0), score(i)))));
    b.store(gate, gates, {t, h, i});
  });
}

/// For one token and head: the k best of all, and their gates.
static void selectBest(LoopBuilder &b, BestList &list, ArrayRef<Value> counts,
                       function_ref<Value(unsigned, Value)> scoreOf,
                       ScoreFunction function, ValueRange inits, Value t,
                       Value h) {
  list.clear();
  Enumeration(b, counts, scoreOf, [&](Value score, Value id) {
    list.insert(score, id);
  }).run();
  b.forEach(list.k, [&](Value i) {
    b.storeIndex(b.load(list.ids, i), inits[1], {t, h, i});
    if (inits.size() > 2)
      b.store(b.load(list.scores, i), inits[2], {t, h, i});
  });
  storeGates(b, list, function, inits[0], t, h);
}

void reference::lowerSelect(peer::SelectOp op) {
  LoopBuilder b(op);
  ValueRange inits = op.getInits();
  SmallVector<Value> counts;
  for (int64_t count : op.getNumKeys())
    counts.push_back(b.index(count));
  BestList list(b, b.dim(inits[0], 2));
  b.forEach(b.dim(inits[0], 0), [&](Value t) {
    b.forEach(b.dim(inits[0], 1), [&](Value h) {
      auto scoreOf = [&](unsigned i, Value j) {
        Value scores = op.getScores()[i];
        if (cast<MemRefType>(scores.getType()).getRank() == 3)
          return b.load(scores, {t, h, j});
        Value width = b.dim(scores, 3);
        return b.load(scores,
                      {t, h, b.divideIndex(j, width), b.remainder(j, width)});
      };
      selectBest(b, list, counts, scoreOf, op.getScoreFunction(), inits, t, h);
    });
  });
  list.free();
}

//===----------------------------------------------------------------------===//
// RetrieveOp
//===----------------------------------------------------------------------===//

/// What divides a vector of `width` elements under `norm`.
static Value getDivisor(LoopBuilder &b, Norm norm, Value width,
                        LoopBuilder::Term element) {
  if (norm == Norm::none)
    return b.f64(1.0);
  return b.maximum(b.sqrt(b.dot(width, element, element)), b.f64(1e-12));
}

void reference::lowerRetrieve(peer::RetrieveOp op) {
  LoopBuilder b(op);
  Value query = op.getQuery();
  ValueRange inits = op.getInits();
  unsigned numDimensions = op.getNumDimensions();
  Value width = b.divideIndex(b.dim(query, 2), b.index(numDimensions));
  SmallVector<Value> counts, scores;
  for (Value keys : op.getKeys()) {
    unsigned rank = cast<MemRefType>(keys.getType()).getRank();
    counts.push_back(b.dim(keys, rank - 2));
    scores.push_back(b.allocateF64(counts.back()));
  }
  BestList list(b, b.dim(inits[0], 2));
  b.forEach(b.dim(query, 0), [&](Value t) {
    b.forEach(b.dim(query, 1), [&](Value h) {
      for (unsigned i = 0; i < numDimensions; ++i) {
        Value keys = op.getKeys()[i];
        Value first = b.multiplyIndex(width, b.index(i));
        bool isPerHead = cast<MemRefType>(keys.getType()).getRank() == 3;
        auto part = [&](Value c) {
          return b.load(query, {t, h, b.addIndex(first, c)});
        };
        Value ofQuery = getDivisor(b, op.getQueryNorm(), width, part);
        b.forEach(counts[i], [&](Value j) {
          auto key = [&](Value c) {
            return isPerHead ? b.load(keys, {h, j, c}) : b.load(keys, {j, c});
          };
          Value ofKey = getDivisor(b, op.getKeyNorm(), width, key);
          Value score = b.dot(
              width, [&](Value c) { return b.divide(part(c), ofQuery); },
              [&](Value c) { return b.divide(key(c), ofKey); });
          b.store(score, scores[i], j);
        });
      }
      selectBest(
          b, list, counts,
          [&](unsigned i, Value j) { return b.load(scores[i], j); },
          op.getScoreFunction(), inits, t, h);
    });
  });
  list.free();
  for (Value memref : scores)
    b.free(memref);
}

//===----------------------------------------------------------------------===//
// ExpertMlpOp
//===----------------------------------------------------------------------===//

static Value activate(LoopBuilder &b, Activation activation, Value x) {
  switch (activation) {
  case Activation::gelu:
    return b.multiply(
        b.multiply(b.f64(0.5), x),
        b.add(b.f64(1.0), b.erf(b.divide(x, b.f64(std::sqrt(2.0))))));
  case Activation::relu:
    return b.maximum(x, b.f64(0.0));
  case Activation::silu:
    return b.divide(x, b.add(b.f64(1.0), b.exp(b.subtract(b.f64(0.0), x))));
  }
  return x;
}

void reference::lowerExpertMlp(peer::ExpertMlpOp op) {
  LoopBuilder b(op);
  Value x = op.getX(), down = op.getDown(), up = op.getUp();
  Value y = op.getYInit(), neurons = op.getNeuronsInit();
  Value numExperts = b.dim(down, 0), e = b.dim(down, 1);
  Value d = b.dim(x, 1), dOut = b.dim(y, 1);
  bool isNeuronMajor = op.getUpLayout() == peer::UpLayout::neuron_major;
  b.forEach(b.dim(x, 0), [&](Value t) {
    b.forEach(dOut, [&](Value o) { b.store(b.f64(0.0), y, {t, o}); });
    b.forEach(b.dim(op.getIndices(), 1), [&](Value h) {
      b.forEach(b.dim(op.getIndices(), 2), [&](Value k) {
        Value id = b.loadIndex(op.getIndices(), {t, h, k});
        Value gate = b.load(op.getGates(), {t, h, k});
        auto product = [&](Value table, Value n) {
          return b.dot(
              d, [&](Value i) { return b.load(table, {id, n, i}); },
              [&](Value i) { return b.load(x, {t, i}); });
        };
        auto apply = [&](Value n) {
          Value u = product(down, n);
          u = op.getGate() ? b.multiply(activate(b, op.getActivation(),
                                                 product(op.getGate(), n)),
                                        u)
                           : activate(b, op.getActivation(), u);
          if (neurons)
            b.store(u, neurons, {t, h, k, n});
          Value weight = b.multiply(gate, u);
          b.forEach(dOut, [&](Value o) {
            Value element =
                isNeuronMajor ? b.load(up, {id, n, o}) : b.load(up, {id, o, n});
            b.store(b.add(b.load(y, {t, o}), b.multiply(weight, element)), y,
                    {t, o});
          });
        };
        b.when(
            b.isWithin(id, b.index(0), numExperts),
            [&] { b.forEach(e, apply); },
            [&] {
              if (neurons)
                b.forEach(e, [&](Value n) {
                  b.store(b.f64(0.0), neurons, {t, h, k, n});
                });
            });
      });
    });
  });
}
