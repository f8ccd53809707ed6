//===- PeerTiling.cpp - TilingInterface of the peer ops -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table per op: which loop indexes which dimension of which operand.
//
//===----------------------------------------------------------------------===//

#include "PeerTiling.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::peer;

OperandLoops peermla::peer::getOperandLoops(RetrieveOp op) {
  OperandLoops loops{{0, 1, -1}};
  for (Value keys : op.getKeys())
    loops.push_back(cast<ShapedType>(keys.getType()).getRank() == 3
                        ? SmallVector<int>{1, -1, -1}
                        : SmallVector<int>{-1, -1});
  loops.append(op.getInits().size(), {0, 1, -1});
  return loops;
}

OperandLoops peermla::peer::getOperandLoops(SelectOp op) {
  OperandLoops loops;
  for (Value operand : op->getOperands()) {
    SmallVector<int> dims(cast<ShapedType>(operand.getType()).getRank(), -1);
    dims[0] = 0;
    dims[1] = 1;
    loops.push_back(dims);
  }
  return loops;
}

OperandLoops peermla::peer::getOperandLoops(ExpertMlpOp op) {
  OperandLoops loops{{0, -1}, {0, 1, 2}, {0, 1, 2}, {-1, -1, -1}, {-1, -1, -1}};
  if (op.getGate())
    loops.push_back({-1, -1, -1});
  loops.push_back({0, -1});
  if (op.getNeuronsInit())
    loops.push_back({0, 1, 2, -1});
  return loops;
}
