//===- Rows.cpp - verifiers of gathers and of memory between threads ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "peermla/Dialect/Tile/IR/Tile.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tile;

/// (C4) and (C5) of tile.gather for one tile of coordinates.
static LogicalResult verifyCoordinates(GatherOp op, RankedTensorType result,
                                       Type type) {
  auto coordinates = cast<RankedTensorType>(type);
  if (coordinates.getRank() != 1 ||
      !coordinates.getElementType().isInteger(32) ||
      coordinates.getDimSize(0) != result.getDimSize(0))
    return op.emitOpError() << "expects one i32 per row of the result in each "
                               "tile of coordinates, got "
                            << coordinates << " for " << result;
  Attribute layout = result.getEncoding();
  if (!layout || !coordinates.getEncoding())
    return success();
  if (result.getRank() == 2) {
    auto slice = dyn_cast<SliceLayoutAttr>(coordinates.getEncoding());
    if (!isa<RowsLayoutAttr>(layout) || !slice || slice.getDim() != 1 ||
        slice.getParent() != layout)
      return op.emitOpError() << "expects rows in #tile.rows and coordinates "
                                 "in their slice, got "
                              << result << " and " << coordinates;
  } else if (coordinates.getEncoding() != layout) {
    return op.emitOpError()
           << "expects coordinates in the layout of the result, got "
           << coordinates << " and " << result;
  }
  return success();
}

LogicalResult GatherOp::verify() {
  auto memory = cast<MemRefType>(getSource().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  // (C1)
  if (getOffsets().size() != static_cast<size_t>(memory.getRank()))
    return emitOpError() << "expects one offset per dimension of 'source', got "
                         << getOffsets().size() << " for " << memory;
  // (C3)
  if (!result.hasStaticShape() || result.getRank() < 1 ||
      result.getRank() > 2 ||
      result.getElementType() != memory.getElementType())
    return emitOpError() << "expects a static tile of rank 1 or 2 of elements "
                            "of 'source', got "
                         << result << " for " << memory;
  // (C2)
  size_t numDims = getCoordinates().size() + result.getRank() - 1;
  if (getDims().size() != numDims || getSizes().size() != numDims)
    return emitOpError()
           << "expects an entry of 'dims' and a size per tile of coordinates "
              "and for columns, got "
           << getDims().size() << " entries and " << getSizes().size()
           << " sizes instead of " << numDims;
  llvm::SmallBitVector seen(memory.getRank());
  for (int64_t dim : getDims()) {
    if (dim < 0 || dim >= memory.getRank() || seen.test(dim))
      return emitOpError() << "expects 'dims' to be different dimensions of "
                              "'source', got ["
                           << getDims() << "] for " << memory;
    seen.set(dim);
  }
  // (C4)
  if (getCoordinates().empty())
    return emitOpError("expects at least one tile of coordinates");
  for (Type type : getCoordinates().getTypes())
    if (failed(verifyCoordinates(*this, result, type)))
      return failure();
  return success();
}

LogicalResult ScratchOp::verify() {
  // (C1)
  auto memory = cast<MemRefType>(getResult().getType());
  auto space = dyn_cast_or_null<gpu::AddressSpaceAttr>(memory.getMemorySpace());
  if (!memory.hasStaticShape() || !memory.getLayout().isIdentity() || !space ||
      space.getValue() != gpu::AddressSpace::Workgroup)
    return emitOpError() << "expects static, contiguous memory in "
                            "#gpu.address_space<workgroup>, got "
                         << memory;
  return success();
}
