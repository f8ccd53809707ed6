//===- ProgramBuilder.cpp - places, scalars and control -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;

Type peermla::getArgumentType(Type type) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return tensor.getEncoding() || !tensor.getElementType().isIntOrFloat()
               ? Type()
               : MemRefType::get(tensor.getShape(), tensor.getElementType());
  return type.isIntOrIndexOrFloat() ? type : Type();
}

bool peermla::isSingle(OpFoldResult lower, OpFoldResult upper,
                       OpFoldResult step) {
  std::optional<int64_t> begin = getConstantIntValue(lower),
                         end = getConstantIntValue(upper),
                         width = getConstantIntValue(step);
  return begin && end && width && *end > *begin && *end - *begin <= *width;
}

ProgramBuilder::ProgramBuilder(scf::ForallOp loop, func::FuncOp kernel,
                               ArrayRef<Value> captures)
    : loop(loop), kernel(kernel),
      b(loop.getLoc(),
        OpBuilder::atBlockBegin(&kernel.getFunctionBody().front())) {
  auto place = [&](Value tensor, Value memory) {
    View view{memory, {}, {}, {}};
    for (int64_t dim = 0, rank = cast<MemRefType>(memory.getType()).getRank();
         dim < rank; ++dim) {
      view.offsets.push_back(arith::ConstantIndexOp::create(b, 0));
      view.sizes.push_back(b.createOrFold<memref::DimOp>(memory, dim));
      view.dims.push_back(dim);
    }
    views[tensor] = view;
  };
  unsigned next = 0;
  for (Value value : captures) {
    Value argument = kernel.getArgument(next++);
    if (isa<MemRefType>(argument.getType()))
      place(value, argument);
    else
      scalars.map(value, argument);
  }
  for (Value destination : loop.getRegionIterArgs())
    place(destination, kernel.getArgument(next++));
}

LogicalResult ProgramBuilder::fail(Operation *op, const Twine &why) {
  if (reason.empty())
    reason = (op->getName().getStringRef() + " " + why).str();
  return failure();
}

LogicalResult ProgramBuilder::build() {
  unsigned number = 0;
  for (auto [iv, lower, upper, step] :
       llvm::zip(loop.getInductionVars(), loop.getMixedLowerBound(),
                 loop.getMixedUpperBound(), loop.getMixedStep())) {
    if (isSingle(lower, upper, step)) {
      scalars.map(iv, getIndex(lower));
      continue;
    }
    Value id = gpu::BlockIdOp::create(b, static_cast<gpu::Dimension>(number++));
    Value scaled = b.createOrFold<arith::MulIOp>(id, getIndex(step));
    scalars.map(iv, b.createOrFold<arith::AddIOp>(scaled, getIndex(lower)));
  }
  for (auto select : loop.getBody()->getOps<peer::SelectOp>())
    if (auto bounds = getBounds(select.getGatesInit()); succeeded(bounds))
      selectedTokens = bounds->front();
  if (failed(write(*loop.getBody())) || failed(writeStores()))
    return failure();
  func::ReturnOp::create(b);
  return success();
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<int64_t>> ProgramBuilder::getBounds(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type)
    return failure();
  auto promised = promisedBounds.find(tensor);
  if (promised != promisedBounds.end())
    return promised->second;
  SmallVector<int64_t> bounds(type.getShape());
  for (auto [dim, bound] : llvm::enumerate(bounds)) {
    if (!ShapedType::isDynamic(bound))
      continue;
    FailureOr<int64_t> found = ValueBoundsConstraintSet::computeConstantBound(
        presburger::BoundType::UB, {tensor, static_cast<int64_t>(dim)},
        /*stopCondition=*/nullptr, /*closedUB=*/true);
    if (failed(found))
      return failure();
    bound = *found;
  }
  return bounds;
}

SmallVector<int64_t> ProgramBuilder::getTileDims(ArrayRef<int64_t> bounds) {
  SmallVector<int64_t> dims;
  for (auto [dim, bound] : llvm::enumerate(bounds))
    if (bound != 1)
      dims.push_back(dim);
  return dims;
}

SmallVector<int64_t> ProgramBuilder::getTileShape(ArrayRef<int64_t> bounds) {
  SmallVector<int64_t> shape;
  for (int64_t bound : bounds)
    if (bound != 1)
      shape.push_back(bound == selectedTokens && shape.empty()
                          ? bound
                          : llvm::alignTo(bound, tileUnit));
  return shape;
}

Value ProgramBuilder::getScalar(Value value) {
  if (Value known = scalars.lookupOrNull(value))
    return known;
  Operation *constant = value.getDefiningOp();
  if (!constant || !constant->hasTrait<OpTrait::ConstantLike>() ||
      isa<ShapedType>(value.getType()))
    return nullptr;
  // Where it is known to all that follows.
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&kernel.getFunctionBody().front());
  Value copy = b.clone(*constant)->getResult(0);
  scalars.map(value, copy);
  return copy;
}

Value ProgramBuilder::getIndex(OpFoldResult value) {
  if (auto attribute = dyn_cast<Attribute>(value))
    return arith::ConstantIndexOp::create(
        b, cast<IntegerAttr>(attribute).getInt());
  return getScalar(cast<Value>(value));
}

SmallVector<Value> ProgramBuilder::getIndices(ArrayRef<OpFoldResult> values) {
  return llvm::map_to_vector(
      values, [&](OpFoldResult value) { return getIndex(value); });
}

Value ProgramBuilder::splat(Value scalar, ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, scalar.getType());
  Attribute constant;
  if (matchPattern(scalar, m_Constant(&constant)))
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, constant));
  return tensor::SplatOp::create(b, scalar, type);
}

Value ProgramBuilder::getTile(Value tensor) {
  if (Value tile = tiles.lookup(tensor))
    return tile;
  auto found = views.find(tensor);
  FailureOr<SmallVector<int64_t>> bounds = getBounds(tensor);
  if (found == views.end() || failed(bounds))
    return nullptr;
  View &view = found->second;
  SmallVector<int64_t> dims;
  SmallVector<Value> sizes;
  for (int64_t dim : getTileDims(*bounds)) {
    if (view.dims[dim] < 0)
      return nullptr;
    dims.push_back(view.dims[dim]);
    sizes.push_back(view.sizes[view.dims[dim]]);
  }
  if (dims.empty() || dims.size() > 2)
    return nullptr;
  auto type = RankedTensorType::get(getTileShape(*bounds),
                                    getElementTypeOrSelf(tensor.getType()));
  return tile::LoadOp::create(b, type, view.memory, view.offsets, sizes,
                              Value(), Value(), dims);
}

Value ProgramBuilder::getElement(Value tensor) {
  auto found = views.find(tensor);
  FailureOr<SmallVector<int64_t>> bounds = getBounds(tensor);
  if (found == views.end() || failed(bounds) || !getTileDims(*bounds).empty())
    return nullptr;
  return memref::LoadOp::create(b, found->second.memory, found->second.offsets);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult ProgramBuilder::write(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(write(&op)))
      return failure();
  return success();
}

LogicalResult ProgramBuilder::write(Operation *op) {
  return isOfSelection(op) ? success() : writeNow(op);
}

LogicalResult ProgramBuilder::writeNow(Operation *op) {
  b.setLoc(op->getLoc());
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (!linalgOp.hasPureTensorSemantics())
      return fail(op, "is not on tensors");
    if (linalg::isaContractionOpInterface(linalgOp))
      return writeProduct(linalgOp);
    return writeElementwise(linalgOp);
  }
  if (isa<mla::OnlineAttentionOp>(op))
    return writeAttention(op);
  if (isa<mla::RopeOp>(op))
    return writeRope(op);
  if (isa<peer::ExpertMlpOp>(op))
    return writeExperts(op);
  if (isa<peer::SelectOp>(op))
    return writeSelect(op);
  if (isa<tensor::EmptyOp>(op))
    return success();
  if (isa<tensor::ExtractSliceOp>(op))
    return writeSlice(op);
  if (isa<tensor::InsertSliceOp>(op))
    return writeInsert(op);
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return writeReshape(op);
  if (auto inner = dyn_cast<scf::ForOp>(op))
    return writeLoop(inner);
  return writeScalar(op);
}

/// Sizes and elements of places, and arithmetic on scalars.
LogicalResult ProgramBuilder::writeScalar(Operation *op) {
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    auto found = views.find(dim.getSource());
    std::optional<int64_t> number = dim.getConstantIndex();
    if (found == views.end() || !number)
      return fail(op, "asks for an extent of a tile");
    int64_t place = found->second.dims[*number];
    scalars.map(dim.getResult(), place < 0 ? getIndex(b.getIndexAttr(1))
                                           : found->second.sizes[place]);
    return success();
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    auto found = views.find(extract.getTensor());
    if (found == views.end())
      return fail(op, "reads an element of a tile");
    SmallVector<Value> place(found->second.offsets);
    for (auto [dim, index] :
         llvm::zip(found->second.dims, extract.getIndices())) {
      Value known = getScalar(index);
      if (!known)
        return fail(op, "has an index that the block does not know");
      if (dim >= 0)
        place[dim] = b.createOrFold<arith::AddIOp>(place[dim], known);
    }
    scalars.map(
        extract.getResult(),
        memref::LoadOp::create(b, found->second.memory, place).getResult());
    return success();
  }
  if (op->getNumRegions() != 0 || !isMemoryEffectFree(op) ||
      llvm::any_of(op->getResultTypes(), llvm::IsaPred<ShapedType>))
    return fail(op, "has no counterpart");
  for (Value operand : op->getOperands())
    if (!getScalar(operand))
      return fail(op, "reads what the block does not know");
  b.clone(*op, scalars);
  return success();
}

LogicalResult ProgramBuilder::writeSlice(Operation *op) {
  auto slice = cast<tensor::ExtractSliceOp>(op);
  if (tiles.contains(slice.getSource())) {
    FailureOr<SmallVector<int64_t>> from = getBounds(slice.getSource());
    FailureOr<SmallVector<int64_t>> to = getBounds(slice.getResult());
    bool atOrigin = llvm::all_of(slice.getMixedOffsets(), [](auto offset) {
      return isConstantIntValue(offset, 0);
    });
    if (failed(from) || failed(to) || !atOrigin ||
        getTileShape(*from) != getTileShape(*to))
      return fail(op, "takes a part of a tile");
    tiles[slice.getResult()] = tiles[slice.getSource()];
    return success();
  }
  auto found = views.find(slice.getSource());
  if (found == views.end())
    return success(); // Of a tensor.empty: a destination, read by no one.
  View view = found->second;
  for (auto [offset, size, stride, dim] :
       llvm::zip(slice.getMixedOffsets(), slice.getMixedSizes(),
                 slice.getMixedStrides(), found->second.dims)) {
    Value start = getIndex(offset), extent = getIndex(size);
    if (!start || !extent || !isConstantIntValue(stride, 1))
      return fail(op, "has a stride, or an offset the block does not know");
    if (dim < 0)
      continue;
    view.offsets[dim] = b.createOrFold<arith::AddIOp>(view.offsets[dim], start);
    view.sizes[dim] = extent;
  }
  view.dims.clear();
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  for (auto [number, dim] : llvm::enumerate(found->second.dims))
    if (!dropped[number])
      view.dims.push_back(dim);
  views[slice.getResult()] = view;
  return success();
}

/// Extents of 1 come and go; a tile does not show them.
LogicalResult ProgramBuilder::writeReshape(Operation *op) {
  Value source = op->getOperand(0), result = op->getResult(0);
  FailureOr<SmallVector<int64_t>> from = getBounds(source);
  FailureOr<SmallVector<int64_t>> to = getBounds(result);
  auto extents = [](ArrayRef<int64_t> bounds) {
    return llvm::to_vector(
        llvm::make_filter_range(bounds, [](int64_t b) { return b != 1; }));
  };
  if (failed(from) || failed(to) || extents(*from) != extents(*to))
    return fail(op, "changes more than extents of 1");
  if (Value tile = tiles.lookup(source)) {
    tiles[result] = tile;
    return success();
  }
  auto found = views.find(source);
  if (found == views.end())
    return success();
  View view = found->second;
  SmallVector<int64_t> kept;
  for (int64_t dim : getTileDims(*from))
    kept.push_back(view.dims[dim]);
  view.dims.clear();
  for (int64_t bound : *to)
    if (bound == 1)
      view.dims.push_back(-1);
    else {
      view.dims.push_back(kept.front());
      kept.erase(kept.begin());
    }
  views[result] = view;
  return success();
}

/// All of a tile that a loop carries.
LogicalResult ProgramBuilder::writeInsert(Operation *op) {
  auto insert = cast<tensor::InsertSliceOp>(op);
  FailureOr<SmallVector<int64_t>> from = getBounds(insert.getSource());
  FailureOr<SmallVector<int64_t>> to = getBounds(insert.getDest());
  bool atOrigin = llvm::all_of(insert.getMixedOffsets(), [](auto offset) {
    return isConstantIntValue(offset, 0);
  });
  Value tile = getTile(insert.getSource());
  if (failed(from) || failed(to) || !atOrigin || !tile ||
      getTileShape(*from) != getTileShape(*to))
    return fail(op, "replaces a part of a tile");
  tiles[insert.getResult()] = tile;
  return success();
}

LogicalResult ProgramBuilder::writeLoop(scf::ForOp op) {
  SmallVector<Value> inits;
  for (Value init : op.getInitArgs()) {
    Value known =
        isa<RankedTensorType>(init.getType()) ? getTile(init) : getScalar(init);
    if (!known)
      return fail(op, "carries what the block does not know");
    inits.push_back(known);
  }
  SmallVector<Value> bounds;
  for (Value bound : {op.getLowerBound(), op.getUpperBound(), op.getStep()}) {
    Value known = getScalar(bound);
    if (!known || !known.getType().isIndex())
      return fail(op, "has a bound that the block does not know");
    bounds.push_back(known);
  }
  auto copy = scf::ForOp::create(b, bounds[0], bounds[1], bounds[2], inits);
  scalars.map(op.getInductionVar(), copy.getInductionVar());
  auto map = [&](Value from, Value to) {
    if (isa<RankedTensorType>(from.getType()))
      tiles[from] = to;
    else
      scalars.map(from, to);
  };
  for (auto [from, to] :
       llvm::zip(op.getRegionIterArgs(), copy.getRegionIterArgs()))
    map(from, to);
  OpBuilder::InsertionGuard guard(b);
  if (copy.getBody()->mightHaveTerminator())
    copy.getBody()->getTerminator()->erase();
  b.setInsertionPointToEnd(copy.getBody());
  if (failed(write(*op.getBody())))
    return failure();
  SmallVector<Value> yielded;
  for (auto [value, init] : llvm::zip(op.getYieldedValues(), inits)) {
    Value known = isa<RankedTensorType>(value.getType()) ? getTile(value)
                                                         : getScalar(value);
    if (!known || known.getType() != init.getType())
      return fail(op, "carries tiles that change their extents");
    yielded.push_back(known);
  }
  scf::YieldOp::create(b, yielded);
  for (auto [from, to] : llvm::zip(op.getResults(), copy.getResults()))
    map(from, to);
  return success();
}

LogicalResult ProgramBuilder::writeStores() {
  for (Operation &op : loop.getTerminator().getYieldingOps()) {
    auto insert = dyn_cast<tensor::ParallelInsertSliceOp>(&op);
    if (!insert)
      return fail(&op, "has no counterpart");
    Value tile = getTile(insert.getSource());
    FailureOr<SmallVector<int64_t>> bounds = getBounds(insert.getSource());
    auto found = views.find(insert.getDest());
    if (!tile || failed(bounds) || found == views.end())
      return fail(&op, "stores what is no tile");
    View &view = found->second;
    SmallVector<Value> offsets = getIndices(insert.getMixedOffsets());
    SmallVector<Value> sizes = getIndices(insert.getMixedSizes());
    if (llvm::is_contained(offsets, Value()) ||
        llvm::is_contained(sizes, Value()) ||
        !llvm::all_of(insert.getMixedStrides(), [](auto stride) {
          return isConstantIntValue(stride, 1);
        }))
      return fail(&op, "has a stride, or an offset the block does not know");
    SmallVector<Value> place(view.offsets), extents;
    for (auto [dim, offset] : llvm::zip(view.dims, offsets))
      place[dim] = b.createOrFold<arith::AddIOp>(place[dim], offset);
    SmallVector<int64_t> kept, dims;
    llvm::SmallBitVector dropped = insert.getDroppedDims();
    for (auto [number, dim] : llvm::enumerate(view.dims))
      if (!dropped[number])
        kept.push_back(number);
    // A dimension of at most 1 may have extent 0. A tile may have the first two
    // dimensions in one. What promises its bounds has the last one as columns,
    // even of a single one.
    size_t rank = cast<RankedTensorType>(tile.getType()).getRank();
    bool hasColumns = rank == 2 && promisedBounds.contains(insert.getSource());
    SmallVector<int64_t> tileDims;
    for (auto [dim, bound] : llvm::enumerate(*bounds))
      if (bound != 1 || !isConstantIntValue(sizes[kept[dim]], 1) ||
          (hasColumns && dim + 1 == bounds->size()))
        tileDims.push_back(dim);
    if (tileDims.size() != rank && tileDims.size() != rank + 1)
      return fail(&op, "stores what is no tile");
    IntegerAttr group;
    if (tileDims.size() == rank + 1)
      group = b.getI64IntegerAttr((*bounds)[tileDims[1]]);
    for (int64_t dim : tileDims) {
      dims.push_back(view.dims[kept[dim]]);
      extents.push_back(sizes[kept[dim]]);
    }
    if (dims.empty() || dims.size() > 2 + (group ? 1 : 0))
      return fail(&op, "stores what is no row or matrix");
    if (Value condition = storeConditions.lookup(insert.getSource()))
      extents.front() = arith::SelectOp::create(
          b, condition, extents.front(),
          arith::ConstantIndexOp::create(b, 0).getResult());
    tile::StoreOp::create(b, tile, view.memory, place, extents, dims, group);
  }
  return success();
}
