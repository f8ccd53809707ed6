//===- Selections.cpp - the largest keys of rows --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Keys come in batches of K. A batch is sorted, unless it is, and merged with
// the K best so far (Networks.h).
//
//===----------------------------------------------------------------------===//

#include "Networks.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace peermla;

namespace {

struct LowerTopk final : OpConversionPattern<tile::TopkOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::TopkOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getKeys().getType());
    auto layout = dyn_cast_or_null<tile::RowsLayoutAttr>(type.getEncoding());
    if (!layout)
      return rewriter.notifyMatchFailure(op, "not in #tile.rows");
    FragmentBuilder b(op.getLoc(), rewriter);
    int64_t lanes = layout.getLanes();
    // Of a row, per lane.
    int64_t columns = type.getDimSize(1) / lanes;
    int64_t size =
        cast<RankedTensorType>(op.getBest().getType()).getDimSize(1) / lanes;
    auto keys = llvm::to_vector_of<Value>(
        vector::ToElementsOp::create(b, adaptor.getKeys())->getResults());
    auto best = llvm::to_vector_of<Value>(
        vector::ToElementsOp::create(b, adaptor.getBest())->getResults());
    Value none = arith::ConstantIntOp::create(b, 0, 64);
    Network network(b, lanes);
    for (int64_t row = 0; row < int64_t(keys.size()) / columns; ++row)
      for (int64_t first = 0; first < columns; first += size) {
        SmallVector<Value> batch(size, none);
        for (int64_t i = 0; i < std::min(size, columns - first); ++i)
          batch[i] = keys[row * columns + first + i];
        if (!op.getSorted())
          network.sort(batch);
        network.merge(MutableArrayRef(best).slice(row * size, size), batch);
      }
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(
        op, cast<VectorType>(adaptor.getBest().getType()), best);
    return success();
  }
};

} // namespace

void peermla::populateSelectionPatterns(const FragmentTypeConverter &converter,
                                        RewritePatternSet &patterns) {
  patterns.add<LowerTopk>(converter, patterns.getContext());
}
