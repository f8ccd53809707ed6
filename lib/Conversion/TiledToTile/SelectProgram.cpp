//===- SelectProgram.cpp - scores on the chip, and the best of them -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A lane alone has a row where its list is short: tile.scan takes the scores of
// a block of 64 sub-keys from scratch, or, where there is no other block, all
// are sorted, 16 at a time. Lanes that share a row look at scores of K
// sub-keys, or of 64, at once; the products of blocks of 64 are collected in
// scratch until there are as many.
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

/// Sub-keys of a product.
static constexpr int64_t keysOfProduct = 64;
/// Sub-keys that are sorted together by several lanes at least.
static constexpr int64_t batchOfLanes = 32;
/// Floats between rows of scores in scratch: four rows of 16 bytes lie in
/// different banks.
static constexpr int64_t gapOfScores = 4;

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

int64_t SelectProgram::getBlock() const {
  return lanes == 1 ? keysOfProduct : std::max(size, keysOfProduct);
}

int64_t SelectProgram::getBatch() const {
  return lanes == 1 ? batchOfLane : std::max(size, batchOfLanes);
}

Value SelectProgram::loadRows(const View &view, int64_t rowDim, Value row,
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

SelectProgram::List SelectProgram::scan(unsigned number, Dimension &dimension,
                                        Value scratch, Value &top) {
  int64_t numKeys = op.getNumKeys(number);
  return dimension.parts.empty()
             ? scanMemory(dimension.scores, numKeys, top)
             : scanProducts(dimension.parts, scratch, numKeys, top);
}

SelectProgram::List SelectProgram::scanMemory(const View &view, int64_t numKeys,
                                              Value &top) {
  int64_t batch = getBatch();
  auto loop = scf::ForOp::create(b, index(0), index(numKeys), index(batch),
                                 ValueRange{noKeys(), top});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value first = loop.getInductionVar();
  Value best = loop.getRegionIterArg(0), seen = loop.getRegionIterArg(1);
  int64_t tokenDim = view.dims.front(), keyDim = view.dims.back();
  SmallVector<Value> place(view.offsets);
  place[keyDim] = b.createOrFold<arith::AddIOp>(place[keyDim], first);
  Value left = b.createOrFold<arith::SubIOp>(index(numKeys), first);
  Value count = b.createOrFold<arith::MinSIOp>(index(batch), left);
  Value scores = tile::LoadOp::create(
      b, tile({rows, batch}, b.getF32Type()), view.memory, place,
      ValueRange{view.sizes[tokenDim], count}, Value(), Value(),
      ArrayRef<int64_t>{tokenDim, keyDim});
  admit(scores, first, numKeys, /*ends=*/numKeys % batch != 0, best, seen);
  scf::YieldOp::create(b, ValueRange{best, seen});
  b.setInsertionPointAfter(loop);
  top = loop.getResult(1);
  return readKeys(loop.getResult(0), std::min(k, numKeys));
}

SelectProgram::List SelectProgram::scanProducts(MutableArrayRef<Part> parts,
                                                Value scratch, int64_t numKeys,
                                                Value &top) {
  for (Part &part : parts)
    if (!part.tile) {
      int64_t tokenDim = part.queries.dims.front();
      part.tile = loadRows(part.queries, tokenDim, index(0),
                           part.queries.sizes[tokenDim], rows);
    }
  auto loop =
      scf::ForOp::create(b, index(0), index(numKeys), index(keysOfProduct),
                         ValueRange{noKeys(), top});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value first = loop.getInductionVar();
  Value best = loop.getRegionIterArg(0), seen = loop.getRegionIterArg(1);
  Value left = b.createOrFold<arith::SubIOp>(index(numKeys), first);
  Value present = b.createOrFold<arith::MinSIOp>(index(keysOfProduct), left);
  Value product;
  for (Part &part : parts) {
    int64_t keyDim = part.keys.dims[part.keys.dims.size() - 2];
    Value keys = loadRows(part.keys, keyDim, first, present, keysOfProduct);
    product =
        tile::MmaOp::create(b, tile({rows, keysOfProduct}, b.getF32Type()),
                            part.tile, keys, product, /*transposeB=*/true);
  }
  int64_t block = getBlock();
  Value column = index(0), end = index(keysOfProduct);
  if (block > keysOfProduct) {
    column = arith::RemUIOp::create(b, first, index(block));
    end = arith::AddIOp::create(b, column, end);
  }
  tile::StoreOp::create(b, product, scratch, ValueRange{index(0), column},
                        ValueRange{index(rows), index(keysOfProduct)},
                        ArrayRef<int64_t>{0, 1});
  Value start = b.createOrFold<arith::SubIOp>(first, column);
  if (lanes == 1 && numKeys > keysOfProduct) {
    auto scan = tile::ScanOp::create(b, scratch, first, present, keysOfProduct,
                                     best, seen);
    best = scan.getResult();
    seen = scan.getHighest();
  } else if (block == keysOfProduct || numKeys <= keysOfProduct) {
    scanBatches(scratch, start, end, numKeys, best, seen);
  } else {
    // The block is complete, or the last one.
    Value isFull =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, end, index(block));
    Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, left,
                                         index(keysOfProduct));
    auto scans = scf::IfOp::create(b, TypeRange{best.getType(), seen.getType()},
                                   arith::OrIOp::create(b, isFull, isLast),
                                   /*withElseRegion=*/true);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(scans.elseBlock());
    scf::YieldOp::create(b, ValueRange{best, seen});
    b.setInsertionPointToStart(scans.thenBlock());
    scanBatches(scratch, start, end, numKeys, best, seen);
    scf::YieldOp::create(b, ValueRange{best, seen});
    best = scans.getResult(0);
    seen = scans.getResult(1);
  }
  b.setInsertionPointToEnd(loop.getBody());
  scf::YieldOp::create(b, ValueRange{best, seen});
  b.setInsertionPointAfter(loop);
  top = loop.getResult(1);
  return readKeys(loop.getResult(0), std::min(k, numKeys));
}

/// Scores of the sub-keys from `first` on lie in the columns of scratch up to
/// `end`. A batch at a time, so that few are in registers.
void SelectProgram::scanBatches(Value scratch, Value first, Value end,
                                int64_t numKeys, Value &best, Value &top) {
  int64_t block = getBlock(), batch = getBatch();
  auto loop = scf::ForOp::create(b, index(0), index(block), index(batch),
                                 ValueRange{best, top});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value offset = loop.getInductionVar();
  best = loop.getRegionIterArg(0);
  top = loop.getRegionIterArg(1);
  // A block may end before the batch.
  Value count = index(batch);
  if (block > keysOfProduct) {
    Value left = arith::SubIOp::create(b, end, offset);
    count = arith::MinSIOp::create(b, count, left);
  }
  Value scores = tile::LoadOp::create(b, tile({rows, batch}, b.getF32Type()),
                                      scratch, ValueRange{index(0), offset},
                                      ValueRange{index(rows), count}, Value(),
                                      Value(), ArrayRef<int64_t>{0, 1});
  admit(scores, b.createOrFold<arith::AddIOp>(first, offset), numKeys,
        /*ends=*/numKeys % block != 0, best, top);
  scf::YieldOp::create(b, ValueRange{best, top});
  best = loop.getResult(0);
  top = loop.getResult(1);
}

void SelectProgram::admit(Value scores, Value first, int64_t numKeys, bool ends,
                          Value &best, Value &top) {
  RankedTensorType numbers = like(scores, b.getI32Type());
  top = notice(top, scores);
  Value ids = arith::AddIOp::create(b, tile::IndexOp::create(b, numbers, 1),
                                    splat(first, numbers));
  if (ends) {
    Value isKey = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, ids,
                                        splat(index(numKeys), numbers));
    auto type = cast<RankedTensorType>(scores.getType());
    scores = arith::SelectOp::create(b, isKey, scores,
                                     constant(type, double(-infinity)));
  }
  best = tile::TopkOp::create(b, tile::makeKeys(b, scores, ids), best);
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
  Value scratch;
  if (llvm::any_of(dimensions, [](auto &dim) { return !dim.parts.empty(); }))
    scratch = makeScratch(getBlock(), gapOfScores, f32);
  Value top = constant(tile({rows}, f32), double(-infinity));
  // All queries first, in shared memory: registers are for lists then.
  for (Dimension &dimension : dimensions)
    for (Part &part : dimension.parts) {
      if (failed(project(part)))
        return failure();
      if (part.tile)
        part.tile = tile::ConvertOp::create(b, part.tile.getType(), part.tile,
                                            Value(), Value());
    }
  List list = scan(0, dimensions[0], scratch, top);
  Place ofList, ofOther;
  for (unsigned i = 1, e = dimensions.size(); i < e; ++i) {
    if (lanes > 1)
      put(list, ofList);
    List other = scan(i, dimensions[i], scratch, top);
    if (lanes > 1) {
      put(other, ofOther);
      list = foldRuns(ofList, ofOther, op.getNumKeys(i), top);
    } else {
      list = foldPairs(list, other, op.getNumKeys(i), top);
    }
  }
  auto type = cast<RankedTensorType>(list.scores.getType());
  Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, top, top);
  isNan =
      tile::BroadcastOp::create(b, like(list.scores, b.getI1Type()), isNan, 1);
  Value nan = constant(type, double(std::numeric_limits<float>::quiet_NaN()));
  Value scores = arith::SelectOp::create(b, isNan, nan, list.scores);
  SmallVector<Value> results{computeGates(scores), list.ids};
  if (op.getScoresInit())
    results.push_back(scores);
  return results;
}
