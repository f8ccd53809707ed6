//===- MlaTiling.cpp - TilingInterface of the mla ops ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table per op: which loop indexes which dimension of which operand.
//
//===----------------------------------------------------------------------===//

#include "MlaTiling.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::mla;

OperandLoops peermla::mla::getOperandLoops(OnlineAttentionOp op) {
  OperandLoops loops{{0, 1, -1}};
  auto keys = cast<ShapedType>(op.getK().getType());
  if (op.hasKeysPerHead()) {
    loops.push_back({-1, 1, -1});
    loops.push_back({-1, 1, -1});
  } else {
    loops.push_back(SmallVector<int>(keys.getRank(), -1));
  }
  loops.push_back({-1});
  if (op.isPaged()) {
    loops.push_back({-1});
    loops.push_back({-1, -1});
  }
  loops.append(op.getItem().size(), {});
  loops.push_back({0, 1, -1});
  if (op.getInits().size() > 1)
    loops.push_back({0, 1});
  return loops;
}
