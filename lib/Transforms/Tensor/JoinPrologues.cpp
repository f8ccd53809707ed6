//===- JoinPrologues.cpp - rows computed where a product reads them -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A norm, a cast or a gate product in front of a matrix product is either a
// kernel of its own, which writes its rows for the product to read, or a
// prologue: each block of columns of the product computes the rows it needs.
//
//   stored       launch + the rows, shared out to all units + the product
//   recomputed   the product, whose items have the rows to compute as well
//
// Both are the cost model's seconds for the blocks it likes best. A prologue
// pays where a product has few blocks of columns; rows of a wide one are
// stored. Rows with several readers are stored, too.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace peermla;

/// The operand that reads `rows`, reshapes that leave rows alone apart; null if
/// there are several.
static OpOperand *getOnlyReader(Value rows) {
  while (rows.hasOneUse()) {
    OpOperand &use = *rows.getUses().begin();
    auto expand = dyn_cast<tensor::ExpandShapeOp>(use.getOwner());
    if (!expand)
      return &use;
    if (expand.getReassociationIndices().front().size() != 1)
      return nullptr;
    rows = expand.getResult();
  }
  return nullptr;
}

static bool hasRows(OpOperand &operand) {
  auto product = dyn_cast<linalg::LinalgOp>(operand.getOwner());
  if (!product || !isContraction(product))
    return false;
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(product);
  if (failed(dims) || !dims->batch.empty())
    return false;
  AffineMap reads = product.getMatchingIndexingMap(&operand);
  AffineMap writes = product.getIndexingMapsArray().back();
  auto outermost = dyn_cast<AffineDimExpr>(reads.getResult(0));
  if (!outermost || writes.getResult(0) != outermost)
    return false;
  // Apart from the rows, sums alone run over it.
  return llvm::all_of(llvm::drop_begin(reads.getResults()), [&](AffineExpr e) {
    auto dim = dyn_cast<AffineDimExpr>(e);
    return dim && llvm::is_contained(dims->k, dim.getPosition());
  });
}

OpOperand *peermla::getProductOfRows(Value rows) {
  OpOperand *reader = getOnlyReader(rows);
  return reader && hasRows(*reader) ? reader : nullptr;
}

bool peermla::canBePrologue(const Kernel &kernel) {
  return isa<linalg::LinalgOp>(kernel.root) && !kernel.getContraction() &&
         kernel.root->getNumResults() == 1 && kernel.getType().getRank() > 1 &&
         kernel.getType().isDynamicDim(0) &&
         kernel.getType().getNumDynamicDims() == 1 &&
         llvm::all_of(kernel.members, [&](Operation *member) {
           return isa<linalg::LinalgOp>(member) &&
                  (member == kernel.root || !member->hasAttr(scheduleName));
         });
}

/// The geometric mean of the seconds for the usual sizes.
static double getMean(const CpuLevel &level, const Prediction &predict) {
  return std::exp(judge(ShapedType::kDynamic, level, predict));
}

/// Whether recomputing `rows` in `product` takes less time than storing them;
/// if so, `product` has them as its prologue.
static bool joinIfCheaper(const Kernel &rows, Kernel &product,
                          const CpuLevel &level, Explain explain) {
  Prediction computeRows = predictRows(rows, level),
             multiply = predictMatrixProduct(product, level);
  double stored = getMean(level, [&](double count, const Machine &machine) {
    return computeRows(count, machine) + multiply(count, machine);
  });
  Kernel joined = product;
  joined.prologue = rows.members;
  llvm::append_range(joined.members, rows.members);
  double recomputed = getMean(level, predictMatrixProduct(joined, level));
  bool isCheaper = recomputed < stored;
  explain(rows.root,
          llvm::formatv("{0} {1} ops in front of a product: recomputed in each "
                        "block of columns {2}, stored {3}",
                        isCheaper ? "recomputes" : "stores",
                        rows.members.size(), formatSeconds(recomputed),
                        formatSeconds(stored)));
  if (isCheaper)
    product = std::move(joined);
  return isCheaper;
}

void peermla::joinPrologues(SmallVectorImpl<Kernel> &kernels,
                            const CpuLevel &level, Explain explain) {
  llvm::DenseMap<Operation *, unsigned> productOf;
  for (auto [number, kernel] : llvm::enumerate(kernels))
    if (isa<linalg::LinalgOp>(kernel.root))
      if (linalg::LinalgOp product = kernel.getContraction())
        productOf[product] = number;
  llvm::SmallDenseSet<Operation *> joined;
  for (const Kernel &rows : kernels) {
    if (rows.root->hasAttr(scheduleName) || !canBePrologue(rows))
      continue;
    OpOperand *reader = getProductOfRows(rows.root->getResult(0));
    auto found = productOf.find(reader ? reader->getOwner() : nullptr);
    if (found == productOf.end())
      continue;
    Kernel &product = kernels[found->second];
    if (product.prologue.empty() && product.getType().isDynamicDim(0) &&
        joinIfCheaper(rows, product, level, explain))
      joined.insert(rows.root);
  }
  llvm::erase_if(kernels, [&](const Kernel &kernel) {
    return joined.contains(kernel.root);
  });
}
