//===- MemoryUse.cpp - what memory ops of a kernel read and write ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryUse.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace peermla;

void MemoryUse::add(const MemoryUse &other) {
  reads.insert(other.reads.begin(), other.reads.end());
  writes.insert(other.writes.begin(), other.writes.end());
}

static bool overlap(const llvm::SmallDenseSet<Value> &a,
                    const llvm::SmallDenseSet<Value> &b) {
  return llvm::any_of(a, [&](Value value) { return b.contains(value); });
}

bool MemoryUse::conflictsWith(const MemoryUse &other) const {
  return overlap(writes, other.writes) || overlap(writes, other.reads) ||
         overlap(reads, other.writes);
}

FailureOr<MemoryUse> MemoryUses::get(Operation *op) const {
  MemoryUse use;
  WalkResult result = op->walk([&](Operation *inner) {
    if (isMemoryEffectFree(inner))
      return WalkResult::advance();
    auto interface = dyn_cast<MemoryEffectOpInterface>(inner);
    // What is inside of loops and branches is visited, too.
    if (!interface)
      return inner->hasTrait<OpTrait::HasRecursiveMemoryEffects>()
                 ? WalkResult::advance()
                 : WalkResult::interrupt();
    SmallVector<MemoryEffects::EffectInstance> effects;
    interface.getEffects(effects);
    for (const MemoryEffects::EffectInstance &effect : effects) {
      bool isWrite = isa<MemoryEffects::Write>(effect.getEffect());
      if (!isWrite && !isa<MemoryEffects::Read>(effect.getEffect()))
        continue;
      if (!effect.getValue())
        return WalkResult::interrupt();
      auto &set = isWrite ? use.writes : use.reads;
      for (Value source : views.resolveReverse(effect.getValue())) {
        if (source.getDefiningOp<memref::AllocOp>())
          set.insert(source);
        else if (auto argument = dyn_cast<BlockArgument>(source);
                 argument &&
                 isa<FunctionOpInterface>(argument.getOwner()->getParentOp()))
          set.insert(Value());
      }
    }
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  return use;
}
