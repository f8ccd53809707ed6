//===- ScheduleWeights.cpp - work items of preparations -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels over weights alone run once per session. Their outermost dimensions
// are cut into items: some numbers of them are judged by the cost model.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;

namespace {

/// Blocks of a result, and how many there are.
struct WeightBlocks {
  SmallVector<int64_t> tile;
  int64_t items = 1;
};

} // namespace

/// Cuts outer dimensions of the result into about `wanted` blocks, at least a
/// quarter of them if there are dimensions enough.
static WeightBlocks cut(const Kernel &kernel, int64_t wanted) {
  RankedTensorType type = kernel.getType();
  WeightBlocks blocks{SmallVector<int64_t>(type.getRank(), 0)};
  // The loops of ops that are no LinalgOp are the dimensions of their results.
  SmallVector<utils::IteratorType> loops;
  if (!isa<linalg::LinalgOp>(kernel.root))
    loops = cast<TilingInterface>(kernel.root).getLoopIteratorTypes();
  for (auto [dim, extent] : llvm::enumerate(type.getShape())) {
    bool isReduced =
        dim < loops.size() && loops[dim] == utils::IteratorType::reduction;
    if (blocks.items * 4 >= wanted || ShapedType::isDynamic(extent) ||
        isReduced)
      break;
    int64_t &tile = blocks.tile[dim];
    tile = std::max<int64_t>(1, extent * blocks.items / wanted);
    blocks.items *= llvm::divideCeil(std::max<int64_t>(extent, 1), tile);
  }
  return blocks;
}

/// What the whole kernel does.
static Work getWork(const Kernel &kernel, const CpuLevel &level) {
  auto getBytes = [](Value value) -> double {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !type.hasStaticShape() ||
        !type.getElementType().isIntOrFloat())
      return 0;
    return type.getNumElements() * (type.getElementTypeBitWidth() / 8.0);
  };
  llvm::DenseSet<Value> counted;
  for (Operation *member : kernel.members)
    counted.insert(member->result_begin(), member->result_end());
  Work work;
  for (Operation *member : kernel.members) {
    if (auto op = dyn_cast<linalg::LinalgOp>(member)) {
      work += isContraction(member)
                  ? getMatrixProduct(op, 1, 0, level).getWork()
                  : getOperations(op, 1);
      for (Value input : op.getDpsInputs())
        if (!isContraction(member) && counted.insert(input).second)
          work.bytes += getBytes(input);
    }
  }
  for (Value result : kernel.root->getResults())
    work.bytes += getBytes(result);
  return work;
}

Schedule peermla::scheduleWeights(const Kernel &kernel, const CpuLevel &level) {
  Work work = getWork(kernel, level);
  WeightBlocks best;
  double bestScore = 0;
  for (int64_t wanted = 16; wanted <= 256; wanted *= 2) {
    WeightBlocks blocks = cut(kernel, wanted);
    double items = blocks.items;
    double score =
        judge(blocks.items, level, [&](double, const Machine &machine) {
          return machine.predict(items, 1 / items * work);
        });
    if (best.tile.empty() || score < bestScore) {
      best = blocks;
      bestScore = score;
    }
  }
  Machine machine(level.rates, 2);
  std::string reason = llvm::formatv(
      "{0} items of {1}", best.items,
      formatSeconds(machine.getItemTime(1.0 / best.items * work)));
  return {cutResult(kernel, best.tile), reason};
}
