//===- ProgramSelect.cpp - retrieval as a tile program --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the products that a selection's scores are, whose queries are in memory
// or are computed by the kernel themselves, or the scores in memory, where a
// kernel before computed them; SelectProgram.h has the program.
//
//===----------------------------------------------------------------------===//

#include "SelectProgram.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace peermla;

namespace {

/// What a matrix product of scores reads.
struct Factors {
  Value queries, keys;
  /// Another product, which it adds to; null if it starts with zero.
  Value sum;
};

} // namespace

static std::optional<Factors> getFactors(Value scores) {
  auto product = scores.getDefiningOp<linalg::LinalgOp>();
  if (!product || !linalg::isaContractionOpInterface(product) ||
      product.getNumDpsInputs() != 2 ||
      cast<RankedTensorType>(scores.getType()).getRank() != 3)
    return std::nullopt;
  Value sum = product.getDpsInitOperand(0)->get();
  auto before = sum.getDefiningOp<linalg::LinalgOp>();
  bool adds = before && linalg::isaContractionOpInterface(before);
  return Factors{product.getDpsInputOperand(0)->get(),
                 product.getDpsInputOperand(1)->get(), adds ? sum : Value()};
}

bool ProgramBuilder::isOfSelection(Operation *op) {
  if (!isa<linalg::LinalgOp, scf::ForOp, tensor::ExpandShapeOp,
           tensor::CollapseShapeOp>(op) ||
      op->getBlock() != loop.getBody() || op->use_empty())
    return false;
  return llvm::all_of(op->getUsers(), [&](Operation *user) {
    return isa<peer::SelectOp>(user) || isOfSelection(user);
  });
}

LogicalResult ProgramBuilder::writeForSelection(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  if (!op || tiles.contains(tensor) || !isOfSelection(op))
    return success();
  llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  for (Value value : used)
    if (failed(writeForSelection(value)))
      return failure();
  return writeNow(op);
}

LogicalResult ProgramBuilder::writeSelect(Operation *operation) {
  auto op = cast<peer::SelectOp>(operation);
  auto schedule = op->getAttrOfType<tile::ScheduleAttr>("peermla.schedule");
  FailureOr<SmallVector<int64_t>> bounds = getBounds(op.getGatesInit());
  if (failed(bounds) || ShapedType::isDynamic(op.getK()))
    return fail(op, "has unknown extents");
  int64_t tokens = (*bounds)[0], k = (*bounds)[2];
  ArrayRef<int64_t> warps =
      schedule ? schedule.getWarps() : ArrayRef<int64_t>();
  if (warps.empty() || tokens < 1 || tokens % (16 * warps[0]) != 0)
    return fail(op, "has no schedule with warps of 16 tokens");
  int64_t threads = 32 * warps[0] * warps[1];
  // Sub-keys that are scored together, and that lanes scan together.
  ArrayRef<int64_t> inner = schedule.getInner();
  if (inner.size() != 2 || inner[0] < 1 || inner[0] % tileUnit != 0 ||
      inner[1] < 1)
    return fail(op, "has no schedule that says how many sub-keys, a multiple "
                    "of 64, are scored and how many are scanned together");
  int64_t lanes = threads / tokens, size = SelectProgram::getSize(k);
  if (lanes < 2 || threads % tokens != 0 || 16 % lanes != 0)
    return fail(op, "has no schedule that gives each token 2 to 16 lanes");
  if (size / lanes > maxSelected)
    return fail(op, "selects more than " + Twine(maxSelected * lanes) +
                        " with " + Twine(lanes) + " threads per token");
  if ((*bounds)[1] != 1)
    return fail(op, "has several heads");
  auto project = [&](SelectProgram::Part &part) -> LogicalResult {
    Value queries = part.tile;
    if (!queries)
      return success();
    if (failed(writeForSelection(queries)))
      return failure();
    part.tile = tiles.lookup(queries);
    int64_t width = cast<RankedTensorType>(queries.getType()).getShape().back();
    int64_t shape[] = {tokens,
                       static_cast<int64_t>(llvm::alignTo(width, tileUnit))};
    if (!part.tile || cast<RankedTensorType>(part.tile.getType()).getShape() !=
                          ArrayRef<int64_t>(shape))
      return fail(op, "reads queries that are no tile of its tokens");
    return success();
  };
  SmallVector<SelectProgram::Dimension, 2> dimensions;
  for (Value scores : op.getScores()) {
    SelectProgram::Dimension &dimension = dimensions.emplace_back();
    if (auto found = views.find(scores); found != views.end()) {
      dimension.scores = found->second;
      if (found->second.dims.size() != 3 ||
          !getElementTypeOrSelf(scores.getType()).isF32())
        return fail(op, "reads scores that are no rows of f32");
      continue;
    }
    auto &parts = dimension.parts;
    for (Value sum = scores; sum;) {
      std::optional<Factors> factors = getFactors(sum);
      if (!factors)
        return fail(op, "reads scores that are no matrix product");
      auto q = views.find(factors->queries), keys = views.find(factors->keys);
      bool isTile = q == views.end();
      if (keys == views.end() || llvm::is_contained(keys->second.dims, -1) ||
          (!isTile && llvm::is_contained(q->second.dims, -1)))
        return fail(op, "reads what is no memory");
      Type element = getElementTypeOrSelf(factors->queries.getType());
      if (element != getElementTypeOrSelf(factors->keys.getType()) ||
          !isa<Float16Type, BFloat16Type, Float32Type>(element) ||
          !getElementTypeOrSelf(sum.getType()).isF32())
        return fail(op, "is not of f16, bf16 or f32, with scores of f32");
      parts.push_back({isTile ? View() : q->second,
                       isTile ? factors->queries : Value(), keys->second});
      sum = factors->sum;
    }
    // The first product is what the others add to.
    std::reverse(parts.begin(), parts.end());
  }
  FailureOr<SmallVector<Value>> results =
      SelectProgram(b, op, tokens, inner[0], inner[1])
          .write(dimensions, project);
  if (failed(results))
    return failure();
  for (auto [result, value] : llvm::zip(op->getResults(), *results)) {
    tiles[result] = value;
    promisedBounds[result] = *bounds;
  }
  return success();
}
