//===- ProgramAttention.cpp - a tile of attention on matrix instructions --===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rows of a work item, pairs of a token and a head, over blocks of keys:
//
//   o = 0, m = -1e30, l = 0                                    f32
//   for each block of keys that a row may see
//     s = q k^T
//     if not all rows see all of its keys
//       if not all of v is finite
//         s = s + 0 v^T;  v = v where it is finite, else 0
//       s = seen ? s : -inf
//     m' = max(m, c (row maximum of s));  a = 2^(m - m')     c = scale log2(e)
//     p = 2^(c s - m');  l = a l + (row sum of p)
//     o = a o + round(p) v
//   o / l, or 0 where l = 0;  lse = ln(2) m + ln(l)
//
// Maxima start finite and masked scores are -inf: a row without a key so far
// has p = 0 and a = 1 with no case of its own. Keys past the end of the
// sequence are loaded as zeros: what memory holds there reaches nothing. A
// value that is no number makes the scores of its key none (0 v^T), so that it
// reaches the rows that see the key; it is cleared before p = 0 would make it
// reach the others.
//
// With one column of warps p stays in registers, and l is a sum per row. With
// several, p goes through shared memory, and l is summed over the columns of
// each thread until the loop has ended.
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace peermla;

/// What a maximum starts from.
static constexpr float lowestMaximum = -1e30f;
/// Rows and columns of a matrix instruction.
static constexpr int64_t mmaRows = 16, mmaColumns = 8;

/// Lowers one op.
struct ProgramBuilder::Attention {
  Attention(ProgramBuilder &program, mla::OnlineAttentionOp op)
      : program(program), b(program.b), op(op) {}

  LogicalResult write();

private:
  LogicalResult fail(const Twine &why) { return program.fail(op, why); }
  LogicalResult match();
  void findSequence();
  void findPart();
  void attend();
  void addBlock(Value first, ValueRange state);
  void moveNonfinite(Value &s, Value &values);
  Value maskBlock(Value s, Value first, Value present, Value &values);
  void finish(ValueRange state);
  /// Whether rows may see different keys.
  bool mayDiffer() { return op.getCausal() && tokens > 1; }

  // Scalars.
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value x, Value y) { return b.createOrFold<arith::AddIOp>(x, y); }
  Value sub(Value x, Value y) { return b.createOrFold<arith::SubIOp>(x, y); }
  Value mul(Value x, Value y) { return b.createOrFold<arith::MulIOp>(x, y); }
  Value min(Value x, Value y) { return b.createOrFold<arith::MinSIOp>(x, y); }
  Value max(Value x, Value y) { return b.createOrFold<arith::MaxSIOp>(x, y); }
  Value ceilDiv(Value x, int64_t y) {
    return b.createOrFold<arith::DivUIOp>(add(x, index(y - 1)), index(y));
  }
  Value extent(View &view, unsigned dim) {
    return view.dims[dim] < 0 ? index(1) : view.sizes[view.dims[dim]];
  }
  Value loadIndex(View &view, Value at);

  // Tiles.
  RankedTensorType tileOf(ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  }
  Value constant(RankedTensorType type, float value) {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, value));
  }
  Value alongRows(Value value, RankedTensorType type) {
    return tile::BroadcastOp::create(b, type, value, 1);
  }
  Value loadQueries();
  Value loadKeys(View &view, Value first, Value present, int64_t width);
  Value numbers(int64_t dim) {
    return tile::IndexOp::create(b, tileOf(sType.getShape(), b.getI32Type()),
                                 dim);
  }
  Value splatIndex(Value value) {
    return program.splat(arith::IndexCastOp::create(b, b.getI32Type(), value),
                         sType.getShape());
  }

  ProgramBuilder &program;
  ImplicitLocOpBuilder &b;
  mla::OnlineAttentionOp op;
  View q, k, v, cu, past, table;
  /// Of a work item and of a block of keys, at most; rows of the tiles.
  int64_t tokens, heads, keys, rows;
  int64_t depth, dv;
  Type storage;
  RankedTensorType sType, oType, rowType, sumType;
  bool hasWarpColumns;
  /// The item's sequence, first token and number of tokens.
  Value sequence, firstToken, numTokens;
  /// The first row of the sequence in `k`, its keys, the position of the
  /// item's first token; the keys that are visited.
  Value firstKey, numKeys, position, begin, end;
  Value qTile;
};

LogicalResult ProgramBuilder::writeAttention(Operation *op) {
  return Attention(*this, cast<mla::OnlineAttentionOp>(op)).write();
}

LogicalResult ProgramBuilder::Attention::match() {
  auto schedule = op->getAttrOfType<tile::ScheduleAttr>("peermla.schedule");
  if (!schedule || schedule.getWarps().empty() || schedule.getInner().empty() ||
      schedule.getBlock().size() != 2)
    return fail("has no schedule with warps");
  tokens = schedule.getBlock()[0];
  heads = schedule.getBlock()[1];
  keys = schedule.getInner()[0];
  ArrayRef<int64_t> warps = schedule.getWarps();
  hasWarpColumns = warps[1] > 1;
  rows = llvm::alignTo(tokens * heads, mmaRows * warps[0]);
  if (keys % (2 * mmaColumns) != 0 || keys % (mmaColumns * warps[1]) != 0)
    return fail("has blocks of keys that are no multiple of 16 and of 8 per "
                "warp");
  if (!(op.getScale().convertToDouble() > 0))
    return fail("has a scale that is not positive");
  if (op.isPartial() &&
      cast<ShapedType>(op.getInits()[0].getType()).getDimSize(0) != 1)
    return fail("has several parts of its keys in one work item");

  auto qType = cast<RankedTensorType>(op.getQ().getType());
  storage = qType.getElementType();
  depth = qType.getShape().back();
  dv = cast<RankedTensorType>(op.getInits()[0].getType()).getShape().back();
  if (!isa<Float16Type, BFloat16Type, Float32Type>(storage))
    return fail("is not of f16, bf16 or f32");
  auto find = [&](Value tensor, View &view) {
    auto found = program.views.find(tensor);
    if (!tensor || found == program.views.end())
      return !tensor;
    view = found->second;
    return true;
  };
  if (!find(op.getQ(), q) || !find(op.getK(), k) || !find(op.getV(), v) ||
      !find(op.getCuSeqlens(), cu) || !find(op.getPastLens(), past) ||
      !find(op.getBlockTable(), table))
    return fail("reads what is no memory");
  if (op.isPaged() && (k.dims != SmallVector<int64_t>{0, 1, 2} ||
                       table.dims != SmallVector<int64_t>{0, 1}))
    return fail("has a cache or a table that is a part of one");
  auto isPlace = [](int64_t dim) { return dim >= 0; };
  if (!llvm::all_of(q.dims, isPlace) || !isPlace(k.dims.front()) ||
      !isPlace(k.dims.back()))
    return fail("has extents of 1 that memory lacks");
  sequence = program.getScalar(op.getItem()[0]);
  firstToken = program.getScalar(op.getItem()[1]);
  if (!sequence || !firstToken)
    return fail("has an item that the block does not know");

  Type f32 = b.getF32Type();
  sType = tileOf({rows, keys}, f32);
  oType =
      tileOf({rows, static_cast<int64_t>(llvm::alignTo(dv, tileUnit))}, f32);
  rowType = tileOf({rows}, f32);
  sumType = hasWarpColumns ? sType : rowType;
  return success();
}

LogicalResult ProgramBuilder::Attention::write() {
  if (failed(match()))
    return failure();
  findSequence();
  findPart();
  qTile = loadQueries();
  attend();
  return success();
}

//===----------------------------------------------------------------------===//
// Where the item is
//===----------------------------------------------------------------------===//

/// An element of a vector of integers, which has it.
Value ProgramBuilder::Attention::loadIndex(View &view, Value at) {
  SmallVector<Value> place(view.offsets);
  place[view.dims[0]] = add(place[view.dims[0]], at);
  Value loaded = memref::LoadOp::create(b, view.memory, place);
  return arith::IndexCastOp::create(b, b.getIndexType(), loaded);
}

/// An item without tokens may name no sequence: there may be none.
void ProgramBuilder::Attention::findSequence() {
  Value zero = index(0);
  numTokens = extent(q, 0);
  auto bound = [&](Value at) {
    return loadIndex(cu, min(at, sub(extent(cu, 0), index(1))));
  };
  Value from = max(bound(sequence), zero);
  Value to = bound(add(sequence, index(1)));
  if (!op.isPaged()) {
    firstKey = from;
    numKeys = sub(min(to, extent(k, 0)), from);
    position = sub(firstToken, from);
    return;
  }
  Value isUsed =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, numTokens, zero);
  auto length = scf::IfOp::create(b, TypeRange{b.getIndexType()}, isUsed,
                                  /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(length.thenBlock());
    scf::YieldOp::create(b, max(loadIndex(past, sequence), zero));
    b.setInsertionPointToStart(length.elseBlock());
    scf::YieldOp::create(b, zero);
  }
  Value old = length.getResult(0);
  Value capacity = mul(extent(table, 1), extent(k, 1));
  firstKey = zero;
  numKeys = min(add(old, sub(to, from)), capacity);
  position = add(old, sub(firstToken, from));
}

/// The keys of the item's part that one of its tokens sees.
void ProgramBuilder::Attention::findPart() {
  begin = index(0);
  end = op.getCausal() ? min(numKeys, add(position, numTokens)) : numKeys;
  if (!op.isPartial())
    return;
  int64_t step = *op.getPartStep();
  Value length =
      mul(ceilDiv(ceilDiv(numKeys, *op.getParts()), step), index(step));
  begin = mul(program.getScalar(op.getItem()[2]), length);
  end = min(end, add(begin, length));
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Value ProgramBuilder::Attention::loadQueries() {
  auto type = tileOf(
      {rows, static_cast<int64_t>(llvm::alignTo(depth, tileUnit))}, storage);
  SmallVector<int64_t> dims = {q.dims[0]};
  SmallVector<Value> sizes = {numTokens};
  IntegerAttr group;
  if (heads > 1) {
    dims.push_back(q.dims[1]);
    sizes.push_back(extent(q, 1));
    group = b.getI64IntegerAttr(heads);
  }
  dims.push_back(q.dims[2]);
  sizes.push_back(index(depth));
  return tile::LoadOp::create(b, type, q.memory, q.offsets, sizes, Value(),
                              Value(), Value(), Value(), dims, group);
}

/// Keys [first, first + present) of the sequence.
Value ProgramBuilder::Attention::loadKeys(View &view, Value first,
                                          Value present, int64_t width) {
  unsigned rowDim = op.isPaged() ? 1 : view.dims.front();
  SmallVector<Value> place(view.offsets);
  place[rowDim] = add(place[rowDim], add(firstKey, first));
  auto type = tileOf(
      {keys, static_cast<int64_t>(llvm::alignTo(width, tileUnit))}, storage);
  Value memory, row;
  if (op.isPaged()) {
    memory = table.memory;
    row = add(table.offsets[0], sequence);
  }
  return tile::LoadOp::create(
      b, type, view.memory, place, ValueRange{present, index(width)}, Value(),
      Value(), memory, row, ArrayRef<int64_t>{rowDim, view.dims.back()},
      IntegerAttr());
}

void ProgramBuilder::Attention::attend() {
  auto loop = scf::ForOp::create(b, begin, end, index(keys),
                                 ValueRange{constant(oType, 0),
                                            constant(rowType, lowestMaximum),
                                            constant(sumType, 0)});
  {
    OpBuilder::InsertionGuard guard(b);
    if (loop.getBody()->mightHaveTerminator())
      loop.getBody()->getTerminator()->erase();
    b.setInsertionPointToEnd(loop.getBody());
    addBlock(loop.getInductionVar(), loop.getRegionIterArgs());
  }
  finish(loop.getResults());
}

/// The state (o, m, l) with the keys of one block.
void ProgramBuilder::Attention::addBlock(Value first, ValueRange state) {
  Value o = state[0], m = state[1], l = state[2];
  Value present = min(index(keys), sub(end, first));
  Value kTile = loadKeys(k, first, present, depth), vTile;
  if (op.getV()) {
    vTile = loadKeys(v, first, present, dv);
  } else {
    SmallVector<OpFoldResult> zeros(2, b.getIndexAttr(0)),
        ones(2, b.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes =
        getAsIndexOpFoldResult(b.getContext(), {keys, oType.getDimSize(1)});
    vTile = tensor::ExtractSliceOp::create(b, kTile, zeros, sizes, ones);
  }
  auto scores = tile::MmaOp::create(b, sType, qTile, kTile, Value(),
                                    /*transposeB=*/true);
  Value s = maskBlock(scores, first, present, vTile);

  // The scale of a maximum is that of its scores, and rounded once.
  double scale = op.getScale().convertToDouble() * std::log2(std::exp(1.0));
  Value blockMaximum =
      tile::ReduceOp::create(b, rowType, tile::Combine::Max, s, 1);
  Value maximum = arith::MaximumFOp::create(
      b, m, arith::MulFOp::create(b, blockMaximum, constant(rowType, scale)));
  Value alpha = math::Exp2Op::create(b, arith::SubFOp::create(b, m, maximum));
  Value p = math::Exp2Op::create(
      b,
      math::FmaOp::create(b, s, constant(sType, scale),
                          alongRows(arith::NegFOp::create(b, maximum), sType)));
  if (hasWarpColumns) {
    l = math::FmaOp::create(b, l, alongRows(alpha, sType), p);
  } else {
    Value sum = tile::ReduceOp::create(b, rowType, tile::Combine::Add, p, 1);
    l = arith::AddFOp::create(b, arith::MulFOp::create(b, alpha, l), sum);
  }
  if (!storage.isF32())
    p = arith::TruncFOp::create(b, tileOf(sType.getShape(), storage), p);
  if (hasWarpColumns)
    p = tile::ConvertOp::create(b, p.getType(), p, Value(), Value());
  o = arith::MulFOp::create(b, o, alongRows(alpha, oType));
  auto product =
      tile::MmaOp::create(b, oType, p, vTile, o, /*transposeB=*/false);
  if (mayDiffer()) {
    // A token sees no key behind it.
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(scores);
    Value last = sub(position, first);
    for (tile::MmaOp mma : {scores, product}) {
      mma.getUntilMutable().assign(last);
      mma.setGroup(heads);
    }
    product.setSum(true);
  }
  o = product;
  scf::YieldOp::create(b, ValueRange{o, maximum, l});
}

/// Values that are not finite become scores that are none, and zeros.
void ProgramBuilder::Attention::moveNonfinite(Value &s, Value &values) {
  Value any = tile::AnyNonfiniteOp::create(b, values);
  auto choice = scf::IfOp::create(b, TypeRange{sType, values.getType()}, any,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(b, ValueRange{s, values});
  b.setInsertionPointToStart(choice.thenBlock());
  // Values are tiles of keys by columns.
  auto shape = cast<RankedTensorType>(values.getType()).getShape();
  Value zeros = arith::ConstantOp::create(
      b, b.getZeroAttr(tileOf({rows, shape[1]}, storage)));
  Value none = tile::MmaOp::create(b, sType, zeros, values, s,
                                   /*transposeB=*/true);
  Value finite = tile::ClearNonfiniteOp::create(b, values);
  scf::YieldOp::create(b, ValueRange{none, finite});
  s = choice.getResult(0);
  values = choice.getResult(1);
}

/// Scores and values of a block in which not all rows see all keys.
Value ProgramBuilder::Attention::maskBlock(Value s, Value first, Value present,
                                           Value &values) {
  Value seenByAll = mayDiffer() ? min(end, add(position, index(1))) : end;
  Value isMasked = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt,
                                         add(first, index(keys)), seenByAll);
  auto choice =
      scf::IfOp::create(b, TypeRange{sType, values.getType()}, isMasked,
                        /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(b, ValueRange{s, values});
  b.setInsertionPointToStart(choice.thenBlock());
  Value finite = values;
  if (mayDiffer())
    moveNonfinite(s, finite);
  Value column = numbers(1);
  Value seen = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, column,
                                     splatIndex(present));
  if (mayDiffer()) {
    Value token = numbers(0);
    if (heads > 1)
      token = arith::DivUIOp::create(b, token, splatIndex(index(heads)));
    Value last =
        arith::AddIOp::create(b, token, splatIndex(sub(position, first)));
    seen = arith::AndIOp::create(
        b, seen,
        arith::CmpIOp::create(b, arith::CmpIPredicate::sle, column, last));
  }
  s = arith::SelectOp::create(
      b, seen, s, constant(sType, -std::numeric_limits<float>::infinity()));
  scf::YieldOp::create(b, ValueRange{s, finite});
  values = choice.getResult(1);
  return choice.getResult(0);
}

/// A row that saw no key has the sum 0: it yields 0, and lse = -inf.
void ProgramBuilder::Attention::finish(ValueRange state) {
  Value o = state[0], m = state[1], l = state[2];
  if (hasWarpColumns)
    l = tile::ReduceOp::create(b, rowType, tile::Combine::Add, l, 1);
  Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, l,
                                        constant(rowType, 0));
  Value inverse = arith::DivFOp::create(
      b, constant(rowType, 1),
      arith::SelectOp::create(b, isEmpty, constant(rowType, 1), l));
  o = arith::MulFOp::create(b, o, alongRows(inverse, oType));
  Type result = getElementTypeOrSelf(op.getInits()[0].getType());
  if (!result.isF32())
    o = arith::TruncFOp::create(b, tileOf(oType.getShape(), result), o);
  SmallVector<int64_t> bounds = {tokens, heads};
  if (op.isPartial())
    bounds.insert(bounds.begin(), 1);
  if (op.getInits().size() > 1) {
    Value lse = math::FmaOp::create(b, m, constant(rowType, std::log(2.0f)),
                                    math::LogOp::create(b, l));
    program.tiles[op->getResult(1)] = lse;
    program.promisedBounds[op->getResult(1)] = bounds;
  }
  bounds.push_back(dv);
  // What no key was seen for is not read by who merges parts.
  if (op.isPartial())
    program.storeConditions[op->getResult(0)] =
        arith::CmpIOp::create(b, arith::CmpIPredicate::slt, begin, end);
  program.tiles[op->getResult(0)] = o;
  program.promisedBounds[op->getResult(0)] = bounds;
}
