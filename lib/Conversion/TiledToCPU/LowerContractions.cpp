//===- LowerContractions.cpp - sums of products to register tiles ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// C[batch, m, n] += sum over k of A[batch, m, k] B[batch, k, n], in any order
// of dimensions with n innermost in B and C:
//
//   for batch                  loops of C and A; loops of sums beyond k
//     for a block of k         so that a panel of B stays in the cache
//       for panels             loops of C and B alone, and n in steps of NR
//         for m in steps of MR
//           acc[MR, NR] = 0    registers
//           for k: acc += A[m .. m + MR, k] (broadcast) * B[k, n .. n + NR]
//           C += acc
//
// A block's sum is complete before it meets C, so a term is rounded to the
// precision of its block, however many blocks there are.
//
// On levels with a bf16 pair product, k may be followed by a loop over the two
// terms of a pair, innermost in A and B. On levels with AMX, of such a product
// what is whole columns and terms of tiles goes to AmxProduct, and the rest
// stays vectors. So all rows are summed in one order, whatever their number:
//
//                    terms
//               +------------+---------+
//          rows |   tiles    |         |  a panel of whole columns of tiles
//               +------------+ vectors |
//               | part of a  |         |
//               |   tile     |         |
//               +------------+---------+
//
// What does not have this form is left alone; VectorizeGenerics takes it.
//
//===----------------------------------------------------------------------===//

#include "AmxProduct.h"
#include "Contraction.h"
#include "LoopUtils.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Support/TargetInfo.h"

namespace peermla {
#define GEN_PASS_DEF_LOWERCONTRACTIONS
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

/// Emits the loops around register tiles, and the tiles.
class ContractionLowering {
public:
  ContractionLowering(const Contraction &contraction, const Tiling &tiling)
      : contraction(contraction), tiling(tiling), b(contraction.op),
        extents(getLoopExtents(b, contraction.op)),
        counters(extents.size(), b.index(0)), columns(contraction.b) {
    if (contraction.pair)
      columns = collapseInnermost(b, columns);
  }

  /// Replaces the op.
  void lower();

private:
  void nest(ArrayRef<unsigned> loops, function_ref<void()> body) {
    forEachIteration(b, loops, extents, counters, body);
  }
  /// A zero that the accumulator was filled with just before; null otherwise.
  linalg::FillOp findZeroFill();
  /// All tiles of the terms [begin, end).
  void lowerBlock(Value begin, Value end, bool fromZero);
  /// The same where there are AMX tiles.
  void lowerBlockWithTiles(Value begin, Value end, bool fromZero);
  /// Calls `body(columns)` at each panel of columns.
  void forEachPanel(function_ref<void(int64_t)> body);
  /// Register tiles of `columns` columns and all of `rows`, after `firstRow`.
  void lowerRows(int64_t columns, Value firstRow, const LoopExtent &rows,
                 Value begin, Value end, bool fromZero);
  /// One register tile at the current counters.
  void lowerTile(int64_t rows, ArrayRef<int64_t> widths, Value begin, Value end,
                 bool fromZero);

  /// Memory of constant size in the frame of the function that this code runs
  /// in; null if there is no such function, or too much is asked of it.
  Value allocateInFrame(MemRefType type);
  /// Memory for the widened rows of A; null if it has no place.
  Value allocateRows();
  /// Copies terms [begin, end) of `rows` rows to `widened`.
  void widenRows(int64_t rows, Value begin, Value end);

  /// Indices with rows and columns shifted.
  SmallVector<Value> shifted(AffineMap map, int64_t row, int64_t column);
  /// `width` columns of B at the current term, in its storage type.
  Value loadColumns(int64_t column, int64_t width);
  /// The element (or pair) of A in a row at the current term; the first term
  /// is where the widened rows begin.
  Value loadTerm(int64_t row, Value firstTerm);
  Value multiplyAdd(Value term, Value columns, Value sum);

  Contraction contraction;
  Tiling tiling;
  KernelBuilder b;
  SmallVector<LoopExtent> extents;
  /// Where the loops are.
  SmallVector<Value> counters;
  /// B as vectors are loaded from it: a column's pair is two columns.
  Value columns;
  /// Rows of the current tile in f32, or null.
  Value widened;
};

linalg::FillOp ContractionLowering::findZeroFill() {
  for (Operation *op = contraction.op->getPrevNode(); op;
       op = op->getPrevNode()) {
    auto fill = dyn_cast<linalg::FillOp>(op);
    if (!fill) {
      if (isMemoryEffectFree(op))
        continue;
      return nullptr;
    }
    if (fill.getOutputs()[0] != contraction.c)
      return nullptr;
    return matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) ? fill : nullptr;
  }
  return nullptr;
}

void ContractionLowering::lower() {
  const LoopExtent &terms = extents[contraction.k];
  bool isOneBlock = terms.isStatic() && terms.size <= tiling.terms;
  // More than one visit of an accumulator goes through memory.
  linalg::FillOp fill;
  SmallVector<utils::IteratorType> iterators =
      contraction.op.getIteratorTypesArray();
  if (isOneBlock && llvm::none_of(contraction.outer, [&](unsigned loop) {
        return iterators[loop] == utils::IteratorType::reduction;
      }))
    fill = findZeroFill();

  if (contraction.widensA)
    widened = allocateRows();
  auto block = [&](Value begin, Value end, bool fromZero) {
    if (tiling.tileRows)
      return lowerBlockWithTiles(begin, end, fromZero);
    lowerBlock(begin, end, fromZero);
  };
  nest(contraction.outer, [&] {
    if (isOneBlock)
      return block(b.index(0), terms.value, static_cast<bool>(fill));
    b.loop(b.index(0), terms.value, tiling.terms, [&](Value begin) {
      Value end = b.min(b.add(begin, tiling.terms), terms.value);
      block(begin, end, /*fromZero=*/false);
    });
  });
  if (fill)
    fill.erase();
  contraction.op.erase();
}

void ContractionLowering::forEachPanel(function_ref<void(int64_t)> body) {
  SmallVector<int64_t> narrow;
  if (tiling.columns > tiling.lanes)
    narrow.push_back(tiling.lanes);
  narrow.push_back(1);
  nest(contraction.panels, [&] {
    forEachTile(b, extents[contraction.n], tiling.columns, narrow,
                [&](Value column, int64_t columns) {
                  counters[contraction.n] = column;
                  body(columns);
                });
  });
}

void ContractionLowering::lowerRows(int64_t columns, Value firstRow,
                                    const LoopExtent &rows, Value begin,
                                    Value end, bool fromZero) {
  SmallVector<int64_t> widths = splitIntoVectors(columns, tiling.lanes);
  int64_t size = tiling.rows(widths.size());
  forEachTile(b, rows, size, getSmallerTiles(size),
              [&](Value row, int64_t rows) {
                counters[*contraction.m] = b.add(firstRow, row);
                lowerTile(rows, widths, begin, end, fromZero);
              });
}

void ContractionLowering::lowerBlock(Value begin, Value end, bool fromZero) {
  forEachPanel([&](int64_t columns) {
    if (contraction.m)
      return lowerRows(columns, b.index(0), extents[*contraction.m], begin, end,
                       fromZero);
    lowerTile(1, splitIntoVectors(columns, tiling.lanes), begin, end, fromZero);
  });
}

/// The largest multiple of `size` within `extent`.
static LoopExtent roundDown(KernelBuilder &b, const LoopExtent &extent,
                            int64_t size) {
  if (extent.isStatic())
    return {b.index(extent.size - extent.size % size),
            extent.size - extent.size % size};
  return {b.sub(extent.value, b.rem(extent.value, b.index(size))),
          ShapedType::kDynamic};
}

static LoopExtent makeExtent(Value length) {
  return {length, getConstantIntValue(length).value_or(ShapedType::kDynamic)};
}

void ContractionLowering::lowerBlockWithTiles(Value begin, Value end,
                                              bool fromZero) {
  constexpr int64_t size = AmxProduct::size;
  const LoopExtent &rows = extents[*contraction.m];
  LoopExtent wholeRows = roundDown(b, rows, size);
  LoopExtent terms = makeExtent(b.sub(end, begin));
  LoopExtent wholeTerms = roundDown(b, terms, size);
  Value border = b.add(begin, wholeTerms.value);
  AmxProduct product(b, contraction, counters), part(b, contraction, counters);

  const LoopExtent &all = extents[contraction.k];
  int64_t pairs =
      all.isStatic() ? std::min(all.size, tiling.terms) : tiling.terms;
  bool hasPart = wholeRows.size != rows.size || !rows.isStatic();
  Value partRows, partSums;
  if (hasPart) {
    partRows = allocateInFrame(AmxProduct::getFrameType(b, size, pairs));
    // Without a place for them no row meets a tile: all have one order of sums.
    if (!partRows)
      return lowerBlock(begin, end, fromZero);
    partSums = allocateInFrame(AmxProduct::getSumsType(b, tiling.columns));
  }
  Value rest = b.sub(rows.value, wholeRows.value);
  auto whenPart = [&](function_ref<void()> body) {
    if (!hasPart)
      return;
    b.when(b.compare(arith::CmpIPredicate::slt, b.index(0), rest), [&] {
      counters[*contraction.m] = wholeRows.value;
      body();
    });
  };

  auto isWhole = [](int64_t columns) { return columns % size == 0; };
  auto forEachBlockOfRows = [&](function_ref<void(int64_t)> body) {
    SmallVector<int64_t> smaller;
    if (tiling.tileRows > size)
      smaller.push_back(size);
    forEachTile(b, wholeRows, tiling.tileRows, smaller,
                [&](Value row, int64_t rows) {
                  counters[*contraction.m] = row;
                  body(rows);
                });
  };
  Value frame;
  if (contraction.copiesA)
    frame =
        allocateInFrame(AmxProduct::getFrameType(b, tiling.tileRows, pairs));
  if (frame)
    forEachBlockOfRows([&](int64_t rows) {
      product.copyRows(frame, rows, begin, border);
      Value row = counters[*contraction.m];
      forEachPanel([&](int64_t columns) {
        counters[*contraction.m] = row;
        if (isWhole(columns))
          product.lower(rows, columns, begin, border, fromZero);
      });
    });
  whenPart([&] { part.copyRows(partRows, size, begin, border, rest); });
  forEachPanel([&](int64_t columns) {
    if (!isWhole(columns))
      return lowerRows(columns, b.index(0), rows, begin, end, fromZero);
    if (!frame)
      forEachBlockOfRows([&](int64_t rows) {
        product.lower(rows, columns, begin, border, fromZero);
      });
    whenPart([&] {
      part.lowerPart(rest, columns, begin, border, partSums, fromZero);
    });
    if (wholeTerms.size != terms.size || !terms.isStatic())
      b.when(b.compare(arith::CmpIPredicate::slt, border, end), [&] {
        lowerRows(columns, b.index(0), rows, border, end, /*fromZero=*/false);
      });
  });
}

SmallVector<Value> ContractionLowering::shifted(AffineMap map, int64_t row,
                                                int64_t column) {
  SmallVector<Value> at(counters);
  if (contraction.m && row != 0)
    at[*contraction.m] = b.add(at[*contraction.m], row);
  if (column != 0)
    at[contraction.n] = b.add(at[contraction.n], column);
  return getIndices(b, map, at);
}

Value ContractionLowering::loadColumns(int64_t column, int64_t width) {
  Type element = cast<MemRefType>(contraction.b.getType()).getElementType();
  SmallVector<Value> at = shifted(contraction.mapB, 0, column);
  if (contraction.pair) {
    at.pop_back();
    at.back() = b.mul(at.back(), 2);
    width *= 2;
  }
  return vector::LoadOp::create(b, b.vectorOf(width, element), columns, at);
}

Value ContractionLowering::allocateInFrame(MemRefType type) {
  constexpr int64_t mostBytes = 256 << 10;
  auto function = contraction.op->getParentOfType<FunctionOpInterface>();
  if (type.getNumElements() > mostBytes * 8 / type.getElementTypeBitWidth() ||
      !function || contraction.op->getParentOfType<scf::ForallOp>() ||
      contraction.op->getParentOfType<scf::ParallelOp>())
    return Value();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.getFunctionBody().front());
  return memref::AllocaOp::create(b, type, b.getI64IntegerAttr(64));
}

Value ContractionLowering::allocateRows() {
  if (!contraction.m)
    return Value();
  int64_t terms = extents[contraction.k].isStatic()
                      ? std::min(extents[contraction.k].size, tiling.terms)
                      : tiling.terms;
  int64_t rows = tiling.wantedRows ? tiling.wantedRows : Tiling::maxRows;
  if (extents[*contraction.m].isStatic())
    rows = std::min(rows, extents[*contraction.m].size);
  // A vector of distance keeps the rows in different sets of the cache.
  return allocateInFrame(
      MemRefType::get({rows, terms + tiling.lanes}, b.getF32Type()));
}

void ContractionLowering::widenRows(int64_t rows, Value begin, Value end) {
  auto rowOfA = [&](int64_t row) {
    SmallVector<Value> at = shifted(contraction.mapA, row, 0);
    at.pop_back();
    return Row{contraction.a, at};
  };
  forEachTile(b, makeExtent(b.sub(end, begin)), tiling.lanes, {1},
              [&](Value term, int64_t terms) {
                for (int64_t width : splitIntoVectors(terms, tiling.lanes)) {
                  counters[contraction.k] = b.add(begin, term);
                  for (int64_t row = 0; row < rows; ++row)
                    b.store(b.load(rowOfA(row), counters[contraction.k], width),
                            Row{widened, {b.index(row)}}, term);
                  term = b.add(term, width);
                }
              });
}

Value ContractionLowering::loadTerm(int64_t row, Value firstTerm) {
  if (widened)
    return memref::LoadOp::create(
        b, widened,
        ValueRange{b.index(row), b.sub(counters[contraction.k], firstTerm)});
  SmallVector<Value> at = shifted(contraction.mapA, row, 0);
  if (!contraction.pair)
    return memref::LoadOp::create(b, contraction.a, at);
  Value pair = vector::LoadOp::create(b, b.vectorOf(2, b.getBF16Type()),
                                      contraction.a, at);
  Value bits =
      vector::BitCastOp::create(b, b.vectorOf(1, b.getI32Type()), pair);
  return vector::ExtractOp::create(b, bits, 0);
}

Value ContractionLowering::multiplyAdd(Value term, Value columns, Value sum) {
  int64_t width = cast<VectorType>(sum.getType()).getNumElements();
  Value broadcast = b.splat(term, width);
  if (contraction.pair) {
    broadcast = vector::BitCastOp::create(b, columns.getType(), broadcast);
    return x86vector::DotBF16Op::create(b, sum, broadcast, columns);
  }
  auto widen = [&](Value value) -> Value {
    if (value.getType() == sum.getType())
      return value;
    return arith::ExtFOp::create(b, sum.getType(), value);
  };
  return b.fma(widen(broadcast), widen(columns), sum);
}

void ContractionLowering::lowerTile(int64_t rows, ArrayRef<int64_t> widths,
                                    Value begin, Value end, bool fromZero) {
  auto forEachVector = [&](function_ref<void(int64_t, int64_t, int64_t)> body) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = 0, column = 0, e = widths.size(); i < e;
           column += widths[i++])
        body(row, column, widths[i]);
  };
  if (widened)
    widenRows(rows, begin, end);
  SmallVector<Value> sums;
  forEachVector(
      [&](int64_t, int64_t, int64_t width) { sums.push_back(b.zero(width)); });
  sums = b.loop(begin, end, 1, sums, [&](Value term, ValueRange carried) {
    counters[contraction.k] = term;
    SmallVector<Value> columns, next;
    int64_t column = 0;
    for (int64_t width : widths) {
      columns.push_back(loadColumns(column, width));
      column += width;
    }
    for (int64_t row = 0; row < rows; ++row) {
      Value element = loadTerm(row, begin);
      for (Value vector : columns)
        next.push_back(multiplyAdd(element, vector, carried[next.size()]));
    }
    return next;
  });
  int64_t next = 0;
  forEachVector([&](int64_t row, int64_t column, int64_t) {
    SmallVector<Value> at = shifted(contraction.mapC, row, column);
    Value sum = sums[next++];
    if (!fromZero)
      sum = arith::AddFOp::create(
          b, vector::LoadOp::create(b, sum.getType(), contraction.c, at), sum);
    vector::StoreOp::create(b, sum, contraction.c, at);
  });
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

struct LowerContractions
    : peermla::impl::LowerContractionsBase<LowerContractions> {
  using Base::Base;

  void runOnOperation() override {
    const CpuLevel *level = CpuLevel::of(getOperation());
    if (!level)
      level = CpuLevel::get("x86-64-v3");
    SmallVector<linalg::LinalgOp> ops;
    getOperation()->walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      FailureOr<Contraction> contraction = Contraction::match(op, *level);
      if (failed(contraction))
        continue;
      FailureOr<Tiling> tiling = chooseTiling(*contraction, *level);
      if (failed(tiling))
        return signalPassFailure();
      ContractionLowering(*contraction, *tiling).lower();
    }
  }
};

} // namespace
