//===- WarpgroupProducts.cpp - tile.mma by wgmma --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Four warps that follow each other along M are a warpgroup. It owns, in the
// symbols of #tile.mma, 64 rows per block b and N / WN columns of the result;
// these are the accumulators of one instruction per 16 of the sum:
//
//   fence;  for each block, 16 of the sum:  wgmma;  commit;  wait
//
// Slots are panels of 128 bytes by all rows of the tile. Along the sum, 16
// elements of rows are 32 bytes of a panel, and 16 rows are 2048 bytes.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "peermla/Dialect/Frag/IR/Frag.h"

using namespace mlir;
using namespace peermla;

/// Elements of the sum, rows and columns (at most) of an instruction.
static constexpr int64_t depthOfStep = 16, rowsOfGroup = 64, maxColumns = 256;
static constexpr int64_t panelBytes = tile::SharedLayoutAttr::panelBytes;
/// 16-bit elements in a row of a panel.
static constexpr int64_t panelElements = panelBytes / 2;

bool peermla::isWarpgroupProduct(tile::MmaOp op) {
  auto a = cast<RankedTensorType>(op.getA().getType());
  auto d = cast<RankedTensorType>(op.getD().getType());
  auto layout = cast<tile::MmaLayoutAttr>(d.getEncoding());
  int64_t warpsM = layout.getWarps()[0], warpsN = layout.getWarps()[1];
  int64_t columns = d.getDimSize(1) / warpsN;
  // Columns of a warpgroup start where a panel does, if they lie in rows.
  bool startsPanel = op.getTransposeB() ||
                     (warpsN == 1 && columns <= maxColumns) ||
                     (columns % panelElements == 0);
  return a.getElementTypeBitWidth() == 16 && warpsM % 4 == 0 && startsPanel &&
         a.getDimSize(1) % depthOfStep == 0;
}

namespace {

/// Where the elements of an operand in shared memory start for a warpgroup.
struct SharedOperand {
  /// `line` is the first row, or the first column of an operand in columns, as
  /// i32.
  static Value describe(FragmentBuilder &b, Value slot, RankedTensorType tile,
                        Value line, bool inColumns) {
    int64_t panel = panelBytes * tile.getDimSize(0);
    Value place = inColumns ? b.mul(b.div(line, panelElements), panel)
                            : b.mul(line, panelBytes);
    return frag::DescriptorOp::create(
        b, b.getI64Type(), b.pointer(3, slot, place), inColumns ? panel : 0);
  }

  /// Bytes from there to element `k` of the sum, `line` lines on.
  static int64_t offset(RankedTensorType tile, int64_t k, int64_t line,
                        bool inColumns) {
    int64_t panel = panelBytes * tile.getDimSize(0);
    if (inColumns)
      return k * panelBytes + line / panelElements * panel;
    return k / panelElements * panel + k % panelElements * 2 +
           line * panelBytes;
  }
};

struct LowerWarpgroupMma final : OpConversionPattern<tile::MmaOp> {
  LowerWarpgroupMma(const TypeConverter &converter, MLIRContext *context)
      : OpConversionPattern(converter, context, /*benefit=*/2) {}

  LogicalResult
  matchAndRewrite(tile::MmaOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!isWarpgroupProduct(op))
      return rewriter.notifyMatchFailure(op, "not as wgmma wants it");
    FragmentBuilder b(op.getLoc(), rewriter);
    auto a = cast<RankedTensorType>(op.getA().getType());
    auto w = cast<RankedTensorType>(op.getB().getType());
    auto d = cast<RankedTensorType>(op.getD().getType());
    auto layout = cast<tile::MmaLayoutAttr>(d.getEncoding());
    int64_t warpsM = layout.getWarps()[0], warpsN = layout.getWarps()[1];
    int64_t rows = d.getDimSize(0) / (16 * warpsM), depth = a.getDimSize(1);
    int64_t columns = d.getDimSize(1) / warpsN;
    bool isInRegisters = !isa<tile::SharedLayoutAttr>(a.getEncoding());
    bool inColumns = !op.getTransposeB();

    // All warps of a group see the same number, and the compiler sees that.
    Value warp = NVVM::ShflOp::create(b, b.getI32Type(), b.i32(-1), b.warp(),
                                      b.i32(0), b.i32(31), NVVM::ShflKind::idx,
                                      /*return_value_and_is_valid=*/UnitAttr());
    Value firstRow = b.mul(b.div(b.rem(warp, warpsM), 4), rowsOfGroup);
    Value firstColumn = b.mul(b.rem(b.div(warp, warpsM), warpsN), columns);
    Value ofW =
        SharedOperand::describe(b, adaptor.getB(), w, firstColumn, inColumns);
    Value ofA;
    if (isInRegisters) {
      int64_t words =
          cast<VectorType>(adaptor.getA().getType()).getNumElements() / 2;
      ofA = vector::BitCastOp::create(
          b, VectorType::get({words}, b.getI32Type()), adaptor.getA());
    } else {
      ofA = SharedOperand::describe(b, adaptor.getA(), a, firstRow,
                                    /*inColumns=*/false);
    }

    // An instruction's part of the accumulators, by block and by columns.
    int64_t width = std::min(columns, maxColumns);
    auto slice = [&](Value vector, int64_t first, int64_t count) -> Value {
      if (cast<VectorType>(vector.getType()).getNumElements() == count)
        return vector;
      return vector::ExtractStridedSliceOp::create(
          b, vector, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{count},
          ArrayRef<int64_t>{1});
    };
    SmallVector<Value> parts;
    SmallVector<int64_t> firsts;
    NVVM::WgmmaFenceAlignedOp::create(b);
    for (int64_t block = 0; block < rows; ++block)
      for (int64_t column = 0; column < columns; column += width) {
        int64_t count = std::min(width, columns - column) / 2;
        int64_t first = block * columns / 2 + column / 2;
        auto type = VectorType::get({count}, b.getF32Type());
        Value sum;
        if (adaptor.getC())
          sum = slice(adaptor.getC(), first, count);
        for (int64_t k = 0; k < depth; k += depthOfStep) {
          Value x = ofA;
          int64_t offsetA = 0;
          if (isInRegisters)
            x = slice(ofA, (block * (depth / 8) + k / 8) * 2, 4);
          else
            offsetA = SharedOperand::offset(a, k, 16 * warpsM * block,
                                            /*inColumns=*/false);
          sum = frag::WgmmaOp::create(
              b, type, x, ofW, sum,
              b.getDenseI64ArrayAttr(
                  {offsetA, SharedOperand::offset(w, k, column, inColumns)}),
              inColumns ? b.getUnitAttr() : UnitAttr(),
              TypeAttr::get(a.getElementType()));
        }
        parts.push_back(sum);
        firsts.push_back(first);
      }
    NVVM::WgmmaGroupSyncAlignedOp::create(b);
    SmallVector<Value> done(parts);
    if (!op.getFlight())
      done = frag::WgmmaWaitOp::create(b, b.getI64IntegerAttr(0), parts)
                 .getResults();

    auto type = VectorType::get({rows * columns / 2}, b.getF32Type());
    if (parts.size() == 1) {
      rewriter.replaceOp(op, done);
      return success();
    }
    Value all = arith::ConstantOp::create(b, b.getZeroAttr(type));
    for (auto [part, first] : llvm::zip(done, firsts))
      all = vector::InsertStridedSliceOp::create(
          b, part, all, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{1});
    rewriter.replaceOp(op, all);
    return success();
  }
};

} // namespace

void peermla::populateWarpgroupProductPatterns(
    const FragmentTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerWarpgroupMma>(converter, patterns.getContext());
}
