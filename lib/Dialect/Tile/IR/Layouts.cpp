//===- Layouts.cpp - where the elements of a tile live --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The formulae of TileLayouts.td in its symbols, and what tiles must be like
// to have such a layout.
//
//===----------------------------------------------------------------------===//

#include "peermla/Dialect/Tile/IR/Tile.h"

using namespace mlir;
using namespace peermla::tile;

#include "peermla/Dialect/Tile/IR/TileInterfaces.cpp.inc"

using EmitError = llvm::function_ref<InFlightDiagnostic()>;

/// Emits an error unless the extent is a static multiple of `divisor`.
static LogicalResult verifyMultiple(EmitError emitError, Attribute layout,
                                    StringRef what, int64_t extent,
                                    int64_t divisor) {
  if (!ShapedType::isDynamic(extent) && extent % divisor == 0)
    return success();
  return emitError() << "expects " << what << " of a tile in " << layout
                     << " to be a multiple of " << divisor << ", got "
                     << extent;
}

static LogicalResult verifyRank(EmitError emitError, Attribute layout,
                                size_t rank, size_t expected) {
  if (rank == expected)
    return success();
  return emitError() << "expects a tile in " << layout << " to have rank "
                     << expected << ", got " << rank;
}

//===----------------------------------------------------------------------===//
// #tile.mma
//===----------------------------------------------------------------------===//

LogicalResult MmaLayoutAttr::verify(EmitError emitError,
                                    ArrayRef<int64_t> warps) {
  // (C1)
  if (warps.size() != 2)
    return emitError() << "expects 'warps' to have 2 extents, got "
                       << warps.size();
  for (int64_t extent : warps)
    if (extent < 1)
      return emitError() << "expects extents of 'warps' to be at least 1, got "
                         << extent;
  return success();
}

LogicalResult MmaLayoutAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                            EmitError emitError) const {
  // (C2)
  if (failed(verifyRank(emitError, *this, shape.size(), 2)) ||
      failed(
          verifyMultiple(emitError, *this, "M", shape[0], 16 * getWarps()[0])))
    return failure();
  return verifyMultiple(emitError, *this, "N", shape[1], 8 * getWarps()[1]);
}

int64_t MmaLayoutAttr::getFragmentSize(ArrayRef<int64_t> shape) const {
  return shape[0] * shape[1] / (32 * getWarps()[0] * getWarps()[1]);
}

/// The row of element (b, h), and the column of element (g, p), of a thread.
static int64_t getRow(MmaLayoutAttr layout, int64_t thread, int64_t b,
                      int64_t h) {
  int64_t warpsM = layout.getWarps()[0];
  return 16 * warpsM * b + 16 * (thread / 32 % warpsM) + thread % 32 / 4 +
         8 * h;
}

static int64_t getColumn(MmaLayoutAttr layout, int64_t columns, int64_t thread,
                         int64_t g, int64_t p) {
  int64_t warpsM = layout.getWarps()[0], warpsN = layout.getWarps()[1];
  return columns / warpsN * (thread / 32 / warpsM % warpsN) + 8 * g +
         2 * (thread % 4) + p;
}

SmallVector<int64_t> MmaLayoutAttr::getCoordinates(ArrayRef<int64_t> shape,
                                                   int64_t thread,
                                                   int64_t element) const {
  int64_t groups = shape[1] / (8 * getWarps()[1]);
  int64_t p = element % 2, h = element / 2 % 2;
  int64_t g = element / 4 % groups, b = element / 4 / groups;
  return {getRow(*this, thread, b, h),
          getColumn(*this, shape[1], thread, g, p)};
}

//===----------------------------------------------------------------------===//
// #tile.rows and #tile.parts
//===----------------------------------------------------------------------===//

LogicalResult RowsLayoutAttr::verify(EmitError emitError, int64_t threads,
                                     int64_t lanes, int64_t vector) {
  // (C1)
  for (auto [name, value] :
       {std::pair("threads", threads), std::pair("lanes", lanes),
        std::pair("vector", vector)})
    if (value < 1)
      return emitError() << "expects '" << name << "' to be at least 1, got "
                         << value;
  if ((32 % lanes != 0 && lanes % 32 != 0) || threads % lanes != 0)
    return emitError() << "expects 'lanes' to divide 32 or be a multiple of "
                          "it, and to divide 'threads', got "
                       << lanes << " of " << threads;
  return success();
}

LogicalResult RowsLayoutAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                             EmitError emitError) const {
  // (C2)
  if (failed(verifyRank(emitError, *this, shape.size(), 2)) ||
      failed(verifyMultiple(emitError, *this, "R", shape[0],
                            getThreads() / getLanes())))
    return failure();
  return verifyMultiple(emitError, *this, "C", shape[1],
                        getLanes() * getVector());
}

int64_t RowsLayoutAttr::getFragmentSize(ArrayRef<int64_t> shape) const {
  return shape[0] * shape[1] / getThreads();
}

/// The row of element i, and the column of element j, of a thread.
static int64_t getRow(RowsLayoutAttr layout, int64_t thread, int64_t i) {
  int64_t lanes = layout.getLanes();
  return thread / lanes + layout.getThreads() / lanes * i;
}

static int64_t getColumn(RowsLayoutAttr layout, int64_t columns, int64_t thread,
                         int64_t j) {
  int64_t lanes = layout.getLanes(), vector = layout.getVector();
  int64_t K = std::min<int64_t>(lanes, 32), P = columns * K / lanes;
  return P * (thread % lanes / K) + vector * (thread % K) +
         vector * K * (j / vector) + j % vector;
}

SmallVector<int64_t> RowsLayoutAttr::getCoordinates(ArrayRef<int64_t> shape,
                                                    int64_t thread,
                                                    int64_t element) const {
  int64_t perRow = shape[1] / getLanes();
  return {getRow(*this, thread, element / perRow),
          getColumn(*this, shape[1], thread, element % perRow)};
}

LogicalResult PartsLayoutAttr::verify(EmitError emitError, int64_t warps) {
  // (C1)
  if (warps < 1)
    return emitError() << "expects 'warps' to be at least 1, got " << warps;
  return success();
}

LogicalResult PartsLayoutAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                              EmitError emitError) const {
  // (C2)
  if (failed(verifyRank(emitError, *this, shape.size(), 2)))
    return failure();
  if (shape[0] < 1 || 32 % shape[0] != 0 || shape[1] != getWarps())
    return emitError() << "expects a tile in " << *this
                       << " to have a divisor of 32 of rows and one column "
                          "per warp, got "
                       << shape[0] << " x " << shape[1];
  return success();
}

int64_t PartsLayoutAttr::getFragmentSize(ArrayRef<int64_t>) const { return 1; }

SmallVector<int64_t> PartsLayoutAttr::getCoordinates(ArrayRef<int64_t> shape,
                                                     int64_t thread,
                                                     int64_t) const {
  return {thread % 32 / (32 / shape[0]), thread / 32};
}

//===----------------------------------------------------------------------===//
// #tile.slice
//===----------------------------------------------------------------------===//

LogicalResult SliceLayoutAttr::verify(EmitError emitError, int64_t dim,
                                      Attribute parent) {
  // (C1)
  if (dim != 0 && dim != 1)
    return emitError() << "expects 'dim' to be 0 or 1, got " << dim;
  if (!isa<MmaLayoutAttr, RowsLayoutAttr>(parent))
    return emitError() << "expects 'parent' to be #tile.mma or #tile.rows, got "
                       << parent;
  return success();
}

/// What an extent of a slice is a multiple of.
static int64_t getDivisor(SliceLayoutAttr slice) {
  bool isRows = slice.getDim() == 1;
  if (auto rows = slice.getRowsParent())
    return isRows ? rows.getThreads() / rows.getLanes()
                  : rows.getLanes() * rows.getVector();
  ArrayRef<int64_t> warps = slice.getMmaParent().getWarps();
  return isRows ? 16 * warps[0] : 8 * warps[1];
}

LogicalResult SliceLayoutAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                              EmitError emitError) const {
  // (C2)
  if (failed(verifyRank(emitError, *this, shape.size(), 1)))
    return failure();
  return verifyMultiple(emitError, *this, "the extent", shape[0],
                        getDivisor(*this));
}

int64_t SliceLayoutAttr::getFragmentSize(ArrayRef<int64_t> shape) const {
  if (auto rows = getRowsParent())
    return getDim() == 1 ? shape[0] / (rows.getThreads() / rows.getLanes())
                         : shape[0] / rows.getLanes();
  // Eight lanes have a row each, four a pair of columns each.
  return 2 * shape[0] / getDivisor(*this);
}

SmallVector<int64_t> SliceLayoutAttr::getCoordinates(ArrayRef<int64_t> shape,
                                                     int64_t thread,
                                                     int64_t element) const {
  if (auto rows = getRowsParent())
    return {getDim() == 1 ? getRow(rows, thread, element)
                          : getColumn(rows, shape[0], thread, element)};
  if (getDim() == 1)
    return {getRow(getMmaParent(), thread, element / 2, element % 2)};
  return {
      getColumn(getMmaParent(), shape[0], thread, element / 2, element % 2)};
}

//===----------------------------------------------------------------------===//
// #tile.shared and !tile.ring
//===----------------------------------------------------------------------===//

LogicalResult SharedLayoutAttr::verifyEncoding(ArrayRef<int64_t> shape,
                                               Type elementType,
                                               EmitError emitError) const {
  // (C1)
  if (failed(verifyRank(emitError, *this, shape.size(), 2)) ||
      failed(verifyMultiple(emitError, *this, "rows", shape[0], 8)))
    return failure();
  if (!elementType.isIntOrFloat() ||
      elementType.getIntOrFloatBitWidth() % 8 != 0)
    return emitError() << "expects elements of whole bytes in " << *this
                       << ", got " << elementType;
  return verifyMultiple(emitError, *this, "columns", shape[1],
                        8 * pieceBytes / elementType.getIntOrFloatBitWidth());
}

int64_t SharedLayoutAttr::getSlotBytes(RankedTensorType tile) {
  int64_t rowBytes = tile.getDimSize(1) * tile.getElementTypeBitWidth() / 8;
  return llvm::alignTo(rowBytes, panelBytes) * tile.getDimSize(0);
}

int64_t SharedLayoutAttr::getByteOffset(RankedTensorType tile, int64_t row,
                                        int64_t column) {
  int64_t byte = column * tile.getElementTypeBitWidth() / 8;
  return byte / panelBytes * panelBytes * tile.getDimSize(0) +
         panelBytes * row + ((byte % panelBytes) ^ (pieceBytes * (row % 8)));
}

LogicalResult RingType::verify(EmitError emitError, int64_t slots,
                               RankedTensorType tile) {
  // (C1)
  if (slots < 1)
    return emitError() << "expects at least 1 slot, got " << slots;
  // (C2)
  if (!isa_and_nonnull<SharedLayoutAttr>(tile.getEncoding()))
    return emitError() << "expects tiles in #tile.shared, got " << tile;
  return success();
}
