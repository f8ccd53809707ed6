//===- Transpose.cpp - copies that change the innermost dimension ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Transpose.h"
#include "LoopUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;

FailureOr<Transpose> Transpose::match(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getBlock()->getTerminator()->getOperand(0) !=
          op.getBlock()->getArgument(0))
    return failure();
  auto source = dyn_cast<MemRefType>(op->getOperand(0).getType());
  auto target = dyn_cast<MemRefType>(op->getOperand(1).getType());
  if (!source || !target || !source.isLastDimUnitStride() ||
      !target.isLastDimUnitStride() || !source.getElementType().isIntOrFloat())
    return failure();
  unsigned bits = source.getElementTypeBitWidth();
  AffineMap from = op.getIndexingMapsArray()[0],
            to = op.getIndexingMapsArray()[1];
  if ((bits != 16 && bits != 32) || from.getNumResults() < 2 ||
      !from.isPermutation() || !to.isPermutation())
    return failure();

  Transpose result;
  result.op = op;
  SmallVector<int64_t> extents = getStaticLoopExtents(op);
  unsigned inner = from.getNumResults() - 1;
  if (from.getDimPosition(inner) == to.getDimPosition(inner)) {
    unsigned pair = from.getDimPosition(inner);
    if (inner == 0 || bits != 16 || extents[pair] != 2 ||
        !source.areTrailingDimsContiguous(2) ||
        !target.areTrailingDimsContiguous(2))
      return failure();
    result.pair = pair;
    --inner;
  }
  result.rows = from.getDimPosition(inner);
  result.columns = to.getDimPosition(inner);
  if (result.rows == result.columns)
    return failure();
  KernelBuilder b(op);
  result.size = b.getLanes();
  for (unsigned loop : {result.rows, result.columns})
    if (!ShapedType::isDynamic(extents[loop]))
      result.size = std::min<int64_t>(result.size,
                                      llvm::bit_floor(uint64_t(extents[loop])));
  if (result.size < 4)
    return failure();
  return result;
}

/// Transposes a square of as many vectors as each has elements, a power of two.
/// A round rotates the bits of (row, column) by one; when they have gone half
/// around, rows are columns.
static void transposeSquare(KernelBuilder &b, MutableArrayRef<Value> vectors) {
  int64_t size = vectors.size();
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < size / 2; ++i) {
    llvm::append_values(low, i, size + i);
    llvm::append_values(high, size / 2 + i, size + size / 2 + i);
  }
  for (int64_t round = 1; round < size; round *= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < size / 2; ++i)
      for (ArrayRef<int64_t> mask : {low, high})
        next.push_back(vector::ShuffleOp::create(b, vectors[i],
                                                 vectors[i + size / 2], mask));
    llvm::copy(next, vectors.begin());
  }
}

void Transpose::lower() {
  KernelBuilder b(op);
  SmallVector<LoopExtent> extents = getLoopExtents(b, op);
  SmallVector<Value> counters(extents.size(), b.index(0));
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  Value source = op->getOperand(0), target = op->getOperand(1);
  Type element = cast<MemRefType>(source.getType()).getElementType();
  Value sourceRows = pair ? collapseInnermost(b, source) : source;
  Value targetRows = pair ? collapseInnermost(b, target) : target;
  VectorType rowType = b.vectorOf(pair ? 2 * size : size, element);
  // Shuffles move bits; not all processors have them for all types.
  VectorType bitsType = b.vectorOf(
      size, b.getIntegerType(element.getIntOrFloatBitWidth() * (pair ? 2 : 1)));

  auto indices = [&](AffineMap map) {
    SmallVector<Value> at = getIndices(b, map, counters);
    if (pair) {
      at.pop_back();
      at.back() = b.mul(at.back(), 2);
    }
    return at;
  };
  auto square = [&](Value row, Value column) {
    SmallVector<Value> vectors;
    counters[rows] = row;
    for (int64_t i = 0; i < size; ++i) {
      counters[columns] = b.add(column, i);
      vectors.push_back(vector::BitCastOp::create(
          b, bitsType,
          vector::LoadOp::create(b, rowType, sourceRows, indices(maps[0]))));
    }
    transposeSquare(b, vectors);
    counters[columns] = column;
    for (int64_t i = 0; i < size; ++i) {
      counters[rows] = b.add(row, i);
      vector::StoreOp::create(b,
                              vector::BitCastOp::create(b, rowType, vectors[i]),
                              targetRows, indices(maps[1]));
    }
  };
  auto elements = [&](Value beginRow, Value endRow, Value beginColumn,
                      Value endColumn) {
    if (beginRow == endRow || beginColumn == endColumn)
      return;
    b.loop(beginRow, endRow, 1, [&](Value row) {
      b.loop(beginColumn, endColumn, 1, [&](Value column) {
        counters[rows] = row;
        counters[columns] = column;
        SmallVector<unsigned> inner;
        if (pair)
          inner.push_back(*pair);
        forEachIteration(b, inner, extents, counters, [&] {
          Value value = memref::LoadOp::create(
              b, source, getIndices(b, maps[0], counters));
          memref::StoreOp::create(b, value, target,
                                  getIndices(b, maps[1], counters));
        });
      });
    });
  };
  auto getWhole = [&](const LoopExtent &extent) {
    if (extent.size % size == 0 && extent.isStatic())
      return extent.value;
    return b.sub(extent.value, b.rem(extent.value, b.index(size)));
  };

  SmallVector<unsigned> outer;
  for (unsigned loop = 0; loop < extents.size(); ++loop)
    if (loop != rows && loop != columns && loop != pair)
      outer.push_back(loop);
  Value endRow = extents[rows].value, endColumn = extents[columns].value;
  Value wholeRows = getWhole(extents[rows]),
        wholeColumns = getWhole(extents[columns]);
  forEachIteration(b, outer, extents, counters, [&] {
    b.loop(b.index(0), wholeRows, size, [&](Value row) {
      b.loop(b.index(0), wholeColumns, size,
             [&](Value column) { square(row, column); });
    });
    elements(wholeRows, endRow, b.index(0), endColumn);
    elements(b.index(0), wholeRows, wholeColumns, endColumn);
  });
  op->erase();
}
