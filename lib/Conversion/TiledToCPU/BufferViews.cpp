//===- BufferViews.cpp - parts and products of buffers --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BufferViews.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace peermla;

static MemRefType typeOf(Value buffer) {
  return cast<MemRefType>(buffer.getType());
}

Value peermla::viewOf(KernelBuilder &b, Value buffer,
                      ArrayRef<OpFoldResult> offsets,
                      ArrayRef<OpFoldResult> sizes,
                      ArrayRef<unsigned> dropped) {
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  SmallVector<int64_t> shape;
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (!llvm::is_contained(dropped, dim))
      shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  auto type = memref::SubViewOp::inferRankReducedResultType(
      shape, typeOf(buffer), offsets, sizes, strides);
  return memref::SubViewOp::create(b, type, buffer, offsets, sizes, strides);
}

Value peermla::firstRows(KernelBuilder &b, Value buffer, Value count) {
  SmallVector<OpFoldResult> offsets, sizes;
  for (int64_t extent : typeOf(buffer).getShape()) {
    offsets.push_back(b.getIndexAttr(0));
    sizes.push_back(b.getIndexAttr(extent));
  }
  sizes[0] = getAsOpFoldResult(count);
  return viewOf(b, buffer, offsets, sizes);
}

Value peermla::inPairs(KernelBuilder &b, Value buffer) {
  ArrayRef<int64_t> shape = typeOf(buffer).getShape();
  SmallVector<int64_t> paired = {shape[0], shape[1] / 2, 2};
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
  auto type = memref::ExpandShapeOp::computeExpandedType(typeOf(buffer), paired,
                                                         groups);
  SmallVector<OpFoldResult> sizes = {getAsOpFoldResult(b.extent(buffer, 0)),
                                     b.getIndexAttr(paired[1]),
                                     b.getIndexAttr(paired[2])};
  return memref::ExpandShapeOp::create(b, *type, buffer, groups, sizes);
}

Value peermla::flatten(KernelBuilder &b, Value buffer, int64_t rank) {
  int64_t from = typeOf(buffer).getRank();
  if (from == rank)
    return buffer;
  SmallVector<ReassociationIndices> groups(rank);
  for (int64_t dim = 0; dim < from; ++dim)
    groups[std::min(dim, rank - 1)].push_back(dim);
  return memref::CollapseShapeOp::create(b, buffer, groups);
}

Row peermla::rowOf(KernelBuilder &b, Value buffer, Value row) {
  return Row{flatten(b, buffer, 2), {row}};
}

void peermla::fillAll(KernelBuilder &b, Value buffer, double value) {
  Value flat = flatten(b, buffer, 1);
  Type element = typeOf(buffer).getElementType();
  Value scalar = arith::ConstantOp::create(b, b.getFloatAttr(element, value));
  b.fill(Row{flat, {}}, typeOf(flat).getDimSize(0), scalar);
}

void peermla::contract(KernelBuilder &b, Value lhs, StringRef lhsLoops,
                       Value rhs, StringRef rhsLoops, Value c,
                       StringRef loops) {
  auto mapOf = [&](StringRef names) {
    SmallVector<AffineExpr> results;
    for (char name : names)
      results.push_back(b.getAffineDimExpr(loops.find(name)));
    return AffineMap::get(loops.size(), 0, results, b.getContext());
  };
  SmallVector<utils::IteratorType> iterators(loops.size(),
                                             utils::IteratorType::reduction);
  StringRef parallel = loops.take_front(typeOf(c).getRank());
  std::fill_n(iterators.begin(), parallel.size(),
              utils::IteratorType::parallel);
  linalg::GenericOp::create(
      b, ValueRange{lhs, rhs}, ValueRange{c},
      ArrayRef<AffineMap>{mapOf(lhsLoops), mapOf(rhsLoops), mapOf(parallel)},
      iterators, [](OpBuilder &nested, Location loc, ValueRange args) {
        auto widen = [&](Value value) -> Value {
          if (value.getType().isF32())
            return value;
          return arith::ExtFOp::create(nested, loc, nested.getF32Type(), value);
        };
        Value product =
            arith::MulFOp::create(nested, loc, widen(args[0]), widen(args[1]));
        Value sum = arith::AddFOp::create(nested, loc, args[2], product);
        linalg::YieldOp::create(nested, loc, sum);
      });
}

void peermla::transpose(KernelBuilder &b, Value from, Value to) {
  unsigned rank = typeOf(to).getRank();
  AffineMap target = AffineMap::getMultiDimIdentityMap(rank, b.getContext());
  SmallVector<AffineExpr> swapped = llvm::to_vector(target.getResults());
  std::swap(swapped[0], swapped[1]);
  AffineMap source = AffineMap::get(rank, 0, swapped, b.getContext());
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  linalg::GenericOp::create(
      b, ValueRange{from}, ValueRange{to}, ArrayRef<AffineMap>{source, target},
      iterators, [](OpBuilder &nested, Location loc, ValueRange args) {
        linalg::YieldOp::create(nested, loc, args[0]);
      });
}
