//===- ReleaseSlots.cpp - slots are free behind their last use ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Consumers.h"
#include "peermla/Transforms/Tile/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_RELEASESLOTS
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// The last op of the block that reads the slot, under any name.
static Operation *findLastUse(tile::ConsumeOp consume) {
  Block *body = consume->getBlock();
  Operation *last = consume;
  SmallVector<Value> names{consume.getResult()};
  llvm::DenseSet<Value> known;
  while (!names.empty()) {
    Value name = names.pop_back_val();
    if (!known.insert(name).second)
      continue;
    for (Operation *user : name.getUsers()) {
      auto addNames = [&](Operation *op) {
        llvm::copy_if(op->getResults(), std::back_inserter(names),
                      [](Value x) { return isSharedTile(x.getType()); });
      };
      addNames(user);
      if (user->hasTrait<OpTrait::IsTerminator>())
        addNames(user->getParentOp());
      Operation *inBody = body->findAncestorOpInBlock(*user);
      if (inBody && last->isBeforeInBlock(inBody))
        last = inBody;
    }
  }
  return last;
}

namespace {

struct ReleaseSlots : peermla::impl::ReleaseSlotsBase<ReleaseSlots> {
  using Base::Base;

  void runOnOperation() override {
    for (scf::ForOp loop : getConsumingLoops(getOperation())) {
      if (!loop.getOps<tile::ReleaseOp>().empty())
        continue;
      for (tile::ConsumeOp consume : getConsumes(loop)) {
        OpBuilder b(loop.getContext());
        b.setInsertionPointAfter(findLastUse(consume));
        tile::ReleaseOp::create(b, consume.getLoc(), consume.getRing(),
                                consume.getFill(), /*predicate=*/Value());
      }
    }
  }
};

} // namespace
