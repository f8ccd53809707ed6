//===- Versions.cpp - a kernel that is there twice ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Versions.h"
#include "Schedules.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "peermla/Support/KernelPlan.h"

using namespace mlir;
using namespace peermla;

static void collect(Operation *op, llvm::SetVector<Operation *> &ops) {
  if (!ops.insert(op))
    return;
  for (Value operand : op->getOperands()) {
    Operation *producer = operand.getDefiningOp();
    if (producer && producer->getBlock() == op->getBlock() &&
        !producer->hasAttr(scheduleName) &&
        isa<linalg::LinalgOp, tensor::ExtractSliceOp, tensor::ExpandShapeOp>(
            producer) &&
        !isa<linalg::FillOp>(producer))
      collect(producer, ops);
  }
}

llvm::SetVector<Operation *> peermla::collectKernel(Operation *root) {
  llvm::SetVector<Operation *> ops;
  collect(root, ops);
  return ops;
}

scf::IfOp peermla::makeVersions(Operation *root,
                                const llvm::SetVector<Operation *> &ops,
                                Value isFew, ChangeVersion few,
                                ChangeVersion many) {
  OpBuilder b(root);
  Location loc = root->getLoc();
  auto choice = scf::IfOp::create(b, loc, root->getResultTypes(), isFew,
                                  /*withElseRegion=*/true);
  for (Block *side : {choice.thenBlock(), choice.elseBlock()}) {
    b.setInsertionPointToStart(side);
    Version version;
    for (Operation &op : *root->getBlock())
      if (ops.contains(&op))
        version.ops.push_back(b.clone(op, version.copies));
    version.root = version.copies.lookup(root);
    scf::YieldOp::create(b, loc, version.root->getResults());
    (side == choice.thenBlock() ? few : many)(version);
  }
  root->replaceAllUsesWith(choice);
  // Users come behind what they read.
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(*root->getBlock())))
    if (ops.contains(&op) && op.use_empty())
      op.erase();
  return choice;
}

scf::IfOp peermla::makeVersions(Operation *root,
                                const llvm::SetVector<Operation *> &ops,
                                Value extent, int64_t limit, ChangeVersion few,
                                ChangeVersion many) {
  OpBuilder b(root);
  Location loc = root->getLoc();
  Value isFew =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, extent,
                            arith::ConstantIndexOp::create(b, loc, limit));
  return makeVersions(root, ops, isFew, few, many);
}

void peermla::planVersion(Version &version, StringRef why) {
  if (!version.root->hasAttr(planName))
    return;
  Kernel kernel{version.root, {}};
  for (Operation *op : llvm::reverse(version.ops))
    if (isa<TilingInterface>(op))
      kernel.members.push_back(op);
  version.root->setAttr(planName,
                        planKernel(kernel, getSchedule(version.root), why));
}
