//===- Linear.cpp - matrix products and root-mean-square norms ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace peermla::importer;

/// The last part of a dotted name: `model.layers.0.mlp.up_proj` -> `up_proj`.
static StringRef getLeafName(StringRef name) {
  return name.contains('.') ? name.rsplit('.').second : name;
}

Value ModelBuilder::accumulate(Value x, StringRef weightName, StringRef id) {
  Value W = storageWeight(weightName);
  if (id.empty()) {
    id = weightName;
    id.consume_back(".weight");
  }
  int64_t n = cast<RankedTensorType>(W.getType()).getDimSize(0);
  Value destination = zeros({ShapedType::kDynamic, n});

  // acc[m, n] += x[m, k] W[n, k]
  MLIRContext *context = builder.getContext();
  AffineExpr M, N, K;
  bindDims(context, M, N, K);
  AffineMap maps[] = {AffineMap::get(3, 0, {M, K}, context),
                      AffineMap::get(3, 0, {N, K}, context),
                      AffineMap::get(3, 0, {M, N}, context)};
  auto matmul = linalg::MatmulOp::create(
      builder, named(getLeafName(id) + "_acc"), destination.getType(),
      ValueRange{x, W}, destination);
  matmul.setIndexingMapsAttr(builder.getAffineMapArrayAttr(maps));
  identify(matmul, id);
  return matmul.getResult(0);
}

Value ModelBuilder::rmsNorm(Value x, StringRef weightName, double eps) {
  auto type = cast<RankedTensorType>(x.getType());
  StringRef name = weightName;
  name.consume_back(".weight");
  name = getLeafName(name);
  double width = type.getDimSize(1);
  Value squares = sumLast(
      Operand{x, {0, 1}},
      [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        return arith::MulFOp::create(b, v[0], v[0]);
      },
      name + "_squares");
  return elementwise(
      type.getShape(), storage,
      {{x, {0, 1}}, {squares, {0}}, {weight(weightName), {1}}},
      [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        Value mean = arith::DivFOp::create(b, v[1], constantF32(b, width));
        Value shifted = arith::AddFOp::create(b, mean, constantF32(b, eps));
        Value inverse = math::RsqrtOp::create(b, shifted);
        Value normed = arith::MulFOp::create(b, v[0], inverse);
        return arith::MulFOp::create(b, normed, v[2]);
      },
      name);
}
