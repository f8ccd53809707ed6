//===- RowsAccess.cpp - rows from and to global and shared memory ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fragments in `#tile.rows`, `#tile.parts` and slices of rows move in pieces. A
// piece is asked whether it is in the box only if its box may be smaller than
// its tile.
//
//===----------------------------------------------------------------------===//

#include "Pieces.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;
using namespace peermla;

static bool isOfRows(RankedTensorType type) {
  auto slice = dyn_cast_or_null<tile::SliceLayoutAttr>(type.getEncoding());
  return isa_and_nonnull<tile::RowsLayoutAttr, tile::PartsLayoutAttr>(
             type.getEncoding()) ||
         (slice && slice.getRowsParent());
}

namespace {

/// The pieces of a fragment in memory.
struct Pieces {
  /// `strides` are those of the memory along `dims`, `origin` divides the place
  /// of the box, `alignment` the address of the memory, in bytes.
  Pieces(FragmentBuilder &b, RankedTensorType type, unsigned space, Value first,
         ArrayRef<Value> strides, ValueRange sizes, int64_t origin,
         int64_t alignment)
      : b(b), type(type), bytes(getBytesOfElement(type)), places(b, type),
        space(space), strides(strides) {
    width = 1;
    if (isConstantIntValue(strides.back(), 1)) {
      SmallVector<int64_t> divisors = getBaseDivisors(type);
      int64_t divisor = origin;
      for (auto [i, stride] : llvm::enumerate(strides)) {
        divisor = std::gcd(divisor, divisors[i] * getKnownDivisor(stride));
        // Elements of a fragment lie in rows of their own.
        if (i + 1 < strides.size())
          divisor = std::gcd(divisor, getKnownDivisor(stride));
      }
      width = std::gcd(
          getRunLength(type),
          std::gcd<int64_t>(16, std::gcd(alignment, divisor * bytes)) / bytes);
    }
    for (auto [i, size] : llvm::enumerate(sizes)) {
      std::optional<int64_t> known = getConstantIntValue(size);
      if (known && *known >= type.getDimSize(i))
        continue;
      bounds.push_back({i, b.toI32(size)});
      // A piece is in the box or not.
      if (i + 1 == sizes.size())
        width = known ? std::gcd(width, *known) : 1;
    }
    // The thread's first element.
    Value place = arith::ConstantIndexOp::create(b, 0);
    for (auto [base, stride] : llvm::zip(places.bases, strides))
      place = b.add(place, b.mul(b.toIndex(base), stride));
    this->first = b.pointer(
        space, first,
        arith::IndexCastOp::create(b, b.getI64Type(), b.mul(place, bytes)));
  }

  Value getPointer(int64_t element) {
    int64_t known = 0;
    Value unknown;
    for (auto [offset, stride] :
         llvm::zip(places.getOffsets(element), strides)) {
      if (std::optional<int64_t> constant = getConstantIntValue(stride)) {
        known += offset * *constant;
        continue;
      }
      Value step = b.mul(stride, offset);
      unknown = unknown ? b.add(unknown, step) : step;
    }
    Value pointer = b.pointer(space, first, known * bytes);
    if (!unknown)
      return pointer;
    return b.pointer(
        space, pointer,
        arith::IndexCastOp::create(b, b.getI64Type(), b.mul(unknown, bytes)));
  }

  /// Whether a piece is in the box; null if it is in any case.
  Value isInside(int64_t element) {
    Value inside;
    for (auto [dim, size] : bounds) {
      Value less = b.isLess(
          b.add(places.bases[dim], places.getOffsets(element)[dim]), size);
      inside = inside ? b.both(inside, less) : less;
    }
    return inside;
  }

  Value load(VectorType result) {
    Type piece = getPieceType(type.getElementType(), width);
    SmallVector<Value> pieces;
    auto loadPiece = [&](int64_t element) -> Value {
      return LLVM::LoadOp::create(b, piece, getPointer(element), width * bytes);
    };
    for (int64_t i = 0; i < places.size(); i += width) {
      Value inside = isInside(i);
      if (!inside) {
        pieces.push_back(loadPiece(i));
        continue;
      }
      auto either = scf::IfOp::create(b, TypeRange(piece), inside,
                                      /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(either.thenBlock());
      Value loaded = loadPiece(i);
      scf::YieldOp::create(b, loaded);
      b.setInsertionPointToStart(either.elseBlock());
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(piece));
      scf::YieldOp::create(b, zero);
      pieces.push_back(either.getResult(0));
    }
    return joinPieces(b, result, pieces);
  }

  void store(Value fragment) {
    // Narrow elements are words in pieces, and may be in the fragment.
    Type piece = getPieceType(type.getElementType(), width);
    Type element = getElementTypeOrSelf(piece);
    auto from = cast<VectorType>(fragment.getType());
    if (element != from.getElementType())
      fragment = vector::BitCastOp::create(
          b,
          VectorType::get(
              {places.size() * bytes * 8 / element.getIntOrFloatBitWidth()},
              element),
          fragment);
    auto vector = dyn_cast<VectorType>(piece);
    int64_t length = vector ? vector.getNumElements() : 1;
    Value isFirst = isFirstReplica(b, type);
    for (int64_t i = 0; i < places.size(); i += width) {
      int64_t at = i / width * length;
      Value value = vector
                        ? Value(vector::ExtractStridedSliceOp::create(
                              b, fragment, ArrayRef<int64_t>{at},
                              ArrayRef<int64_t>{length}, ArrayRef<int64_t>{1}))
                        : Value(vector::ExtractOp::create(b, fragment, at));
      Value inside = isInside(i);
      if (isFirst)
        inside = inside ? b.both(inside, isFirst) : isFirst;
      OpBuilder::InsertionGuard guard(b);
      if (inside) {
        auto some = scf::IfOp::create(b, inside, /*withElseRegion=*/false);
        b.setInsertionPointToStart(some.thenBlock());
      }
      LLVM::StoreOp::create(b, value, getPointer(i), width * bytes);
    }
  }

  FragmentBuilder &b;
  RankedTensorType type;
  int64_t bytes;
  FragmentPlaces places;
  unsigned space;
  SmallVector<Value> strides;
  Value first;
  /// Elements that move together.
  int64_t width;
  /// Dimensions that the box may not have whole, and its extents there.
  SmallVector<std::pair<int64_t, Value>> bounds;
};

/// The pieces of a fragment in the box of a load or store.
template <typename Op>
static Pieces getPieces(FragmentBuilder &b, Op op, RankedTensorType type,
                        MemRefType memory, Value base, ValueRange offsets,
                        ValueRange sizes, ArrayRef<Value> memoryStrides,
                        const KernelInfo &kernel, Value source) {
  bool isShared = gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(memory);
  unsigned space = isShared ? 3 : 1;
  Value origin = arith::ConstantIndexOp::create(b, 0);
  for (auto [offset, stride] : llvm::zip(offsets, memoryStrides))
    origin = b.add(origin, b.mul(offset, stride));
  Value first =
      b.pointer(space, isShared ? base : b.toGlobal(base),
                arith::IndexCastOp::create(
                    b, b.getI64Type(), b.mul(origin, getBytesOfElement(type))));
  SmallVector<Value> strides;
  for (int64_t dim : op.getDims())
    strides.push_back(memoryStrides[dim]);
  return Pieces(b, type, space, first, strides, sizes,
                kernel.originDivisors.lookup(op),
                kernel.alignments.lookup(source));
}

struct LoadRows final : OpConversionPattern<tile::LoadOp> {
  LoadRows(const TypeConverter &converter, MLIRContext *context,
           const KernelInfo &kernel)
      : OpConversionPattern(converter, context, /*benefit=*/2), kernel(kernel) {
  }

  LogicalResult
  matchAndRewrite(tile::LoadOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getResult().getType());
    auto strides = kernel.strides.find(op.getSource());
    if (!isOfRows(type) || strides == kernel.strides.end() || op.getGroup() ||
        op.getTable())
      return rewriter.notifyMatchFailure(op, "not into rows");
    FragmentBuilder b(op.getLoc(), rewriter);
    Pieces pieces =
        getPieces(b, op, type, cast<MemRefType>(op.getSource().getType()),
                  adaptor.getSource(), adaptor.getOffsets(), adaptor.getSizes(),
                  strides->second, kernel, op.getSource());
    rewriter.replaceOp(op, pieces.load(cast<VectorType>(
                               getTypeConverter()->convertType(type))));
    return success();
  }

  const KernelInfo &kernel;
};

struct StoreRows final : OpConversionPattern<tile::StoreOp> {
  StoreRows(const TypeConverter &converter, MLIRContext *context,
            const KernelInfo &kernel)
      : OpConversionPattern(converter, context, /*benefit=*/2), kernel(kernel) {
  }

  LogicalResult
  matchAndRewrite(tile::StoreOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getValue().getType());
    auto strides = kernel.strides.find(op.getTarget());
    // Scratch takes the fragments of products, too.
    if ((!isOfRows(type) && !op.getTarget().getDefiningOp<tile::ScratchOp>()) ||
        !isa_and_nonnull<tile::FragmentLayout>(type.getEncoding()) ||
        strides == kernel.strides.end() || op.getGroup())
      return rewriter.notifyMatchFailure(op, "not from rows");
    FragmentBuilder b(op.getLoc(), rewriter);
    getPieces(b, op, type, cast<MemRefType>(op.getTarget().getType()),
              adaptor.getTarget(), adaptor.getOffsets(), adaptor.getSizes(),
              strides->second, kernel, op.getTarget())
        .store(adaptor.getValue());
    rewriter.eraseOp(op);
    return success();
  }

  const KernelInfo &kernel;
};

struct LowerScratch final : OpConversionPattern<tile::ScratchOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::ScratchOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!op.getOffset())
      return rewriter.notifyMatchFailure(op, "has no place yet");
    FragmentBuilder b(op.getLoc(), rewriter);
    Value base = LLVM::AddressOfOp::create(
        b, LLVM::LLVMPointerType::get(getContext(), 3), sharedMemoryName);
    rewriter.replaceOp(
        op, b.pointer(3, base, static_cast<int64_t>(*op.getOffset())));
    return success();
  }
};

struct LowerBarrier final : OpConversionPattern<gpu::BarrierOp> {
  LowerBarrier(const TypeConverter &converter, MLIRContext *context,
               const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(gpu::BarrierOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FragmentBuilder b(op.getLoc(), rewriter);
    b.meet(kernel);
    rewriter.eraseOp(op);
    return success();
  }

  const KernelInfo &kernel;
};

} // namespace

void peermla::populateRowsAccessPatterns(const FragmentTypeConverter &converter,
                                         const KernelInfo &kernel,
                                         RewritePatternSet &patterns) {
  patterns.add<LowerScratch>(converter, patterns.getContext());
  patterns.add<LoadRows, LowerBarrier, StoreRows>(
      converter, patterns.getContext(), kernel);
}
