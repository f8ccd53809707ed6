//===- LinalgBuilders.cpp - common tensor ops in one call -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgBuilders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace peermla;

Value peermla::emptyTensor(ImplicitLocOpBuilder &b,
                           ArrayRef<OpFoldResult> extents, Type element) {
  return tensor::EmptyOp::create(b, extents, element);
}

Value peermla::elementwise(ImplicitLocOpBuilder &b,
                           ArrayRef<OpFoldResult> extents, Type element,
                           ValueRange inputs, ArrayRef<AffineMap> maps,
                           ElementFn body) {
  SmallVector<AffineMap> allMaps(maps);
  unsigned rank = extents.size();
  allMaps.push_back(b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  Value init = emptyTensor(b, extents, element);
  return linalg::GenericOp::create(
             b, init.getType(), inputs, init, allMaps, iterators,
             [&](OpBuilder &nested, Location loc, ValueRange elements) {
               ImplicitLocOpBuilder inner(loc, nested);
               Value result = body(inner, elements.drop_back());
               linalg::YieldOp::create(inner, result);
             })
      .getResult(0);
}

Value peermla::contraction(ImplicitLocOpBuilder &b,
                           ArrayRef<OpFoldResult> extents, Value lhs, Value rhs,
                           AffineMap lhsMap, AffineMap rhsMap,
                           AffineMap outMap) {
  Type accumulator = b.getF32Type();
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0));
  Value init = emptyTensor(b, extents, accumulator);
  init = linalg::FillOp::create(b, zero, init).getResult(0);
  SmallVector<utils::IteratorType> iterators(outMap.getNumDims(),
                                             utils::IteratorType::reduction);
  for (AffineExpr dim : outMap.getResults())
    iterators[cast<AffineDimExpr>(dim).getPosition()] =
        utils::IteratorType::parallel;
  return linalg::GenericOp::create(
             b, init.getType(), ValueRange{lhs, rhs}, init,
             {lhsMap, rhsMap, outMap}, iterators,
             [&](OpBuilder &nested, Location loc, ValueRange elements) {
               ImplicitLocOpBuilder inner(loc, nested);
               Value product = arith::MulFOp::create(
                   inner, castScalar(inner, elements[0], accumulator),
                   castScalar(inner, elements[1], accumulator));
               linalg::YieldOp::create(
                   inner, arith::AddFOp::create(inner, elements[2], product)
                              .getResult());
             })
      .getResult(0);
}

Value peermla::castScalar(ImplicitLocOpBuilder &b, Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth();
  unsigned to = type.getIntOrFloatBitWidth();
  if (value.getType() == type)
    return value;
  if (from < to)
    return arith::ExtFOp::create(b, type, value);
  return arith::TruncFOp::create(b, type, value);
}

Value peermla::castTo(ImplicitLocOpBuilder &b, Value tensor, Type element) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getElementType() == element)
    return tensor;
  SmallVector<OpFoldResult> extents =
      tensor::getMixedSizes(b, b.getLoc(), tensor);
  return elementwise(b, extents, element, tensor,
                     b.getMultiDimIdentityMap(type.getRank()),
                     [&](ImplicitLocOpBuilder &inner, ValueRange elements) {
                       return castScalar(inner, elements[0], element);
                     });
}

Value peermla::sliceDim(ImplicitLocOpBuilder &b, Value tensor, unsigned dim,
                        int64_t offset, int64_t size) {
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, b.getLoc(), tensor);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  offsets[dim] = b.getIndexAttr(offset);
  sizes[dim] = b.getIndexAttr(size);
  return tensor::ExtractSliceOp::create(b, tensor, offsets, sizes, strides);
}
