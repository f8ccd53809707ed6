//===- ProgramCompute.cpp - what is computed on tiles ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parallel linalg ops become their bodies on whole tiles, with broadcasts of
// rows and columns; sums and maxima of rows `tile.reduce`, rotations
// `tile.rotate`, contractions `tile.mma`.
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "peermla/Dialect/Mla/IR/Mla.h"

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

/// Upper bounds of the extents of the loops, from those of the operands.
FailureOr<SmallVector<int64_t>>
ProgramBuilder::getLoopBounds(linalg::LinalgOp op) {
  SmallVector<int64_t> extents(op.getNumLoops(), 1);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<ShapedType>(operand.get().getType()))
      continue;
    FailureOr<SmallVector<int64_t>> loops =
        getOperandLoops(op.getMatchingIndexingMap(&operand));
    FailureOr<SmallVector<int64_t>> bounds = getBounds(operand.get());
    if (failed(loops) || failed(bounds))
      return failure();
    for (auto [loop, bound] : llvm::zip(*loops, *bounds))
      if (loop >= 0)
        extents[loop] = bound;
  }
  return extents;
}

//===----------------------------------------------------------------------===//
// Bodies of linalg ops
//===----------------------------------------------------------------------===//

/// The body of a linalg op, on tiles. What depends on rows alone, or on columns
/// alone, is computed on tiles of rank 1.
struct ProgramBuilder::Body {
  /// A scalar, or a tile along these loops.
  struct Part {
    Value value;
    SmallVector<int64_t> loops;
  };

  Body(ProgramBuilder &program, linalg::LinalgOp op)
      : program(program), b(program.b), op(op) {}

  /// Reads the operands. Fails where the block does not know one.
  LogicalResult read() {
    FailureOr<SmallVector<int64_t>> bounds = program.getLoopBounds(op);
    if (failed(bounds))
      return program.fail(op, "has operands of unknown extents");
    loops = getTileDims(*bounds);
    shape = program.getTileShape(*bounds);
    if (shape.empty() || shape.size() > 2)
      return program.fail(op, "is not along rows and columns");
    for (OpOperand &operand : op->getOpOperands()) {
      BlockArgument argument = op.getMatchingBlockArgument(&operand);
      if (argument.use_empty())
        continue;
      Part &part = parts[argument];
      if (!isa<ShapedType>(operand.get().getType())) {
        part.value = program.getScalar(operand.get());
      } else {
        FailureOr<SmallVector<int64_t>> along =
            getOperandLoops(op.getMatchingIndexingMap(&operand));
        for (int64_t loop : *along)
          if (llvm::is_contained(loops, loop))
            part.loops.push_back(loop);
        part.value = part.loops.empty() ? program.getElement(operand.get())
                                        : program.getTile(operand.get());
        if (!llvm::is_sorted(part.loops))
          return program.fail(op, "reads an operand in another order");
      }
      if (!part.value)
        return program.fail(op, "reads what the block does not know");
      if (!part.loops.empty() &&
          cast<RankedTensorType>(part.value.getType()).getShape() !=
              ArrayRef(getShape(part.loops)))
        return program.fail(op, "reads an operand of other extents");
    }
    return success();
  }

  /// Computes all of the body but its terminator and `combiner`.
  LogicalResult compute(Operation *combiner = nullptr) {
    for (Operation &nested : op->getRegion(0).front().without_terminator()) {
      if (nested.hasTrait<OpTrait::ConstantLike>() || &nested == combiner)
        continue;
      if (!OpTrait::hasElementwiseMappableTraits(&nested) ||
          nested.getNumResults() != 1)
        return program.fail(&nested, "does not compute on whole tiles");
      Part result;
      SmallVector<Part> operands;
      for (Value operand : nested.getOperands()) {
        std::optional<Part> part = lookup(operand);
        if (!part)
          return program.fail(&nested, "reads what the block does not know");
        for (int64_t loop : part->loops)
          if (!llvm::is_contained(result.loops, loop))
            result.loops.push_back(loop);
        operands.push_back(*part);
      }
      llvm::sort(result.loops);
      SmallVector<Value> values;
      for (const Part &part : operands)
        values.push_back(spread(part, result.loops));
      Type type = nested.getResult(0).getType();
      if (!result.loops.empty())
        type = RankedTensorType::get(getShape(result.loops), type);
      OperationState state(nested.getLoc(), nested.getName(), values, {type},
                           nested.getAttrs());
      state.propertiesAttr = nested.getPropertiesAsAttribute();
      result.value = b.create(state)->getResult(0);
      parts[nested.getResult(0)] = result;
    }
    return success();
  }

  /// What a value of the body is, repeated along `along`; null if it is
  /// unknown.
  Value get(Value value, ArrayRef<int64_t> along) {
    std::optional<Part> part = lookup(value);
    return part ? spread(*part, along) : Value();
  }

  SmallVector<int64_t> getShape(ArrayRef<int64_t> along) {
    SmallVector<int64_t> extents;
    for (auto [loop, extent] : llvm::zip_equal(loops, shape))
      if (llvm::is_contained(along, loop))
        extents.push_back(extent);
    return extents;
  }

  ProgramBuilder &program;
  ImplicitLocOpBuilder &b;
  linalg::LinalgOp op;
  /// The loops of more than one iteration, and the extents of a tile along
  /// them.
  SmallVector<int64_t> loops, shape;

private:
  std::optional<Part> lookup(Value value) {
    if (auto found = parts.find(value); found != parts.end())
      return found->second;
    if (Value scalar = program.getScalar(value))
      return Part{scalar, {}};
    return std::nullopt;
  }

  Value spread(const Part &part, ArrayRef<int64_t> along) {
    if (ArrayRef(part.loops) == along)
      return part.value;
    if (part.loops.empty())
      return program.splat(part.value, getShape(along));
    int64_t missing = part.loops.front() == along[0] ? 1 : 0;
    return tile::BroadcastOp::create(
        b,
        RankedTensorType::get(getShape(along),
                              getElementTypeOrSelf(part.value.getType())),
        part.value, missing);
  }

  llvm::DenseMap<Value, Part> parts;
};

LogicalResult ProgramBuilder::writeElementwise(linalg::LinalgOp op) {
  if (op.getNumParallelLoops() != op.getNumLoops())
    return writeRowSum(op);
  AffineMap identity = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!identity.isIdentity())
    return fail(op, "has a result of another order");
  Body body(*this, op);
  if (failed(body.read()) || failed(body.compute()))
    return failure();
  for (auto [result, yielded] :
       llvm::zip(op->getResults(),
                 op->getRegion(0).front().getTerminator()->getOperands())) {
    Value tile = body.get(yielded, body.loops);
    if (!tile)
      return fail(op, "yields what the block does not know");
    tiles[result] = tile;
  }
  return success();
}

/// The op of the body of a row sum or row maximum that combines what is there
/// with a new element, its operand `added`; null if there is none.
static Operation *getCombiner(linalg::LinalgOp op, tile::Combine &how,
                              Value &added) {
  Block &body = op->getRegion(0).front();
  Value sum = body.getArguments().back();
  Operation *combiner = body.getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::MaximumFOp>(combiner) ||
      !sum.hasOneUse() || *sum.getUsers().begin() != combiner ||
      !sum.getType().isF32())
    return nullptr;
  how = isa<arith::AddFOp>(combiner) ? tile::Combine::Add : tile::Combine::Max;
  added = combiner->getOperand(combiner->getOperand(0) == sum ? 1 : 0);
  return combiner;
}

LogicalResult ProgramBuilder::writeRowSum(linalg::LinalgOp op) {
  tile::Combine how;
  Value added;
  Operation *combiner =
      op->getNumResults() == 1 ? getCombiner(op, how, added) : nullptr;
  if (!combiner)
    return fail(op, "is neither a matrix product nor a sum or maximum in f32");
  Body body(*this, op);
  if (failed(body.read()))
    return failure();
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  if (body.loops.size() != 2 ||
      kinds[body.loops[0]] != utils::IteratorType::parallel ||
      kinds[body.loops[1]] != utils::IteratorType::reduction)
    return fail(op, "is not along the rows of a matrix");
  int64_t row = body.loops[0], column = body.loops[1];
  if (failed(body.compute(combiner)))
    return failure();
  Value tile = body.get(added, body.loops),
        sum = getTile(op->getOperands().back());
  Value extent = getLoopExtent(op, column);
  if (!tile || !sum || !extent)
    return fail(op, "reads what the block does not know");
  // Columns beyond the last would count.
  FloatAttr neutral =
      how == tile::Combine::Add
          ? b.getF32FloatAttr(0)
          : b.getFloatAttr(b.getF32Type(),
                           APFloat::getInf(APFloat::IEEEsingle(), true));
  tile = endColumns(tile, extent, neutral);
  Value ofTile = tile::ReduceOp::create(
      b, RankedTensorType::get(body.getShape({row}), b.getF32Type()), how, tile,
      /*dim=*/1);
  OperationState state(combiner->getLoc(), combiner->getName(), {sum, ofTile},
                       {ofTile.getType()}, combiner->getAttrs());
  state.propertiesAttr = combiner->getPropertiesAsAttribute();
  tiles[op->getResult(0)] = b.create(state)->getResult(0);
  return success();
}

/// The extent of a loop, that of the operands along it; null if no operand
/// says.
Value ProgramBuilder::getLoopExtent(linalg::LinalgOp op, int64_t loop) {
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    if (!type)
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      auto along = dyn_cast<AffineDimExpr>(expr);
      if (!along || along.getPosition() != loop)
        continue;
      if (!type.isDynamicDim(dim))
        return arith::ConstantIndexOp::create(b, type.getDimSize(dim));
      auto found = views.find(operand.get());
      if (found != views.end() && found->second.dims[dim] >= 0)
        return found->second.sizes[found->second.dims[dim]];
    }
  }
  return nullptr;
}

/// `tile` with `value` in the columns from `extent` on, if there are any.
Value ProgramBuilder::endColumns(Value tile, Value extent, TypedAttr value) {
  auto type = cast<RankedTensorType>(tile.getType());
  if (isConstantIntValue(extent, type.getShape().back()))
    return tile;
  ArrayRef<int64_t> shape = type.getShape();
  Value column = tile::IndexOp::create(
      b, RankedTensorType::get(shape, b.getI32Type()), shape.size() - 1);
  Value end = splat(
      arith::IndexCastOp::create(b, b.getI32Type(), extent).getResult(), shape);
  Value inside =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, column, end);
  Value outside =
      arith::ConstantOp::create(b, DenseElementsAttr::get(type, value));
  return arith::SelectOp::create(b, inside, tile, outside);
}

LogicalResult ProgramBuilder::writeRope(Operation *op) {
  auto rope = cast<mla::RopeOp>(op);
  FailureOr<SmallVector<int64_t>> bounds = getBounds(rope.getX());
  Value tile = getTile(rope.getX());
  auto table = views.find(rope.getTable());
  if (failed(bounds) || !tile || table == views.end())
    return fail(op, "reads what the block does not know");
  SmallVector<int64_t> dims = getTileDims(*bounds);
  int64_t columns = bounds->back();
  if (dims != SmallVector<int64_t>{0, int64_t(bounds->size()) - 1})
    return fail(op, "is not along the rows of a matrix");
  const View &view = table->second;
  auto memory = cast<MemRefType>(view.memory.getType());
  if (memory.getRank() != 2 || memory.isDynamicDim(1) ||
      !isConstantIntValue(view.offsets[1], 0) ||
      !isConstantIntValue(view.sizes[1], memory.getDimSize(1)))
    return fail(op, "has a table of which it reads a part");
  int64_t first = columns - memory.getDimSize(1);
  if (first % 2 != 0)
    return fail(op, "rotates from an odd column on");
  auto type = cast<RankedTensorType>(tile.getType());
  Type wide = type.clone(b.getF32Type());
  if (type != wide)
    tile = arith::ExtFOp::create(b, wide, tile);
  tile = tile::RotateOp::create(b, tile, view.memory, view.offsets[0],
                                view.sizes[0], first);
  if (type != wide)
    tile = arith::TruncFOp::create(b, type, tile);
  tiles[op->getResult(0)] = tile;
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

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
  FailureOr<SmallVector<int64_t>> bounds = getLoopBounds(op);
  if (failed(bounds))
    return fail(op, "has operands of unknown extents");
  ArrayRef<int64_t> extents = *bounds;
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
  // What is computed of no column may be no number.
  if (tileA && !views.contains(op->getOperand(a)))
    if (Value extent = getLoopExtent(op, k[0]))
      tileA = endColumns(tileA, extent,
                         cast<TypedAttr>(b.getZeroAttr(
                             getElementTypeOrSelf(tileA.getType()))));
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
