//===- DecomposeRetrieve.cpp - retrieval as scores and selection ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   peer.retrieve(q, keys_i) = peer.select(q_i keys_i^T, ...)
//
// with q_i the i-th part of q. Norms become elementwise ops on q_i and keys_i;
// those on keys depend on weights alone and are moved to preparation later.
//
//===----------------------------------------------------------------------===//

#include "LinalgBuilders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_DECOMPOSERETRIEVE
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Divides each row of `tensor` by max(its euclidean norm, 1e-12), in f32.
static Value normalizeRows(ImplicitLocOpBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  unsigned rank = type.getRank();
  Type f32 = b.getF32Type();
  SmallVector<OpFoldResult> extents =
      tensor::getMixedSizes(b, b.getLoc(), tensor);
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  AffineMap rows = identity.getMajorSubMap(rank - 1);
  SmallVector<OpFoldResult> rowExtents(extents.begin(),
                                       std::prev(extents.end()));

  Value squares =
      contraction(b, rowExtents, tensor, tensor, identity, identity, rows);
  return elementwise(
      b, extents, type.getElementType(), ValueRange{tensor, squares},
      {identity, rows}, [&](ImplicitLocOpBuilder &inner, ValueRange elements) {
        Value norm = math::SqrtOp::create(inner, elements[1]);
        Value least =
            arith::ConstantOp::create(inner, inner.getF32FloatAttr(1e-12));
        norm = arith::MaximumFOp::create(inner, norm, least);
        Value quotient = arith::DivFOp::create(
            inner, castScalar(inner, elements[0], f32), norm);
        return castScalar(inner, quotient, type.getElementType());
      });
}

static void decompose(peer::RetrieveOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value query = op.getQuery();
  int64_t dimensions = op.getNumDimensions();
  int64_t width = op.getQueryType().getDimSize(2) / dimensions;
  SmallVector<OpFoldResult> extents =
      tensor::getMixedSizes(b, b.getLoc(), query);
  MLIRContext *context = b.getContext();
  AffineExpr t, h, n, k;
  bindDims(context, t, h, n, k);

  SmallVector<Value> scores;
  SmallVector<int64_t> numKeys;
  for (auto [i, keysOperand] : llvm::enumerate(op.getKeys())) {
    Value keys = keysOperand;
    Value part =
        dimensions == 1 ? query : sliceDim(b, query, 2, i * width, width);
    if (op.getQueryNorm() == peer::Norm::l2)
      part = normalizeRows(b, part);
    if (op.getKeyNorm() == peer::Norm::l2)
      keys = normalizeRows(b, keys);
    bool perHead = op.getKeysType(i).getRank() == 3;
    numKeys.push_back(op.getNumKeys(i));
    extents[2] = b.getIndexAttr(numKeys.back());
    scores.push_back(contraction(
        b, extents, part, keys, AffineMap::get(4, 0, {t, h, k}, context),
        perHead ? AffineMap::get(4, 0, {h, n, k}, context)
                : AffineMap::get(4, 0, {n, k}, context),
        AffineMap::get(4, 0, {t, h, n}, context)));
  }
  auto select =
      peer::SelectOp::create(b, op->getResultTypes(), scores, op.getInits(),
                             op.getScoreFunction(), numKeys);
  for (StringRef name : {"peermla.id", "peermla.schedule"})
    if (Attribute attribute = op->getAttr(name))
      select->setAttr(name, attribute);
  op->replaceAllUsesWith(select);
  op->erase();
}

namespace {

struct DecomposeRetrieve
    : peermla::impl::DecomposeRetrieveBase<DecomposeRetrieve> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<peer::RetrieveOp> ops;
    getOperation()->walk([&](peer::RetrieveOp op) { ops.push_back(op); });
    for (peer::RetrieveOp op : ops) {
      if (failed(verifyShapes(op)))
        return signalPassFailure();
      decompose(op);
    }
  }

  /// Emits an error unless `decompose` knows all it needs of `op`.
  static LogicalResult verifyShapes(peer::RetrieveOp op) {
    if (!op.hasPureTensorSemantics())
      return op.emitOpError("expects tensors, got memrefs");
    if (op.getQueryType().isDynamicDim(2))
      return op.emitOpError()
             << "expects dq of 'query' to be static, got " << op.getQueryType();
    for (Value keys : op.getKeys())
      if (!cast<ShapedType>(keys.getType()).hasStaticShape())
        return op.emitOpError()
               << "expects all extents of keys to be static, got "
               << keys.getType();
    return success();
  }
};

} // namespace
