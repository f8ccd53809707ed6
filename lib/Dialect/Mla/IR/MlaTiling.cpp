//===- MlaTiling.cpp - TilingInterface of the mla ops ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table per op: which loop indexes which dimension of which operand.
//
//===----------------------------------------------------------------------===//

#include "MlaTiling.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::mla;

static SmallVector<int> whole(Value operand) {
  return SmallVector<int>(cast<ShapedType>(operand.getType()).getRank(), -1);
}

OperandLoops peermla::mla::getOperandLoops(OnlineAttentionOp op) {
  int token = op.isPartial() ? 1 : 0, head = token + 1;
  OperandLoops loops{{token, head, -1}};
  if (op.hasKeysPerHead()) {
    loops.push_back({-1, head, -1});
    loops.push_back({-1, head, -1});
  } else {
    loops.push_back(whole(op.getK()));
  }
  loops.push_back({-1});
  if (op.isPaged()) {
    loops.push_back({-1});
    loops.push_back({-1, -1});
  }
  loops.append(op.getItem().size(), {});
  SmallVector<int> rows{token, head};
  if (op.isPartial())
    rows.insert(rows.begin(), 0);
  loops.push_back(rows);
  loops.back().push_back(-1);
  if (op.getInits().size() > 1)
    loops.push_back(rows);
  return loops;
}

OperandLoops peermla::mla::getOperandLoops(MergeOp op) {
  OperandLoops loops{{-1, 0, 1, -1}, {-1, 0, 1}, {0, 1, -1}};
  if (op.getInits().size() > 1)
    loops.push_back({0, 1});
  return loops;
}

OperandLoops peermla::mla::getOperandLoops(PositionsOp op) {
  OperandLoops loops{{-1}};
  if (op.getPastLens())
    loops.push_back({-1});
  if (op.getFirst())
    loops.push_back({});
  loops.push_back({0});
  return loops;
}

OperandLoops peermla::mla::getOperandLoops(RopeTableOp) {
  return {{0}, {0, -1}};
}

OperandLoops peermla::mla::getOperandLoops(RopeOp op) {
  SmallVector<int> row = whole(op.getX());
  for (int loop = 0, e = row.size(); loop + 1 < e; ++loop)
    row[loop] = loop;
  return {row, {0, -1}, row};
}

OperandLoops peermla::mla::getOperandLoops(CacheAppendOp op) {
  OperandLoops loops{{0, -1}, {-1}, {-1}, {-1, -1}};
  if (op.getFirst())
    loops.push_back({});
  loops.push_back(whole(op.getInit()));
  return loops;
}

/// Adds the offset of a tile to the token that `first` of an op is.
template <typename OpTy>
static void moveFirst(OpTy tile, OpBuilder &builder, OpFoldResult offset) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(tile);
  Value first = getValueOrCreateConstantIndexOp(builder, tile.getLoc(), offset);
  if (Value base = tile.getFirst())
    first = arith::AddIOp::create(builder, tile.getLoc(), base, first);
  tile.getFirstMutable().assign(first);
}

void peermla::mla::placeTile(PositionsOp tile, OpBuilder &builder,
                             ArrayRef<OpFoldResult> offsets) {
  moveFirst(tile, builder, offsets[0]);
}

void peermla::mla::placeTile(CacheAppendOp tile, OpBuilder &builder,
                             ArrayRef<OpFoldResult> offsets) {
  moveFirst(tile, builder, offsets[0]);
}
