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
  if (failed(verifyPages(*this, getTable(), getDims(), getGroup().has_value())))
    return failure();
  // (C6)
  auto ring = getRing().getDefiningOp<RingOp>();
  if (ring && ring.getBarriers() && !ring.getProducers())
    return emitOpError("expects 'ring' to have 'producers' beside 'barriers'");
  return success();
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
  // (C3)
  if (getProducers() && static_cast<int64_t>(*getProducers()) < 1)
    return emitOpError() << "expects 'producers' to be at least 1, got "
                         << static_cast<int64_t>(*getProducers());
  if (getProducers() && !getConsumers())
    return emitOpError("expects 'consumers' where there are 'producers'");
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
