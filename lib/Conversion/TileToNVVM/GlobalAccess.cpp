//===- GlobalAccess.cpp - fragments from and to global memory -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two columns of a fragment are neighbours in memory where rows are contiguous.
// A block whose box is as large as its tile, and whose memory is aligned for
// pairs, moves pairs; other blocks ask for every element whether it is in the
// box.
//
// Four lanes have 8 columns of a row, in pairs: of 16 bits half a sector of
// memory. Of the next 8 columns they have another word each. Each two lanes
// exchange one of their words, so that each has four columns together:
//
//   lane           0     1     2     3   |   0      1       2      3
//   words        0 8  2 10  4 12  6 14   |  0 2   8 10    4 6  12 14
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace peermla;

/// Columns that four lanes have together where they exchange words.
static constexpr int64_t columnsOfFour = 16;

namespace {

/// A fragment's box in global memory.
struct Box {
  Box(FragmentBuilder &b, RankedTensorType type, Value memory,
      ArrayRef<Value> memoryStrides, ValueRange offsets, ValueRange sizes,
      ArrayRef<int64_t> dims, std::optional<int64_t> group,
      int64_t originDivisor)
      : b(b), type(type), places(b, type), group(group) {
    // A box is small: its extents fit i32.
    for (Value size : sizes)
      this->sizes.push_back(b.toI32(size));
    Value origin = arith::ConstantIndexOp::create(b, 0);
    for (auto [offset, stride] : llvm::zip(offsets, memoryStrides))
      origin = b.add(origin, b.mul(offset, stride));
    for (int64_t dim : dims)
      strides.push_back(memoryStrides[dim]);
    auto areMultiplesOf = [&](int64_t unit) {
      return originDivisor % unit == 0 &&
             llvm::all_of(ArrayRef(strides).drop_back(), [&](Value stride) {
               return getKnownDivisor(stride) % unit == 0;
             });
    };
    auto layout = dyn_cast<tile::MmaLayoutAttr>(type.getEncoding());
    bool isContiguous =
        type.getRank() == 2 && isConstantIntValue(strides.back(), 1);
    if (isContiguous && areMultiplesOf(2))
      unit = 2;
    if (isContiguous && areMultiplesOf(4) && layout &&
        type.getElementTypeBitWidth() == 16 &&
        type.getDimSize(1) / layout.getWarps()[1] % columnsOfFour == 0)
      unit = 4;
    first = b.pointer(
        1, b.toGlobal(memory),
        arith::IndexCastOp::create(b, b.getI64Type(),
                                   b.mul(origin, getBytesOfElement(type))));
    // So do its places, if strides are known and not huge.
    bool isNear = llvm::all_of(strides, [&](Value stride) {
      std::optional<int64_t> known = getConstantIntValue(stride);
      return known && std::abs(*known) < (int64_t(1) << 20);
    });
    for (Value &stride : strides)
      if (isNear)
        stride = b.i32(*getConstantIntValue(stride));
  }

  /// Whether units can be moved, at run time: columns are whole and aligned.
  Value hasWholeRows() {
    Value address = LLVM::PtrToIntOp::create(b, b.getI64Type(), first);
    Value whole = b.isEqual(b.rem(address, unit * getBytesOfElement(type)),
                            b.constant(address, 0));
    Value size = sizes.back();
    return b.both(whole,
                  b.isEqual(size, b.constant(size, type.getShape().back())));
  }
  /// The same, and that all rows are in the box.
  Value isWhole() {
    Value whole = hasWholeRows();
    if (group)
      return b.both(whole, arith::ConstantOp::create(b, b.getBoolAttr(false)));
    return b.both(
        whole, b.isEqual(sizes[0], b.constant(sizes[0], type.getDimSize(0))));
  }

  /// The coordinates of an element in the box, and the byte it is at.
  SmallVector<Value> getCoordinates(int64_t element) {
    SmallVector<Value> coordinates;
    for (auto [base, offset] :
         llvm::zip(places.bases, places.getOffsets(element)))
      coordinates.push_back(b.add(base, offset));
    if (group) {
      Value row = coordinates[0];
      coordinates[0] = b.rem(row, *group);
      coordinates.insert(coordinates.begin(), b.div(row, *group));
    }
    return coordinates;
  }
  Value getByte(int64_t element) {
    Value place;
    if (group) {
      for (auto [coordinate, stride] :
           llvm::zip(getCoordinates(element), strides)) {
        Value step = b.mul(stride.getType().isIndex() ? b.toIndex(coordinate)
                                                      : coordinate,
                           stride);
        place = place ? b.add(place, step) : step;
      }
      return b.mul(place, getBytesOfElement(type));
    }
    for (auto [base, offset, stride] :
         llvm::zip(places.bases, places.getOffsets(element), strides)) {
      Value thread = stride.getType().isIndex() ? b.toIndex(base) : base;
      Value step = b.add(b.mul(thread, stride), b.mul(stride, offset));
      place = place ? b.add(place, step) : step;
    }
    return b.mul(place, getBytesOfElement(type));
  }
  Value getPointer(Value byte) {
    if (byte.getType().isIndex())
      byte = arith::IndexCastOp::create(b, b.getI64Type(), byte);
    return b.pointer(1, first, byte);
  }
  Value isInside(int64_t element) {
    return isInside(getCoordinates(element), sizes);
  }
  Value isRowInside(int64_t element) {
    return isInside(ArrayRef(getCoordinates(element)).drop_back(),
                    ArrayRef(sizes).drop_back());
  }
  Value isInside(ArrayRef<Value> coordinates, ArrayRef<Value> extents) {
    Value inside;
    for (auto [coordinate, extent] : llvm::zip(coordinates, extents)) {
      Value less = b.isLess(coordinate, extent);
      inside = inside ? b.both(inside, less) : less;
    }
    return inside;
  }

  Value loadElements() {
    SmallVector<Value> elements;
    Value zero =
        arith::ConstantOp::create(b, b.getZeroAttr(type.getElementType()));
    for (int64_t i = 0; i < places.size(); ++i) {
      // Outside, the first element is read instead: there is one in each box.
      Value inside = isInside(i), byte = getByte(i);
      Value place = b.select(inside, byte, b.constant(byte, 0));
      Value loaded =
          LLVM::LoadOp::create(b, type.getElementType(), getPointer(place));
      elements.push_back(b.select(inside, loaded, zero));
    }
    return fromElements(elements);
  }
  /// The box as lanes have its columns in fours.
  Box inFours() {
    Box box(*this);
    box.places.bases.back() =
        b.add(places.bases.back(), b.mul(b.rem(b.lane(), 2), 6));
    return box;
  }
  /// One word of each neighbour for one of the other's.
  SmallVector<Value, 2> exchange(Value first, Value second) {
    Value isOdd = b.isEqual(b.rem(b.lane(), 2), b.i32(1));
    Value other = NVVM::ShflOp::create(
        b, b.getI32Type(), b.i32(-1), b.select(isOdd, first, second), b.i32(1),
        b.i32(31), NVVM::ShflKind::bfly,
        /*return_value_and_is_valid=*/UnitAttr());
    return {b.select(isOdd, other, first), b.select(isOdd, second, other)};
  }
  /// Calls back with the first elements of the pairs that are exchanged.
  void forEachFour(llvm::function_ref<void(int64_t first, int64_t second)> f) {
    for (int64_t i = 0; i < places.size(); i += 8)
      for (int64_t row : {0, 2})
        f(i + row, i + row + 4);
  }
  Value loadFours() {
    Box fours = inFours();
    auto words = VectorType::get({2}, b.getI32Type());
    auto pair = VectorType::get({2}, type.getElementType());
    SmallVector<Value> elements(places.size());
    forEachFour([&](int64_t first, int64_t second) {
      Value loaded =
          LLVM::LoadOp::create(b, words, fours.getPointer(fours.getByte(first)),
                               4 * getBytesOfElement(type));
      SmallVector<Value, 2> own =
          exchange(vector::ExtractOp::create(b, loaded, 0),
                   vector::ExtractOp::create(b, loaded, 1));
      for (int64_t word : {0, 1}) {
        Value two = LLVM::BitcastOp::create(b, pair, own[word]);
        for (int64_t j : {0, 1})
          elements[(word ? second : first) + j] =
              vector::ExtractOp::create(b, two, j);
      }
    });
    return fromElements(elements);
  }
  Value loadPairs() {
    if (unit == 4)
      return loadFours();
    SmallVector<Value> elements;
    auto pair = VectorType::get({2}, type.getElementType());
    for (int64_t i = 0; i < places.size(); i += 2) {
      Value loaded = LLVM::LoadOp::create(b, pair, getPointer(getByte(i)),
                                          2 * getBytesOfElement(type));
      for (int64_t j : {0, 1})
        elements.push_back(vector::ExtractOp::create(b, loaded, j));
    }
    return fromElements(elements);
  }
  Value fromElements(ArrayRef<Value> elements) {
    return vector::FromElementsOp::create(
        b, VectorType::get({places.size()}, type.getElementType()), elements);
  }

  void storeElements(Value fragment) {
    for (int64_t i = 0; i < places.size(); ++i) {
      Value element = vector::ExtractOp::create(b, fragment, i);
      auto branch = scf::IfOp::create(b, isInside(i), /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      LLVM::StoreOp::create(b, element, getPointer(getByte(i)));
    }
  }
  Value getPair(Value fragment, int64_t element) {
    return vector::ExtractStridedSliceOp::create(
        b, fragment, ArrayRef<int64_t>{element}, ArrayRef<int64_t>{2},
        ArrayRef<int64_t>{1});
  }
  void storeFours(Value fragment) {
    Box fours = inFours();
    auto words = VectorType::get({2}, b.getI32Type());
    forEachFour([&](int64_t first, int64_t second) {
      SmallVector<Value, 2> own;
      for (int64_t element : {first, second})
        own.push_back(LLVM::BitcastOp::create(b, b.getI32Type(),
                                              getPair(fragment, element)));
      Value four =
          vector::FromElementsOp::create(b, words, exchange(own[0], own[1]));
      auto branch =
          scf::IfOp::create(b, isRowInside(first), /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      LLVM::StoreOp::create(b, four, fours.getPointer(fours.getByte(first)),
                            4 * getBytesOfElement(type));
    });
  }
  /// Pairs of the rows that are in the box.
  void storePairs(Value fragment) {
    if (unit == 4)
      return storeFours(fragment);
    for (int64_t i = 0; i < places.size(); i += 2) {
      auto branch =
          scf::IfOp::create(b, isRowInside(i), /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      LLVM::StoreOp::create(b, getPair(fragment, i), getPointer(getByte(i)),
                            2 * getBytesOfElement(type));
    }
  }

  FragmentBuilder &b;
  RankedTensorType type;
  FragmentPlaces places;
  std::optional<int64_t> group;
  SmallVector<Value> sizes, strides;
  Value first;
  /// How many elements of a row are moved together.
  int64_t unit = 1;
};

struct LowerLoad final : OpConversionPattern<tile::LoadOp> {
  LowerLoad(const TypeConverter &converter, MLIRContext *context,
            const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::LoadOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getResult().getType());
    auto strides = kernel.strides.find(op.getSource());
    if (!isa_and_nonnull<tile::FragmentLayout>(type.getEncoding()) ||
        strides == kernel.strides.end() || op.getTable())
      return rewriter.notifyMatchFailure(op, "not into registers");
    FragmentBuilder b(op.getLoc(), rewriter);
    Box box(b, type, adaptor.getSource(), strides->second, adaptor.getOffsets(),
            adaptor.getSizes(), op.getDims(), op.getGroup(),
            kernel.originDivisors.lookup(op));
    if (box.unit == 1) {
      rewriter.replaceOp(op, box.loadElements());
      return success();
    }
    auto either = scf::IfOp::create(
        b, TypeRange{getTypeConverter()->convertType(type)}, box.isWhole(),
        /*withElseRegion=*/true);
    b.setInsertionPointToStart(either.thenBlock());
    scf::YieldOp::create(b, box.loadPairs());
    b.setInsertionPointToStart(either.elseBlock());
    scf::YieldOp::create(b, box.loadElements());
    rewriter.replaceOp(op, either.getResults());
    return success();
  }

  const KernelInfo &kernel;
};

struct LowerStore final : OpConversionPattern<tile::StoreOp> {
  LowerStore(const TypeConverter &converter, MLIRContext *context,
             const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::StoreOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getValue().getType());
    tile::MmaLayoutAttr layout = getMmaLayout(type);
    auto strides = kernel.strides.find(op.getTarget());
    if (!layout || strides == kernel.strides.end())
      return rewriter.notifyMatchFailure(op, "not from #tile.mma");
    FragmentBuilder b(op.getLoc(), rewriter);
    if (Value once = isOriginal(b, type, layout)) {
      auto branch = scf::IfOp::create(b, once, /*withElseRegion=*/false);
      b.setInsertionPointToStart(branch.thenBlock());
    }
    Box box(b, type, adaptor.getTarget(), strides->second, adaptor.getOffsets(),
            adaptor.getSizes(), op.getDims(), op.getGroup(),
            kernel.originDivisors.lookup(op));
    if (box.unit > 1) {
      auto either =
          scf::IfOp::create(b, box.hasWholeRows(), /*withElseRegion=*/true);
      b.setInsertionPointToStart(either.thenBlock());
      box.storePairs(adaptor.getValue());
      b.setInsertionPointToStart(either.elseBlock());
    }
    box.storeElements(adaptor.getValue());
    rewriter.eraseOp(op);
    return success();
  }

  /// Whether the thread is the one of all with the same elements that stores
  /// them; null if all threads are.
  Value isOriginal(FragmentBuilder &b, RankedTensorType type,
                   tile::MmaLayoutAttr layout) const {
    int64_t warpsM = layout.getWarps()[0];
    int64_t warps = warpsM * layout.getWarps()[1];
    auto slice = dyn_cast<tile::SliceLayoutAttr>(type.getEncoding());
    Value zero = b.i32(0), once;
    if (slice && slice.getDim() == 1) {
      once = b.isEqual(b.rem(b.lane(), 4), zero);
      warps = warpsM; // The first column of warps.
    } else if (slice) {
      once = b.both(b.isLess(b.lane(), b.i32(4)),
                    b.isEqual(b.rem(b.warp(), warpsM), zero));
    }
    if (32 * warps < kernel.threads) {
      Value isFirst = b.isLess(b.warp(), b.i32(warps));
      once = once ? b.both(once, isFirst) : isFirst;
    }
    return once;
  }

  const KernelInfo &kernel;
};

/// A scalar of global memory.
struct LowerScalarLoad final : OpConversionPattern<memref::LoadOp> {
  LowerScalarLoad(const TypeConverter &converter, MLIRContext *context,
                  const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(memref::LoadOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto strides = kernel.strides.find(op.getMemRef());
    if (strides == kernel.strides.end())
      return rewriter.notifyMatchFailure(op, "not an argument of the kernel");
    FragmentBuilder b(op.getLoc(), rewriter);
    Value place = arith::ConstantIndexOp::create(b, 0);
    for (auto [index, stride] :
         llvm::zip(adaptor.getIndices(), strides->second))
      place = b.add(place, b.mul(index, stride));
    Value byte = arith::IndexCastOp::create(
        b, b.getI64Type(), b.mul(place, getBytesOfElement(op.getType())));
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(
        op, op.getType(), b.pointer(1, b.toGlobal(adaptor.getMemref()), byte));
    return success();
  }

  const KernelInfo &kernel;
};

} // namespace

void peermla::populateGlobalAccessPatterns(
    const FragmentTypeConverter &converter, const KernelInfo &kernel,
    RewritePatternSet &patterns) {
  patterns.add<LowerLoad, LowerScalarLoad, LowerStore>(
      converter, patterns.getContext(), kernel);
}
