//===- GroupKernels.cpp - which ops are computed together -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every tileable op either joins the kernel of the one op that consumes it, or
// is the root of a kernel. An op with a schedule is a root, except that a
// matrix product takes its schedule along into the kernel of its epilogue.
// Producers of a matrix product's inputs, which each block of columns computes
// again, are left to JoinPrologues and FusePrologues.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Support/TargetInfo.h"

using namespace mlir;
using namespace peermla;

static bool isElementwise(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalgOp.getNumParallelLoops() == linalgOp.getNumLoops();
}

bool peermla::isContraction(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalg::isaContractionOpInterface(linalgOp) &&
         succeeded(linalg::inferContractionDims(linalgOp));
}

static bool isReduction(Operation *op) {
  return isa<linalg::LinalgOp>(op) && !isElementwise(op) && !isContraction(op);
}

linalg::LinalgOp Kernel::getContraction() const {
  const auto *found = llvm::find_if(members, isContraction);
  return found == members.end() ? nullptr : cast<linalg::LinalgOp>(*found);
}

RankedTensorType Kernel::getType() const {
  return cast<RankedTensorType>(root->getResult(0).getType());
}

/// Whether `producer` is computed inside the kernel of its only consumer.
static bool joins(Operation *producer, Operation *consumer,
                  const Kernel &kernel, const GpuTarget *gpu) {
  if (isContraction(producer)) {
    // Scores are consumed where they are computed, if they can be.
    if (isa<peer::SelectOp>(consumer))
      return !gpu || selectsFromProducts(consumer, *gpu);
    return isElementwise(consumer) && !kernel.getContraction();
  }
  // Rows are rotated where they are written to the cache.
  if (isa<mla::RopeOp>(producer))
    return isa<mla::CacheAppendOp>(consumer);
  // A launch takes longer than positions do.
  if (isa<mla::PositionsOp>(producer))
    return gpu && isa<mla::RopeTableOp>(consumer);
  if (isElementwise(producer))
    return (isElementwise(consumer) && !kernel.getContraction()) ||
           isReduction(consumer);
  // A sum over a row is computed with the rows that read it.
  return isReduction(producer) && isElementwise(consumer) &&
         !kernel.getContraction();
}

/// Columns of a head that is a tile of a product of its own: steps of tiles,
/// and what threads have registers for.
static constexpr int64_t columnsOfStep = 64, maxColumnsOfHead = 256;

/// Whether heads are rotated where `producer`, a product or its epilogue, is
/// computed: a tile is one head, and most of its columns are.
static bool joinsRotation(Operation *producer, mla::RopeOp rope) {
  auto type = cast<RankedTensorType>(rope.getX().getType());
  int64_t columns = type.getShape().back();
  if (type.getRank() != 3 || ShapedType::isDynamic(columns) ||
      columns > maxColumnsOfHead ||
      4 * columns < 3 * int64_t(llvm::alignTo(columns, columnsOfStep)) ||
      columns % 2 != 0 || rope->hasAttr(scheduleName))
    return false;
  while (isElementwise(producer) && producer->getNumOperands() > 0) {
    Operation *source = producer->getOperand(0).getDefiningOp();
    if (producer->hasAttr(scheduleName) || !source ||
        !producer->getOperand(0).hasOneUse())
      return false;
    producer = source;
  }
  return isContraction(producer) && !producer->hasAttr(scheduleName) &&
         hasMmaTypes(cast<linalg::LinalgOp>(producer)) &&
         cast<RankedTensorType>(producer->getResult(0).getType()).getRank() ==
             2;
}

/// The number of rows of a tensor that rows are inserted into, or null.
static OpFoldResult getNumRows(Value tensor) {
  while (auto insert = tensor.getDefiningOp<tensor::InsertSliceOp>())
    tensor = insert.getDest();
  auto empty = tensor.getDefiningOp<tensor::EmptyOp>();
  return empty ? empty.getMixedSizes().front() : OpFoldResult();
}

bool peermla::insertsColumns(tensor::InsertSliceOp insert) {
  OpFoldResult rows = getNumRows(insert.getDest());
  return insert.getDestType().getRank() == 2 &&
         insert.getSourceType().getRank() == 2 && insert.hasUnitStride() &&
         insert.getStaticOffset(0) == 0 && rows &&
         isEqualConstantIntOrValue(rows, insert.getMixedSizes().front());
}

/// The op that is the only user of `op`'s results, or null.
static Operation *onlyConsumer(Operation *op) {
  Operation *consumer = nullptr;
  for (Operation *user : op->getUsers()) {
    if (consumer && user != consumer)
      return nullptr;
    consumer = user;
  }
  return consumer;
}

/// Whether the schedule that `producer` was given, if any, can be followed
/// through `consumer`, the root of `kernel`.
static bool canKeepSchedule(Operation *producer, Operation *consumer,
                            const Kernel &kernel) {
  Attribute given = producer->getAttr(scheduleName);
  if (!given)
    return true;
  // TileAndFuse says what is wrong with a schedule that stays.
  auto schedule = dyn_cast<tile::ScheduleAttr>(given);
  auto product = dyn_cast<linalg::LinalgOp>(producer);
  if (!schedule || !isContraction(producer) || consumer != kernel.root ||
      consumer->hasAttr(scheduleName) || !isElementwise(consumer))
    return false;
  ArrayRef<int64_t> block = schedule.getBlock();
  SmallVector<utils::IteratorType> loops = product.getIteratorTypesArray();
  if (!block.empty() && block.size() != loops.size())
    return false;
  for (auto [extent, loop] : llvm::zip(block, loops))
    if (extent != 0 && loop != utils::IteratorType::parallel)
      return false;
  return true;
}

/// Whether `op` can be a kernel or part of one.
static bool isKernelOp(Operation *op) {
  return isa<TilingInterface>(op) && op->getNumResults() != 0 &&
         isa<RankedTensorType>(op->getResult(0).getType());
}

/// The rotation of what `op` computes as a matrix of heads, or null.
static mla::RopeOp getRotation(Operation *op) {
  auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(onlyConsumer(op));
  auto rope =
      expand ? dyn_cast_or_null<mla::RopeOp>(onlyConsumer(expand)) : nullptr;
  return rope && rope.getX() == expand.getResult() ? rope : nullptr;
}

/// The op that rotates, where they are written to the cache, the rows that `op`
/// computes some columns of; null if there is none.
static mla::RopeOp getRotationOfColumns(Operation *op) {
  Operation *consumer = onlyConsumer(op);
  Value columns = op->getResult(0);
  while (auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(consumer)) {
    if (!insertsColumns(insert))
      return nullptr;
    columns = insert.getResult();
    consumer = onlyConsumer(insert);
  }
  auto rope = dyn_cast_or_null<mla::RopeOp>(consumer);
  bool isAppended = rope && rope.getX() == columns &&
                    isa_and_nonnull<mla::CacheAppendOp>(onlyConsumer(rope));
  return isAppended && !op->hasAttr(scheduleName) && columns != op->getResult(0)
             ? rope
             : nullptr;
}

using Numbers = llvm::DenseMap<Operation *, unsigned>;

/// Which of `kernels`, numbered by their members, `op` is computed in.
static std::optional<unsigned> findKernel(Operation *op,
                                          ArrayRef<Kernel> kernels,
                                          const Numbers &kernelOf,
                                          const GpuTarget *gpu) {
  auto find = [&](Operation *member) -> std::optional<unsigned> {
    auto found = kernelOf.find(member);
    return member && found != kernelOf.end() ? std::optional(found->second)
                                             : std::nullopt;
  };
  if (gpu) {
    mla::RopeOp rope = getRotation(op);
    if (auto number = find(rope);
        number && joinsRotation(op, rope) && kernels[*number].root == rope)
      return number;
    if (auto number =
            find(isElementwise(op) ? getRotationOfColumns(op) : nullptr);
        number && isa<mla::CacheAppendOp>(kernels[*number].root))
      return number;
  }
  Operation *consumer = onlyConsumer(op);
  std::optional<unsigned> number = find(consumer);
  if (number && joins(op, consumer, kernels[*number], gpu) &&
      canKeepSchedule(op, consumer, kernels[*number]))
    return number;
  return std::nullopt;
}

SmallVector<Kernel> peermla::groupKernels(Block &body, const GpuTarget *gpu) {
  SmallVector<Kernel> kernels;
  Numbers kernelOf;
  for (Operation &op : llvm::reverse(body)) {
    if (!isKernelOp(&op))
      continue;
    // Every kernel that reads a constant tensor makes its own tile of it.
    if (isa<linalg::FillOp>(op) &&
        llvm::all_of(op.getUsers(),
                     [&](Operation *user) { return kernelOf.contains(user); }))
      continue;
    if (auto number = findKernel(&op, kernels, kernelOf, gpu)) {
      kernels[*number].members.push_back(&op);
      kernelOf[&op] = *number;
      continue;
    }
    kernelOf[&op] = kernels.size();
    kernels.push_back({&op, {&op}});
  }
  return kernels;
}
