//===- ProgramCompute.cpp - what is computed on tiles ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parallel linalg ops become their bodies on whole tiles, with broadcasts of
// rows and columns; contractions become `tile.mma`.
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace peermla;

/// The loops of `op` that each dimension of an operand runs along; none for a
/// constant index.
static FailureOr<SmallVector<int64_t>> getOperandLoops(AffineMap map) {
  SmallVector<int64_t> loops;
  for (AffineExpr expr : map.getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops.push_back(dim.getPosition());
    else if (isa<AffineConstantExpr>(expr))
      loops.push_back(-1);
    else
      return failure();
  }
  return loops;
}

LogicalResult ProgramBuilder::writeElementwise(linalg::LinalgOp op) {
  if (op.getNumParallelLoops() != op.getNumLoops())
    return fail(op, "is a sum, but no matrix product");
  FailureOr<SmallVector<int64_t>> bounds = getBounds(op->getResult(0));
  AffineMap identity = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (failed(bounds) || !identity.isIdentity())
    return fail(op, "has a result of unknown extents or order");
  SmallVector<int64_t> shape = getTileShape(*bounds);
  SmallVector<int64_t> tileLoops = getTileDims(*bounds);
  if (shape.empty() || shape.size() > 2)
    return fail(op, "has a result that is no matrix");

  // Operands, as tiles of the result's shape.
  IRMapping mapping;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (argument.use_empty())
      continue;
    if (!isa<ShapedType>(operand.get().getType())) {
      Value scalar = getScalar(operand.get());
      if (!scalar)
        return fail(op, "reads what the block does not know");
      mapping.map(argument, splat(scalar, shape));
      continue;
    }
    FailureOr<SmallVector<int64_t>> loops =
        getOperandLoops(op.getMatchingIndexingMap(&operand));
    if (failed(loops))
      return fail(op, "reads an operand at computed places");
    SmallVector<int64_t> seen;
    for (int64_t loop : *loops)
      if (llvm::is_contained(tileLoops, loop))
        seen.push_back(loop);
    Value tile;
    if (seen.empty()) {
      if (Value element = getElement(operand.get()))
        tile = splat(element, shape);
    } else {
      tile = getTile(operand.get());
    }
    if (!tile)
      return fail(op, "reads what the block does not know");
    auto type = cast<RankedTensorType>(tile.getType());
    if (seen.size() == 1 && tileLoops.size() == 2 && type.getRank() == 1) {
      int64_t missing = seen.front() == tileLoops[0] ? 1 : 0;
      tile = tile::BroadcastOp::create(
          b, RankedTensorType::get(shape, type.getElementType()), tile,
          missing);
    } else if (!seen.empty() && seen != tileLoops) {
      return fail(op, "reads an operand in another order");
    }
    if (cast<RankedTensorType>(tile.getType()).getShape() != ArrayRef(shape))
      return fail(op, "reads an operand of other extents");
    mapping.map(argument, tile);
  }

  // The body, on tiles.
  auto getSplat = [&](Value value) -> Value {
    Value scalar = getScalar(value);
    return scalar ? splat(scalar, shape) : Value();
  };
  Block &body = op->getRegion(0).front();
  for (Operation &nested : body.without_terminator()) {
    if (nested.hasTrait<OpTrait::ConstantLike>())
      continue;
    if (!OpTrait::hasElementwiseMappableTraits(&nested) ||
        nested.getNumResults() != 1)
      return fail(&nested, "does not compute on whole tiles");
    SmallVector<Value> operands;
    for (Value operand : nested.getOperands()) {
      Value tile = mapping.lookupOrNull(operand);
      if (!tile)
        tile = getSplat(operand);
      if (!tile)
        return fail(&nested, "reads what the block does not know");
      operands.push_back(tile);
    }
    OperationState state(
        nested.getLoc(), nested.getName(), operands,
        {RankedTensorType::get(shape, nested.getResult(0).getType())},
        nested.getAttrs());
    state.propertiesAttr = nested.getPropertiesAsAttribute();
    mapping.map(nested.getResult(0), b.create(state)->getResult(0));
  }
  for (auto [result, yielded] :
       llvm::zip(op->getResults(), body.getTerminator()->getOperands())) {
    Value tile = mapping.lookupOrNull(yielded);
    if (!tile)
      tile = getSplat(yielded);
    if (!tile)
      return fail(op, "yields what the block does not know");
    tiles[result] = tile;
  }
  return success();
}

LogicalResult ProgramBuilder::writeProduct(linalg::LinalgOp op) {
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<SmallVector<int64_t>> loops;
  for (AffineMap map : maps) {
    FailureOr<SmallVector<int64_t>> found = getOperandLoops(map);
    if (failed(dims) || failed(found))
      return fail(op, "is no matrix product");
    loops.push_back(*found);
  }
  // Bounds of the loops, from the operands.
  SmallVector<int64_t> extents(op.getNumLoops(), 1);
  for (auto [operand, operandLoops] : llvm::zip(op->getOperands(), loops)) {
    FailureOr<SmallVector<int64_t>> bounds = getBounds(operand);
    if (failed(bounds))
      return fail(op, "has operands of unknown extents");
    for (auto [loop, bound] : llvm::zip(operandLoops, *bounds))
      if (loop >= 0)
        extents[loop] = bound;
  }
  auto getLong = [&](ArrayRef<unsigned> among) {
    SmallVector<int64_t> found;
    for (unsigned loop : among)
      if (extents[loop] != 1)
        found.push_back(loop);
    return found;
  };
  SmallVector<int64_t> batch = getLong(dims->batch), k = getLong(dims->k);
  SmallVector<int64_t> ofLhs = getLong(dims->m), ofRhs = getLong(dims->n);
  if (!batch.empty() || k.size() != 1 || ofLhs.size() != 1 || ofRhs.size() != 1)
    return fail(op, "has not one loop each for rows, columns and the sum");

  // Rows of the result come first in it; they are of the operand `a`.
  auto order = [&](ArrayRef<int64_t> operandLoops) {
    return llvm::to_vector(
        llvm::make_filter_range(operandLoops, [&](int64_t loop) {
          return loop >= 0 && extents[loop] != 1;
        }));
  };
  int64_t first = order(loops[2]).front();
  bool swapped = first == ofRhs[0];
  int64_t rows = swapped ? ofRhs[0] : ofLhs[0];
  int64_t columns = swapped ? ofLhs[0] : ofRhs[0];
  unsigned a = swapped ? 1 : 0;
  if (order(loops[a]) != SmallVector<int64_t>{rows, k[0]})
    return fail(op, "has rows that are not contiguous along the sum");
  bool transposeB = order(loops[1 - a]) == SmallVector<int64_t>{columns, k[0]};
  if (!views.contains(op->getOperand(1 - a)))
    return fail(op, "has a computed operand for its columns");

  Value tileA = getTile(op->getOperand(a));
  Value tileB = getTile(op->getOperand(1 - a));
  Value tileC = getTile(op->getOperand(2));
  if (!tileA || !tileB || !tileC)
    return fail(op, "reads what the block does not know");
  auto element = [](Value tile) {
    return getElementTypeOrSelf(tile.getType());
  };
  if (element(tileA) != element(tileB) || !element(tileC).isF32() ||
      !isa<Float16Type, BFloat16Type, Float32Type>(element(tileA)))
    return fail(op, "is not of f16, bf16 or f32, summed in f32");
  tiles[op->getResult(0)] =
      tile::MmaOp::create(b, tileC.getType(), tileA, tileB, tileC, transposeB);
  return success();
}
