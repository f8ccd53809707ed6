//===- Rotations.cpp - tile.rotate on a thread's pairs of columns ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A thread has both columns of a pair in #tile.mma, which starts at an even
// one. Where it has its columns is known but for the lane, and, with several
// columns of warps, the warp: pairs that are not rotated whatever these are
// cost nothing.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace peermla;

namespace {

/// Reads the table for one pair of columns after the other.
struct Rotation {
  Rotation(FragmentBuilder &b, tile::RotateOp op, Value table,
           ArrayRef<Value> strides, Value row, Value rows)
      : b(b), type(cast<RankedTensorType>(op.getSource().getType())),
        places(b, type), first(op.getFirst()),
        pairs(cast<MemRefType>(op.getTable().getType()).getDimSize(1) / 2),
        rows(b.toI32(rows)), strides(strides) {
    Value origin = b.mul(b.mul(row, strides[0]), int64_t(sizeof(float)));
    base = b.pointer(1, b.toGlobal(table),
                     arith::IndexCastOp::create(b, b.getI64Type(), origin));
  }

  /// The columns that a group of eight of a warp may be, first and last.
  bool mayRotate(int64_t column) const {
    int64_t warpsN = getMmaLayout(type).getWarps()[1];
    int64_t ofWarp = type.getDimSize(1) / warpsN;
    for (int64_t warp = 0; warp < warpsN; ++warp) {
      int64_t begin = warp * ofWarp + column / 8 * 8;
      if (begin + 8 > first && begin < first + 2 * pairs)
        return true;
    }
    return false;
  }

  /// The pair whose first element is `element`, rotated.
  std::array<Value, 2> rotate(int64_t element, Value even, Value odd) {
    SmallVector<int64_t> offsets = places.getOffsets(element);
    if (!mayRotate(offsets[1]))
      return {even, odd};
    Value row = b.add(places.bases[0], offsets[0]);
    Value column = b.add(b.add(places.bases[1], offsets[1]), -first);
    Value isRotated =
        b.both(b.isLess(b.i32(-1), column), b.isLess(column, b.i32(2 * pairs)));
    isRotated = b.both(isRotated, b.isLess(row, rows));
    Value index = b.toIndex(row);
    // There is a row, and the first of its columns, whatever is rotated.
    Value pair = b.div(b.select(isRotated, column, b.i32(0)), 2);
    Value place =
        b.mul(b.select(isRotated, index, b.constant(index, 0)), strides[0]);
    place = b.add(place, b.mul(b.toIndex(pair), strides[1]));
    Value cos = load(place);
    Value sin = load(b.add(place, b.mul(strides[1], pairs)));
    auto times = [&](Value x, Value y) -> Value {
      return arith::MulFOp::create(b, x, y);
    };
    Value newEven = arith::SubFOp::create(b, times(even, cos), times(odd, sin));
    Value newOdd = arith::AddFOp::create(b, times(even, sin), times(odd, cos));
    return {b.select(isRotated, newEven, even),
            b.select(isRotated, newOdd, odd)};
  }

private:
  Value load(Value place) {
    Value byte = arith::IndexCastOp::create(
        b, b.getI64Type(), b.mul(place, int64_t(sizeof(float))));
    return LLVM::LoadOp::create(b, b.getF32Type(), b.pointer(1, base, byte));
  }

  FragmentBuilder &b;
  RankedTensorType type;
  FragmentPlaces places;
  int64_t first, pairs;
  Value rows, base;
  ArrayRef<Value> strides;
};

struct LowerRotate final : OpConversionPattern<tile::RotateOp> {
  LowerRotate(const TypeConverter &converter, MLIRContext *context,
              const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::RotateOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getSource().getType());
    auto strides = kernel.strides.find(op.getTable());
    if (!isa_and_nonnull<tile::MmaLayoutAttr>(type.getEncoding()) ||
        strides == kernel.strides.end())
      return rewriter.notifyMatchFailure(op, "only #tile.mma");
    FragmentBuilder b(op.getLoc(), rewriter);
    Rotation rotation(b, op, adaptor.getTable(), strides->second,
                      adaptor.getRow(), adaptor.getRows());
    auto elements = llvm::to_vector_of<Value>(
        vector::ToElementsOp::create(b, adaptor.getSource())->getResults());
    for (size_t i = 0; i < elements.size(); i += 2)
      llvm::copy(rotation.rotate(i, elements[i], elements[i + 1]),
                 elements.begin() + i);
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(
        op, adaptor.getSource().getType(), elements);
    return success();
  }

  const KernelInfo &kernel;
};

} // namespace

void peermla::populateRotationPatterns(const FragmentTypeConverter &converter,
                                       const KernelInfo &kernel,
                                       RewritePatternSet &patterns) {
  patterns.add<LowerRotate>(converter, patterns.getContext(), kernel);
}
