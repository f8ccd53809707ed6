//===- Gathers.cpp - rows at computed places ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every row is a pointer, moved by the thread's first column; its pieces lie at
// constant distances from there. The pointer of a row that does not exist
// points to zeros: loads need no branch, and stay together.
//
//===----------------------------------------------------------------------===//

#include "Pieces.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;
using namespace peermla;

namespace {

struct LowerGather final : OpConversionPattern<tile::GatherOp> {
  LowerGather(const TypeConverter &converter, MLIRContext *context,
              const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::GatherOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getResult().getType());
    auto strides = kernel.strides.find(op.getSource());
    bool hasColumns = type.getRank() == 2;
    auto layout = dyn_cast_or_null<tile::RowsLayoutAttr>(type.getEncoding());
    if (strides == kernel.strides.end() || !type.getEncoding() ||
        (hasColumns && (!layout || layout.getLanes() != layout.getThreads())))
      return rewriter.notifyMatchFailure(op, "not rows of all threads");
    FragmentBuilder b(op.getLoc(), rewriter);
    Gather gather(b, op, adaptor, strides->second);
    auto result = cast<VectorType>(getTypeConverter()->convertType(type));
    SmallVector<Value> pieces;
    if (hasColumns) {
      gather.splitColumns(kernel);
      for (int64_t row = 0; row < type.getDimSize(0); ++row)
        gather.loadRow(row, pieces);
    } else {
      for (int64_t i = 0; i < result.getNumElements(); ++i)
        pieces.push_back(gather.loadPiece(gather.getRow(i), 1));
    }
    rewriter.replaceOp(op, joinPieces(b, result, pieces));
    return success();
  }

private:
  struct Gather {
    Gather(FragmentBuilder &b, tile::GatherOp op, OpAdaptor adaptor,
           ArrayRef<Value> memoryStrides)
        : b(b), op(op), type(cast<RankedTensorType>(op.getResult().getType())),
          bytes(getBytesOfElement(type)), zeros(getZeros(b)) {
      Value origin = arith::ConstantIndexOp::create(b, 0);
      for (auto [offset, stride] :
           llvm::zip(adaptor.getOffsets(), memoryStrides))
        origin = b.add(origin, b.mul(offset, stride));
      first = b.pointer(1, b.toGlobal(adaptor.getSource()), toBytes(origin));
      for (auto [dim, size] : llvm::zip(op.getDims(), adaptor.getSizes())) {
        strides.push_back(toBytes(memoryStrides[dim]));
        sizes.push_back(b.toI32(size));
      }
      columnStride = memoryStrides[op.getDims().back()];
      for (Value coordinates : adaptor.getCoordinates())
        rows.push_back(vector::ToElementsOp::create(b, coordinates));
    }

    Value toBytes(Value elements) {
      return arith::IndexCastOp::create(b, b.getI64Type(),
                                        b.mul(elements, bytes));
    }

    /// Says where a thread's pieces of a row are.
    void splitColumns(const KernelInfo &kernel) {
      Value size = op.getSizes().back();
      std::optional<int64_t> columns = getConstantIntValue(size);
      width = 1;
      if (isConstantIntValue(columnStride, 1) && columns) {
        int64_t piece =
            std::gcd<int64_t>(16, kernel.alignments.lookup(op.getSource()));
        piece = std::gcd(piece, kernel.originDivisors.lookup(op) * bytes);
        width = std::gcd(getRunLength(type), piece / bytes);
        width = std::gcd(width, *columns);
      }
      FragmentPlaces places(b, type);
      int64_t perRow = places.size() / type.getDimSize(0);
      Value column = places.bases.back();
      Value wide = arith::ExtUIOp::create(b, b.getI64Type(), column);
      first = b.pointer(1, first, b.mul(wide, strides.back()));
      bool isWhole = columns && *columns >= type.getDimSize(1);
      for (int64_t j = 0; j < perRow; j += width) {
        offsets.push_back(places.getOffsets(j).back());
        Value inside;
        if (!isWhole)
          inside = b.isLess(b.add(column, offsets.back()), sizes.back());
        isInside.push_back(inside);
      }
    }

    /// The address of row i, or of zeros.
    Value getRow(int64_t i) {
      Value exists, place;
      for (auto [elements, size, stride] : llvm::zip(rows, sizes, strides)) {
        Value coordinate = elements.getResult(i);
        Value is = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                         coordinate, size);
        Value step = b.mul(
            arith::ExtUIOp::create(b, b.getI64Type(), coordinate), stride);
        exists = exists ? b.both(exists, is) : is;
        place = place ? b.add(place, step) : step;
      }
      return b.select(exists, b.pointer(1, first, place), zeros);
    }

    void loadRow(int64_t i, SmallVectorImpl<Value> &pieces) {
      Value row = getRow(i);
      for (auto [offset, inside] : llvm::zip(offsets, isInside)) {
        Value place = row;
        if (isConstantIntValue(columnStride, 1))
          place = b.pointer(1, row, offset * bytes);
        else
          place = b.pointer(1, row, b.mul(strides.back(), offset));
        pieces.push_back(
            loadPiece(inside ? b.select(inside, place, zeros) : place, width));
      }
    }

    Value loadPiece(Value place, int64_t elements) {
      Type piece = getPieceType(type.getElementType(), elements);
      // Rows are of tables, which no kernel writes.
      return LLVM::LoadOp::create(b, piece, place, elements * bytes,
                                  /*isVolatile=*/false, /*isNonTemporal=*/false,
                                  /*isInvariant=*/type.getRank() == 2);
    }

    FragmentBuilder &b;
    tile::GatherOp op;
    RankedTensorType type;
    int64_t bytes;
    /// Element 0 of the box, then of the thread's first column.
    Value first, zeros, columnStride;
    /// Per entry of dims: bytes as i64, extents as i32.
    SmallVector<Value> strides, sizes;
    SmallVector<vector::ToElementsOp> rows;
    /// Elements of a piece; the columns of pieces behind the thread's first,
    /// and whether they exist if that is not sure.
    int64_t width = 1;
    SmallVector<int64_t> offsets;
    SmallVector<Value> isInside;
  };

  const KernelInfo &kernel;
};

} // namespace

void peermla::populateGatherPatterns(const FragmentTypeConverter &converter,
                                     const KernelInfo &kernel,
                                     RewritePatternSet &patterns) {
  patterns.add<LowerGather>(converter, patterns.getContext(), kernel);
}
