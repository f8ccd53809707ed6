//===- CopiesToKernels.cpp - copies as work items -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Support/KernelPlan.h"

namespace peermla {
#define GEN_PASS_DEF_COPIESTOKERNELS
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Rows of one work item.
static constexpr int64_t rowsPerItem = 16;

/// A copy reads and writes each element.
static DictionaryAttr plan(memref::CopyOp copy) {
  SizeNames names(copy.getContext());
  Value target = copy.getTarget();
  int64_t bits = cast<MemRefType>(target.getType()).getElementTypeBitWidth();
  AffineExpr zero = names.constant(0);
  AffineExpr costs[numCosts] = {zero, zero, zero,
                                names.getVolume(target) * (bits / 8 * 2),
                                names.getDim(target, 0).ceilDiv(rowsPerItem)};
  return SizeFunction{names.getNames(),
                      AffineMap::get(0, names.size(), costs, copy.getContext())}
      .toAttr();
}

static void cut(memref::CopyOp copy) {
  ImplicitLocOpBuilder b(copy.getLoc(), copy);
  Value source = copy.getSource(), target = copy.getTarget();
  int64_t rank = cast<MemRefType>(source.getType()).getRank();
  SmallVector<OpFoldResult> sizes =
      memref::getMixedSizes(b, b.getLoc(), target);
  OpFoldResult rows = sizes[0];
  auto loop = scf::ForallOp::create(
      b, ArrayRef<OpFoldResult>(b.getIndexAttr(0)), ArrayRef(rows),
      ArrayRef<OpFoldResult>(b.getIndexAttr(rowsPerItem)), ValueRange(),
      std::nullopt);
  loop->setAttr(planName, plan(copy));
  b.setInsertionPoint(loop.getTerminator());
  AffineExpr d0, s0;
  bindDims(b.getContext(), d0);
  bindSymbols(b.getContext(), s0);
  OpFoldResult first = loop.getInductionVar(0);
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(rank, b.getIndexAttr(1));
  offsets[0] = first;
  sizes[0] = affine::makeComposedFoldedAffineMin(
      b, b.getLoc(),
      AffineMap::get(1, 1, {s0 - d0, b.getAffineConstantExpr(rowsPerItem)},
                     b.getContext()),
      {first, rows});
  auto slice = [&](Value buffer) {
    return memref::SubViewOp::create(b, buffer, offsets, sizes, strides)
        .getResult();
  };
  Value from = slice(source), to = slice(target);
  memref::CopyOp::create(b, from, to);
  copy.erase();
}

namespace {

struct CopiesToKernels : peermla::impl::CopiesToKernelsBase<CopiesToKernels> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<memref::CopyOp> copies;
    getOperation()->walk([&](memref::CopyOp copy) {
      if (!copy->getParentOfType<scf::ForallOp>() &&
          cast<MemRefType>(copy.getSource().getType()).getRank() > 0)
        copies.push_back(copy);
    });
    for (memref::CopyOp copy : copies)
      cut(copy);
  }
};

} // namespace
