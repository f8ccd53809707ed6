//===- DecomposeAttention.cpp - a tile of attention to steps --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rows of a work item, (token, head), over blocks of keys:
//
//   o = 0, m = -1e30, l = 0                                    f32
//   for each block of keys that a row may see
//     k = the rows of the block, gathered if the cache is paged
//     s = q k^T                                                f32
//     s = seen ? scale log2(e) s : -inf
//     x = row maximum of s;  a = 2^(m - max(m, x));  m = max(m, x)
//     p = 2^(s - m)
//     l = a l + (row sum of p)
//     o = a o + round(p) v
//   o / l, or 0 where l = 0;  lse = ln(2) m + ln(l)
//
// Maxima start finite and masked scores are -inf: a row without a key so far
// has p = 0 and a = 1 with no case of its own. A NaN in a score that a row sees
// makes its maximum and sums NaN. 0 v is no number where v is none: where rows
// of the tile see different keys, the last product leaves out what p = 0 masks.
//
// Temporaries have the extents that the op's schedule bounds. With parts each
// has a maximum and a sum of its own, in a loop around.
//
//===----------------------------------------------------------------------===//

#include "Sequences.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToSteps/Passes.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include <cmath>
#include <limits>

namespace peermla {
#define GEN_PASS_DEF_DECOMPOSEATTENTION
#include "peermla/Conversion/TiledToSteps/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

using Values = StepBuilder::Values;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

/// What a maximum starts from: finite, since the difference of two infinite
/// ones is not a number.
static constexpr double lowestMaximum = -1e30;

namespace {

/// Tokens and heads of a work item and keys of a block, at most.
struct Bounds {
  int64_t tokens, heads, keys;
};

/// Lowers one op.
class AttentionSteps {
public:
  AttentionSteps(mla::OnlineAttentionOp op, Bounds bounds);
  void lower();

private:
  void findItem();
  Value ceilDiv(Value value, int64_t divisor) {
    return b.div(b.add(value, b.index(divisor - 1)), b.index(divisor));
  }
  Value temporary(ArrayRef<int64_t> bounds, ArrayRef<OpFoldResult> extents) {
    return b.temporary(bounds, extents, b.getF32Type());
  }
  AffineMap map(ArrayRef<AffineExpr> results, unsigned loops) {
    return AffineMap::get(loops, 0, results, b.getContext());
  }
  /// The result of attention to the keys [begin, end): `o` and perhaps `lse`.
  Values attend(Value begin, Value end, Value o, Value lse);
  Values addBlock(Value first, Value end, ValueRange state);
  Value keysOf(Value first, Value count);
  Value contiguousRows(Value tensor, Value first, Value count);
  Value gatherRows(Value first, Value count);
  Value isSeen(Value first, Value token, Value key);
  bool mayDiffer() { return op.getCausal() && bounds.tokens > 1; }

  mla::OnlineAttentionOp op;
  StepBuilder b;
  Bounds bounds;
  Type storage;
  int64_t dv;
  AffineExpr t, h, j, d;
  /// Tokens and heads of the tile.
  OpFoldResult tokens, heads;
  /// The item's sequence: its first token of the batch, the number of its keys,
  /// and the position of the tile's first token.
  Value firstKey, numKeys, position;
};

} // namespace

AttentionSteps::AttentionSteps(mla::OnlineAttentionOp op, Bounds bounds)
    : op(op), b(op), bounds(bounds) {
  storage = typeOf(op.getQ()).getElementType();
  dv = typeOf(op.getInits().front()).getShape().back();
  bindDims(b.getContext(), t, h, j, d);
  tokens = tensor::getMixedSize(b, b.getLoc(), op.getQ(), 0);
  heads = tensor::getMixedSize(b, b.getLoc(), op.getQ(), 1);
}

/// An item without a token names no sequence: its table row may be the only
/// thing there is.
void AttentionSteps::findItem() {
  Value zero = b.index(0), count = b.dim(op.getQ(), 0);
  Value sequence = op.getItem()[0];
  Value isUsed = b.compare(CmpIPredicate::sgt, count, zero);
  Values found = b.choose(
      isUsed,
      [&] {
        Value next = b.add(sequence, b.index(1));
        Value begin = b.max(b.extractIndex(op.getCuSeqlens(), sequence), zero);
        Value end = b.extractIndex(op.getCuSeqlens(), next);
        Value past = zero, keys;
        if (op.isPaged()) {
          past = b.max(b.extractIndex(op.getPastLens(), sequence), zero);
          Value capacity =
              b.mul(b.dim(op.getBlockTable(), 1), b.dim(op.getK(), 1));
          keys = b.min(b.add(past, b.sub(end, begin)), capacity);
        } else {
          keys = b.sub(b.min(end, b.dim(op.getK(), 0)), begin);
        }
        return Values{begin, keys, b.add(past, b.sub(op.getItem()[1], begin))};
      },
      [&] { return Values{zero, zero, zero}; });
  firstKey = found[0];
  numKeys = found[1];
  position = found[2];
}

void AttentionSteps::lower() {
  findItem();
  Value end = numKeys;
  if (op.getCausal())
    end = b.min(numKeys, b.add(position, b.dim(op.getQ(), 0)));
  Value oInit = op.getInits().front();
  Value lseInit = op.getInits().size() > 1 ? op.getInits()[1] : Value();
  if (!op.isPartial()) {
    op->replaceAllUsesWith(attend(b.index(0), end, oInit, lseInit));
    return op->erase();
  }
  int64_t step = *op.getPartStep();
  Value length =
      b.mul(ceilDiv(ceilDiv(numKeys, *op.getParts()), step), b.index(step));
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  Values results = b.loop(
      b.dim(oInit, 0), op.getInits(), [&](Value part, ValueRange carried) {
        Value begin = b.mul(b.add(op.getItem()[2], part), length);
        Value stop = b.min(end, b.add(begin, length));
        SmallVector<OpFoldResult> offsets = {part, zero, zero, zero},
                                  sizes = {one, tokens, heads,
                                           b.getIndexAttr(dv)},
                                  strides(4, one);
        auto slice = [&](Value tensor, unsigned rank) -> Value {
          RankedTensorType type =
              RankedTensorType::get(typeOf(tensor).getShape().drop_front(),
                                    typeOf(tensor).getElementType());
          return tensor::ExtractSliceOp::create(
              b, type, tensor, ArrayRef(offsets).take_front(rank),
              ArrayRef(sizes).take_front(rank),
              ArrayRef(strides).take_front(rank));
        };
        Values parts =
            attend(begin, stop, slice(carried[0], 4), slice(carried[1], 3));
        for (auto [i, rank] : {std::pair(0, 4), std::pair(1, 3)})
          parts[i] = tensor::InsertSliceOp::create(
              b, parts[i], carried[i], ArrayRef(offsets).take_front(rank),
              ArrayRef(sizes).take_front(rank),
              ArrayRef(strides).take_front(rank));
        return parts;
      });
  op->replaceAllUsesWith(results);
  op->erase();
}

Values AttentionSteps::attend(Value begin, Value end, Value oInit, Value lse) {
  OpFoldResult width = b.getIndexAttr(dv);
  Value o =
      temporary({bounds.tokens, bounds.heads, dv}, {tokens, heads, width});
  Value m = temporary({bounds.tokens, bounds.heads}, {tokens, heads});
  Value l = temporary({bounds.tokens, bounds.heads}, {tokens, heads});
  Values state =
      b.loop(begin, end, b.index(bounds.keys),
             Values{b.fill(o, 0.0), b.fill(m, lowestMaximum), b.fill(l, 0.0)},
             [&](Value first, ValueRange carried) {
               return addBlock(first, end, carried);
             });

  // A row that saw no key has the sum 0: it yields 0, and lse = -inf.
  AffineMap rows = map({t, h}, 3), whole = map({t, h, j}, 3);
  Values results;
  results.push_back(b.combine(
      Values{state[0], state[2]}, oInit, {whole, rows, whole},
      [&](ValueRange elements) {
        Value isEmpty = b.compare(CmpFPredicate::OEQ, elements[1], b.f32(0.0));
        Value quotient = arith::DivFOp::create(b, elements[0], elements[1]);
        return b.castTo(b.select(isEmpty, b.f32(0.0), quotient),
                        elements[2].getType());
      }));
  if (!lse)
    return results;
  AffineMap row = b.getMultiDimIdentityMap(2);
  results.push_back(b.combine(
      Values{state[1], state[2]}, lse, {row, row, row},
      [&](ValueRange elements) -> Value {
        Value natural =
            arith::MulFOp::create(b, elements[0], b.f32(std::log(2.0)));
        return arith::AddFOp::create(b, natural,
                                     math::LogOp::create(b, elements[1]));
      }));
  return results;
}

/// The state (o, m, l) with the keys [first, end) of at most one block.
Values AttentionSteps::addBlock(Value first, Value end, ValueRange state) {
  Value o = state[0], m = state[1], l = state[2];
  Value count = b.min(b.index(bounds.keys), b.sub(end, first));
  Value keys = keysOf(first, count);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  Value values;
  if (op.getV()) {
    values = contiguousRows(op.getV(), first, count);
  } else {
    SmallVector<OpFoldResult> offsets(typeOf(keys).getRank(), zero),
        sizes = tensor::getMixedSizes(b, b.getLoc(), keys),
        strides(typeOf(keys).getRank(), one);
    sizes.back() = b.getIndexAttr(dv);
    values = tensor::ExtractSliceOp::create(b, keys, offsets, sizes, strides);
  }
  bool perHead = typeOf(keys).getRank() == 3;
  SmallVector<int64_t> rowBounds = {bounds.tokens, bounds.heads};
  SmallVector<OpFoldResult> rowExtents = {tokens, heads};
  SmallVector<int64_t> blockBounds = {bounds.tokens, bounds.heads, bounds.keys};
  SmallVector<OpFoldResult> blockExtents = {tokens, heads, count};

  // s = scale log2(e) q k^T, or -inf.
  Value s = b.fill(temporary(blockBounds, blockExtents), 0.0);
  s = b.combine(
      Values{op.getQ(), keys}, s,
      {map({t, h, d}, 4), perHead ? map({j, h, d}, 4) : map({j, d}, 4),
       map({t, h, j}, 4)},
      [&](ValueRange elements) -> Value {
        Value product =
            arith::MulFOp::create(b, b.castTo(elements[0], b.getF32Type()),
                                  b.castTo(elements[1], b.getF32Type()));
        return arith::AddFOp::create(b, elements[2], product);
      });
  AffineMap whole = map({t, h, j}, 3), rows = map({t, h}, 3);
  double scale = op.getScale().convertToDouble() * std::log2(std::exp(1.0));
  s = b.combine({}, s, whole, [&](ValueRange elements) -> Value {
    Value scaled = arith::MulFOp::create(b, elements[0], b.f32(scale));
    if (!mayDiffer())
      return scaled;
    return b.select(isSeen(first, b.place(0), b.place(2)), scaled,
                    b.f32(-std::numeric_limits<float>::infinity()));
  });

  // The new maximum, and the factor of what is from before.
  Value x = b.fill(temporary(rowBounds, rowExtents), lowestMaximum);
  x = b.combine(s, x, {whole, rows}, [&](ValueRange elements) -> Value {
    return arith::MaximumFOp::create(b, elements[0], elements[1]);
  });
  AffineMap row = b.getMultiDimIdentityMap(2);
  Value alpha =
      b.combine(Values{m, x}, temporary(rowBounds, rowExtents), {row, row, row},
                [&](ValueRange elements) -> Value {
                  Value maximum =
                      arith::MaximumFOp::create(b, elements[0], elements[1]);
                  return math::Exp2Op::create(
                      b, arith::SubFOp::create(b, elements[0], maximum));
                });
  m = b.combine(x, m, {row, row}, [&](ValueRange elements) -> Value {
    return arith::MaximumFOp::create(b, elements[0], elements[1]);
  });

  Value p = b.combine(m, s, {rows, whole}, [&](ValueRange elements) -> Value {
    return math::Exp2Op::create(
        b, arith::SubFOp::create(b, elements[1], elements[0]));
  });
  // The sum of a block is complete before it meets that of all keys.
  Value sum = b.fill(temporary(rowBounds, rowExtents), 0.0);
  sum = b.combine(p, sum, {whole, rows}, [&](ValueRange elements) -> Value {
    return arith::AddFOp::create(b, elements[0], elements[1]);
  });
  l = b.combine(Values{alpha, sum}, l, {row, row, row},
                [&](ValueRange elements) -> Value {
                  Value old =
                      arith::MulFOp::create(b, elements[0], elements[2]);
                  return arith::AddFOp::create(b, old, elements[1]);
                });

  Value weights = p;
  if (!storage.isF32())
    weights = b.combine(p, b.temporary(blockBounds, blockExtents, storage),
                        {whole, whole}, [&](ValueRange elements) -> Value {
                          return b.castTo(elements[0], storage);
                        });
  o = b.combine(alpha, o, {rows, whole}, [&](ValueRange elements) -> Value {
    return arith::MulFOp::create(b, elements[0], elements[1]);
  });
  o = b.combine(
      Values{weights, values}, o,
      {map({t, h, j}, 4), perHead ? map({j, h, d}, 4) : map({j, d}, 4),
       map({t, h, d}, 4)},
      [&](ValueRange elements) -> Value {
        Value weight = b.castTo(elements[0], b.getF32Type());
        Value product = arith::MulFOp::create(
            b, weight, b.castTo(elements[1], b.getF32Type()));
        if (mayDiffer())
          product = b.select(b.compare(CmpFPredicate::OEQ, weight, b.f32(0.0)),
                             b.f32(0.0), product);
        return arith::AddFOp::create(b, elements[2], product);
      });
  return {o, m, l};
}

/// Whether token `token` of the tile sees key `key` of the block.
Value AttentionSteps::isSeen(Value first, Value token, Value key) {
  return b.compare(CmpIPredicate::sle, b.add(first, key),
                   b.add(position, token));
}

Value AttentionSteps::keysOf(Value first, Value count) {
  return op.isPaged() ? gatherRows(first, count)
                      : contiguousRows(op.getK(), first, count);
}

/// Rows [first, first + count) of the sequence.
Value AttentionSteps::contiguousRows(Value tensor, Value first, Value count) {
  unsigned rank = typeOf(tensor).getRank();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)),
      sizes = tensor::getMixedSizes(b, b.getLoc(), tensor),
      strides(rank, b.getIndexAttr(1));
  offsets[0] = b.add(firstKey, first);
  sizes[0] = count;
  return tensor::ExtractSliceOp::create(b, tensor, offsets, sizes, strides);
}

/// The same of a paged cache, copied; a key that no block holds is zero.
Value AttentionSteps::gatherRows(Value first, Value count) {
  Value cache = op.getK();
  int64_t width = typeOf(cache).getDimSize(2);
  Value zero = b.index(0);
  Value places = b.compute(
      b.temporary({bounds.keys, 2}, {count, b.getIndexAttr(2)}, b.getI32Type()),
      [&](ValueRange place) {
        auto [block, row] =
            findCacheRow(b, cache, op.getBlockTable(), op.getItem()[0],
                         b.add(first, place[0]));
        Value isBlock = b.compare(CmpIPredicate::eq, place[1], zero);
        return b.toI32(b.select(isBlock, block, row));
      });
  Value rows = b.temporary({bounds.keys, width}, {count, b.getIndexAttr(width)},
                           storage);
  return b.compute(rows, [&](ValueRange place) {
    Value block = b.extractIndex(places, Values{place[0], zero});
    Value exists = b.compare(CmpIPredicate::sge, block, zero);
    return b.choose(
        exists,
        [&] {
          Value row = b.extractIndex(places, Values{place[0], b.index(1)});
          return Values{b.extract(cache, Values{block, row, place[1]})};
        },
        [&] {
          return Values{
              arith::ConstantOp::create(b, b.getFloatAttr(storage, 0.0))};
        })[0];
  });
}

/// What the op's schedule and shapes say; emits an error if they do not.
static FailureOr<Bounds> getBounds(mla::OnlineAttentionOp op) {
  if (op.getItem().empty())
    return op->emitOpError("expects 'item': only tiles of attention are "
                           "decomposed, rows of one sequence");
  SmallVector<std::pair<StringRef, Value>> operands = {
      {"q", op.getQ()}, {"k", op.getK()}, {"inits", op.getInits().front()}};
  if (op.getV())
    operands.push_back({"v", op.getV()});
  for (auto [name, operand] : operands)
    if (ShapedType::isDynamic(typeOf(operand).getShape().back()))
      return op->emitOpError()
             << "expects '" << name << "' to have rows of static length, got "
             << operand.getType();
  auto schedule = op->getAttrOfType<tile::ScheduleAttr>("peermla.schedule");
  if (!schedule)
    return op->emitOpError("expects a schedule, which bounds the memory of a "
                           "work item");
  ArrayRef<int64_t> block = schedule.getBlock(), inner = schedule.getInner();
  if (block.size() != 2 || block[0] < 1 || block[1] < 1 || inner.size() != 1 ||
      inner[0] < 1)
    return op->emitOpError()
           << "expects 'block' of its schedule to be tokens and heads and "
              "'inner' a number of keys, got "
           << schedule;
  Bounds bounds{block[0], block[1], inner[0]};
  int64_t tokens = typeOf(op.getQ()).getDimSize(0);
  int64_t heads = typeOf(op.getQ()).getDimSize(1);
  if (ShapedType::isStatic(tokens))
    bounds.tokens = tokens;
  if (ShapedType::isStatic(heads))
    bounds.heads = heads;
  return bounds;
}

namespace {

struct DecomposeAttention
    : peermla::impl::DecomposeAttentionBase<DecomposeAttention> {
  using Base::Base;

  void runOnOperation() override {
    for (mla::OnlineAttentionOp op :
         collectOnTensors<mla::OnlineAttentionOp>(getOperation())) {
      FailureOr<Bounds> bounds = getBounds(op);
      if (failed(bounds))
        return signalPassFailure();
      AttentionSteps(op, *bounds).lower();
    }
  }
};

} // namespace
