//===- AttentionKernel.cpp - one work item of attention -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "BufferViews.h"
#include "Ragged.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace peermla;

/// What a maximum starts from: finite, since the difference of two infinite
/// ones is not a number.
static constexpr double lowestMaximum = -1e30;
/// A maximum stays while probabilities are below two to the power of this.
static constexpr double slack = 8.0;
/// Vectors of rows that a softmax loop carries.
static constexpr int64_t maxVectors = 4;

static MemRefType typeOf(Value buffer) {
  return cast<MemRefType>(buffer.getType());
}

/// buffer[:, 0 .. count - 1, :], itself if that is all of it.
static Value firstColumns(KernelBuilder &b, Value buffer, int64_t count) {
  ArrayRef<int64_t> shape = typeOf(buffer).getShape();
  if (shape[1] == count)
    return buffer;
  SmallVector<OpFoldResult> offsets(3, b.getIndexAttr(0));
  return viewOf(b, buffer, offsets,
                {b.getIndexAttr(shape[0]), b.getIndexAttr(count),
                 b.getIndexAttr(shape[2])});
}

//===----------------------------------------------------------------------===//
// Scratch memory and queries
//===----------------------------------------------------------------------===//

AttentionKernel::AttentionKernel(KernelBuilder &b, mla::OnlineAttentionOp op,
                                 const AttentionPlan &plan)
    : b(b), op(op), plan(plan) {
  scale = op.getScale().convertToDouble() * std::log2(std::exp(1.0));
  Type f32 = b.getF32Type(), storage = typeOf(op.getQ()).getElementType();
  int64_t keys = plan.blockKeys, rows = plan.rows;
  scores = b.scratch({keys, rows}, f32);
  if (plan.pairs) {
    queryMemory = allocatePairs(plan.dim / 2, rows);
    queries = firstColumns(b, queryMemory, rows);
    probabilities = b.scratch({keys / 2, rows, 2}, storage);
    valueCopy =
        firstColumns(b, allocatePairs(keys / 2, plan.valueDim), plan.valueDim);
    if (plan.tiles)
      probabilityRows = b.scratch({rows, keys / 2, 2}, storage);
  } else {
    queryMemory = queries = b.scratch({plan.dim, rows}, f32);
    if (!storage.isF32())
      wideQueries =
          b.scratch({std::max(plan.itemTokens, plan.itemHeads), plan.dim}, f32);
    probabilities = scores;
    if (plan.stages && op.getV())
      valueCopy = b.scratch({keys, plan.valueDim}, f32);
  }
  if (plan.stages)
    keyCopy = b.scratch({keys, plan.dim}, plan.pairs ? storage : f32);
  maxima = b.scratch({rows}, f32);
  sums = b.scratch({rows}, f32);
  factors = b.scratch({rows}, f32);
  values = b.scratch({rows, plan.valueDim}, f32);
}

/// Memory for rows of pairs. Those of tiles have an odd distance in lines of
/// the cache, so that a tile's columns do not meet in few sets.
Value AttentionKernel::allocatePairs(int64_t height, int64_t width) {
  constexpr int64_t pairsOfLine = 16;
  if (plan.tiles)
    width = (llvm::divideCeil(width, pairsOfLine) | 1) * pairsOfLine;
  return b.scratch({height, width, 2}, typeOf(op.getQ()).getElementType());
}

void AttentionKernel::start(const AttentionItem &newItem) {
  item = newItem;
  packQueries();
  fillAll(b, maxima, lowestMaximum);
  fillAll(b, sums, 0.0);
  fillAll(b, values, 0.0);
}

/// Rows without a token or head get zeros.
void AttentionKernel::packQueries() {
  bool allUsed =
      plan.usedRows == plan.rows && plan.itemTokens == 1 && plan.hasAllHeads;
  if (!allUsed)
    fillAll(b, queryMemory, 0.0);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               dim = b.getIndexAttr(plan.dim);
  if (plan.itemHeads == 1)
    return packRows(
        viewOf(b, op.getQ(), {zero, zero, zero}, {item.tokens, one, dim}, {1}),
        b.index(0), item.tokens);
  b.loop(b.index(0), item.tokens, 1, [&](Value token) {
    Value row = viewOf(b, op.getQ(), {token, zero, zero},
                       {one, getAsOpFoldResult(item.heads), dim}, {0});
    packRows(row, b.mul(token, plan.itemHeads), item.heads);
  });
}

/// queries[:][first ..] = source transposed, of which there are `count` rows.
void AttentionKernel::packRows(Value source, Value first, Value count) {
  if (wideQueries) {
    b.loop(b.index(0), count, 1, [&](Value row) {
      b.columns(plan.dim, [&](Value column, int64_t width) {
        b.store(b.load(Row{source, {row}}, column, width),
                Row{wideQueries, {row}}, column);
      });
    });
    source = firstRows(b, wideQueries, count);
  }
  OpFoldResult zero = b.getIndexAttr(0), rows = getAsOpFoldResult(count);
  SmallVector<OpFoldResult> offsets = {zero, getAsOpFoldResult(first)};
  SmallVector<OpFoldResult> sizes = {b.getIndexAttr(plan.dim), rows};
  if (plan.pairs) {
    source = inPairs(b, source);
    offsets.push_back(zero);
    sizes = {b.getIndexAttr(plan.dim / 2), rows, b.getIndexAttr(2)};
  }
  transpose(b, source, viewOf(b, queries, offsets, sizes));
}

//===----------------------------------------------------------------------===//
// Keys and values
//===----------------------------------------------------------------------===//

void AttentionKernel::addKeys(Value begin, Value end) {
  b.loop(begin, end, plan.blockKeys, [&](Value first) {
    Value count = b.min(b.index(plan.blockKeys), b.sub(end, first));
    Value keys =
        plan.stages ? stageKeys(first, count) : rowsOf(op.getK(), first, count);
    Value source = valuesOf(keys, first, count);
    multiplyKeys(keys, count);
    Value grew = softmaxOfBlock(first, count);
    Value isLater = b.compare(arith::CmpIPredicate::sgt, first, begin);
    b.when(arith::AndIOp::create(b, grew, isLater), [&] { rescale(); });
    if (!mayMask())
      return multiplyValues(source, count);
    // 0 times a value that is no number is none: keys that some rows must not
    // see are then added only to the rows that see them.
    Value later = b.max(b.sub(b.add(item.position, 1), first), b.index(0));
    b.when(
        hasNonFinite(source, later, count),
        [&] { addValuesRowwise(source, first, count); },
        [&] { multiplyValues(source, count); });
  });
}

/// Rows of contiguous keys or values of the item's sequence; of its head, the
/// one that the tile has, where they are per head.
Value AttentionKernel::rowsOf(Value buffer, Value first, Value count) {
  MemRefType type = typeOf(buffer);
  Value begin = b.add(item.firstKey, first);
  OpFoldResult width = b.getIndexAttr(type.getShape().back());
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  if (type.getRank() == 2)
    return viewOf(b, buffer, {begin, zero}, {count, width});
  return viewOf(b, buffer, {begin, zero, zero}, {count, one, width}, {1});
}

/// Copies keys to scratch memory; a key that no block holds becomes zero.
Value AttentionKernel::stageKeys(Value first, Value count) {
  auto copyRow = [&](Row from, Value key) {
    Row to{keyCopy, {key}};
    b.columns(plan.dim, [&](Value column, int64_t width) {
      if (plan.pairs)
        b.copy(from, column, to, column, width);
      else
        b.store(b.load(from, column, width), to, column);
    });
  };
  Value contiguous = op.isPaged() ? Value() : rowsOf(op.getK(), first, count);
  b.loop(b.index(0), count, 1, [&](Value key) {
    if (contiguous)
      return copyRow(Row{contiguous, {key}}, key);
    auto writeZero = [&] {
      Value zero = arith::ConstantOp::create(
          b, b.getFloatAttr(typeOf(keyCopy).getElementType(), 0.0));
      b.fill(Row{keyCopy, {key}}, plan.dim, zero);
    };
    whenPaged(
        b, op.getK(), op.getBlockTable(), item.sequence, b.add(first, key),
        [&](Value block, Value row) {
          copyRow(Row{op.getK(), {block, row}}, key);
        },
        writeZero);
  });
  return firstRows(b, keyCopy, count);
}

/// The values as [key][column], in a type that the contraction takes or, for
/// pair products, in storage type.
Value AttentionKernel::valuesOf(Value keys, Value first, Value count) {
  if (!op.getV())
    return viewOf(b, keys, {b.getIndexAttr(0), b.getIndexAttr(0)},
                  {count, b.getIndexAttr(plan.valueDim)});
  Value source = rowsOf(op.getV(), first, count);
  if (plan.pairs || !plan.stages)
    return source;
  b.loop(b.index(0), count, 1, [&](Value key) {
    b.columns(plan.valueDim, [&](Value column, int64_t width) {
      b.store(b.load(Row{source, {key}}, column, width), Row{valueCopy, {key}},
              column);
    });
  });
  return firstRows(b, valueCopy, count);
}

/// Values of two keys side by side; the partner of an odd last key is zero.
Value AttentionKernel::pairValues(Value source, Value count) {
  Type storage = typeOf(source).getElementType();
  Value last = b.sub(count, b.index(1));
  b.loop(b.index(0), count, 2, [&](Value key) {
    Value next = b.add(key, 1);
    Value exists = b.compare(arith::CmpIPredicate::slt, next, count);
    Value safe = b.min(next, last);
    b.columns(plan.valueDim, [&](Value column, int64_t width) {
      VectorType type = b.vectorOf(width, storage);
      Value even =
          vector::LoadOp::create(b, type, source, ValueRange{key, column});
      Value odd =
          vector::LoadOp::create(b, type, source, ValueRange{safe, column});
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
      odd = arith::SelectOp::create(b, exists, odd, zero);
      Row to = rowOf(b, valueCopy, b.div(key, b.index(2)));
      vector::StoreOp::create(b, vector::InterleaveOp::create(b, even, odd),
                              to.buffer, to.at(b.mul(column, 2)));
    });
  });
  return valueCopy;
}

void AttentionKernel::multiplyKeys(Value keys, Value count) {
  Value block = firstRows(b, scores, count);
  linalg::FillOp::create(b, ValueRange{b.f32(0.0)}, ValueRange{block});
  if (plan.pairs)
    contract(b, inPairs(b, keys), "mkp", queries, "knp", block, "mnkp");
  else
    contract(b, keys, "mk", queries, "kn", block, "mnk");
}

void AttentionKernel::multiplyValues(Value source, Value count) {
  if (!plan.pairs)
    return contract(b, firstRows(b, probabilities, count), "km", source, "kn",
                    values, "mnk");
  Value pairs = b.ceilDiv(count, 2);
  Value columns = firstRows(b, pairValues(source, count), pairs);
  Value weights = firstRows(b, probabilities, pairs);
  if (!plan.tiles)
    return contract(b, weights, "kmp", columns, "knp", values, "mnkp");
  OpFoldResult zero = b.getIndexAttr(0);
  Value rows = viewOf(
      b, probabilityRows, {zero, zero, zero},
      {b.getIndexAttr(plan.rows), getAsOpFoldResult(pairs), b.getIndexAttr(2)});
  transpose(b, weights, rows);
  contract(b, rows, "mkp", columns, "knp", values, "mnkp");
}

/// Whether a value of the keys [begin, count) is infinite or not a number.
Value AttentionKernel::hasNonFinite(Value source, Value begin, Value count) {
  Value total =
      b.loop(begin, count, 1, {b.f32(0.0)}, [&](Value key, ValueRange carried) {
        Value zeros = b.sumColumns(
            plan.valueDim, 1,
            [&](Value column, int64_t width, ValueRange sums) {
              Value value = b.load(Row{source, {key}}, column, width);
              return SmallVector<Value>{b.fma(value, b.zero(width), sums[0])};
            })[0];
        return SmallVector<Value>{arith::AddFOp::create(b, carried[0], zeros)};
      })[0];
  return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, total, total);
}

/// The product with values, for each row the keys it sees only.
void AttentionKernel::addValuesRowwise(Value source, Value first, Value count) {
  b.loop(b.index(0), b.index(plan.usedRows), 1, [&](Value row) {
    Value position = b.add(item.position, b.div(row, b.index(plan.itemHeads)));
    Value seen = b.min(count, b.sub(b.add(position, 1), first));
    b.loop(b.index(0), seen, 1, [&](Value key) {
      SmallVector<Value> place = {key, row};
      if (plan.pairs)
        place = {b.div(key, b.index(2)), row, b.rem(key, b.index(2))};
      Value probability = memref::LoadOp::create(b, probabilities, place);
      if (plan.pairs)
        probability = arith::ExtFOp::create(b, b.getF32Type(), probability);
      b.columns(plan.valueDim, [&](Value column, int64_t width) {
        Row to{values, {row}};
        Value sum =
            b.fma(b.load(Row{source, {key}}, column, width),
                  b.splat(probability, width), b.load(to, column, width));
        b.store(sum, to, column);
      });
    });
  });
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// Turns the scores of a block into probabilities; whether a maximum grew. Keys
/// are masked only in a block that crosses the diagonal: one with a key that
/// the first token does not see.
Value AttentionKernel::softmaxOfBlock(Value first, Value count) {
  if (!mayMask())
    return softmax(first, count, /*isMasked=*/false);
  Value crosses = b.compare(arith::CmpIPredicate::sgt, b.add(first, count),
                            b.add(item.position, 1));
  auto branch = scf::IfOp::create(b, TypeRange{b.getI1Type()}, crosses,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  for (auto [block, isMasked] : {std::pair(branch.thenBlock(), true),
                                 std::pair(branch.elseBlock(), false)}) {
    b.setInsertionPointToEnd(block);
    scf::YieldOp::create(b, softmax(first, count, isMasked));
  }
  return branch.getResult(0);
}

/// Whether there may be a key that one row sees and another does not: the keys
/// of an item end with those that its last token sees.
bool AttentionKernel::mayMask() {
  return op.getCausal() && plan.itemTokens > 1;
}

/// The same for a block where masks are needed, or are not.
Value AttentionKernel::softmax(Value first, Value count, bool isMasked) {
  Value grew;
  SmallVector<int64_t> columns;
  for (int64_t column = 0; column < plan.rows; column += b.getLanes()) {
    columns.push_back(column);
    if (static_cast<int64_t>(columns.size()) < maxVectors &&
        column + b.getLanes() < plan.rows)
      continue;
    Value bits = softmaxOf(columns, first, count, isMasked);
    grew = grew ? arith::OrIOp::create(b, grew, bits) : bits;
    columns.clear();
  }
  return b.compare(arith::CmpIPredicate::ne, grew, b.i32(0));
}

/// Which rows of the vector at `column` see the block's `key`.
Value AttentionKernel::isSeen(int64_t column, Value first, Value key) {
  SmallVector<int32_t> tokens;
  for (int64_t row = column; row < column + b.getLanes(); ++row)
    tokens.push_back(row / plan.itemHeads);
  Value offsets = arith::ConstantOp::create(
      b, DenseElementsAttr::get(b.vectorOf(b.getLanes(), b.getI32Type()),
                                ArrayRef<int32_t>(tokens)));
  // Key `first + key` is seen by tokens from `first + key - position` on.
  Value border = b.toI32(b.sub(b.add(first, key), item.position));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::sge, offsets,
                               b.splat(border, b.getLanes()));
}

/// The same for some vectors of rows.
Value AttentionKernel::softmaxOf(ArrayRef<int64_t> columns, Value first,
                                 Value count, bool isMasked) {
  int64_t lanes = b.getLanes();
  Value factor = b.splat(b.f32(scale), lanes);
  Value lowest = b.splat(b.f32(lowestMaximum), lanes);
  auto scoresAt = [&](Value key, int64_t column) {
    return b.load(Row{scores, {key}}, b.index(column), lanes);
  };

  SmallVector<Value> largest = b.loop(
      b.index(0), count, 1, SmallVector<Value>(columns.size(), lowest),
      [&](Value key, ValueRange carried) {
        SmallVector<Value> next;
        for (auto [column, maximum] : llvm::zip_equal(columns, carried)) {
          Value score = arith::MulFOp::create(b, scoresAt(key, column), factor);
          if (isMasked)
            score = arith::SelectOp::create(b, isSeen(column, first, key),
                                            score, lowest);
          // False for NaN, which thus reaches the sum but not the maximum.
          Value isLarger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT,
                                                 score, maximum);
          next.push_back(arith::SelectOp::create(b, isLarger, score, maximum));
        }
        return next;
      });

  Value grewBits;
  SmallVector<Value> negated, totals;
  for (auto [column, candidate] : llvm::zip_equal(columns, largest)) {
    Value place = b.index(column);
    Value old = b.load(Row{maxima, {}}, place, lanes);
    Value limit = arith::AddFOp::create(b, old, b.splat(b.f32(slack), lanes));
    Value grew =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, candidate, limit);
    Value maximum = arith::SelectOp::create(b, grew, candidate, old);
    Value change =
        math::Exp2Op::create(b, arith::SubFOp::create(b, old, maximum));
    change =
        arith::SelectOp::create(b, grew, change, b.splat(b.f32(1.0), lanes));
    b.store(maximum, Row{maxima, {}}, place);
    b.store(change, Row{factors, {}}, place);
    negated.push_back(arith::NegFOp::create(b, maximum));
    totals.push_back(b.zero(lanes));
    Value bits = b.maskBits(grew);
    grewBits = grewBits ? arith::OrIOp::create(b, grewBits, bits) : bits;
  }

  Value zero = b.zero(lanes);
  auto probability = [&](Value key, int64_t column, Value negatedMaximum) {
    Value power = math::Exp2Op::create(
        b, b.fma(scoresAt(key, column), factor, negatedMaximum));
    if (isMasked)
      power =
          arith::SelectOp::create(b, isSeen(column, first, key), power, zero);
    return power;
  };
  totals =
      b.loop(b.index(0), count, plan.pairs ? 2 : 1, totals,
             [&](Value key, ValueRange carried) {
               SmallVector<Value> next;
               for (auto [column, maximum, total] :
                    llvm::zip_equal(columns, negated, carried)) {
                 Value power = probability(key, column, maximum);
                 Value sum = arith::AddFOp::create(b, total, power);
                 if (!plan.pairs) {
                   b.store(power, Row{probabilities, {key}}, b.index(column));
                   next.push_back(sum);
                   continue;
                 }
                 Value partner = b.add(key, 1);
                 Value exists =
                     b.compare(arith::CmpIPredicate::slt, partner, count);
                 Value second = arith::SelectOp::create(
                     b, exists, probability(partner, column, maximum), zero);
                 b.store(vector::InterleaveOp::create(b, power, second),
                         rowOf(b, probabilities, b.div(key, b.index(2))),
                         b.index(2 * column));
                 next.push_back(arith::AddFOp::create(b, sum, second));
               }
               return next;
             });
  // The sum of a block is complete before it meets that of all keys.
  for (auto [column, total] : llvm::zip_equal(columns, totals)) {
    Value place = b.index(column);
    Value sum = b.fma(b.load(Row{sums, {}}, place, lanes),
                      b.load(Row{factors, {}}, place, lanes), total);
    b.store(sum, Row{sums, {}}, place);
  }
  return grewBits;
}

void AttentionKernel::rescale() {
  b.loop(b.index(0), b.index(plan.usedRows), 1, [&](Value row) {
    Value factor = memref::LoadOp::create(b, factors, row);
    Value changes =
        arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, factor, b.f32(1.0));
    b.when(changes, [&] {
      b.columns(plan.valueDim, [&](Value column, int64_t width) {
        Row to{values, {row}};
        b.store(arith::MulFOp::create(b, b.load(to, column, width),
                                      b.splat(factor, width)),
                to, column);
      });
    });
  });
}
