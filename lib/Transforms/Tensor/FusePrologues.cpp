//===- FusePrologues.cpp - rows of few tokens, computed by their product --===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A norm in front of a product is a kernel that reads rows and writes them for
// the product to read. Each block of columns can compute the rows it reads:
// that saves the launch, and costs to read them twice, for their sums and for
// the product, once per block, from the cache that all multiprocessors share:
//
//   rows x bytes of a row x blocks of columns  <=  a launch x rate of the cache
//
// On GPUs, up to so many rows and a block's; the cost model of CPUs, whose
// cores have caches of their own, decides in JoinPrologues.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "Versions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Support/KernelPlan.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_FUSEPROLOGUES
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Whether tile programs can say what the op computes.
static bool isOfTiles(linalg::LinalgOp op) {
  Block &body = op->getRegion(0).front();
  bool isElementwise =
      llvm::all_of(body.without_terminator(), [](Operation &inner) {
        return inner.hasTrait<OpTrait::ConstantLike>() ||
               (OpTrait::hasElementwiseMappableTraits(&inner) &&
                inner.getNumResults() == 1);
      });
  if (!isElementwise || op.getNumReductionLoops() == 0)
    return isElementwise;
  Operation *combiner = body.getTerminator()->getOperand(0).getDefiningOp();
  return op.getNumReductionLoops() == 1 && op->getNumResults() == 1 &&
         getElementTypeOrSelf(op->getResult(0)).isF32() &&
         isa_and_nonnull<arith::AddFOp, arith::MaximumFOp>(combiner);
}

/// Whether a block has room for the rows of a kernel: each of its sums reads
/// them once more, through slots of its own.
static bool hasFewSums(const Kernel &kernel) {
  return llvm::count_if(kernel.members, [](Operation *member) {
           return cast<linalg::LinalgOp>(member).getNumReductionLoops() != 0;
         }) <= 1;
}

namespace {

/// Rows, and the kernel with the product that reads them.
class Prologue {
public:
  explicit Prologue(linalg::LinalgOp rows) : rows{rows, {}} {}

  /// Whether the product's kernel can compute the rows.
  bool match() {
    ops = collectKernel(rows.root);
    llvm::copy_if(ops, std::back_inserter(rows.members),
                  llvm::IsaPred<linalg::LinalgOp>);
    if (!canBePrologue(rows) || rows.getType().getRank() != 2 ||
        !llvm::all_of(rows.members,
                      [](Operation *member) {
                        return isOfTiles(cast<linalg::LinalgOp>(member));
                      }) ||
        !hasFewSums(rows))
      return false;
    OpOperand *reader = getProductOfRows(rows.root->getResult(0));
    if (!reader || !hasMmaTypes(cast<linalg::LinalgOp>(reader->getOwner())))
      return false;
    // The product reads rows as its rows of the result.
    root = reader->getOwner();
    while (root && !root->hasAttr(scheduleName))
      root = root->hasOneUse() ? *root->getUsers().begin() : nullptr;
    if (!root || root->getBlock() != rows.root->getBlock() ||
        getSchedule(root).getWarps().empty() || root->getNumResults() != 1 ||
        !isa<linalg::LinalgOp, mla::RopeOp>(root))
      return false;
    ops.insert_range(collectKernel(root));
    return ops.contains(reader->getOwner()) &&
           llvm::count_if(ops, isContraction) == 1;
  }

  /// Rows up to which it pays; 0 for none.
  int64_t getLimit() {
    const GpuTarget &gpu = *GpuTarget::of(root);
    double bytes = 0;
    for (Operation *member : rows.members)
      for (Value operand : member->getOperands())
        if (auto type = dyn_cast<RankedTensorType>(operand.getType());
            type && type.getRank() == 2 &&
            !ops.contains(operand.getDefiningOp()))
          bytes =
              std::max<double>(bytes, type.getShape().back() *
                                          type.getElementTypeBitWidth() / 8.0);
    auto type = cast<RankedTensorType>(root->getResult(0).getType());
    ArrayRef<int64_t> block = getSchedule(root).getBlock();
    double blocks = 1;
    for (auto [dim, extent] : llvm::enumerate(type.getShape().drop_front()))
      if (dim + 1 < block.size() && block[dim + 1] > 0)
        blocks *= llvm::divideCeil(extent, block[dim + 1]);
    if (bytes == 0 || ShapedType::isDynamicShape(type.getShape().drop_front()))
      return 0;
    double rate = gpu.rates.sharedBytes * gpu.numUnits;
    double limit = gpu.rates.launchSeconds * rate / (bytes * blocks);
    return std::min<double>(limit, block.front());
  }

  void explain(int64_t limit) {
    remark::passed(rows.root->getLoc(),
                   remark::RemarkOpts::name("Prologue").category("schedule"))
        << ("is computed by the product that reads it, up to " +
            std::to_string(limit) + " rows");
  }

  /// Makes it two, for up to `limit` rows and for more.
  void version(int64_t limit) {
    Value init =
        cast<DestinationStyleOpInterface>(root).getDpsInitOperand(0)->get();
    OpBuilder b(root);
    Value extent = tensor::DimOp::create(b, root->getLoc(), init, 0);
    makeVersions(
        root, ops, extent, limit, [&](Version &few) { fuse(few, limit); },
        keepVersion);
  }

private:
  /// A factor that is computed is in registers, once in each column of warps:
  /// one column, if so many warps have rows.
  static tile::ScheduleAttr placeRows(tile::ScheduleAttr schedule) {
    ArrayRef<int64_t> warps = schedule.getWarps();
    int64_t all = warps[0] * warps[1];
    if (16 * all > schedule.getBlock().front())
      return schedule;
    return tile::ScheduleAttr::get(
        schedule.getContext(), schedule.getBlock(), schedule.getInner(),
        schedule.getRegisters(), schedule.getSplit(), schedule.getParts(),
        {all, 1}, schedule.getStages(), schedule.getInstructions(),
        schedule.getRoles());
  }

  void fuse(Version &few, int64_t limit) {
    Operation *copy =
        few.copies.lookup(rows.root->getResult(0)).getDefiningOp();
    copy->removeAttr(scheduleName);
    copy->removeAttr(planName);
    few.root->setAttr(scheduleName, placeRows(getSchedule(few.root)));
    planVersion(few, "computes the rows it multiplies, up to " +
                         std::to_string(limit));
  }

  Kernel rows;
  Operation *root = nullptr;
  llvm::SetVector<Operation *> ops;
};

struct FusePrologues : peermla::impl::FuseProloguesBase<FusePrologues> {
  using Base::Base;

  void runOnOperation() override {
    if (deterministic || getOperation().isExternal() ||
        !GpuTarget::of(getOperation()))
      return;
    SmallVector<linalg::LinalgOp> kernels;
    for (auto op :
         getOperation().getFunctionBody().front().getOps<linalg::LinalgOp>())
      if (op->getAttrOfType<tile::ScheduleAttr>(scheduleName))
        kernels.push_back(op);
    // Versions are made of ops that are there still.
    SmallVector<std::pair<Prologue, int64_t>> found;
    for (linalg::LinalgOp rows : kernels)
      if (Prologue prologue(rows); prologue.match())
        if (int64_t limit = prologue.getLimit(); limit > 0)
          found.emplace_back(std::move(prologue), limit);
    for (auto &[prologue, limit] : found) {
      prologue.explain(limit);
      prologue.version(limit);
      ++numFused;
    }
  }
};

} // namespace
