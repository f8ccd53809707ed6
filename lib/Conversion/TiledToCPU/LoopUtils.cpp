//===- LoopUtils.cpp - loops of linalg ops on memrefs ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopUtils.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;

/// Calls `visit(loop, operand, dim)` wherever a loop runs over a dimension of a
/// shaped operand.
static void
forEachLoopDim(linalg::LinalgOp op,
               function_ref<void(unsigned, Value, unsigned)> visit) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (op.isScalar(&operand))
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [dim, expr] : llvm::enumerate(map.getResults()))
      if (auto loop = dyn_cast<AffineDimExpr>(expr))
        visit(loop.getPosition(), operand.get(), dim);
  }
}

SmallVector<int64_t> peermla::getStaticLoopExtents(linalg::LinalgOp op) {
  SmallVector<int64_t> extents(op.getNumLoops(), ShapedType::kDynamic);
  forEachLoopDim(op, [&](unsigned loop, Value operand, unsigned dim) {
    int64_t size = cast<ShapedType>(operand.getType()).getDimSize(dim);
    if (!ShapedType::isDynamic(size))
      extents[loop] = size;
  });
  return extents;
}

SmallVector<LoopExtent> peermla::getLoopExtents(KernelBuilder &b,
                                                linalg::LinalgOp op) {
  SmallVector<LoopExtent> extents;
  for (int64_t size : getStaticLoopExtents(op))
    extents.push_back(
        {ShapedType::isDynamic(size) ? Value() : b.index(size), size});
  forEachLoopDim(op, [&](unsigned loop, Value operand, unsigned dim) {
    if (!extents[loop].value)
      extents[loop].value = b.extent(operand, dim);
  });
  return extents;
}

SmallVector<Value> peermla::getIndices(KernelBuilder &b, AffineMap map,
                                       ArrayRef<Value> counters) {
  SmallVector<Value> indices;
  for (AffineExpr expr : map.getResults()) {
    if (auto loop = dyn_cast<AffineDimExpr>(expr))
      indices.push_back(counters[loop.getPosition()]);
    else
      indices.push_back(affine::expandAffineExpr(b, b.getLoc(), expr, counters,
                                                 /*symbolValues=*/{}));
  }
  return indices;
}

void peermla::forEachIteration(KernelBuilder &b, ArrayRef<unsigned> loops,
                               ArrayRef<LoopExtent> extents,
                               MutableArrayRef<Value> counters,
                               function_ref<void()> body) {
  if (loops.empty())
    return body();
  unsigned loop = loops.front();
  auto step = [&](Value counter) {
    counters[loop] = counter;
    forEachIteration(b, loops.drop_front(), extents, counters, body);
  };
  if (extents[loop].size == 1)
    return step(b.index(0));
  b.loop(b.index(0), extents[loop].value, 1, step);
}

Value peermla::collapseInnermost(KernelBuilder &b, Value buffer) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim : llvm::seq(cast<MemRefType>(buffer.getType()).getRank()))
    groups.push_back({dim});
  groups.pop_back();
  groups.back().push_back(groups.size());
  return memref::CollapseShapeOp::create(b, buffer, groups);
}

SmallVector<int64_t> peermla::splitIntoVectors(int64_t extent, int64_t lanes) {
  SmallVector<int64_t> widths(extent / lanes, lanes);
  for (int64_t rest = extent % lanes; rest != 0;) {
    int64_t width = llvm::bit_floor(uint64_t(rest));
    widths.push_back(width);
    rest -= width;
  }
  return widths;
}

void peermla::forEachTile(KernelBuilder &b, const LoopExtent &extent,
                          int64_t size, ArrayRef<int64_t> smaller,
                          function_ref<void(Value, int64_t)> body) {
  if (extent.isStatic()) {
    int64_t whole = extent.size - extent.size % size;
    if (whole == size)
      body(b.index(0), size);
    else if (whole > 0)
      b.loop(b.index(0), b.index(whole), size,
             [&](Value begin) { body(begin, size); });
    if (whole < extent.size)
      body(b.index(whole), extent.size - whole);
    return;
  }
  auto emit = [&](Value begin, int64_t step) {
    Value rest = b.sub(extent.value, begin);
    Value end = b.sub(extent.value, b.rem(rest, b.index(step)));
    b.loop(begin, end, step, [&](Value at) { body(at, step); });
    return end;
  };
  Value begin = emit(b.index(0), size);
  for (int64_t step : smaller)
    begin = emit(begin, step);
}

SmallVector<int64_t> peermla::getSmallerTiles(int64_t size) {
  SmallVector<int64_t> sizes;
  for (int64_t tile = llvm::bit_floor(uint64_t(size)); tile >= 1; tile /= 2)
    if (tile < size)
      sizes.push_back(tile);
  return sizes;
}
