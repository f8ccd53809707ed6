//===- PackContractions.cpp - weights in panels of register tiles ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A register tile reads NR columns of the weight for one term (or one pair of
// terms) of the sum, so these lie together:
//
//   w [n, k]  ->  [n/NR, k/KP, NR, KP]
//   x [m, k]  ->  [m, k/KP, KP]          a view
//   y [m, n]  ->  [m, n/NR, NR]          a view
//
// Columns that do not fill a panel are padded with zeros; the result is then a
// slice of a wider one. A schedule counts columns and terms before, panels and
// pairs after.
//
//===----------------------------------------------------------------------===//

#include "PackContractions.h"
#include "Schedules.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace peermla;

Packing Packing::get(const CpuLevel &level, int64_t columns, int64_t terms,
                     Type element) {
  Packing packing;
  packing.pair = level.hasBf16Dot && element.isBF16() && terms % 2 == 0 ? 2 : 1;
  // Three or four vectors of columns keep the multiplier busy and leave
  // registers for six to eight rows; with 16 registers two do. AMX multiplies
  // two tiles side by side, 16 columns each.
  int64_t widest = level.registers / 8;
  if (level.hasAmx && packing.pair == 2)
    widest = 2;
  SmallVector<int64_t, 4> panels;
  for (int64_t vectors : {4, 3, 2, 1})
    if (vectors <= widest)
      panels.push_back(vectors * level.lanes);
  // The widest panel that needs no more than 1/16 of padding.
  for (int64_t panel : panels) {
    packing.panel = panel;
    packing.paddedColumns = llvm::alignTo(columns, panel);
    if ((packing.paddedColumns - columns) * 16 <= columns)
      break;
  }
  return packing;
}

namespace {

/// One contraction seen as a matrix product: what to split.
struct Packer {
  Packer(RewriterBase &rewriter, linalg::LinalgOp op, unsigned weight)
      : op(op), weight(weight), input(1 - weight), b(op.getLoc(), rewriter) {
    b.setInsertionPoint(op);
  }

  AffineMap mapOf(unsigned operand) {
    return op.getIndexingMapsArray()[operand];
  }
  RankedTensorType typeOf(unsigned operand) {
    return cast<RankedTensorType>(op->getOperand(operand).getType());
  }
  static std::optional<unsigned> positionOf(AffineMap map, unsigned loop) {
    return map.getResultPosition(getAffineDimExpr(loop, map.getContext()));
  }

  LogicalResult match(const CpuLevel &level);
  /// Maps the schedule of the op, if it has one, to the packed loops; an error
  /// where it cuts panels or pairs.
  LogicalResult mapSchedule(const CpuLevel &level);
  Value packWeight();
  Value splitInput();
  Value makeInit();
  Value run();

  linalg::LinalgOp op;
  unsigned weight, input;
  ImplicitLocOpBuilder b;
  Packing packing;
  /// Loops of the columns n and the terms k.
  unsigned n, k;
  /// Their positions in the weight.
  unsigned nInWeight, kInWeight;
  int64_t columns;
  /// The schedule of the packed op; null if none is given.
  tile::ScheduleAttr schedule;
};

LogicalResult Packer::match(const CpuLevel &level) {
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims) || dims->k.size() != 1)
    return failure();
  AffineMap out = mapOf(2), weightMap = mapOf(weight), inputMap = mapOf(input);
  for (AffineMap map : {out, weightMap, inputMap})
    if (!map.isProjectedPermutation())
      return failure();
  n = out.getDimPosition(out.getNumResults() - 1);
  k = dims->k.front();
  auto inWeight = positionOf(weightMap, n),
       kPosition = positionOf(weightMap, k);
  if (!inWeight || !kPosition || positionOf(inputMap, n))
    return failure();
  nInWeight = *inWeight;
  kInWeight = *kPosition;
  if (!typeOf(weight).hasStaticShape())
    return failure();
  columns = typeOf(weight).getDimSize(nInWeight);
  int64_t terms = typeOf(weight).getDimSize(kInWeight);
  if (columns == 0 || terms == 0 || typeOf(2).getShape().back() != columns)
    return failure();
  packing =
      Packing::get(level, columns, terms, typeOf(weight).getElementType());
  // A pair of terms must lie together in the input too.
  if (inputMap.getDimPosition(inputMap.getNumResults() - 1) != k ||
      typeOf(input).getElementType() != typeOf(weight).getElementType())
    packing.pair = 1;
  // A padded result needs an accumulator that may be made anew.
  return success(packing.paddedColumns == columns ||
                 op.getDpsInits()[0].getDefiningOp<linalg::FillOp>());
}

LogicalResult Packer::mapSchedule(const CpuLevel &level) {
  auto given = op->getAttrOfType<tile::ScheduleAttr>(scheduleName);
  if (!given)
    return success();
  SmallVector<int64_t> block(given.getBlock()), inner(given.getInner());
  if (!block.empty()) {
    if (block.size() != op.getNumLoops())
      return op.emitOpError()
             << "expects one block extent per loop, got " << block.size()
             << " extents and " << op.getNumLoops() << " loops";
    int64_t &width = block[n];
    if (width % packing.panel != 0 && width < columns)
      return op.emitOpError()
             << "expects blocks of columns to be whole panels of "
             << packing.panel << " on level '" << level.name << "', got "
             << given;
    width = llvm::divideCeil(width, packing.panel);
    block.append(packing.pair == 1 ? 1 : 2, 0);
  }
  if (inner.size() == 1) {
    if (inner[0] % packing.pair != 0)
      return op.emitOpError()
             << "expects 'inner' of its schedule to be whole pairs of terms on "
                "level '"
             << level.name << "', got " << given;
    inner[0] /= packing.pair;
  }
  schedule = tile::ScheduleAttr::get(op.getContext(), block, inner,
                                     given.getRegisters());
  return success();
}

/// The extents of `shape` with one dimension split, and the reassociation.
static std::pair<SmallVector<int64_t>, SmallVector<ReassociationIndices>>
splitShape(ArrayRef<int64_t> shape,
           ArrayRef<std::pair<unsigned, int64_t>> splits) {
  SmallVector<int64_t> extents;
  SmallVector<ReassociationIndices> groups;
  for (auto [dim, extent] : llvm::enumerate(shape)) {
    groups.emplace_back();
    int64_t inner = 1;
    for (auto [splitDim, size] : splits)
      if (splitDim == dim)
        inner = size;
    if (inner != 1) {
      groups.back().push_back(extents.size());
      extents.push_back(ShapedType::isDynamic(extent) ? extent
                                                      : extent / inner);
    }
    groups.back().push_back(extents.size());
    extents.push_back(inner != 1 ? inner : extent);
  }
  return {extents, groups};
}

Value Packer::packWeight() {
  Value value = op->getOperand(weight);
  RankedTensorType type = typeOf(weight);
  Type element = type.getElementType();
  unsigned rank = type.getRank();
  if (packing.paddedColumns != columns) {
    SmallVector<OpFoldResult> low(rank, b.getIndexAttr(0));
    SmallVector<OpFoldResult> high = low;
    high[nInWeight] = b.getIndexAttr(packing.paddedColumns - columns);
    SmallVector<int64_t> shape(type.getShape());
    shape[nInWeight] = packing.paddedColumns;
    type = RankedTensorType::get(shape, element);
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
    value = tensor::PadOp::create(b, type, value, low, high, zero);
  }
  auto [shape, groups] = splitShape(
      type.getShape(), {{nInWeight, packing.panel}, {kInWeight, packing.pair}});
  value = tensor::ExpandShapeOp::create(
      b, RankedTensorType::get(shape, element), value, groups);
  // The other dimensions, then panels, terms, columns and pairs.
  SmallVector<int64_t> permutation;
  for (unsigned dim = 0; dim < rank; ++dim)
    if (dim != nInWeight && dim != kInWeight)
      permutation.push_back(groups[dim].front());
  permutation.push_back(groups[nInWeight].front());
  permutation.push_back(groups[kInWeight].front());
  permutation.push_back(groups[nInWeight].back());
  if (packing.pair != 1)
    permutation.push_back(groups[kInWeight].back());
  SmallVector<int64_t> packed;
  for (int64_t dim : permutation)
    packed.push_back(shape[dim]);
  Value init = tensor::EmptyOp::create(b, packed, element);
  return linalg::TransposeOp::create(b, value, init, permutation)->getResult(0);
}

Value Packer::splitInput() {
  Value value = op->getOperand(input);
  if (packing.pair == 1)
    return value;
  RankedTensorType type = typeOf(input);
  auto [shape, groups] = splitShape(
      type.getShape(), {{unsigned(type.getRank() - 1), packing.pair}});
  return tensor::ExpandShapeOp::create(
      b, RankedTensorType::get(shape, type.getElementType()), value, groups);
}

Value Packer::makeInit() {
  Value init = op.getDpsInits()[0];
  auto type = cast<RankedTensorType>(init.getType());
  unsigned last = type.getRank() - 1;
  if (auto fill = init.getDefiningOp<linalg::FillOp>()) {
    SmallVector<OpFoldResult> extents =
        tensor::getMixedSizes(b, b.getLoc(), fill.getOutputs()[0]);
    extents[last] = b.getIndexAttr(packing.paddedColumns / packing.panel);
    extents.push_back(b.getIndexAttr(packing.panel));
    Value empty = tensor::EmptyOp::create(b, extents, type.getElementType());
    return linalg::FillOp::create(b, fill.getInputs()[0], empty).getResult(0);
  }
  auto [shape, groups] = splitShape(type.getShape(), {{last, packing.panel}});
  return tensor::ExpandShapeOp::create(
      b, RankedTensorType::get(shape, type.getElementType()), init, groups);
}

Value Packer::run() {
  Value packed = packWeight(), x = splitInput(), init = makeInit();

  // Old loops keep their numbers, n and k now counting panels and pairs; the
  // column within a panel and the term within a pair are added.
  unsigned loops = op.getNumLoops();
  unsigned newLoops = loops + 1 + (packing.pair != 1);
  MLIRContext *context = b.getContext();
  auto dim = [&](unsigned loop) { return getAffineDimExpr(loop, context); };
  SmallVector<AffineExpr> weightResults, inputResults, outResults;
  for (AffineExpr result : mapOf(weight).getResults())
    if (result != dim(n) && result != dim(k))
      weightResults.push_back(result);
  llvm::append_values(weightResults, dim(n), dim(k), dim(loops));
  llvm::append_range(inputResults, mapOf(input).getResults());
  llvm::append_range(outResults, mapOf(2).getResults());
  outResults.push_back(dim(loops));
  if (packing.pair != 1) {
    weightResults.push_back(dim(loops + 1));
    inputResults.push_back(dim(loops + 1));
  }
  auto getMap = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(newLoops, 0, results, context);
  };
  SmallVector<AffineMap> maps(3);
  maps[weight] = getMap(weightResults);
  maps[input] = getMap(inputResults);
  maps[2] = getMap(outResults);
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  iterators.push_back(utils::IteratorType::parallel);
  if (packing.pair != 1)
    iterators.push_back(utils::IteratorType::reduction);
  SmallVector<Value> inputs(2);
  inputs[weight] = packed;
  inputs[input] = x;

  auto product = linalg::GenericOp::create(b, init.getType(), inputs, init,
                                           maps, iterators);
  IRMapping mapping;
  op->getRegion(0).cloneInto(&product.getRegion(), mapping);
  if (Attribute id = op->getAttr("peermla.id"))
    product->setAttr("peermla.id", id);
  if (schedule)
    product->setAttr(scheduleName, schedule);

  // Back to the shape the users know.
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = packing.paddedColumns;
  auto groups =
      splitShape(shape, {{unsigned(shape.size() - 1), packing.panel}}).second;
  Value result = tensor::CollapseShapeOp::create(
      b, RankedTensorType::get(shape, type.getElementType()),
      product.getResult(0), groups);
  if (packing.paddedColumns == columns)
    return result;
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, b.getLoc(), result);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  sizes.back() = b.getIndexAttr(columns);
  return tensor::ExtractSliceOp::create(b, type, result, offsets, sizes,
                                        strides);
}

} // namespace

FailureOr<bool> peermla::packContraction(RewriterBase &rewriter,
                                         linalg::LinalgOp op, unsigned weight,
                                         const CpuLevel &level) {
  Packer packer(rewriter, op, weight);
  if (failed(packer.match(level)))
    return false;
  if (failed(packer.mapSchedule(level)))
    return failure();
  rewriter.replaceOp(op, packer.run());
  return true;
}
