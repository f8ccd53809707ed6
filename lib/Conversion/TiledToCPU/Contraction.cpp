//===- Contraction.cpp - a sum of products and how it is cut --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contraction.h"
#include "AmxProduct.h"
#include "LoopUtils.h"
#include "peermla/Dialect/Tile/IR/Tile.h"

using namespace mlir;
using namespace peermla;

//===----------------------------------------------------------------------===//
// What the op computes
//===----------------------------------------------------------------------===//

static bool isStorage(Value buffer) {
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  return element.isF32() || element.isF16() || element.isBF16();
}

static bool hasUnitStride(Value buffer) {
  return cast<MemRefType>(buffer.getType()).isLastDimUnitStride();
}

/// Whether the body is out + ext(in0) * ext(in1).
static bool isProductSum(linalg::LinalgOp op) {
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

/// Whether rows of A meet in one set of the cache, and enough columns share
/// them that copying them is little.
static bool needsCopy(const Contraction &contraction,
                      ArrayRef<int64_t> extents) {
  constexpr int64_t period = 4096, fewColumns = 128;
  int64_t columns = extents[contraction.n];
  for (unsigned loop : contraction.panels)
    columns *= ShapedType::isDynamic(extents[loop]) ? 1 : extents[loop];
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(cast<MemRefType>(contraction.a.getType())
                 .getStridesAndOffset(strides, offset)))
    return false;
  for (auto [expr, stride] :
       llvm::zip_equal(contraction.mapA.getResults(), strides))
    if (expr == getAffineDimExpr(*contraction.m, expr.getContext()))
      return !ShapedType::isDynamic(stride) && stride * 2 % period == 0 &&
             columns > fewColumns;
  return false;
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

  result.widensA =
      !result.pair &&
      !cast<MemRefType>(result.a.getType()).getElementType().isF32() &&
      isInnermost(result.mapA, result.k, 0) && hasUnitStride(result.a);

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
  result.hasTiles =
      level.hasAmx && result.pair && result.m && has(result.mapB, result.k) &&
      isInnermost(result.mapA, result.k, 1) &&
      cast<MemRefType>(result.a.getType()).areTrailingDimsContiguous(2);
  for (unsigned loop = 0; loop < extents.size(); ++loop) {
    if (loop == result.n || loop == result.k || loop == result.m ||
        loop == result.pair)
      continue;
    bool isPanel = has(result.mapC, loop) && has(result.mapB, loop) &&
                   !has(result.mapA, loop);
    (isPanel ? result.panels : result.outer).push_back(loop);
  }
  if (result.hasTiles)
    result.copiesA = needsCopy(result, extents);
  return result;
}

//===----------------------------------------------------------------------===//
// How it is cut
//===----------------------------------------------------------------------===//

int64_t Tiling::rows(int64_t vectors) const {
  if (wantedRows)
    return wantedRows;
  // The vectors of B and a broadcast element of A need registers too.
  for (int64_t rows : {maxRows, int64_t(8), int64_t(6), int64_t(4), int64_t(2)})
    if (rows * vectors + vectors + 1 <= registers)
      return rows;
  return 1;
}

/// All columns if they are few; otherwise the widest panel that leaves at most
/// 1/16 of them to narrower ones.
static int64_t chooseColumns(int64_t columns, const CpuLevel &level) {
  int64_t vectors = std::max<int64_t>(1, level.registers / 8);
  if (ShapedType::isDynamic(columns))
    return vectors * level.lanes;
  if (columns > 0 && columns <= vectors * level.lanes)
    return columns;
  for (; vectors > 1; --vectors)
    if (columns % (vectors * level.lanes) * 16 <= columns)
      break;
  return vectors * level.lanes;
}

/// Two by two tiles, and the terms for which a panel of B takes three quarters
/// of the nearest cache.
static void chooseTiles(Tiling &tiling, int64_t columns,
                        const CpuLevel &level) {
  int64_t size = AmxProduct::size;
  if (columns < size)
    return;
  tiling.tileRows = 2 * size;
  tiling.columns = std::min(2 * size, columns - columns % size);
  constexpr int64_t pairBytes = 4;
  tiling.terms = level.l1Bytes * 3 / 4 / (tiling.columns * pairBytes);
}

FailureOr<Tiling> peermla::chooseTiling(Contraction contraction,
                                        const CpuLevel &level) {
  SmallVector<int64_t> extents = getStaticLoopExtents(contraction.op);
  Tiling tiling{level.registers, level.lanes,
                chooseColumns(extents[contraction.n], level), 0};
  auto type = cast<MemRefType>(contraction.b.getType());
  // A quarter of the cache for the panel of B: rows of A and C pass through it.
  int64_t rowBytes = tiling.columns * type.getElementTypeBitWidth() / 8 *
                     (contraction.pair ? 2 : 1);
  tiling.terms = std::max<int64_t>(64, level.l2Bytes / 4 / rowBytes);
  if (contraction.hasTiles)
    chooseTiles(tiling, extents[contraction.n], level);
  // Half of the nearest cache for the widened rows of A.
  if (contraction.widensA)
    tiling.terms =
        std::min(tiling.terms, level.l1Bytes / 2 / 4 / Tiling::maxRows);

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
      tiling.columns = registers[1];
      bool areTiles = contraction.hasTiles &&
                      registers[0] % AmxProduct::size == 0 &&
                      registers[1] % AmxProduct::size == 0 &&
                      AmxProduct::fits(registers[0] / AmxProduct::size,
                                       registers[1] / AmxProduct::size);
      tiling.tileRows = areTiles ? registers[0] : 0;
      tiling.wantedRows = areTiles ? 0 : registers[0];
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
  // Blocks of about equal length, in whole vectors.
  int64_t terms = extents[contraction.k];
  if (!ShapedType::isDynamic(terms) && terms > tiling.terms && !schedule)
    tiling.terms = llvm::alignTo(
        llvm::divideCeil(terms, llvm::divideCeil(terms, tiling.terms)),
        level.lanes);
  return tiling;
}
