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
// one. Rows of a paged cache are where a table says.
//
// Every fill commits one group of copies, copied or not, so that the number of
// groups on their way is known. Where a warpgroup of its own fills slots that
// others release, its threads wait for the release, having found their rows,
// and each arrives at the slot's barrier when its copies have.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <numeric>

using namespace mlir;
using namespace peermla;

namespace {

struct LowerRing final : OpConversionPattern<tile::RingOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::RingOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FragmentBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, b.pointer(3, b.sharedMemory(),
                                     static_cast<int64_t>(op.getOffset())));
    return success();
  }
};

struct LowerConsume final : OpConversionPattern<tile::ConsumeOp> {
  LowerConsume(const TypeConverter &converter, MLIRContext *context,
               const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::ConsumeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FragmentBuilder b(op.getLoc(), rewriter);
    // Or the next one waits, for no fewer copies.
    if (!kernel.meetLater.contains(op)) {
      NVVM::CpAsyncWaitGroupOp::create(b, op.getPending());
      b.meet(kernel, /*publishes=*/kernel.usesAsyncProxy);
    }
    rewriter.replaceOp(op, b.slot(op.getRing().getType(), adaptor.getRing(),
                                  adaptor.getFill()));
    return success();
  }

  const KernelInfo &kernel;
};

/// A row of a box in global memory.
struct Row {
  /// Whether it exists, as i1.
  Value isInside;
  /// Elements from the first of the box to the first of the row, as index.
  Value offset;
};

/// A box of global memory and the slot it goes to.
struct Copy {
  FragmentBuilder &b;
  tile::FillOp op;
  tile::FillOp::Adaptor adaptor;
  RankedTensorType tile;
  /// First element of the box, or with a table of the memory's column; the
  /// slot.
  Value source, slot;
  /// Of the memory, per dimension.
  ArrayRef<Value> extents, strides;
  /// The strides of the table.
  ArrayRef<Value> tableStrides;
  /// Who copies: the number of this thread among them, as i32.
  Value thread;
  int64_t threads;
  /// The ring if its fills arrive, and the number of this one, as i32.
  tile::RingOp arriving;
  Value fill;

  int64_t bytes() const { return getBytesOfElement(tile); }
  Value columns() { return adaptor.getSizes().back(); }
  Value columnStride() { return strides[op.getDims().back()]; }

  Row getRow(Value row) {
    ArrayRef<int64_t> dims = op.getDims();
    ValueRange sizes = adaptor.getSizes();
    auto and_ = [&](Value x, Value y) { return y ? b.both(x, y) : x; };
    Value number = b.toIndex(row);
    // A fill that arrives is one that exists.
    Value predicate = arriving ? Value() : adaptor.getPredicate();
    if (std::optional<int64_t> group = op.getGroup()) {
      Value outer = b.div(number, *group), inner = b.rem(number, *group);
      return {and_(b.both(b.isLess(outer, sizes[0]), b.isLess(inner, sizes[1])),
                   predicate),
              b.add(b.mul(outer, strides[dims[0]]),
                    b.mul(inner, strides[dims[1]]))};
    }
    Value isInside = and_(b.isLess(number, sizes[0]), predicate);
    if (op.getTable())
      return findRow(b.add(adaptor.getOffsets()[dims[0]], number), isInside);
    return {isInside, b.mul(number, strides[dims[0]])};
  }

  /// The row that the table names; the table is asked if `isAsked` only.
  Row findRow(Value number, Value isAsked) {
    int64_t rowDim = op.getDims()[0];
    Value extent = arith::MaxSIOp::create(b, extents[rowDim],
                                          arith::ConstantIndexOp::create(b, 1));
    // Positions fit i32, and so does the division.
    Value position = b.toI32(number), page = b.toI32(extent);
    Value column = b.createOrFold<arith::DivUIOp>(position, page);
    auto asked = scf::IfOp::create(b, TypeRange{b.getI32Type()}, isAsked,
                                   /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(asked.thenBlock());
      Value place = b.add(b.mul(adaptor.getSequence(), tableStrides[0]),
                          b.mul(b.toIndex(column), tableStrides[1]));
      Value byte = arith::IndexCastOp::create(b, b.getI64Type(),
                                              b.mul(place, int64_t(4)));
      Value block = LLVM::LoadOp::create(
          b, b.getI32Type(),
          b.pointer(1, b.toGlobal(adaptor.getTable()), byte));
      scf::YieldOp::create(b, block);
      b.setInsertionPointToStart(asked.elseBlock());
      scf::YieldOp::create(b, b.i32(-1));
    }
    // A negative block is none.
    Value block = b.toIndex(asked.getResult(0));
    Value exists =
        b.both(b.isLess(arith::ConstantIndexOp::create(b, -1), block),
               b.isLess(block, extents[rowDim - 1]));
    Value row = b.toIndex(b.createOrFold<arith::RemUIOp>(position, page));
    return {exists, b.add(b.mul(block, strides[rowDim - 1]),
                          b.mul(row, strides[rowDim]))};
  }

  Value getPointer(Value elements) {
    return b.pointer(1, source,
                     arith::IndexCastOp::create(b, b.getI64Type(),
                                                b.mul(elements, bytes())));
  }

  /// Asynchronous copies of pieces; bytes outside the box become zero, without
  /// being read. Some lanes share a row, so that a thread knows its rows once
  /// and its pieces lie at constant distances.
  void copyPieces(int64_t piece) {
    constexpr int64_t panel = tile::SharedLayoutAttr::panelBytes;
    int64_t lanes = panel / piece, rowsAtOnce = threads / lanes;
    int64_t rows = tile.getDimSize(0);
    Value byte = b.mul(b.rem(thread, lanes), piece);
    Value first = b.div(thread, lanes);
    SmallVector<Row> found;
    if (arriving) {
      for (int64_t start = 0; start < rows; start += rowsAtOnce)
        found.push_back(getRow(b.add(first, start)));
      awaitRelease(b, arriving, fill);
    }
    for (int64_t start = 0; start < rows; start += rowsAtOnce) {
      Value row = b.add(first, start);
      auto copy = [&] {
        copyRow(piece, row, arriving ? found[start / rowsAtOnce] : getRow(row),
                byte);
      };
      if (start + rowsAtOnce <= rows) {
        copy();
        continue;
      }
      auto some = scf::IfOp::create(b, b.isLess(row, b.i32(rows)),
                                    /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(some.thenBlock());
      copy();
    }
    if (arriving)
      NVVM::CpAsyncMBarrierArriveOp::create(b, getBarrier(b, arriving, fill),
                                            /*noinc=*/true);
  }

  /// Every so many pieces of a row, from `byte` of its panels on.
  void copyRow(int64_t piece, Value row, const Row &found, Value byte) {
    constexpr int64_t panel = tile::SharedLayoutAttr::panelBytes;
    Value none = arith::ConstantIndexOp::create(b, 0);
    Value from = getPointer(b.select(found.isInside, found.offset, none));
    from = b.pointer(1, from, byte);
    std::optional<int64_t> known = getConstantIntValue(columns());
    int64_t rowBytes = tile.getDimSize(1) * bytes();
    for (int64_t start = 0; start < rowBytes; start += panel) {
      // How much of the piece is in the box.
      Value size;
      if (known && *known * bytes() >= start + panel) {
        size = b.i32(piece);
      } else if (known && *known * bytes() <= start) {
        size = b.i32(0);
      } else {
        Value end = b.mul(b.toI32(columns()), bytes());
        Value left = b.add(b.add(end, b.mul(byte, -1)), -start);
        left = arith::MinSIOp::create(b, left, b.i32(piece));
        size = arith::MaxSIOp::create(b, left, b.i32(0));
      }
      size = b.select(found.isInside, size, b.i32(0));
      Value column = b.add(b.div(byte, bytes()), start / bytes());
      NVVM::CpAsyncOp::create(b, b.sharedPlace(slot, tile, row, column),
                              b.pointer(1, from, start), piece,
                              piece == 16 ? NVVM::LoadCacheModifierKind::CG
                                          : NVVM::LoadCacheModifierKind::CA,
                              size);
    }
  }

  /// Loads and stores of single elements.
  void copyElements() {
    if (arriving)
      awaitRelease(b, arriving, fill);
    copyOneByOne();
    if (arriving)
      NVVM::MBarrierArriveOp::create(
          b, /*res=*/Type(), getBarrier(b, arriving, fill), /*count=*/Value());
  }

  void copyOneByOne() {
    int64_t elements = tile.getNumElements();
    auto loop = scf::ForOp::create(b, b.toIndex(thread),
                                   arith::ConstantIndexOp::create(b, elements),
                                   arith::ConstantIndexOp::create(b, threads));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value number = loop.getInductionVar();
    Value row = b.toI32(b.div(number, tile.getDimSize(1)));
    Value column = b.rem(number, tile.getDimSize(1));
    Row found = getRow(row);
    Value isInside = b.both(found.isInside, b.isLess(column, columns()));
    Type element = tile.getElementType();
    auto loaded = scf::IfOp::create(b, TypeRange{element}, isInside,
                                    /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loaded.thenBlock());
      Value value = LLVM::LoadOp::create(
          b, element,
          getPointer(b.add(found.offset, b.mul(column, columnStride()))));
      scf::YieldOp::create(b, value);
      b.setInsertionPointToStart(loaded.elseBlock());
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
      scf::YieldOp::create(b, zero);
    }
    LLVM::StoreOp::create(b, loaded.getResult(0),
                          b.sharedPlace(slot, tile, row, b.toI32(column)));
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
    auto tableStrides = kernel.strides.find(op.getTable());
    if (strides == kernel.strides.end() ||
        (op.getTable() && tableStrides == kernel.strides.end()))
      return rewriter.notifyMatchFailure(op, "not an argument of the kernel");
    FragmentBuilder b(op.getLoc(), rewriter);
    tile::RingOp arriving = getRingWithBarriers(op.getRing());
    std::optional<OpBuilder::InsertionGuard> guard;
    if (arriving && adaptor.getPredicate()) {
      auto some = scf::IfOp::create(b, adaptor.getPredicate(),
                                    /*withElseRegion=*/false);
      guard.emplace(b);
      b.setInsertionPointToStart(some.thenBlock());
    }
    tile::RingType ring = op.getRing().getType();
    RankedTensorType tile = ring.getTile();
    int64_t bytes = getBytesOfElement(tile);

    // The first element of the box; with a table, of its column.
    int64_t rowDim = op.getDims()[0];
    Value origin = arith::ConstantIndexOp::create(b, 0);
    for (auto [dim, offset, stride] :
         llvm::enumerate(adaptor.getOffsets(), strides->second))
      if (!op.getTable() ||
          (int64_t(dim) != rowDim && int64_t(dim) != rowDim - 1))
        origin = b.add(origin, b.mul(offset, stride));
    Value first =
        arith::IndexCastOp::create(b, b.getI64Type(), b.mul(origin, bytes));
    Copy copy{b,
              op,
              adaptor,
              tile,
              b.pointer(1, b.toGlobal(adaptor.getSource()), first),
              b.slot(ring, adaptor.getRing(), adaptor.getFill()),
              kernel.sizes.find(op.getSource())->second,
              strides->second,
              op.getTable() ? ArrayRef<Value>(tableStrides->second)
                            : ArrayRef<Value>(),
              arriving ? b.add(b.thread(), -kernel.threads) : b.thread(),
              arriving ? kernel.producers : kernel.threads,
              arriving,
              b.toI32(adaptor.getFill())};
    copyAligned(b, copy, kernel.originDivisors.lookup(op));
    NVVM::CpAsyncCommitGroupOp::create(b);
    rewriter.eraseOp(op);
    return success();
  }

  /// Copies in pieces as large as what is known of the box allows, where what
  /// is not known allows it too.
  static void copyAligned(FragmentBuilder &b, Copy &copy, int64_t divisor) {
    tile::FillOp op = copy.op;
    int64_t bytes = copy.bytes();
    // Distances between rows.
    SmallVector<Value> distances;
    for (int64_t dim : op.getDims().drop_back())
      distances.push_back(copy.strides[dim]);
    if (op.getTable())
      distances.push_back(copy.strides[op.getDims()[0] - 1]);
    SmallVector<Value> unknown;
    for (Value distance : distances) {
      int64_t known = getKnownDivisor(distance);
      if (known == 1 && !getConstantIntValue(distance))
        unknown.push_back(distance);
      else
        divisor = std::gcd(divisor, known);
    }
    bool isContiguous = isConstantIntValue(copy.columnStride(), 1);
    int64_t piece =
        isContiguous ? std::gcd<int64_t>(divisor * bytes, 16) : bytes;
    if (piece < 4)
      return copy.copyElements();
    Value address = LLVM::PtrToIntOp::create(b, b.getI64Type(), copy.source);
    Value isAligned = b.isEqual(b.rem(address, piece), b.constant(address, 0));
    for (Value distance : unknown) {
      Value rest = b.rem(b.mul(distance, bytes), piece);
      isAligned = b.both(isAligned, b.isEqual(rest, b.constant(rest, 0)));
    }
    auto either = scf::IfOp::create(b, isAligned, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(either.thenBlock());
    copy.copyPieces(piece);
    b.setInsertionPointToStart(either.elseBlock());
    copy.copyElements();
  }

  const KernelInfo &kernel;
};

} // namespace

void peermla::populateCopyPatterns(const FragmentTypeConverter &converter,
                                   const KernelInfo &kernel,
                                   RewritePatternSet &patterns) {
  patterns.add<LowerRing>(converter, patterns.getContext());
  patterns.add<LowerConsume, LowerFill>(converter, patterns.getContext(),
                                        kernel);
}
