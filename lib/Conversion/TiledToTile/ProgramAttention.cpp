//===- ProgramAttention.cpp - a tile of attention on matrix instructions --===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tokens of a work item, of one head, over blocks of keys:
//
//   o = 0, m = -1e30, l = 0                                    f32
//   for each block of keys that a token may see
//     s = q k^T
//     if not all of its tokens see all of its keys
//       s = seen ? s + 0 v^T : -inf;  v = v where it is finite, else 0
//     m' = max(m, c (row maximum of s));  a = 2^(m - m')     c = scale log2(e)
//     p = 2^(c s - m');  l = a l + (row sum of p)
//     o = a o + round(p) v
//   o / l, or 0 where l = 0
//
// Maxima start finite and masked scores are -inf: a row without a key so far
// has p = 0 and a = 1 with no case of its own. Keys past the end of the
// sequence are loaded as zeros: what memory holds there reaches nothing. A
// value that is no number makes the scores of its key none (0 v^T), so that it
// reaches the rows that see the key; it is cleared before p = 0 would make it
// reach the others.
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include <cmath>

using namespace mlir;
using namespace peermla;

/// What a maximum starts from.
static constexpr float lowestMaximum = -1e30f;

LogicalResult ProgramBuilder::writeAttention(Operation *operation) {
  auto op = cast<mla::OnlineAttentionOp>(operation);
  if (op.isPaged() || op.isPartial() || op.getInits().size() != 1)
    return fail(op, "is paged, in parts or returns its sums");
  auto schedule = op->getAttrOfType<tile::ScheduleAttr>("peermla.schedule");
  if (!schedule || schedule.getWarps().empty() || schedule.getWarps()[1] != 1 ||
      schedule.getInner().empty() || schedule.getBlock().size() != 2)
    return fail(op, "has no schedule with one column of warps");
  if (schedule.getBlock()[0] < 2 || schedule.getBlock()[1] != 1)
    return fail(op, "has tiles of one token, or of several heads");
  if (!(op.getScale().convertToDouble() > 0))
    return fail(op, "has a scale that is not positive");
  int64_t keys = schedule.getInner()[0];
  if (keys % 16 != 0)
    return fail(op, "has blocks of keys that are no multiple of 16");

  auto qType = cast<RankedTensorType>(op.getQ().getType());
  auto oType = cast<RankedTensorType>(op.getInits()[0].getType());
  Type storage = qType.getElementType();
  int64_t depth = qType.getShape().back(), dv = oType.getShape().back();
  if (!isa<Float16Type, BFloat16Type, Float32Type>(storage))
    return fail(op, "is not of f16, bf16 or f32");
  auto q = views.find(op.getQ());
  auto k = views.find(op.getK());
  auto v = op.getV() ? views.find(op.getV()) : k;
  auto cu = views.find(op.getCuSeqlens());
  if (q == views.end() || k == views.end() || v == views.end() ||
      cu == views.end())
    return fail(op, "reads what is no memory");
  Value sequence = getScalar(op.getItem()[0]);
  Value firstToken = getScalar(op.getItem()[1]);
  if (!sequence || !firstToken)
    return fail(op, "has an item that the block does not know");

  // The sequence: its first key, how many there are, and the position of the
  // first token. An item without tokens may name no sequence.
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  auto add = [&](Value x, Value y) {
    return b.createOrFold<arith::AddIOp>(x, y);
  };
  auto sub = [&](Value x, Value y) {
    return b.createOrFold<arith::SubIOp>(x, y);
  };
  auto min = [&](Value x, Value y) {
    return b.createOrFold<arith::MinSIOp>(x, y);
  };
  auto bound = [&](Value at) -> Value {
    View &view = cu->second;
    Value last = sub(view.sizes[view.dims[0]], index(1));
    SmallVector<Value> place(view.offsets);
    place[view.dims[0]] = add(place[view.dims[0]], min(at, last));
    Value loaded = memref::LoadOp::create(b, view.memory, place);
    return arith::IndexCastOp::create(b, b.getIndexType(), loaded);
  };
  Value zero = index(0);
  Value rows = q->second.sizes[q->second.dims[0]];
  Value begin = arith::MaxSIOp::create(b, bound(sequence), zero);
  Value numRows = k->second.sizes[k->second.dims[0]];
  Value count = sub(min(bound(add(sequence, index(1))), numRows), begin);
  Value position = sub(firstToken, begin);
  Value end = op.getCausal() ? min(count, add(position, rows)) : count;

  // Tiles.
  int64_t tokens = llvm::alignTo(schedule.getBlock()[0], tileUnit);
  auto tileOf = [&](ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  };
  int64_t dvTile = llvm::alignTo(dv, tileUnit);
  Type f32 = b.getF32Type();
  auto sType = tileOf({tokens, keys}, f32);
  auto oTile = tileOf({tokens, dvTile}, f32), rowType = tileOf({tokens}, f32);
  auto constant = [&](RankedTensorType type, float value) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, value));
  };
  auto load = [&](View &view, Value row, Value numRows, int64_t width,
                  int64_t height) -> Value {
    SmallVector<Value> place(view.offsets);
    int64_t rowDim = view.dims.front(), columnDim = view.dims.back();
    place[rowDim] = add(place[rowDim], row);
    return tile::LoadOp::create(
        b,
        tileOf({height, static_cast<int64_t>(llvm::alignTo(width, tileUnit))},
               storage),
        view.memory, place, ValueRange{numRows, index(width)}, Value(), Value(),
        ArrayRef<int64_t>{rowDim, columnDim});
  };
  Value qTile = load(q->second, zero, rows, depth, tokens);
  auto loop = scf::ForOp::create(b, zero, end, index(keys),
                                 ValueRange{constant(oTile, 0),
                                            constant(rowType, lowestMaximum),
                                            constant(rowType, 0)});
  {
    OpBuilder::InsertionGuard guard(b);
    if (loop.getBody()->mightHaveTerminator())
      loop.getBody()->getTerminator()->erase();
    b.setInsertionPointToEnd(loop.getBody());
    Value first = loop.getInductionVar();
    Value o = loop.getRegionIterArg(0), m = loop.getRegionIterArg(1),
          l = loop.getRegionIterArg(2);
    Value present = min(index(keys), sub(end, first));
    Value row = add(begin, first);
    Value kTile = load(k->second, row, present, depth, keys);
    Value vTile = load(v->second, row, present, dv, keys);
    Value s = tile::MmaOp::create(b, sType, qTile, kTile, Value(),
                                  /*transposeB=*/true);
    // Only some blocks have keys that not all tokens see.
    Value seenByAll = op.getCausal() ? min(end, add(position, index(1))) : end;
    Value isMasked = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt,
                                           add(first, index(keys)), seenByAll);
    auto choice =
        scf::IfOp::create(b, TypeRange{sType, vTile.getType()}, isMasked,
                          /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(choice.elseBlock());
      scf::YieldOp::create(b, ValueRange{s, vTile});
      b.setInsertionPointToStart(choice.thenBlock());
      Value finite = vTile;
      if (op.getCausal()) {
        auto type = tileOf({tokens, dvTile}, storage);
        Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(type));
        s = tile::MmaOp::create(b, sType, zeros, vTile, s,
                                /*transposeB=*/true);
        finite = tile::ClearNonfiniteOp::create(b, vTile);
      }
      auto numbers = tileOf(sType.getShape(), b.getI32Type());
      auto splatIndex = [&](Value value) {
        return splat(arith::IndexCastOp::create(b, b.getI32Type(), value),
                     sType.getShape());
      };
      Value column = tile::IndexOp::create(b, numbers, 1);
      Value seen = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, column,
                                         splatIndex(present));
      if (op.getCausal()) {
        Value token = tile::IndexOp::create(b, numbers, 0);
        Value last =
            arith::AddIOp::create(b, token, splatIndex(sub(position, first)));
        seen = arith::AndIOp::create(
            b, seen,
            arith::CmpIOp::create(b, arith::CmpIPredicate::sle, column, last));
      }
      s = arith::SelectOp::create(
          b, seen, s, constant(sType, -std::numeric_limits<float>::infinity()));
      scf::YieldOp::create(b, ValueRange{s, finite});
    }
    s = choice.getResult(0);
    vTile = choice.getResult(1);

    // The scale of a maximum is that of its scores, and rounded once.
    double scale = op.getScale().convertToDouble() * std::log2(std::exp(1.0));
    auto alongRows = [&](Value value, RankedTensorType type) -> Value {
      return tile::BroadcastOp::create(b, type, value, 1);
    };
    Value blockMaximum =
        tile::ReduceOp::create(b, rowType, tile::Combine::Max, s, 1);
    Value maximum = arith::MaximumFOp::create(
        b, m, arith::MulFOp::create(b, blockMaximum, constant(rowType, scale)));
    Value alpha = math::Exp2Op::create(b, arith::SubFOp::create(b, m, maximum));
    Value p = math::Exp2Op::create(
        b, math::FmaOp::create(
               b, s, constant(sType, scale),
               alongRows(arith::NegFOp::create(b, maximum), sType)));
    Value sum = tile::ReduceOp::create(b, rowType, tile::Combine::Add, p, 1);
    l = arith::AddFOp::create(b, arith::MulFOp::create(b, alpha, l), sum);
    if (!storage.isF32())
      p = arith::TruncFOp::create(b, tileOf(sType.getShape(), storage), p);
    o = arith::MulFOp::create(b, o, alongRows(alpha, oTile));
    o = tile::MmaOp::create(b, oTile, p, vTile, o, /*transposeB=*/false);
    scf::YieldOp::create(b, ValueRange{o, maximum, l});
  }
  // A row that saw no key has the sum 0.
  Value l = loop.getResult(2);
  Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, l,
                                        constant(rowType, 0));
  Value inverse = arith::DivFOp::create(
      b, constant(rowType, 1),
      arith::SelectOp::create(b, isEmpty, constant(rowType, 1), l));
  Value o = arith::MulFOp::create(
      b, loop.getResult(0), tile::BroadcastOp::create(b, oTile, inverse, 1));
  Type result = oType.getElementType();
  if (!result.isF32())
    o = arith::TruncFOp::create(b, tileOf(oTile.getShape(), result), o);
  tiles[op->getResult(0)] = o;
  promisedBounds[op->getResult(0)] = {schedule.getBlock()[0], 1, dv};
  return success();
}
