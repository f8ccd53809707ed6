//===- Program.cpp - verifiers of the ops of tile programs ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/Diagnostics.h"
#include "peermla/Support/StructuredOps.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tile;

//===----------------------------------------------------------------------===//
// Boxes of global memory
//===----------------------------------------------------------------------===//

/// Rows of a box of a tensor copy, at most.
static constexpr int64_t maxBoxRows = 256;

/// What loads, stores and fills have in common: (C1), (C2), (C3).
static LogicalResult verifyBox(Operation *op, StringRef memoryName,
                               MemRefType memory, OperandRange offsets,
                               OperandRange sizes, ArrayRef<int64_t> dims,
                               std::optional<int64_t> group,
                               RankedTensorType tile) {
  if (offsets.size() != static_cast<size_t>(memory.getRank()))
    return op->emitOpError()
           << "expects one offset per dimension of '" << memoryName << "', got "
           << offsets.size() << " for " << memory;
  if (group && *group < 1)
    return op->emitOpError()
           << "expects 'group' to be at least 1, got " << *group;
  if (sizes.size() != dims.size() ||
      dims.size() != static_cast<size_t>(tile.getRank()) + (group ? 1 : 0))
    return op->emitOpError()
           << "expects a size and an entry of 'dims' per dimension of the "
              "tile"
           << (group ? " and one more" : "") << ", got " << sizes.size()
           << " sizes and " << dims.size() << " entries for " << tile;
  int64_t last = -1;
  for (int64_t dim : dims) {
    if (dim <= last || dim >= memory.getRank())
      return op->emitOpError()
             << "expects 'dims' to be increasing dimensions of '" << memoryName
             << "', got [" << dims << "] for " << memory;
    last = dim;
  }
  if (memory.getElementType() != tile.getElementType() ||
      !tile.hasStaticShape())
    return op->emitOpError()
           << "expects a static tile of elements of '" << memoryName
           << "', got " << tile << " for " << memory;
  return success();
}

/// What loads and fills through a table of blocks have in common.
static LogicalResult verifyPages(Operation *op, Value table,
                                 ArrayRef<int64_t> dims, bool hasGroup) {
  if (!table)
    return success();
  auto type = cast<MemRefType>(table.getType());
  if (type.getRank() != 2 || !type.getElementType().isInteger(32))
    return op->emitOpError()
           << "expects 'table' to be a memref of i32 of rank 2, got " << type;
  if (hasGroup || dims.size() != 2 || dims[0] < 1)
    return op->emitOpError()
           << "expects rows with a dimension of blocks before "
              "theirs and no 'group' with a table, got ["
           << dims << "]";
  return success();
}

LogicalResult LoadOp::verify() {
  if (failed(verifyBox(*this, "source", cast<MemRefType>(getSource().getType()),
                       getOffsets(), getSizes(), getDims(), getGroup(),
                       cast<RankedTensorType>(getResult().getType()))) ||
      failed(verifyPages(*this, getTable(), getDims(), getGroup().has_value())))
    return failure();
  // (C4)
  if (!getRing())
    return success();
  if (getRing().getType().getTile() != getResult().getType())
    return emitOpError() << "expects 'ring' to have tiles of the result's type "
                         << getResult().getType() << ", got "
                         << getRing().getType();
  return success();
}

LogicalResult StoreOp::verify() {
  return verifyBox(*this, "target", cast<MemRefType>(getTarget().getType()),
                   getOffsets(), getSizes(), getDims(), getGroup(),
                   cast<RankedTensorType>(getValue().getType()));
}

LogicalResult FillOp::verify() {
  if (failed(verifyBox(*this, "source", cast<MemRefType>(getSource().getType()),
                       getOffsets(), getSizes(), getDims(), getGroup(),
                       getRing().getType().getTile())))
    return failure();
  return verifyPages(*this, getTable(), getDims(), getGroup().has_value());
}

LogicalResult RingOp::verify() {
  // (C1)
  if (getBarriers() && *getBarriers() % 8 != 0)
    return emitOpError() << "expects 'barriers' to be a multiple of 8, got "
                         << *getBarriers();
  // (C2)
  if (getConsumers() && static_cast<int64_t>(*getConsumers()) < 1)
    return emitOpError() << "expects 'consumers' to be at least 1, got "
                         << static_cast<int64_t>(*getConsumers());
  if (getConsumers() && !getBarriers())
    return emitOpError("expects 'barriers' where there are 'consumers'");
  return success();
}

LogicalResult ReleaseOp::verify() {
  // (C1)
  auto ring = getRing().getDefiningOp<RingOp>();
  if (ring && !ring.getConsumers())
    return emitOpError("expects 'ring' to have 'consumers'");
  return success();
}

LogicalResult SpecializeOp::verify() {
  if (std::optional<ArrayRef<int64_t>> registers = getRegisters())
    if (registers->size() != 2)
      return emitOpError() << "expects two numbers of 'registers', got "
                           << registers->size();
  // (C1)
  WalkResult result = getProducer().walk([&](Operation *op) {
    auto isTile = [](Type type) { return isa<RankedTensorType>(type); };
    if (llvm::none_of(op->getOperandTypes(), isTile) &&
        llvm::none_of(op->getResultTypes(), isTile))
      return WalkResult::advance();
    emitOpError() << "expects 'producer' to have no tiles, got '"
                  << op->getName() << "'";
    return WalkResult::interrupt();
  });
  if (result.wasInterrupted())
    return failure();
  // (C2)
  for (Operation *other = (*this)->getNextNode(); other;
       other = other->getNextNode())
    if (isa<SpecializeOp>(other))
      return emitOpError("expects to be the only one of its program");
  return success();
}

LogicalResult FillBoxOp::verify() {
  auto memory = cast<MemRefType>(getSource().getType());
  RankedTensorType tile = getRing().getType().getTile();
  // (C1)
  if (memory.getRank() < 2 || memory.getRank() > 5)
    return emitOpError() << "expects 'source' to have rank 2 to 5, got "
                         << memory;
  if (getOffsets().size() != static_cast<size_t>(memory.getRank()))
    return emitOpError() << "expects one offset per dimension of 'source', got "
                         << getOffsets().size() << " for " << memory;
  // (C2)
  ArrayRef<int64_t> dims = getDims();
  if (dims.size() != 2 || dims[0] < 0 || dims[0] >= dims[1] ||
      dims[1] != memory.getRank() - 1)
    return emitOpError() << "expects 'dims' to be a dimension of 'source' and "
                            "its last, got ["
                         << dims << "] for " << memory;
  // (C3)
  if (memory.getElementType() != tile.getElementType())
    return emitOpError() << "expects tiles of elements of 'source', got "
                         << tile << " for " << memory;
  // (C4)
  if (tile.getDimSize(0) > maxBoxRows)
    return emitOpError() << "expects tiles of at most " << maxBoxRows
                         << " rows, got " << tile;
  // (C5)
  auto ring = getRing().getDefiningOp<RingOp>();
  if (ring && !ring.getBarriers())
    return emitOpError("expects 'ring' to have 'barriers'");
  return success();
}

SmallVector<int64_t> FillBoxOp::getBox() {
  RankedTensorType tile = getRing().getType().getTile();
  SmallVector<int64_t> box(getOffsets().size(), 1);
  box[getDims()[0]] = tile.getDimSize(0);
  box[getDims()[1]] =
      SharedLayoutAttr::panelBytes * 8 / tile.getElementTypeBitWidth();
  return box;
}

/// All rows are kept.
OpFoldResult ClearRowsOp::fold(FoldAdaptor adaptor) {
  auto type = cast<RankedTensorType>(getSource().getType());
  auto rows = dyn_cast_or_null<IntegerAttr>(adaptor.getRows());
  bool keepsAll = rows && type == getType() && !type.isDynamicDim(0) &&
                  rows.getValue().sge(type.getDimSize(0));
  return keepsAll ? getSource() : Value();
}

LogicalResult ClearRowsOp::verify() {
  // (C1)
  auto type = cast<RankedTensorType>(getSource().getType());
  if (type.getRank() != 2 ||
      (type.getEncoding() && !isa<SharedLayoutAttr>(type.getEncoding())))
    return emitOpError() << "expects 'source' to be a tile of rank 2 in "
                            "#tile.shared, got "
                         << type;
  return success();
}

LogicalResult ConsumeOp::verify() {
  // (C1)
  if (getRing().getType().getTile() != getResult().getType())
    return emitOpError() << "expects a result of the type of the ring's tiles, "
                            "got "
                         << getResult().getType() << " for "
                         << getRing().getType();
  return success();
}

/// (C1) of ops that look for numbers that are not finite.
static LogicalResult verifySlotOfFloats(Operation *op, Value source) {
  auto type = cast<RankedTensorType>(source.getType());
  if (!isa<Float16Type, BFloat16Type, Float32Type>(type.getElementType()) ||
      (type.getEncoding() && !isa<SharedLayoutAttr>(type.getEncoding())))
    return op->emitOpError()
           << "expects 'source' to be a tile of f16, bf16 or f32 "
              "in #tile.shared, got "
           << type;
  return success();
}

LogicalResult AnyNonfiniteOp::verify() {
  return verifySlotOfFloats(*this, getSource());
}

LogicalResult ClearNonfiniteOp::verify() {
  return verifySlotOfFloats(*this, getSource());
}

//===----------------------------------------------------------------------===//
// tile.mma
//===----------------------------------------------------------------------===//

/// product ::= d-type; `c`, if there is one, has the same type.
static ParseResult
parseProduct(AsmParser &parser, Type &cType,
             const std::optional<OpAsmParser::UnresolvedOperand> &c,
             Type &dType) {
  if (parser.parseType(dType))
    return failure();
  if (c)
    cType = dType;
  return success();
}

static void printProduct(AsmPrinter &printer, Operation *, Type, Value,
                         Type dType) {
  printer << dType;
}

int64_t MmaOp::getExtentOfTriangle() {
  auto type = cast<RankedTensorType>((getSum() ? getA() : getD()).getType());
  return type.getDimSize(1);
}

LogicalResult MmaOp::verify() {
  auto a = cast<RankedTensorType>(getA().getType());
  auto b = cast<RankedTensorType>(getB().getType());
  auto d = cast<RankedTensorType>(getD().getType());
  // (C1)
  for (auto [name, type] :
       {std::pair("a", a), std::pair("b", b), std::pair("d", d)})
    if (type.getRank() != 2 || !type.hasStaticShape())
      return emitOpError() << "expects '" << name
                           << "' to be a static tile of rank 2, got " << type;
  unsigned columns = getTransposeB() ? 0 : 1;
  if (failed(verifySameExtent(*this, "M", {"a", a, 0}, {"d", d, 0})) ||
      failed(verifySameExtent(*this, "N", {"b", b, columns}, {"d", d, 1})) ||
      failed(verifySameExtent(*this, "K", {"a", a, 1}, {"b", b, 1 - columns})))
    return failure();
  // (C2)
  if (failed(verifySameElementType(*this, "a", a, "b", b)))
    return failure();
  if (!isa<Float16Type, BFloat16Type, Float32Type>(a.getElementType()))
    return emitOpError() << "expects 'a' to have elements of f16, bf16 or f32, "
                            "got "
                         << a;
  // (C3)
  if (!d.getElementType().isF32())
    return emitOpError() << "expects 'd' to have elements of f32, got " << d;
  if (getC() && getC().getType() != d)
    return emitOpError() << "expects 'c' to have the type of 'd', got "
                         << getC().getType() << " and " << d;
  // (C4)
  if (b.getEncoding() && !isa<SharedLayoutAttr>(b.getEncoding()))
    return emitOpError() << "expects 'b' in #tile.shared, got " << b;
  if (a.getEncoding() && !isa<SharedLayoutAttr, MmaLayoutAttr>(a.getEncoding()))
    return emitOpError() << "expects 'a' in #tile.shared or #tile.mma, got "
                         << a;
  if (d.getEncoding() && !isa<MmaLayoutAttr>(d.getEncoding()))
    return emitOpError() << "expects 'd' in #tile.mma, got " << d;
  // (C6)
  if (!getUntil() && (getSum() || getGroup() != 1))
    return emitOpError() << "expects 'until' beside '"
                         << (getSum() ? "sum" : "group") << "'";
  // (C5)
  if (!getFlight())
    return success();
  for (OpOperand &use : getD().getUses()) {
    auto next = dyn_cast<MmaOp>(use.getOwner());
    bool isSum = next && next.getFlight() && use.get() == next.getC();
    if (!isSum && !isa<MmaWaitOp>(use.getOwner()) &&
        !use.getOwner()->hasTrait<OpTrait::IsTerminator>())
      return emitOpError() << "expects a product in flight to be waited for, "
                              "but it goes to '"
                           << use.getOwner()->getName() << "'";
  }
  return success();
}

LogicalResult MmaWaitOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location>,
                                          ValueRange operands, DictionaryAttr,
                                          OpaqueProperties, RegionRange,
                                          SmallVectorImpl<Type> &types) {
  llvm::append_range(types, operands.getTypes());
  return success();
}

//===----------------------------------------------------------------------===//
// tile.broadcast
//===----------------------------------------------------------------------===//

LogicalResult BroadcastOp::verify() {
  auto source = cast<RankedTensorType>(getSource().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  // (C1)
  SmallVector<int64_t> shape(result.getShape());
  if (static_cast<int64_t>(getDim()) >= result.getRank())
    return emitOpError() << "expects 'dim' to be a dimension of the result, "
                            "got "
                         << getDim() << " for " << result;
  shape.erase(shape.begin() + getDim());
  if (source.getShape() != ArrayRef(shape) ||
      source.getElementType() != result.getElementType())
    return emitOpError() << "expects 'source' to be the result without "
                            "dimension "
                         << getDim() << ", got " << source << " and " << result;
  // (C2)
  if (!source.getEncoding() || !result.getEncoding())
    return success();
  auto slice = dyn_cast<SliceLayoutAttr>(source.getEncoding());
  if (!slice || slice.getDim() != static_cast<int64_t>(getDim()) ||
      slice.getParent() != result.getEncoding())
    return emitOpError() << "expects the layout of 'source' to be the slice of "
                            "the result's, got "
                         << source << " and " << result;
  return success();
}

LogicalResult ConvertOp::verify() {
  auto source = cast<RankedTensorType>(getSource().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  // (C1)
  if (source.getShape() != result.getShape() ||
      source.getElementType() != result.getElementType())
    return emitOpError() << "expects a result of the shape and element type of "
                            "'source', got "
                         << source << " and " << result;
  // (C2)
  if (source.getEncoding() && !isa<MmaLayoutAttr>(source.getEncoding()))
    return emitOpError() << "expects 'source' in #tile.mma, got " << source;
  if (result.getEncoding() && !isa<SharedLayoutAttr>(result.getEncoding()))
    return emitOpError() << "expects a result in #tile.shared, got " << result;
  if (getRing() && getRing().getType().getTile() != result)
    return emitOpError() << "expects 'ring' to have tiles of the result's type "
                         << result << ", got " << getRing().getType();
  return success();
}

//===----------------------------------------------------------------------===//
// tile.reduce and tile.index
//===----------------------------------------------------------------------===//

/// (C4): sums of what one thread has, or of parts that warps have.
static LogicalResult verifyReduceOfRows(ReduceOp op, RowsLayoutAttr layout,
                                        RankedTensorType result) {
  int64_t lanes = layout.getLanes(), threads = layout.getThreads();
  Attribute expected;
  if (std::optional<int64_t> parts = op.getParts()) {
    if (lanes != threads || threads != 32 * *parts)
      return op.emitOpError() << "expects a warp for each of " << *parts
                              << " parts of a row, got " << layout;
    expected = PartsLayoutAttr::get(op.getContext(), *parts);
  } else {
    int64_t sharing = op.getDim() == 0 ? threads / lanes : lanes;
    if (sharing != 1)
      return op.emitOpError()
             << "expects elements that meet in one thread, "
                "got "
             << op.getSource().getType() << " along " << op.getDim();
    expected = SliceLayoutAttr::get(op.getContext(), op.getDim(), layout);
  }
  if (result.getEncoding() != expected)
    return op.emitOpError()
           << "expects a result in " << expected << ", got " << result;
  return success();
}

LogicalResult ReduceOp::verify() {
  auto source = cast<RankedTensorType>(getSource().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  // (C1)
  SmallVector<int64_t> shape(source.getShape());
  if (static_cast<int64_t>(getDim()) >= source.getRank())
    return emitOpError() << "expects 'dim' to be a dimension of 'source', got "
                         << getDim() << " for " << source;
  if (std::optional<int64_t> parts = getParts()) {
    if (source.getRank() != 2 || getDim() != 1 || shape[1] % *parts != 0)
      return emitOpError() << "expects 'parts' to divide the last of two "
                              "dimensions of 'source', got "
                           << *parts << " along " << getDim() << " of "
                           << source;
    shape[1] = *parts;
  } else {
    shape.erase(shape.begin() + getDim());
  }
  if (result.getShape() != ArrayRef(shape) ||
      source.getElementType() != result.getElementType())
    return emitOpError() << "expects the result to be 'source' "
                         << (getParts() ? "with parts for" : "without")
                         << " dimension " << getDim() << ", got " << result
                         << " for " << source;
  // (C2)
  if (!source.getElementType().isF32())
    return emitOpError() << "expects 'source' to have elements of f32, got "
                         << source;
  if (getInit() && getInit().getType() != result)
    return emitOpError() << "expects 'init' to have the type of the result, "
                            "got "
                         << getInit().getType() << " and " << result;
  if (!source.getEncoding() || !result.getEncoding())
    return success();
  // (C4)
  if (auto rows = dyn_cast<RowsLayoutAttr>(source.getEncoding()))
    return verifyReduceOfRows(*this, rows, result);
  // (C3)
  auto layout = dyn_cast<MmaLayoutAttr>(source.getEncoding());
  auto slice = dyn_cast<SliceLayoutAttr>(result.getEncoding());
  if (!layout || getDim() != 1 || getParts())
    return emitOpError() << "expects a reduction of rows of #tile.mma, got "
                         << source << " along " << getDim();
  if (!slice || slice.getDim() != 1 || slice.getParent() != layout)
    return emitOpError() << "expects the layout of the result to be the slice "
                            "of that of 'source', got "
                         << result << " and " << source;
  return success();
}

int64_t ReduceOp::getMeetingBytes() {
  auto source = cast<RankedTensorType>(getSource().getType());
  auto layout = dyn_cast_or_null<MmaLayoutAttr>(source.getEncoding());
  if (!layout || layout.getWarps()[1] == 1)
    return 0;
  return layout.getWarps()[1] * source.getDimSize(0) * 4;
}

LogicalResult IndexOp::verify() {
  // (C1)
  auto type = cast<RankedTensorType>(getResult().getType());
  if (static_cast<int64_t>(getDim()) >= type.getRank() ||
      !type.getElementType().isInteger(32))
    return emitOpError() << "expects a dimension of a tile of i32, got "
                         << getDim() << " for " << type;
  return success();
}

#define GET_OP_CLASSES
#include "peermla/Dialect/Tile/IR/TileOps.cpp.inc"
