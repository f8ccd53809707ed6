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
//           acc[MR, NR] = C    registers
//           for k: acc += A[m .. m + MR, k] (broadcast) * B[k, n .. n + NR]
//           C = acc
//
// On levels with a bf16 pair product, k may be followed by a loop over the two
// terms of a pair, innermost in A and B. What does not have this form is left
// alone; VectorizeGenerics takes it.
//
//===----------------------------------------------------------------------===//

#include "LoopUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "peermla/Conversion/Passes.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/TargetInfo.h"

namespace peermla {
#define GEN_PASS_DEF_LOWERCONTRACTIONS
#include "peermla/Conversion/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

//===----------------------------------------------------------------------===//
// What the op computes
//===----------------------------------------------------------------------===//

/// The roles of a contraction's operands and loops.
struct Contraction {
  linalg::LinalgOp op;
  /// Broadcast operand, vector operand, accumulator.
  Value a, b, c;
  AffineMap mapA, mapB, mapC;
  /// Loops over columns and terms; over rows, if there is one.
  unsigned n, k;
  std::optional<unsigned> m;
  /// The loop over the two terms of a bf16 pair, if there is one.
  std::optional<unsigned> pair;
  /// Loops around a block of k; loops over panels of B inside it.
  SmallVector<unsigned> outer, panels;

  static FailureOr<Contraction> match(linalg::LinalgOp op,
                                      const CpuLevel &level);
};

bool isStorage(Value buffer) {
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  return element.isF32() || element.isF16() || element.isBF16();
}

bool hasUnitStride(Value buffer) {
  return cast<MemRefType>(buffer.getType()).isLastDimUnitStride();
}

/// Whether the body is out + ext(in0) * ext(in1).
bool isProductSum(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  auto isInput = [&](Value value, unsigned number) {
    if (auto ext = value.getDefiningOp<arith::ExtFOp>())
      value = ext.getIn();
    return value == body->getArgument(number);
  };
  auto sum =
      body->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!sum)
    return false;
  Value addend = sum.getRhs();
  if (sum.getLhs() != body->getArgument(2)) {
    addend = sum.getLhs();
    if (sum.getRhs() != body->getArgument(2))
      return false;
  }
  auto product = addend.getDefiningOp<arith::MulFOp>();
  if (!product)
    return false;
  return (isInput(product.getLhs(), 0) && isInput(product.getRhs(), 1)) ||
         (isInput(product.getLhs(), 1) && isInput(product.getRhs(), 0));
}

FailureOr<Contraction> Contraction::match(linalg::LinalgOp op,
                                          const CpuLevel &level) {
  if (!op.hasPureBufferSemantics() || op.getNumDpsInputs() != 2 ||
      op.getNumDpsInits() != 1)
    return failure();
  for (Value operand : op->getOperands())
    if (!isa<MemRefType>(operand.getType()) || !isStorage(operand))
      return failure();
  Contraction result;
  result.op = op;
  result.c = op->getOperand(2);
  if (!isProductSum(op) ||
      !cast<MemRefType>(result.c.getType()).getElementType().isF32())
    return failure();

  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (AffineMap map : maps)
    if (!map.isProjectedPermutation())
      return failure();
  auto has = [](AffineMap map, unsigned loop) {
    return map.isFunctionOfDim(loop);
  };
  auto isInnermost = [](AffineMap map, unsigned loop, unsigned fromEnd) {
    unsigned rank = map.getNumResults();
    return rank > fromEnd && map.getDimPosition(rank - 1 - fromEnd) == loop;
  };
  result.mapC = maps[2];
  if (result.mapC.getNumResults() == 0 || !hasUnitStride(result.c))
    return failure();
  result.n = result.mapC.getDimPosition(result.mapC.getNumResults() - 1);
  // The operand that has the columns is read as vectors.
  if (has(maps[0], result.n) == has(maps[1], result.n))
    return failure();
  unsigned vectors = has(maps[0], result.n) ? 0 : 1;
  result.a = op->getOperand(1 - vectors);
  result.mapA = maps[1 - vectors];
  result.b = op->getOperand(vectors);
  result.mapB = maps[vectors];
  if (!hasUnitStride(result.b))
    return failure();

  SmallVector<int64_t> extents = getStaticLoopExtents(op);
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  if (!isInnermost(result.mapB, result.n, 0)) {
    unsigned inner =
        result.mapB.getDimPosition(result.mapB.getNumResults() - 1);
    auto isBF16 = [](Value buffer) {
      return cast<MemRefType>(buffer.getType()).getElementType().isBF16();
    };
    // The pair product exists for 4, 8 and 16 columns.
    if (!level.hasBf16Dot || !isBF16(result.a) || !isBF16(result.b) ||
        extents[inner] != 2 || has(result.mapC, inner) ||
        !isInnermost(result.mapA, inner, 0) ||
        !isInnermost(result.mapB, result.n, 1) || !hasUnitStride(result.a) ||
        !cast<MemRefType>(result.b.getType()).areTrailingDimsContiguous(2) ||
        ShapedType::isDynamic(extents[result.n]) || extents[result.n] % 4 != 0)
      return failure();
    result.pair = inner;
  }

  // Terms: the innermost sum of B; the others become loops.
  std::optional<unsigned> k;
  for (AffineExpr expr : llvm::concat<const AffineExpr>(
           result.mapA.getResults(), result.mapB.getResults())) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (iterators[loop] == utils::IteratorType::reduction &&
        loop != result.pair)
      k = loop;
  }
  if (!k)
    return failure();
  result.k = *k;

  // Rows: the longest loop of A and C alone, the inner one if equal.
  auto length = [&](unsigned loop) {
    return ShapedType::isDynamic(extents[loop])
               ? std::numeric_limits<int64_t>::max()
               : extents[loop];
  };
  for (AffineExpr expr : result.mapC.getResults()) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (has(result.mapA, loop) && !has(result.mapB, loop) &&
        (!result.m || length(loop) >= length(*result.m)))
      result.m = loop;
  }
  for (unsigned loop = 0; loop < extents.size(); ++loop) {
    if (loop == result.n || loop == result.k || loop == result.m ||
        loop == result.pair)
      continue;
    bool isPanel = has(result.mapC, loop) && has(result.mapB, loop) &&
                   !has(result.mapA, loop);
    (isPanel ? result.panels : result.outer).push_back(loop);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// How it is cut
//===----------------------------------------------------------------------===//

/// Sizes of the register tile and of a block of terms.
struct Tiling {
  /// Rows for a panel of so many vectors.
  int64_t rows(int64_t vectors) const;

  int64_t registers, lanes;
  /// Columns of a panel; terms (or pairs) of a block.
  int64_t columns, terms;
  /// Rows that a schedule asks for; 0 if none does.
  int64_t wantedRows = 0;
};

int64_t Tiling::rows(int64_t vectors) const {
  if (wantedRows)
    return wantedRows;
  // The vectors of B and a broadcast element of A need registers too.
  for (int64_t rows : {12, 8, 6, 4, 2})
    if (rows * vectors + vectors + 1 <= registers)
      return rows;
  return 1;
}

/// The widest panel that leaves at most 1/16 of `columns` to narrower ones.
int64_t chooseColumns(int64_t columns, const CpuLevel &level) {
  int64_t vectors = std::max<int64_t>(1, level.registers / 8);
  if (ShapedType::isDynamic(columns))
    return vectors * level.lanes;
  for (; vectors > 1; --vectors)
    if (columns % (vectors * level.lanes) * 16 <= columns &&
        vectors * level.lanes <= columns)
      break;
  return vectors * level.lanes;
}

FailureOr<Tiling> chooseTiling(Contraction contraction, const CpuLevel &level) {
  SmallVector<int64_t> extents = getStaticLoopExtents(contraction.op);
  Tiling tiling{level.registers, level.lanes,
                chooseColumns(extents[contraction.n], level), 0};
  auto type = cast<MemRefType>(contraction.b.getType());
  // A quarter of the cache for the panel of B: rows of A and C pass through it.
  int64_t rowBytes = tiling.columns * type.getElementTypeBitWidth() / 8 *
                     (contraction.pair ? 2 : 1);
  tiling.terms = std::max<int64_t>(64, level.l2Bytes / 4 / rowBytes);

  auto schedule =
      contraction.op->getAttrOfType<tile::ScheduleAttr>("peermla.schedule");
  if (schedule) {
    ArrayRef<int64_t> registers = schedule.getRegisters();
    ArrayRef<int64_t> inner = schedule.getInner();
    auto isPositive = [](int64_t extent) { return extent > 0; };
    if (!registers.empty()) {
      if (registers.size() != 2 || !llvm::all_of(registers, isPositive))
        return contraction.op.emitOpError()
               << "expects 'registers' of its schedule to be rows and columns "
                  "of a register tile, got "
               << schedule;
      tiling.wantedRows = registers[0];
      tiling.columns = registers[1];
    }
    if (!inner.empty()) {
      if (inner.size() != 1 || !isPositive(inner[0]))
        return contraction.op.emitOpError()
               << "expects 'inner' of its schedule to be the terms of a block, "
                  "got "
               << schedule;
      tiling.terms = inner[0];
    }
  }
  // Blocks of about equal length.
  int64_t terms = extents[contraction.k];
  if (!ShapedType::isDynamic(terms) && terms > tiling.terms && !schedule)
    tiling.terms =
        llvm::divideCeil(terms, llvm::divideCeil(terms, tiling.terms));
  return tiling;
}

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
      columns = collapsePairs(columns);
  }

  /// Replaces the op.
  void lower();

private:
  /// A view of B in which a column's pair is two columns.
  Value collapsePairs(Value buffer);
  void nest(ArrayRef<unsigned> loops, function_ref<void()> body) {
    forEachIteration(b, loops, extents, counters, body);
  }
  /// A zero that the accumulator was filled with just before; null otherwise.
  linalg::FillOp findZeroFill();
  /// All tiles of the terms [begin, end).
  void lowerBlock(Value begin, Value end, bool fromZero);
  /// One register tile at the current counters.
  void lowerTile(int64_t rows, ArrayRef<int64_t> widths, Value begin, Value end,
                 bool fromZero);

  /// Indices with rows and columns shifted.
  SmallVector<Value> shifted(AffineMap map, int64_t row, int64_t column);
  /// `width` columns of B at the current term, in its storage type.
  Value loadColumns(int64_t column, int64_t width);
  /// The element (or pair) of A in a row at the current term.
  Value loadTerm(int64_t row);
  Value multiplyAdd(Value term, Value columns, Value sum);

  Contraction contraction;
  Tiling tiling;
  KernelBuilder b;
  SmallVector<LoopExtent> extents;
  /// Where the loops are.
  SmallVector<Value> counters;
  /// B as vectors are loaded from it.
  Value columns;
};

Value ContractionLowering::collapsePairs(Value buffer) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim : llvm::seq(cast<MemRefType>(buffer.getType()).getRank()))
    groups.push_back({dim});
  groups.pop_back();
  groups.back().push_back(groups.size());
  return memref::CollapseShapeOp::create(b, buffer, groups);
}

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

  nest(contraction.outer, [&] {
    if (isOneBlock)
      return lowerBlock(b.index(0), terms.value, static_cast<bool>(fill));
    b.loop(b.index(0), terms.value, tiling.terms, [&](Value begin) {
      Value end = b.min(b.add(begin, tiling.terms), terms.value);
      lowerBlock(begin, end, /*fromZero=*/false);
    });
  });
  if (fill)
    fill.erase();
  contraction.op.erase();
}

void ContractionLowering::lowerBlock(Value begin, Value end, bool fromZero) {
  SmallVector<int64_t> narrow;
  if (tiling.columns > tiling.lanes)
    narrow.push_back(tiling.lanes);
  narrow.push_back(1);
  nest(contraction.panels, [&] {
    forEachTile(
        b, extents[contraction.n], tiling.columns, narrow,
        [&](Value column, int64_t columns) {
          counters[contraction.n] = column;
          SmallVector<int64_t> widths = splitIntoVectors(columns, tiling.lanes);
          if (!contraction.m)
            return lowerTile(1, widths, begin, end, fromZero);
          int64_t rows = tiling.rows(widths.size());
          forEachTile(b, extents[*contraction.m], rows, getSmallerTiles(rows),
                      [&](Value row, int64_t rows) {
                        counters[*contraction.m] = row;
                        lowerTile(rows, widths, begin, end, fromZero);
                      });
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

Value ContractionLowering::loadTerm(int64_t row) {
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
  SmallVector<Value> sums;
  forEachVector([&](int64_t row, int64_t column, int64_t width) {
    sums.push_back(fromZero ? b.zero(width)
                            : vector::LoadOp::create(
                                  b, b.vectorOf(width, b.getF32Type()),
                                  contraction.c,
                                  shifted(contraction.mapC, row, column)));
  });
  sums = b.loop(begin, end, 1, sums, [&](Value term, ValueRange carried) {
    counters[contraction.k] = term;
    SmallVector<Value> columns, next;
    int64_t column = 0;
    for (int64_t width : widths) {
      columns.push_back(loadColumns(column, width));
      column += width;
    }
    for (int64_t row = 0; row < rows; ++row) {
      Value element = loadTerm(row);
      for (Value vector : columns)
        next.push_back(multiplyAdd(element, vector, carried[next.size()]));
    }
    return next;
  });
  int64_t next = 0;
  forEachVector([&](int64_t row, int64_t column, int64_t) {
    vector::StoreOp::create(b, sums[next++], contraction.c,
                            shifted(contraction.mapC, row, column));
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
