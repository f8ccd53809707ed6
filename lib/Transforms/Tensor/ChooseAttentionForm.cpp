//===- ChooseAttentionForm.cpp - expanded or absorbed attention -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both forms of one op, per head h:
//
//   expand   k[j] = [w_uk c[j] | k_pe[j]]   v[j] = w_uv c[j]
//            o = online_attention(q, k, v)
//   absorb   ql = [q_nope w_uk | q_pe]
//            z = online_attention(ql, [c | k_pe], first dc columns)
//            o = w_uv z
//
//===----------------------------------------------------------------------===//

#include "LinalgBuilders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_CHOOSEATTENTIONFORM
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

/// The operands of one attention op and what both forms need.
struct Rewriter {
  Rewriter(mla::AttentionOp op)
      : op(op), b(op.getLoc(), op), context(b.getContext()),
        storage(op.getTypeOf(op.getQ()).getElementType()),
        tokens(tensor::getMixedSize(b, b.getLoc(), op.getQ(), 0)),
        heads(op.getNumHeads()), dn(op.getNopeDim()), dr(op.getRopeDim()),
        dc(op.getLatentDim()), dv(op.getValueDim()) {
    bindDims(context, t, h, n, k);
  }

  AffineMap map(ArrayRef<AffineExpr> results) {
    return AffineMap::get(4, 0, results, context);
  }
  OpFoldResult index(int64_t value) { return b.getIndexAttr(value); }

  /// `[left | right]` along the last dimension of `T x H x (l + r)`.
  Value concat(Value left, int64_t l, Value right, int64_t r) {
    if (r == 0)
      return left;
    Value row = emptyTensor(b, {tokens, index(heads), index(l + r)}, storage);
    for (auto [part, offset, size] :
         {std::tuple(left, int64_t(0), l), std::tuple(right, l, r)})
      row = tensor::InsertSliceOp::create(
          b, part, row, {index(0), index(0), index(offset)},
          {tokens, index(heads), index(size)}, {index(1), index(1), index(1)});
    return row;
  }

  mla::OnlineAttentionOp attend(Value q, Value keys, Value values,
                                int64_t width) {
    SmallVector<Value> inits{
        emptyTensor(b, {tokens, index(heads), index(width)}, storage)};
    if (op.getInits().size() > 1)
      inits.push_back(op.getInits()[1]);
    SmallVector<Type> types;
    for (Value init : inits)
      types.push_back(init.getType());
    auto attention = mla::OnlineAttentionOp::create(
        b, types, q, keys, values, op.getCuSeqlens(), op.getPastLens(),
        op.getBlockTable(), /*item=*/ValueRange(), inits, op.getScaleAttr(),
        op.getCausalAttr(), /*parts=*/IntegerAttr(),
        /*part_step=*/IntegerAttr());
    for (StringRef name : {"peermla.id", "peermla.schedule"})
      if (Attribute attribute = op->getAttr(name))
        attention->setAttr(name, attribute);
    return attention;
  }

  void replace(Value o, mla::OnlineAttentionOp attention) {
    // Extents that 'q' leaves open may be known of 'o'.
    if (o.getType() != op->getResult(0).getType())
      o = tensor::CastOp::create(b, op->getResult(0).getType(), o);
    SmallVector<Value> results{o};
    if (op.getInits().size() > 1)
      results.push_back(attention.getResult(1));
    op->replaceAllUsesWith(results);
    op->erase();
  }

  void expand() {
    Value latent = dr ? sliceDim(b, op.getKv(), 1, 0, dc) : op.getKv();
    auto up = [&](Value weight, int64_t width) {
      Value sum =
          contraction(b, {tokens, index(heads), index(width)}, latent, weight,
                      map({t, k}), map({h, n, k}), map({t, h, n}));
      return castTo(b, sum, storage);
    };
    Value keys = up(op.getWUk(), dn);
    if (dr) {
      Value shared = sliceDim(b, op.getKv(), 1, dc, dr);
      AffineExpr d0, d1, d2;
      bindDims(context, d0, d1, d2);
      Value perHead =
          elementwise(b, {tokens, index(heads), index(dr)}, storage, shared,
                      AffineMap::get(3, 0, {d0, d2}, context),
                      [](ImplicitLocOpBuilder &, ValueRange elements) {
                        return elements[0];
                      });
      keys = concat(keys, dn, perHead, dr);
    }
    Value values = up(op.getWUv(), dv);
    mla::OnlineAttentionOp attention = attend(op.getQ(), keys, values, dv);
    replace(attention.getResult(0), attention);
  }

  void absorb() {
    Value nope = dr ? sliceDim(b, op.getQ(), 2, 0, dn) : op.getQ();
    Value latent =
        contraction(b, {tokens, index(heads), index(dc)}, nope, op.getWUk(),
                    map({t, h, k}), map({h, k, n}), map({t, h, n}));
    latent = castTo(b, latent, storage);
    Value q = concat(latent, dc,
                     dr ? sliceDim(b, op.getQ(), 2, dn, dr) : Value(), dr);
    mla::OnlineAttentionOp attention = attend(q, op.getKv(), Value(), dc);
    Value o = contraction(b, {tokens, index(heads), index(dv)},
                          attention.getResult(0), op.getWUv(), map({t, h, k}),
                          map({h, n, k}), map({t, h, n}));
    replace(castTo(b, o, storage), attention);
  }

  mla::AttentionOp op;
  ImplicitLocOpBuilder b;
  MLIRContext *context;
  Type storage;
  OpFoldResult tokens;
  int64_t heads, dn, dr, dc, dv;
  AffineExpr t, h, n, k;
};

struct ChooseAttentionForm
    : peermla::impl::ChooseAttentionFormBase<ChooseAttentionForm> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<mla::AttentionOp> ops;
    getOperation()->walk([&](mla::AttentionOp op) { ops.push_back(op); });
    for (mla::AttentionOp op : ops)
      if (failed(rewrite(op)))
        return signalPassFailure();
  }

  /// Emits an error unless the rewrites know all they need of `op`.
  static LogicalResult verifyShapes(mla::AttentionOp op) {
    if (!op.hasPureTensorSemantics())
      return op.emitOpError("expects tensors, got memrefs");
    auto isKnown = [](Value value, unsigned first) {
      auto type = cast<ShapedType>(value.getType());
      return llvm::none_of(type.getShape().drop_front(first),
                           ShapedType::isDynamic);
    };
    if (!isKnown(op.getQ(), 1))
      return op.emitOpError()
             << "expects all extents of 'q' but T to be static, got "
             << op.getQ().getType();
    for (auto [name, weight] :
         {std::pair("w_uk", op.getWUk()), std::pair("w_uv", op.getWUv())})
      if (!isKnown(weight, 0))
        return op.emitOpError() << "expects all extents of '" << name
                                << "' to be static, got " << weight.getType();
    return success();
  }

  LogicalResult rewrite(mla::AttentionOp op) {
    if (failed(verifyShapes(op)))
      return failure();
    std::string wanted = form;
    if (Attribute attribute = op->getAttr("peermla.form")) {
      auto text = dyn_cast<StringAttr>(attribute);
      if (!text)
        return op.emitOpError()
               << "expects 'peermla.form' to be a string, got " << attribute;
      wanted = text.str();
    }
    if (wanted.empty())
      wanted = op.isPaged() ? "absorb" : "expand";
    else if (wanted != "expand" && wanted != "absorb")
      return op.emitOpError()
             << "expects the attention form to be 'expand' or 'absorb', got '"
             << wanted << "'";
    // The option speaks of all ops, the attribute of this one.
    if (wanted == "expand" && op.isPaged() && !op->hasAttr("peermla.form")) {
      remark::missed(
          op.getLoc(),
          remark::RemarkOpts::name("AttentionForm").category("schedule"))
          << "a paged cache can only be absorbed";
      wanted = "absorb";
    }
    if (wanted == "expand" && op.isPaged())
      return op.emitOpError(
          "cannot be expanded over a paged cache: keys and values per head of "
          "all past tokens would have to be stored");
    remark::passed(
        op.getLoc(),
        remark::RemarkOpts::name("AttentionForm").category("schedule"))
        << ("chose the form '" + wanted + "'");
    if (wanted == "expand")
      Rewriter(op).expand();
    else
      Rewriter(op).absorb();
    return success();
  }
};

} // namespace
