//===- Selection.cpp - verifiers of ops that select columns ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Dialect/Tile/IR/Tile.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tile;

/// (C3) of topk: sorted rows lie in their lanes one part after the other.
static LogicalResult verifyRowsOfLanes(Operation *op, RankedTensorType keys,
                                       RankedTensorType best) {
  if (!keys.getEncoding() || !best.getEncoding())
    return success();
  auto layout = dyn_cast<RowsLayoutAttr>(best.getEncoding());
  if (layout && keys.getEncoding() == layout) {
    int64_t lanes = layout.getLanes();
    if (lanes == 1 ||
        (lanes <= 32 && layout.getVector() * lanes == best.getDimSize(1)))
      return success();
  }
  return op->emitOpError()
         << "expects both tiles in one #tile.rows of at most 32 lanes with "
            "neighbouring columns of 'best', got "
         << keys << " and " << best;
}

LogicalResult TopkOp::verify() {
  auto keys = cast<RankedTensorType>(getKeys().getType());
  auto best = cast<RankedTensorType>(getBest().getType());
  // (C1)
  for (RankedTensorType type : {keys, best})
    if (type.getRank() != 2 || !type.hasStaticShape() ||
        !type.getElementType().isInteger(64) ||
        type.getDimSize(0) != keys.getDimSize(0))
      return emitOpError() << "expects static tiles of i64 with as many rows, "
                              "got "
                           << keys << " and " << best;
  // (C2)
  if (!llvm::isPowerOf2_64(best.getDimSize(1)))
    return emitOpError() << "expects 'best' to have a power of two of columns, "
                            "got "
                         << best;
  if (getSorted() && keys.getDimSize(1) != best.getDimSize(1))
    return emitOpError() << "expects sorted 'keys' to have the columns of "
                            "'best', got "
                         << keys << " and " << best;
  return verifyRowsOfLanes(*this, keys, best);
}

LogicalResult ScanOp::verify() {
  auto scores = cast<MemRefType>(getScores().getType());
  auto best = cast<RankedTensorType>(getBest().getType());
  auto top = cast<RankedTensorType>(getTop().getType());
  int64_t columns = getColumns();
  // (C1)
  if (scores.getRank() != 2 || !scores.hasStaticShape() ||
      !scores.getElementType().isF32() || !scores.getLayout().isIdentity() ||
      columns < 32 || columns % 32 != 0 || columns > scores.getDimSize(1))
    return emitOpError() << "expects rows of f32 with 'columns', a multiple of "
                            "32, got "
                         << scores << " and " << columns;
  // (C2)
  if (best.getRank() != 2 || !best.hasStaticShape() ||
      !best.getElementType().isInteger(64) ||
      best.getDimSize(0) != scores.getDimSize(0) || best.getDimSize(1) < 2 ||
      !llvm::isPowerOf2_64(best.getDimSize(1)))
    return emitOpError() << "expects 'best' of i64 with the rows of 'scores' "
                            "and a power of two of columns, got "
                         << best << " for " << scores;
  if (top.getRank() != 1 || top.getDimSize(0) != best.getDimSize(0) ||
      !top.getElementType().isF32())
    return emitOpError() << "expects 'top' with an f32 per row, got " << top
                         << " for " << best;
  auto list = cast<MemRefType>(getList().getType());
  if (list.getRank() != 2 || !list.hasStaticShape() ||
      list.getDimSize(0) != best.getDimSize(0) ||
      list.getDimSize(1) < best.getDimSize(1) ||
      !list.getElementType().isInteger(32) || !list.getLayout().isIdentity())
    return emitOpError()
           << "expects 'list' of i32 with the shape of 'best' or longer "
              "rows, got "
           << list << " for " << best;
  // (C3)
  if (!best.getEncoding() || !top.getEncoding())
    return success();
  auto layout = dyn_cast<RowsLayoutAttr>(best.getEncoding());
  auto slice = dyn_cast<SliceLayoutAttr>(top.getEncoding());
  int64_t lanes = layout ? layout.getLanes() : 0;
  if (lanes < 2 || lanes > 32 || columns % (4 * lanes) != 0 ||
      layout.getVector() * lanes != best.getDimSize(1) ||
      layout.getThreads() != best.getDimSize(0) * lanes || !slice ||
      slice.getDim() != 1 || slice.getParent() != layout)
    return emitOpError()
           << "expects 'best' in #tile.rows with neighbouring columns of a row "
              "per lane, 2 to 32 lanes with multiples of 4 of 'columns' each, "
              "and 'top' in its slice, got "
           << best << " and " << top;
  return success();
}
