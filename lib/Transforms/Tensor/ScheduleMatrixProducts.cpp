//===- ScheduleMatrixProducts.cpp - blocks of rows and panels -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A work item of a kernel with a matrix product is a block of rows and whole
// panels of columns. Many rows read the weight less often, few blocks of
// columns read the rows less often, many items share out evenly: all pairs of a
// few numbers of rows and all numbers of panels are judged by the cost model.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace peermla;

namespace {

/// Where rows and columns lie in the result of a kernel.
struct ResultDims {
  /// The outermost dimension that is no batch; -1 if there is none.
  int rows = -1;
  /// The dimension that counts panels, or columns; -1 if they are not cut.
  int panels = -1;
  /// Columns of one step of `panels`.
  int64_t step = 1;
  /// How many steps there are; dynamic if not known.
  int64_t count = ShapedType::kDynamic;
};

} // namespace

/// The widest block of columns that is worth a look.
static constexpr int64_t maxColumns = 1024;

static ResultDims getResultDims(RankedTensorType type) {
  ResultDims dims;
  unsigned rank = type.getRank();
  dims.rows = 0;
  if (rank > 2) {
    dims.panels = rank - 2;
    dims.step = type.getDimSize(rank - 1);
    dims.count = type.getDimSize(rank - 2);
  }
  return dims;
}

/// The numbers of panels of a block: divisors, so that all blocks are equal.
static SmallVector<int64_t> getPanelCounts(const ResultDims &dims) {
  if (dims.panels < 0 || ShapedType::isDynamic(dims.count) ||
      ShapedType::isDynamic(dims.step))
    return {1};
  SmallVector<int64_t> counts;
  for (int64_t count = 1; count <= dims.count; ++count)
    if (dims.count % count == 0 &&
        (count == 1 || count * dims.step <= maxColumns))
      counts.push_back(count);
  return counts;
}

/// The matrix product of `kernel` for `rows` rows.
static MatrixProduct getProduct(const Kernel &kernel, double rows,
                                const CpuLevel &level) {
  double bytesC = kernel.getType().getElementTypeBitWidth() / 8.0;
  MatrixProduct product =
      getMatrixProduct(kernel.getContraction(), rows, bytesC, level);
  if (!kernel.prologue.empty())
    product.prologue = getRowWork(kernel.prologue, /*isStored=*/false);
  return product;
}

static MatrixBlocks chooseBlocks(const Kernel &kernel, const ResultDims &dims,
                                 const CpuLevel &level) {
  MatrixBlocks best{48, 0};
  double bestScore = 0;
  for (int64_t panels : getPanelCounts(dims))
    for (int64_t rows : {24, 48, 96, 192}) {
      MatrixBlocks blocks{double(rows), dims.panels < 0
                                            ? std::numeric_limits<double>::max()
                                            : double(panels * dims.step)};
      double score =
          judge(kernel.getType().getDimSize(dims.rows), level,
                [&](double rows, const Machine &machine) {
                  MatrixProduct product = getProduct(kernel, rows, level);
                  return machine.predict(blocks.getItems(product),
                                         blocks.getItem(product, level));
                });
      if (best.columns == 0 || score < bestScore) {
        best = blocks;
        bestScore = score;
      }
    }
  return best;
}

Prediction peermla::predictMatrixProduct(const Kernel &kernel,
                                         const CpuLevel &level) {
  MatrixBlocks blocks =
      chooseBlocks(kernel, getResultDims(kernel.getType()), level);
  return [=](double rows, const Machine &machine) {
    MatrixProduct product = getProduct(kernel, rows, level);
    return machine.predict(blocks.getItems(product),
                           blocks.getItem(product, level));
  };
}

Schedule peermla::scheduleMatrixProduct(const Kernel &kernel,
                                        const CpuLevel &level) {
  RankedTensorType type = kernel.getType();
  ResultDims dims = getResultDims(type);
  MatrixBlocks best = chooseBlocks(kernel, dims, level);

  SmallVector<int64_t> tile(type.getRank(), 0);
  for (unsigned dim = 1; dim + 2 < tile.size(); ++dim)
    tile[dim] = 1;
  tile[dims.rows] = best.rows;
  if (dims.panels >= 0 && !ShapedType::isDynamic(dims.step))
    tile[dims.panels] = best.columns / dims.step;

  MatrixProduct product = getProduct(
      kernel, type.isDynamicDim(0) ? best.rows : type.getDimSize(0), level);
  Machine machine(level.rates, 2);
  std::string reason = llvm::formatv(
      "{0} per block, {1} of {2}",
      formatSeconds(machine.getItemTime(best.getItem(product, level))),
      formatBytes(best.getCacheBytes(product)), formatBytes(level.l2Bytes));
  return {cutResult(kernel, tile), reason};
}
