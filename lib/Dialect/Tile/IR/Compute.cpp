//===- Compute.cpp - what tile programs compute ---------------------------===//
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

/// (C1) of `tile.convert` and `tile.read`.
template <typename OpTy> static LogicalResult verifyIsSameTile(OpTy op) {
  auto source = cast<RankedTensorType>(op.getSource().getType());
  auto result = cast<RankedTensorType>(op.getResult().getType());
  if (source.getShape() == result.getShape() &&
      source.getElementType() == result.getElementType())
    return success();
  return op.emitOpError() << "expects a result of the shape and element type "
                             "of 'source', got "
                          << source << " and " << result;
}

LogicalResult ReadOp::verify() {
  // (C1)
  if (failed(verifyIsSameTile(*this)))
    return failure();
  // (C2)
  Attribute from = cast<RankedTensorType>(getSource().getType()).getEncoding();
  Attribute to = cast<RankedTensorType>(getResult().getType()).getEncoding();
  if (from && !isa<SharedLayoutAttr>(from))
    return emitOpError() << "expects 'source' in #tile.shared, got "
                         << getSource().getType();
  if (to && !isa<MmaLayoutAttr>(to))
    return emitOpError() << "expects a result in #tile.mma, got "
                         << getResult().getType();
  return success();
}

LogicalResult ConvertOp::verify() {
  auto source = cast<RankedTensorType>(getSource().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  // (C1)
  if (failed(verifyIsSameTile(*this)))
    return failure();
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

/// (C4): of what one thread or the lanes of a warp have, or of parts that warps
/// have.
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
    bool isInWarp = op.getDim() == 1 && lanes <= 32 && !op.getInit();
    if (sharing != 1 && !isInWarp)
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

//===----------------------------------------------------------------------===//
// tile.rotate
//===----------------------------------------------------------------------===//

LogicalResult RotateOp::verify() {
  auto tile = cast<RankedTensorType>(getSource().getType());
  // (C1)
  if (tile.getRank() != 2 || !tile.getElementType().isF32())
    return emitOpError() << "expects a tile of f32 of rank 2, got " << tile;
  // (C2)
  auto table = cast<MemRefType>(getTable().getType());
  if (table.getRank() != 2 || !table.getElementType().isF32() ||
      table.isDynamicDim(1) || table.getDimSize(1) % 2 != 0)
    return emitOpError()
           << "expects a table of f32 of rank 2 with a known even "
              "number of columns, got "
           << table;
  // (C3)
  if (getFirst() % 2 != 0 ||
      static_cast<int64_t>(getFirst()) + table.getDimSize(1) >
          tile.getDimSize(1))
    return emitOpError()
           << "expects to rotate columns of the tile from an even "
              "one on, got "
           << table.getDimSize(1) << " from " << getFirst() << " on of "
           << tile;
  return success();
}

#define GET_OP_CLASSES
#include "peermla/Dialect/Tile/IR/TileOps.cpp.inc"
