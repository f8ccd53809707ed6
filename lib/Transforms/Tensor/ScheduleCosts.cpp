//===- ScheduleCosts.cpp - kernels as the cost model sees them ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace peermla;

static double getBytes(Value value) {
  Type element = cast<ShapedType>(value.getType()).getElementType();
  return element.getIntOrFloatBitWidth() / 8.0;
}

MatrixProduct peermla::getMatrixProduct(linalg::LinalgOp contraction,
                                        double rows, double bytesC,
                                        const CpuLevel &level) {
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(contraction);
  SmallVector<int64_t> extents = contraction.getStaticLoopRanges();
  auto volume = [&](ArrayRef<unsigned> loops) {
    double product = 1;
    for (unsigned loop : loops)
      product *= ShapedType::isDynamic(extents[loop]) ? rows : extents[loop];
    return product;
  };
  MatrixProduct product;
  product.rows = volume(dims->m);
  product.columns = volume(dims->n);
  product.terms = volume(dims->k);
  product.batch = volume(dims->batch);
  product.bytesC = bytesC;

  // What has the columns is the weight; in panels, they are its inner loops.
  AffineMap out =
      contraction.getIndexingMapsArray()[contraction.getNumDpsInputs()];
  unsigned column = out.getDimPosition(out.getNumResults() - 1);
  unsigned b =
      contraction.getIndexingMapsArray()[0].isFunctionOfDim(column) ? 0 : 1;
  product.bytesA = getBytes(contraction->getOperand(1 - b));
  product.bytesB = getBytes(contraction->getOperand(b));
  product.isNarrow =
      level.hasBf16Dot && llvm::all_of(contraction.getDpsInputs(), [](Value v) {
        return cast<ShapedType>(v.getType()).getElementType().isBF16();
      });
  double widest = std::max<double>(1, level.registers / 8) * level.lanes;
  double inner =
      ShapedType::isDynamic(extents[column]) ? widest : extents[column];
  // The columns may be the inner loop of `m`, if A and B have changed places.
  if (llvm::is_contained(dims->m, column))
    std::swap(product.rows, product.columns);
  product.panel = std::min(inner, widest);
  product.panelVectors = std::ceil(product.panel / level.lanes);
  product.tileRows = std::min(
      12.0, std::floor((level.registers - 1) / product.panelVectors - 1));
  return product;
}

bool peermla::isSpecialFunction(Operation *op) {
  return isa<math::ExpOp, math::Exp2Op, math::RsqrtOp, math::SqrtOp,
             math::TanhOp, math::ErfOp, math::LogOp, arith::DivFOp>(op);
}

Work peermla::getOperations(linalg::LinalgOp op, double rows) {
  double iterations = 1;
  for (int64_t extent : op.getStaticLoopRanges())
    iterations *= ShapedType::isDynamic(extent) ? rows : extent;
  // Values that change in the innermost loop.
  llvm::DenseSet<Value> changing;
  if (op.getNumLoops() != 0)
    for (OpOperand &operand : op->getOpOperands())
      if (op.getMatchingIndexingMap(&operand).isFunctionOfDim(op.getNumLoops() -
                                                              1) ||
          op.isDpsInit(&operand))
        changing.insert(op.getMatchingBlockArgument(&operand));
  Work once;
  for (Operation &inner : op.getBlock()->without_terminator()) {
    bool changes = isa<linalg::IndexOp>(inner) ||
                   llvm::any_of(inner.getOperands(), [&](Value operand) {
                     return changing.contains(operand);
                   });
    if (!changes)
      continue;
    changing.insert(inner.result_begin(), inner.result_end());
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner))
      once.bytes += getBytes(extract.getTensor());
    else if (isSpecialFunction(&inner))
      once.special += 1;
    else if (inner.getNumResults() == 1 &&
             isa<FloatType>(inner.getResult(0).getType()))
      once.flop += 2;
  }
  return iterations * once;
}

Work peermla::getRowWork(ArrayRef<Operation *> members, bool isStored) {
  // Bytes of a row of a tensor of rows.
  auto getRowBytes = [](Value value) -> double {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || type.getRank() == 0 || !type.isDynamicDim(0) ||
        type.getNumDynamicDims() != 1)
      return 0;
    double bytes = getBytes(value);
    for (int64_t extent : type.getShape().drop_front())
      bytes *= extent;
    return bytes;
  };
  llvm::DenseSet<Value> counted;
  for (Operation *member : members)
    counted.insert(member->result_begin(), member->result_end());
  Work row;
  for (Operation *member : members) {
    if (auto op = dyn_cast<linalg::LinalgOp>(member))
      row += getOperations(op, 1);
    auto op = dyn_cast<DestinationStyleOpInterface>(member);
    for (Value input :
         op ? op.getDpsInputs() : SmallVector<Value>(member->getOperands()))
      if (counted.insert(input).second)
        row.sharedBytes += getRowBytes(input);
  }
  if (isStored)
    for (Value result : members.front()->getResults())
      row.sharedBytes += getRowBytes(result);
  return row;
}

double
peermla::judge(int64_t extent, const CpuLevel &level,
               function_ref<double(double rows, const Machine &)> predict) {
  // From one token to a long prompt, from a laptop to a server.
  constexpr int64_t usualUnits[] = {2, 8, 32};
  SmallVector<double> usualRows = {1, 12, 100, 700};
  if (!ShapedType::isDynamic(extent))
    usualRows = {double(extent)};
  double sum = 0;
  for (double rows : usualRows)
    for (int64_t units : usualUnits)
      sum += std::log(predict(rows, Machine(level.rates, units)));
  return sum / (std::size(usualUnits) * usualRows.size());
}

std::string peermla::formatSeconds(double seconds) {
  if (seconds < 1e-3)
    return llvm::formatv("{0:F1} us", seconds * 1e6);
  return llvm::formatv("{0:F1} ms", seconds * 1e3);
}

std::string peermla::formatBytes(double bytes) {
  if (bytes < 1e6)
    return llvm::formatv("{0:F0} KB", std::ceil(bytes / 1024));
  return llvm::formatv("{0:F1} MB", bytes / (1 << 20));
}
