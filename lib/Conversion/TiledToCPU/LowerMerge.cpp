//===- LowerMerge.cpp - the join of partial attention ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each row (a token and a head), with m the largest lse_i:
//
//   w_i = exp(lse_i - m)          the weights stay in registers
//   o   = sum of (w_i / sum of w_j) o_i
//   lse = m + log(sum of w_i)
//
// Sums are in the order of the parts, whatever the work item.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include <limits>

namespace peermla {
#define GEN_PASS_DEF_LOWERMERGE
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static MemRefType typeOf(Value buffer) {
  return cast<MemRefType>(buffer.getType());
}

/// o[token, head] and its lse.
static void mergeRow(KernelBuilder &b, mla::MergeOp op, Value token,
                     Value head) {
  int64_t P = typeOf(op.getLseParts()).getDimSize(0);
  int64_t dv = typeOf(op.getOParts()).getDimSize(3);
  SmallVector<Value> weights;
  for (int64_t part = 0; part < P; ++part)
    weights.push_back(memref::LoadOp::create(
        b, op.getLseParts(), ValueRange{b.index(part), token, head}));
  Value maximum = weights.front();
  for (Value lse : ArrayRef(weights).drop_front())
    maximum = arith::MaximumFOp::create(b, maximum, lse);
  // A row that saw no key: the difference of two infinities is no number.
  Value none = b.f32(-std::numeric_limits<float>::infinity());
  Value isEmpty =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, maximum, none);
  Value base = arith::SelectOp::create(b, isEmpty, b.f32(0.0), maximum);
  SmallVector<Value> isEmptyPart;
  for (Value lse : weights)
    isEmptyPart.push_back(
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, lse, none));
  Value sum;
  for (Value &weight : weights) {
    weight = math::ExpOp::create(b, arith::SubFOp::create(b, weight, base));
    sum = sum ? arith::AddFOp::create(b, sum, weight) : weight;
  }
  Value inverse = arith::DivFOp::create(b, b.f32(1.0), sum);
  inverse = arith::SelectOp::create(b, isEmpty, b.f32(0.0), inverse);
  for (Value &weight : weights)
    weight = arith::MulFOp::create(b, weight, inverse);
  b.columns(dv, [&](Value column, int64_t width) {
    Value total = b.zero(width);
    for (auto [part, weight] : llvm::enumerate(weights)) {
      Row from{op.getOParts(), {b.index(part), token, head}};
      // Without a key there is no `o`: it may be anything.
      Value o = arith::SelectOp::create(b, isEmptyPart[part], b.zero(width),
                                        b.load(from, column, width));
      total = b.fma(o, b.splat(weight, width), total);
    }
    b.store(total, Row{op.getInits()[0], {token, head}}, column);
  });
  if (op.getInits().size() < 2)
    return;
  Value lse = arith::AddFOp::create(b, base, math::LogOp::create(b, sum));
  memref::StoreOp::create(b, lse, op.getInits()[1], ValueRange{token, head});
}

static LogicalResult lower(mla::MergeOp op) {
  for (auto [name, operand] :
       {std::pair<StringRef, Value>("o_i", op.getOParts()),
        {"lse_i", op.getLseParts()},
        {"o", op.getInits().front()}})
    if (failed(verifyRows(op, name, operand)) ||
        failed(verifyStorage(op, name, operand)))
      return failure();
  MemRefType oParts = typeOf(op.getOParts());
  if (typeOf(op.getLseParts()).isDynamicDim(0) || oParts.isDynamicDim(3) ||
      typeOf(op.getLseParts()).getDimSize(0) == 0)
    return op->emitOpError() << "expects a static number of parts, at least 1, "
                                "and rows of static length, got "
                             << op.getLseParts().getType() << " and " << oParts;
  KernelBuilder b(op);
  b.loop(b.index(0), b.extent(op.getInits()[0], 0), 1, [&](Value token) {
    b.loop(b.index(0), b.extent(op.getInits()[0], 1), 1,
           [&](Value head) { mergeRow(b, op, token, head); });
  });
  return success();
}

namespace {

struct LowerMerge : peermla::impl::LowerMergeBase<LowerMerge> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<mla::MergeOp> ops;
    getOperation()->walk([&](mla::MergeOp op) { ops.push_back(op); });
    for (mla::MergeOp op : ops) {
      if (!op.hasPureBufferSemantics())
        continue;
      if (failed(lower(op)))
        return signalPassFailure();
      op.erase();
    }
  }
};

} // namespace
