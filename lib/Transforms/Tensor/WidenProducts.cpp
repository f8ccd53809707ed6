//===- WidenProducts.cpp - larger tiles where rows are many ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block of R x C results reads R + C rows per step of the sum, from the cache
// that all multiprocessors share, and multiplies R C of them:
//
//   64 x 128     24 KB,   8 K products     as many blocks as there can be
//   128 x 256    48 KB,  32 K products     half of the bytes per product
//
// By the larger of both, a step takes a time that the target's rates give. Few
// large blocks leave multiprocessors idle, which small ones would share: large
// ones are taken from that many on which takes no longer,
//
//   large step  <=  small step x small blocks / multiprocessors
//
// An epilogue that does more than round the sums has no registers for it beside
// those of 256 columns. Large tiles have roles: a warp brings boxes of rows by
// tensor copies, and two warpgroups keep their sums in flight. Both versions
// add up in the same order.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "Versions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Remarks.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Support/KernelPlan.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Transforms/Passes.h"
#include <cmath>
#include <limits>

namespace peermla {
#define GEN_PASS_DEF_WIDENPRODUCTS
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// The small tile, which is looked for.
static constexpr int64_t fewRows = 64, fewColumns = 128;
/// Rows of a large tile, the columns it may have, and the warps that multiply.
static constexpr int64_t manyRows = 128, manyColumns[] = {128, 256},
                         warps[] = {8, 1};
/// Elements of a step along the sum, its bytes, slots, and the fewest steps of
/// a sum that fill them.
static constexpr int64_t step = 64, bytesOfElement = 2, stages = 4;
/// Strides and starts of what tensor copies bring are multiples of so many
/// elements.
static constexpr int64_t elementsOfCopy = 16 / bytesOfElement;

/// Whether the memory of a tensor has rows that tensor copies can bring.
static bool hasRowsOfCopies(Value tensor) {
  while (true) {
    int64_t row = cast<RankedTensorType>(tensor.getType()).getShape().back();
    if (ShapedType::isDynamic(row) || row % elementsOfCopy != 0)
      return false;
    if (auto slice = tensor.getDefiningOp<tensor::ExtractSliceOp>()) {
      if (ShapedType::isDynamicShape(slice.getStaticOffsets()) ||
          slice.getStaticOffsets().back() % elementsOfCopy != 0 ||
          !slice.hasUnitStride())
        return false;
      tensor = slice.getSource();
    } else if (auto expand = tensor.getDefiningOp<tensor::ExpandShapeOp>()) {
      tensor = expand.getSrc();
    } else if (auto collapse =
                   tensor.getDefiningOp<tensor::CollapseShapeOp>()) {
      tensor = collapse.getSrc();
    } else {
      return true;
    }
  }
}

/// Seconds of a multiprocessor for a step of a block.
static double getStepTime(int64_t rows, int64_t columns, const GpuTarget &gpu) {
  double flop = 2.0 * rows * columns * step;
  double bytes = (rows + columns) * step * bytesOfElement;
  return std::max(flop / gpu.rates.narrowFlop, bytes / gpu.rates.sharedBytes);
}

namespace {

/// A kernel with a product of small tiles.
class Product {
public:
  explicit Product(Operation *root) : whole(root), kernel{root, {}} {
    if (!isa<mla::RopeOp>(root))
      return;
    auto heads = root->getOperand(0).getDefiningOp<tensor::ExpandShapeOp>();
    kernel.root = heads ? heads.getSrc().getDefiningOp() : nullptr;
    if (heads)
      ops.insert_range(ArrayRef<Operation *>{root, heads});
  }

  /// Whether large tiles could compute it.
  bool match() {
    const GpuTarget *target = GpuTarget::of(whole);
    tile::ScheduleAttr small = getSchedule(whole);
    if (!isa_and_nonnull<linalg::LinalgOp>(kernel.root) || !target ||
        !target->hasTma ||
        small.getInstructions() != tile::Instructions::Wgmma ||
        !small.getRoles().empty())
      return false;
    collect(kernel.root);
    product = kernel.getContraction();
    SmallVector<int64_t> block{fewRows, 1}; // Of tokens and heads.
    if (whole == kernel.root)
      block = getBlock(fewRows, fewColumns);
    if (!product || llvm::count_if(ops, isContraction) != 1 ||
        small.getBlock() != ArrayRef(block))
      return false;
    // What it multiplies is there, not computed by the kernel.
    for (OpOperand *input : product.getDpsInputOperands())
      if (ops.contains(input->get().getDefiningOp()))
        return false;
    return isMatrix() && hasLongSum();
  }

  /// Chooses the tile and what rows are many; says why not.
  bool choose() {
    auto remarkOpts = remark::RemarkOpts::name("Widen").category("schedule");
    for (OpOperand *input : product.getDpsInputOperands())
      if (!hasRowsOfCopies(input->get())) {
        remark::missed(kernel.root->getLoc(), remarkOpts)
            << "keeps small blocks for any number of rows: those of its "
               "factors do not start at multiples of 16 bytes";
        return false;
      }
    const GpuTarget &gpu = *GpuTarget::of(kernel.root);
    ArrayRef<int64_t> shape = kernel.getType().getShape();
    int64_t matrices = 1;
    for (int64_t extent : shape.drop_front().drop_back())
      matrices *= extent;
    auto countBlocks = [&](int64_t width) {
      return matrices * llvm::divideCeil(shape.back(), width);
    };
    int64_t columns = 0;
    double fastest = std::numeric_limits<double>::infinity();
    for (int64_t width : manyColumns) {
      if (width > fewColumns && computesWithSums())
        continue;
      double seconds = countBlocks(width) * getStepTime(manyRows, width, gpu);
      if (seconds < fastest) {
        fastest = seconds;
        columns = width;
      }
    }
    double small = manyRows / fewRows * countBlocks(fewColumns) *
                   getStepTime(fewRows, fewColumns, gpu);
    double rowBlocks =
        gpu.numUnits * getStepTime(manyRows, columns, gpu) / small;
    limit = manyRows * std::max<int64_t>(
                           1, static_cast<int64_t>(std::ceil(rowBlocks)) - 1);
    schedule = tile::ScheduleAttr::get(kernel.root->getContext(),
                                       getBlock(manyRows, columns), {step}, {},
                                       /*split=*/0, /*parts=*/0, warps, stages,
                                       tile::Instructions::Wgmma, rolesOfBoxes);
    if (whole->hasAttr(planName))
      plan = planKernel(kernel, schedule, "larger tiles where rows are many");
    remark::passed(kernel.root->getLoc(), remarkOpts)
        << ("chose tiles of " + std::to_string(manyRows) + " x " +
            std::to_string(columns) + " above " + std::to_string(limit) +
            " rows");
    return true;
  }

  /// Makes it two, for up to `limit` rows and for more.
  void version() {
    auto init =
        cast<DestinationStyleOpInterface>(whole).getDpsInitOperand(0)->get();
    OpBuilder b(whole);
    Value extent = tensor::DimOp::create(b, whole->getLoc(), init, 0);
    makeVersions(whole, ops, extent, limit, keepVersion, [&](Version &many) {
      Operation *root =
          many.copies.lookup(kernel.root->getResult(0)).getDefiningOp();
      if (root != many.root)
        leaveRotation(many.root);
      root->setAttr(scheduleName, schedule);
      if (plan)
        root->setAttr(planName, plan);
    });
  }

private:
  /// The rotation is a kernel over tokens.
  static void leaveRotation(Operation *rope) {
    Kernel alone{rope, {rope}};
    Schedule rows = scheduleForGpu(alone, *GpuTarget::of(rope));
    rope->setAttr(scheduleName, rows.attribute);
    if (rope->hasAttr(planName))
      rope->setAttr(planName, planKernel(alone, rows.attribute, rows.reason));
  }

  /// What TileAndFuse computes with the root's tiles.
  void collect(Operation *op) {
    if (!ops.insert(op))
      return;
    kernel.members.push_back(op);
    for (Value operand : op->getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (isa_and_nonnull<linalg::LinalgOp>(producer) &&
          producer->getBlock() == op->getBlock() && !getSchedule(producer))
        collect(producer);
    }
  }

  /// Rows of one factor, as many as a call has, by columns of the other.
  bool isMatrix() {
    FailureOr<linalg::ContractionDimensions> dims =
        linalg::inferContractionDims(product);
    AffineMap results = product.getIndexingMapsArray().back();
    auto loopOf = [&](AffineExpr result) {
      return cast<AffineDimExpr>(result).getPosition();
    };
    return llvm::is_contained(dims->m, loopOf(results.getResults().front())) &&
           llvm::is_contained(dims->n, loopOf(results.getResults().back())) &&
           kernel.getType().isDynamicDim(0) &&
           !ShapedType::isDynamicShape(
               kernel.getType().getShape().drop_front());
  }

  /// Whether an epilogue needs registers beside those of the sums, to do more
  /// than round them.
  bool computesWithSums() {
    return llvm::any_of(ops, [&](Operation *op) {
      return isa<linalg::LinalgOp>(op) && op != product &&
             !isa<linalg::FillOp>(op) &&
             llvm::any_of(
                 op->getRegion(0).front().without_terminator(),
                 [](Operation &inner) { return !isa<arith::TruncFOp>(inner); });
    });
  }

  bool hasLongSum() {
    int64_t terms = 1;
    for (auto [loop, extent] : llvm::zip(product.getIteratorTypesArray(),
                                         product.getStaticLoopRanges()))
      if (loop == utils::IteratorType::reduction)
        terms *= extent;
    return terms >= stages * step;
  }

  SmallVector<int64_t> getBlock(int64_t rows, int64_t width) {
    SmallVector<int64_t> tile(kernel.getType().getRank(), 1);
    tile.front() = rows;
    tile.back() = width;
    return llvm::to_vector(cutResult(kernel, tile).getBlock());
  }

  /// The op with the schedule, and the part of its kernel that large tiles
  /// compute.
  Operation *whole;
  Kernel kernel;
  linalg::LinalgOp product;
  llvm::SetVector<Operation *> ops;
  /// What counts above so many rows.
  int64_t limit = 0;
  tile::ScheduleAttr schedule;
  DictionaryAttr plan;
};

struct WidenProducts : peermla::impl::WidenProductsBase<WidenProducts> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<Operation *> roots;
    getOperation()->walk([&](Operation *op) {
      if (isa<linalg::LinalgOp, mla::RopeOp>(op) && getSchedule(op) &&
          op->getNumResults() == 1)
        roots.push_back(op);
    });
    // Extents are known as long as nobody chooses between tensors.
    SmallVector<Product> products;
    for (Operation *root : roots)
      if (Product product(root); product.match() && product.choose())
        products.push_back(std::move(product));
    for (Product &product : products)
      product.version();
    numWidened += products.size();
  }
};

} // namespace
