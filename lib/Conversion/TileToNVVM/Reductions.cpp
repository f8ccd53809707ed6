//===- Reductions.cpp - maxima and sums of rows ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Elements [b, g, h, p] to rows [b, h]: first what the thread has of a row,
// then the four lanes that have the rest of it in their warp. Where other warps
// have columns of the row, each leaves what it has in shared memory, at [column
// of warps][row], and reads what all have left, in their order.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace peermla;

namespace {

struct DistributeReduce final : OpConversionPattern<tile::ReduceOp> {
  DistributeReduce(const TypeConverter &converter, MLIRContext *context,
                   const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::ReduceOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto source = cast<RankedTensorType>(op.getSource().getType());
    auto layout = dyn_cast_or_null<tile::MmaLayoutAttr>(source.getEncoding());
    if (!layout || op.getDim() != 1 || op.getInit() || op.getParts())
      return rewriter.notifyMatchFailure(op, "only rows of #tile.mma");
    if (op.getMeetingBytes() && !op.getOffset())
      return rewriter.notifyMatchFailure(op, "has no place to meet");
    FragmentBuilder b(op.getLoc(), rewriter);
    SmallVector<Value> rows =
        reduceInWarp(b, op.getCombine(), source, layout, adaptor.getSource());
    if (op.getMeetingBytes())
      reduceAcrossWarps(b, op, layout, rows);
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(
        op,
        cast<VectorType>(
            getTypeConverter()->convertType(op.getResult().getType())),
        rows);
    return success();
  }

  static Value combine(FragmentBuilder &b, tile::Combine how, Value x,
                       Value y) {
    if (how == tile::Combine::Max)
      return arith::MaximumFOp::create(b, x, y);
    return arith::AddFOp::create(b, x, y);
  }

  static SmallVector<Value> reduceInWarp(FragmentBuilder &b, tile::Combine how,
                                         RankedTensorType source,
                                         tile::MmaLayoutAttr layout,
                                         Value fragment) {
    int64_t blocks = source.getDimSize(0) / (16 * layout.getWarps()[0]);
    int64_t groups = source.getDimSize(1) / (8 * layout.getWarps()[1]);
    auto elements = llvm::to_vector_of<Value>(
        vector::ToElementsOp::create(b, fragment)->getResults());
    SmallVector<Value> rows;
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t h : {0, 1}) {
        Value row;
        for (int64_t g = 0; g < groups; ++g)
          for (int64_t p : {0, 1}) {
            Value x = elements[((block * groups + g) * 2 + h) * 2 + p];
            row = row ? combine(b, how, row, x) : x;
          }
        for (int64_t distance : {1, 2}) {
          Value other = NVVM::ShflOp::create(b, b.getF32Type(), b.i32(-1), row,
                                             b.i32(distance), b.i32(31),
                                             NVVM::ShflKind::bfly, UnitAttr());
          row = combine(b, how, row, other);
        }
        rows.push_back(row);
      }
    return rows;
  }

  void reduceAcrossWarps(FragmentBuilder &b, tile::ReduceOp op,
                         tile::MmaLayoutAttr layout,
                         MutableArrayRef<Value> rows) const {
    auto result = cast<RankedTensorType>(op.getResult().getType());
    int64_t warpsM = layout.getWarps()[0], warpsN = layout.getWarps()[1];
    int64_t bytesOfWarps = result.getDimSize(0) * int64_t(sizeof(float));
    FragmentPlaces places(b, result);
    Value base =
        b.pointer(3, b.sharedMemory(), static_cast<int64_t>(*op.getOffset()));
    auto placeOf = [&](int64_t row) {
      return b.mul(b.add(places.bases[0], places.getOffsets(row)[0]),
                   int64_t(sizeof(float)));
    };
    if (kernel.unmet.contains(op))
      b.meet(kernel);
    Value ofWarp = b.rem(b.div(b.warp(), warpsM), warpsN);
    auto isFirst = scf::IfOp::create(b, b.isEqual(b.rem(b.lane(), 4), b.i32(0)),
                                     /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(isFirst.thenBlock());
      for (auto [number, row] : llvm::enumerate(rows))
        LLVM::StoreOp::create(
            b, row,
            b.pointer(3, base,
                      b.add(placeOf(number), b.mul(ofWarp, bytesOfWarps))));
    }
    b.meet(kernel);
    for (auto [number, row] : llvm::enumerate(rows)) {
      Value place = b.pointer(3, base, placeOf(number)), all;
      for (int64_t warp = 0; warp < warpsN; ++warp) {
        Value x = LLVM::LoadOp::create(
            b, b.getF32Type(), b.pointer(3, place, warp * bytesOfWarps));
        all = all ? combine(b, op.getCombine(), all, x) : x;
      }
      row = all;
    }
  }

  const KernelInfo &kernel;
};

} // namespace

void peermla::populateReductionPatterns(const FragmentTypeConverter &converter,
                                        const KernelInfo &kernel,
                                        RewritePatternSet &patterns) {
  patterns.add<DistributeReduce>(converter, patterns.getContext(), kernel);
}
