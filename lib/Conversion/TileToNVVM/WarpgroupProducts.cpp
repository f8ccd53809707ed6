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
// Of a product of a triangle, a group whose rows need no more computes half.
//
// Slots are panels of 128 bytes by all rows of the tile. Along the sum, 16
// elements of rows are 32 bytes of a panel, and 16 rows are 2048 bytes.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

/// The instructions of one product.
class WarpgroupProduct {
public:
  WarpgroupProduct(FragmentBuilder &b, tile::MmaOp op, Value a, Value w,
                   Value c)
      : b(b), op(op), a(cast<RankedTensorType>(op.getA().getType())),
        w(cast<RankedTensorType>(op.getB().getType())), c(c) {
    auto d = cast<RankedTensorType>(op.getD().getType());
    auto layout = cast<tile::MmaLayoutAttr>(d.getEncoding());
    warpsM = layout.getWarps()[0];
    warpsN = layout.getWarps()[1];
    blocks = d.getDimSize(0) / (16 * warpsM);
    columns = d.getDimSize(1) / warpsN;
    depth = this->a.getDimSize(1);
    isInRegisters = !isa<tile::SharedLayoutAttr>(this->a.getEncoding());
    inColumns = !op.getTransposeB();
    describeOperands(a, w);
  }

  Value emit() {
    if (!mayBeShort())
      return emit(columns, depth);
    int64_t half = op.getExtentOfTriangle() / 2;
    // Of the group's last row.
    int64_t lastRow = rowsOfGroup - 1 + 16 * warpsM * (blocks - 1);
    Value until = b.add(b.toI32(op.getUntil()),
                        b.div(b.add(firstRow, lastRow), op.getGroup()));
    auto choice =
        scf::IfOp::create(b, typeOfResult(), b.isLess(until, b.i32(half)),
                          /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    scf::YieldOp::create(b,
                         op.getSum() ? emit(columns, half) : emit(half, depth));
    b.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(b, emit(columns, depth));
    return choice.getResult(0);
  }

private:
  void describeOperands(Value operandA, Value operandW) {
    // All warps of a group see the same number, and the compiler sees that.
    Value warp = NVVM::ShflOp::create(b, b.getI32Type(), b.i32(-1), b.warp(),
                                      b.i32(0), b.i32(31), NVVM::ShflKind::idx,
                                      /*return_value_and_is_valid=*/UnitAttr());
    firstRow = b.mul(b.div(b.rem(warp, warpsM), 4), rowsOfGroup);
    Value firstColumn = b.mul(b.rem(b.div(warp, warpsM), warpsN), columns);
    ofW = SharedOperand::describe(b, operandW, w, firstColumn, inColumns);
    if (isInRegisters) {
      int64_t words = cast<VectorType>(operandA.getType()).getNumElements() / 2;
      ofA = vector::BitCastOp::create(
          b, VectorType::get({words}, b.getI32Type()), operandA);
    } else {
      ofA = SharedOperand::describe(b, operandA, a, firstRow,
                                    /*inColumns=*/false);
    }
  }

  VectorType typeOfResult() {
    return VectorType::get({blocks * columns / 2}, b.getF32Type());
  }

  /// Whether half of it may be all that a group needs, and that is whole
  /// instructions.
  bool mayBeShort() {
    int64_t unit = op.getSum() ? depthOfStep : 8;
    return op.getUntil() && !op.getFlight() && warpsN == 1 &&
           columns <= maxColumns && op.getExtentOfTriangle() % (2 * unit) == 0;
  }

  /// The product for the first columns of each group's, and the first part of
  /// the sum; other results are zero.
  Value emit(int64_t usedColumns, int64_t usedDepth) {
    int64_t width = std::min(usedColumns, maxColumns);
    SmallVector<Value> parts;
    SmallVector<int64_t> firsts;
    NVVM::WgmmaFenceAlignedOp::create(b);
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t column = 0; column < usedColumns; column += width) {
        int64_t count = std::min(width, usedColumns - column) / 2;
        firsts.push_back(block * columns / 2 + column / 2);
        Value sum;
        if (c)
          sum = slice(c, firsts.back(), count);
        for (int64_t k = 0; k < usedDepth; k += depthOfStep)
          sum = multiply(sum, block, column, count, k);
        parts.push_back(sum);
      }
    NVVM::WgmmaGroupSyncAlignedOp::create(b);
    SmallVector<Value> done(parts);
    if (!op.getFlight())
      done = frag::WgmmaWaitOp::create(b, b.getI64IntegerAttr(0), parts)
                 .getResults();
    if (done.front().getType() == typeOfResult())
      return done.front();
    Value all = arith::ConstantOp::create(b, b.getZeroAttr(typeOfResult()));
    for (auto [part, first] : llvm::zip(done, firsts))
      all = vector::InsertStridedSliceOp::create(
          b, part, all, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{1});
    return all;
  }

  /// One instruction: a block of rows, columns from `column` on with `count`
  /// results per thread, the sum from `k` on.
  Value multiply(Value sum, int64_t block, int64_t column, int64_t count,
                 int64_t k) {
    Value x = ofA;
    int64_t offsetA = 0;
    if (isInRegisters)
      x = slice(ofA, (block * (depth / 8) + k / 8) * 2, 4);
    else
      offsetA = SharedOperand::offset(a, k, 16 * warpsM * block,
                                      /*inColumns=*/false);
    return frag::WgmmaOp::create(
        b, VectorType::get({count}, b.getF32Type()), x, ofW, sum,
        b.getDenseI64ArrayAttr(
            {offsetA, SharedOperand::offset(w, k, column, inColumns)}),
        inColumns ? b.getUnitAttr() : UnitAttr(),
        TypeAttr::get(a.getElementType()));
  }

  Value slice(Value vector, int64_t first, int64_t count) {
    if (cast<VectorType>(vector.getType()).getNumElements() == count)
      return vector;
    return vector::ExtractStridedSliceOp::create(
        b, vector, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{count},
        ArrayRef<int64_t>{1});
  }

  FragmentBuilder &b;
  tile::MmaOp op;
  RankedTensorType a, w;
  Value c;
  int64_t warpsM, warpsN;
  /// Of a group: blocks of 64 rows, columns of results, and the sum.
  int64_t blocks, columns, depth;
  bool isInRegisters, inColumns;
  /// The group's first row, as i32; its operands.
  Value firstRow, ofA, ofW;
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
    rewriter.replaceOp(op, WarpgroupProduct(b, op, adaptor.getA(),
                                            adaptor.getB(), adaptor.getC())
                               .emit());
    return success();
  }
};

} // namespace

void peermla::populateWarpgroupProductPatterns(
    const FragmentTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerWarpgroupMma>(converter, patterns.getContext());
}
