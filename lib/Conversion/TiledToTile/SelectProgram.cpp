//===- SelectProgram.cpp - scores on the chip, and the best of them -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of some sub-keys are collected in scratch until there are all of a
// dimension, or as many as there is room for; lanes scan them then (tile.scan).
// Scores that another kernel computed take the same way.
//
//===----------------------------------------------------------------------===//

#include "SelectProgram.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "peermla/Dialect/Tile/IR/SelectionKeys.h"
#include <limits>

using namespace mlir;
using namespace peermla;

static constexpr float infinity = std::numeric_limits<float>::infinity();

/// Floats between rows of scores in scratch: four rows of the 32 bytes that a
/// warp stores together lie in different banks.
static constexpr int64_t gapOfScores = 8;

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

Value SelectProgram::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

Value SelectProgram::constant(RankedTensorType type, double value) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(
             type, Attribute(b.getFloatAttr(type.getElementType(), value))));
}

Value SelectProgram::constant(RankedTensorType type, int64_t value) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(
             type, Attribute(b.getIntegerAttr(type.getElementType(), value))));
}

Value SelectProgram::splat(Value value, RankedTensorType type) {
  return tensor::SplatOp::create(
      b, arith::IndexCastOp::create(b, b.getI32Type(), value), type);
}

Value SelectProgram::noKeys() {
  return constant(tile({rows, size}, b.getI64Type()), int64_t(0));
}

SelectProgram::List SelectProgram::readKeys(Value keys, int64_t count) {
  Value ids = tile::getNumbersOfKeys(b, keys);
  return {tile::getScoresOfKeys(b, keys), ids, count};
}

Value SelectProgram::notice(Value top, Value scores) {
  Value largest = tile::ReduceOp::create(b, top.getType(), tile::Combine::Max,
                                         scores, /*dim=*/1);
  return arith::MaximumFOp::create(b, top, largest);
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

int64_t SelectProgram::getBlock(int64_t numKeys) const {
  // Blocks of one length.
  int64_t blocks = llvm::divideCeil(numKeys, scanned);
  return llvm::alignTo(llvm::divideCeil(numKeys, blocks), step);
}

Value SelectProgram::load(const View &view, int64_t rowDim, Value row,
                          Value numRows, int64_t height) {
  auto memory = cast<MemRefType>(view.memory.getType());
  std::optional<int64_t> depth =
      getConstantIntValue(view.sizes[view.dims.back()]);
  int64_t columns =
      llvm::alignTo(depth.value_or(memory.getShape().back()), tileUnit);
  SmallVector<Value> place(view.offsets);
  place[rowDim] = b.createOrFold<arith::AddIOp>(place[rowDim], row);
  return tile::LoadOp::create(
      b, tile({height, columns}, memory.getElementType()), view.memory, place,
      ValueRange{numRows, view.sizes[view.dims.back()]}, Value(), Value(),
      ArrayRef<int64_t>{rowDim, view.dims.back()});
}

Value SelectProgram::makeScratch(int64_t columns, int64_t gap, Type element) {
  auto space = gpu::AddressSpaceAttr::get(
      b.getContext(), gpu::GPUDialect::getWorkgroupAddressSpace());
  return tile::ScratchOp::create(b,
                                 MemRefType::get({rows, columns + gap}, element,
                                                 MemRefLayoutAttrInterface(),
                                                 space),
                                 IntegerAttr());
}

Value SelectProgram::computeScores(Dimension &dimension, Value first,
                                   Value present) {
  auto type = tile({rows, step}, b.getF32Type());
  if (dimension.parts.empty()) {
    const View &view = dimension.scores;
    int64_t tokenDim = view.dims.front(), keyDim = view.dims.back();
    SmallVector<Value> place(view.offsets);
    place[keyDim] = b.createOrFold<arith::AddIOp>(place[keyDim], first);
    return tile::LoadOp::create(
        b, type, view.memory, place, ValueRange{view.sizes[tokenDim], present},
        Value(), Value(), ArrayRef<int64_t>{tokenDim, keyDim});
  }
  Value product;
  for (Part &part : dimension.parts) {
    int64_t keyDim = part.keys.dims[part.keys.dims.size() - 2];
    Value keys = load(part.keys, keyDim, first, present, step);
    product = tile::MmaOp::create(b, type, part.tile, keys, product,
                                  /*transposeB=*/true);
  }
  return product;
}

SelectProgram::List SelectProgram::selectKeys(Dimension &dimension,
                                              int64_t numKeys, Value &top) {
  for (Part &part : dimension.parts)
    if (!part.tile) {
      int64_t tokenDim = part.queries.dims.front();
      part.tile = load(part.queries, tokenDim, index(0),
                       part.queries.sizes[tokenDim], rows);
    }
  int64_t block = getBlock(numKeys);
  bool isWhole = numKeys <= block;
  Value best = noKeys();
  SmallVector<Value> lists;
  if (!isWhole)
    lists = {best, top};
  auto loop =
      scf::ForOp::create(b, index(0), index(numKeys), index(step), lists);
  OpBuilder::InsertionGuard guard(b);
  if (isWhole)
    b.setInsertionPoint(loop.getBody()->getTerminator());
  else
    b.setInsertionPointToStart(loop.getBody());
  Value first = loop.getInductionVar();
  Value left = b.createOrFold<arith::SubIOp>(index(numKeys), first);
  Value present = index(step);
  if (numKeys % step != 0)
    present = b.createOrFold<arith::MinSIOp>(present, left);
  Value scores = computeScores(dimension, first, present);
  Value column = first;
  if (!isWhole)
    column = arith::RemUIOp::create(b, first, index(block));
  tile::StoreOp::create(b, scores, scratch, ValueRange{index(0), column},
                        ValueRange{index(rows), index(step)},
                        ArrayRef<int64_t>{0, 1});
  if (isWhole) {
    b.setInsertionPointAfter(loop);
    scan(index(0), index(numKeys), numKeys, best, top);
    return readKeys(best, std::min(k, numKeys));
  }
  // The block is complete, or the last one.
  best = loop.getRegionIterArg(0);
  Value seen = loop.getRegionIterArg(1);
  Value end = arith::AddIOp::create(b, column, index(step));
  Value isFull =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, end, index(block));
  Value isLast =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sle, left, index(step));
  auto scans = scf::IfOp::create(b, TypeRange{best.getType(), seen.getType()},
                                 arith::OrIOp::create(b, isFull, isLast),
                                 /*withElseRegion=*/true);
  b.setInsertionPointToStart(scans.elseBlock());
  scf::YieldOp::create(b, ValueRange{best, seen});
  b.setInsertionPointToStart(scans.thenBlock());
  scan(b.createOrFold<arith::SubIOp>(first, column), end, numKeys, best, seen);
  scf::YieldOp::create(b, ValueRange{best, seen});
  b.setInsertionPointToEnd(loop.getBody());
  scf::YieldOp::create(b, scans.getResults());
  b.setInsertionPointAfter(loop);
  top = loop.getResult(1);
  return readKeys(loop.getResult(0), std::min(k, numKeys));
}

void SelectProgram::scan(Value first, Value end, int64_t numKeys, Value &best,
                         Value &top) {
  int64_t block = getBlock(numKeys);
  // What is behind the last sub-key does not count.
  Value count = index(block);
  if (numKeys % block != 0)
    count = b.createOrFold<arith::MinSIOp>(
        end, b.createOrFold<arith::SubIOp>(index(numKeys), first));
  auto scan =
      tile::ScanOp::create(b, scratch, first, count, block, best, top, list);
  best = scan.getResult();
  top = scan.getHighest();
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// gates = score_function(scores), in f32.
Value SelectProgram::computeGates(Value scores) {
  auto type = cast<RankedTensorType>(scores.getType());
  Value zero = constant(type, 0.0), one = constant(type, 1.0);
  switch (op.getScoreFunction()) {
  case peer::ScoreFunction::relu:
    return arith::MaximumFOp::create(b, scores, zero);
  case peer::ScoreFunction::sigmoid: {
    Value power = math::ExpOp::create(b, arith::NegFOp::create(b, scores));
    return arith::DivFOp::create(b, one, arith::AddFOp::create(b, one, power));
  }
  case peer::ScoreFunction::softmax: {
    // What is past k is of no expert.
    Value column = tile::IndexOp::create(b, like(scores, b.getI32Type()), 1);
    Value counts =
        arith::CmpIOp::create(b, arith::CmpIPredicate::slt, column,
                              constant(like(scores, b.getI32Type()), k));
    auto rowType = tile({rows}, b.getF32Type());
    auto alongRow = [&](Value value) -> Value {
      return tile::BroadcastOp::create(b, type, value, 1);
    };
    Value chosen = arith::SelectOp::create(b, counts, scores,
                                           constant(type, double(-infinity)));
    Value largest = tile::ReduceOp::create(b, rowType, tile::Combine::Max,
                                           chosen, /*dim=*/1);
    Value power = math::ExpOp::create(
        b, arith::SubFOp::create(b, scores, alongRow(largest)));
    power = arith::SelectOp::create(b, counts, power, zero);
    Value total = tile::ReduceOp::create(b, rowType, tile::Combine::Add, power,
                                         /*dim=*/1);
    return arith::DivFOp::create(b, power, alongRow(total));
  }
  }
  llvm_unreachable("all score functions are listed");
}

FailureOr<SmallVector<Value>>
SelectProgram::write(MutableArrayRef<Dimension> dimensions, Project project) {
  Type f32 = b.getF32Type();
  int64_t columns = 0;
  for (int64_t numKeys : op.getNumKeys())
    columns = std::max(columns, getBlock(numKeys));
  scratch = makeScratch(columns, gapOfScores, f32);
  // The columns of a scan are where its numbers go behind it.
  Place ofBest, ofOther;
  if (dimensions.size() > 1)
    ofOther = makePlace();
  list =
      ofOther.ids ? ofOther.ids : makeScratch(size, /*gap=*/0, b.getI32Type());
  Value top = constant(tile({rows}, f32), double(-infinity));
  // All queries first, in shared memory.
  for (Dimension &dimension : dimensions)
    for (Part &part : dimension.parts) {
      if (failed(project(part)))
        return failure();
      if (part.tile)
        part.tile = tile::ConvertOp::create(b, part.tile.getType(), part.tile,
                                            Value(), Value());
    }
  List best = selectKeys(dimensions[0], op.getNumKeys(0), top);
  for (unsigned i = 1, e = dimensions.size(); i < e; ++i) {
    put(best, ofBest);
    put(selectKeys(dimensions[i], op.getNumKeys(i), top), ofOther);
    best = fold(ofBest, ofOther, op.getNumKeys(i), top);
  }
  auto type = cast<RankedTensorType>(best.scores.getType());
  Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, top, top);
  isNan =
      tile::BroadcastOp::create(b, like(best.scores, b.getI1Type()), isNan, 1);
  Value nan = constant(type, double(std::numeric_limits<float>::quiet_NaN()));
  Value scores = arith::SelectOp::create(b, isNan, nan, best.scores);
  SmallVector<Value> results{computeGates(scores), best.ids};
  if (op.getScoresInit())
    results.push_back(scores);
  return results;
}
