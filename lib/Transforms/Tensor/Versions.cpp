//===- Versions.cpp - a kernel that is there twice ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Versions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace peermla;

scf::IfOp peermla::makeVersions(Operation *root,
                                const llvm::SetVector<Operation *> &ops,
                                Value extent, int64_t limit, ChangeVersion few,
                                ChangeVersion many) {
  OpBuilder b(root);
  Location loc = root->getLoc();
  Value isFew =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, extent,
                            arith::ConstantIndexOp::create(b, loc, limit));
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
