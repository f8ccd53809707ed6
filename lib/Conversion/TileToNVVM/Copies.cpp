//===- Copies.cpp - rings, and copies into their slots --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All threads of a block copy pieces of a box to their swizzled places. A piece
// has 16, 8 or 4 bytes: as many as strides and offsets are known to be
// multiples of. Where the memory turns out to start elsewhere, and where not
// even 4 bytes are known to lie together, elements are loaded and stored one by
// one.
//
// Every fill commits one group of copies, copied or not, so that the number of
// groups on their way is known.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <numeric>

using namespace mlir;
using namespace peermla;

namespace {

/// The address of the slot of one fill.
static Value getSlot(FragmentBuilder &b, tile::RingType type, Value ring,
                     Value fill) {
  Value slot = b.rem(b.toI32(fill), type.getSlots());
  return b.pointer(3, ring, b.mul(slot, type.getSlotBytes()));
}

struct LowerRing final : OpConversionPattern<tile::RingOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::RingOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FragmentBuilder b(op.getLoc(), rewriter);
    Value base = LLVM::AddressOfOp::create(
        b, LLVM::LLVMPointerType::get(getContext(), 3), sharedMemoryName);
    rewriter.replaceOp(
        op, b.pointer(3, base, static_cast<int64_t>(op.getOffset())));
    return success();
  }
};

struct LowerConsume final : OpConversionPattern<tile::ConsumeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::ConsumeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FragmentBuilder b(op.getLoc(), rewriter);
    NVVM::CpAsyncWaitGroupOp::create(b, op.getPending());
    NVVM::BarrierOp::create(b);
    rewriter.replaceOp(op, getSlot(b, op.getRing().getType(), adaptor.getRing(),
                                   adaptor.getFill()));
    return success();
  }
};

/// A box of global memory and the slot it goes to.
struct Copy {
  FragmentBuilder &b;
  RankedTensorType tile;
  /// First element of the box, its extents and strides in elements.
  Value source, slot, sizes[2], strides[2];
  int64_t threads;

  int64_t bytes() const { return getBytesOfElement(tile); }
  /// The byte of element (row, column), all of it as index.
  Value getByte(Value row, Value column) {
    return b.mul(b.add(b.mul(row, strides[0]), b.mul(column, strides[1])),
                 bytes());
  }

  /// Asynchronous copies of pieces; bytes outside the box become zero, without
  /// being read.
  void copyPieces(int64_t piece, Value predicate) {
    int64_t width = piece / bytes(), perRow = tile.getDimSize(1) / width;
    int64_t pieces = tile.getDimSize(0) * perRow;
    for (int64_t first = 0; first < pieces; first += threads) {
      Value number = b.add(b.thread(), first);
      Value row = b.div(number, perRow);
      Value column = b.mul(b.rem(number, perRow), width);
      auto body = [&] { copyPiece(piece, row, column, predicate); };
      if (first + threads <= pieces) {
        body();
        continue;
      }
      auto some = scf::IfOp::create(b, b.isLess(number, b.i32(pieces)),
                                    /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(some.thenBlock());
      body();
    }
  }

  void copyPiece(int64_t piece, Value row, Value column, Value predicate) {
    Value isInside = b.isLess(b.toIndex(row), sizes[0]);
    if (predicate)
      isInside = b.both(isInside, predicate);
    Value left = b.mul(b.add(b.toI32(sizes[1]), b.mul(column, -1)), bytes());
    left = arith::MinSIOp::create(b, left, b.i32(piece));
    left = arith::MaxSIOp::create(b, left, b.i32(0));
    Value size = b.select(isInside, left, b.i32(0));
    isInside = b.isLess(b.i32(0), size);
    Value from = getByte(b.toIndex(row), b.toIndex(column));
    from = b.select(isInside, from, b.constant(from, 0));
    Value from64 = arith::IndexCastOp::create(b, b.getI64Type(), from);
    NVVM::CpAsyncOp::create(b, b.sharedPlace(slot, tile, row, column),
                            b.pointer(1, source, from64), piece,
                            piece == 16 ? NVVM::LoadCacheModifierKind::CG
                                        : NVVM::LoadCacheModifierKind::CA,
                            size);
  }

  /// Loads and stores of single elements.
  void copyElements(Value predicate) {
    int64_t elements = tile.getNumElements();
    auto loop = scf::ForOp::create(b, b.toIndex(b.thread()),
                                   arith::ConstantIndexOp::create(b, elements),
                                   arith::ConstantIndexOp::create(b, threads));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value number = loop.getInductionVar();
    Value row = b.div(number, tile.getDimSize(1));
    Value column = b.rem(number, tile.getDimSize(1));
    Value isInside =
        b.both(b.isLess(row, sizes[0]), b.isLess(column, sizes[1]));
    if (predicate)
      isInside = b.both(isInside, predicate);
    Type element = tile.getElementType();
    auto loaded = scf::IfOp::create(b, TypeRange{element}, isInside,
                                    /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loaded.thenBlock());
      Value from =
          arith::IndexCastOp::create(b, b.getI64Type(), getByte(row, column));
      Value value =
          LLVM::LoadOp::create(b, element, b.pointer(1, source, from));
      scf::YieldOp::create(b, value);
      b.setInsertionPointToStart(loaded.elseBlock());
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
      scf::YieldOp::create(b, zero);
    }
    LLVM::StoreOp::create(
        b, loaded.getResult(0),
        b.sharedPlace(slot, tile, b.toI32(row), b.toI32(column)));
  }
};

struct LowerFill final : OpConversionPattern<tile::FillOp> {
  LowerFill(const TypeConverter &converter, MLIRContext *context,
            const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::FillOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto strides = kernel.strides.find(op.getSource());
    if (strides == kernel.strides.end())
      return rewriter.notifyMatchFailure(op, "not an argument of the kernel");
    FragmentBuilder b(op.getLoc(), rewriter);
    tile::RingType ring = op.getRing().getType();
    RankedTensorType tile = ring.getTile();
    int64_t bytes = getBytesOfElement(tile);

    // The first element of the box, and how much of what is known to lie
    // together where it is.
    Value origin = arith::ConstantIndexOp::create(b, 0);
    for (auto [offset, stride] :
         llvm::zip(adaptor.getOffsets(), strides->second))
      origin = b.add(origin, b.mul(offset, stride));
    Value rowStride = strides->second[op.getDims()[0]];
    Value columnStride = strides->second[op.getDims()[1]];
    int64_t divisor =
        std::gcd(kernel.originDivisors.lookup(op), getKnownDivisor(rowStride));
    bool isContiguous = isConstantIntValue(columnStride, 1);
    int64_t piece =
        isContiguous ? std::gcd<int64_t>(divisor * bytes, 16) : bytes;
    Value first =
        arith::IndexCastOp::create(b, b.getI64Type(), b.mul(origin, bytes));
    Copy copy{b,
              tile,
              b.pointer(1, b.toGlobal(adaptor.getSource()), first),
              getSlot(b, ring, adaptor.getRing(), adaptor.getFill()),
              {adaptor.getSizes()[0], adaptor.getSizes()[1]},
              {rowStride, columnStride},
              kernel.threads};
    if (piece < 4) {
      copy.copyElements(adaptor.getPredicate());
    } else {
      Value address = LLVM::PtrToIntOp::create(b, b.getI64Type(), copy.source);
      Value isAligned =
          b.isEqual(b.rem(address, piece), b.constant(address, 0));
      auto either = scf::IfOp::create(b, isAligned, /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(either.thenBlock());
      copy.copyPieces(piece, adaptor.getPredicate());
      b.setInsertionPointToStart(either.elseBlock());
      copy.copyElements(adaptor.getPredicate());
    }
    NVVM::CpAsyncCommitGroupOp::create(b);
    rewriter.eraseOp(op);
    return success();
  }

  const KernelInfo &kernel;
};

} // namespace

void peermla::populateCopyPatterns(const FragmentTypeConverter &converter,
                                   const KernelInfo &kernel,
                                   RewritePatternSet &patterns) {
  patterns.add<LowerConsume, LowerRing>(converter, patterns.getContext());
  patterns.add<LowerFill>(converter, patterns.getContext(), kernel);
}
