//===- Accumulators.cpp - accumulators of wgmma as handles ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The registers of an asynchronous product get their values later than the SSA
// value that stands for them exists. Therefore every value of an accumulator's
// struct type becomes a handle, a pointer that the runtime gives out:
//
//     %1 = llvm.insertvalue %x, %0[3]   ->   accumulator_set(%0, 3, bits of %x)
//     %y = llvm.extractvalue %2[3]      ->   accumulator_get(%2, 3)
//
// A product or an insertion may work in place where its operand is dead behind
// it. Operands of branches count as moved into the argument of the block, if
// they are dead behind the branch; otherwise they are copied before it.
//
//===----------------------------------------------------------------------===//

#include "Rewriter.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

AccumulatorTypes tosim::collectAccumulatorTypes(ModuleOp module) {
  AccumulatorTypes types;
  module.walk([&](NVVM::WgmmaMmaAsyncOp op) {
    types.insert(op.getResults().getType());
  });
  return types;
}

//===----------------------------------------------------------------------===//
// Liveness
//===----------------------------------------------------------------------===//

/// The successor that an operand of a terminator is passed to.
static std::optional<unsigned> getSuccessor(OpOperand &use) {
  auto branch = dyn_cast<BranchOpInterface>(use.getOwner());
  if (!branch)
    return std::nullopt;
  for (unsigned i = 0; i < branch->getNumSuccessors(); ++i) {
    OperandRange passed = branch.getSuccessorOperands(i).getForwardedOperands();
    if (!passed.empty() &&
        use.getOperandNumber() >= passed.getBeginOperandIndex() &&
        use.getOperandNumber() < passed.getBeginOperandIndex() + passed.size())
      return i;
  }
  return std::nullopt;
}

/// Whether no other use of the value can be reached from this one before the
/// value is defined anew.
static bool isLastUse(OpOperand &use) {
  Value value = use.get();
  Operation *user = use.getOwner();
  Block *definition = value.getParentBlock();
  Block *block = user->getBlock();
  if (value.hasOneUse() && definition == block)
    return true;

  std::optional<unsigned> successor = getSuccessor(use);
  llvm::SmallPtrSet<Block *, 8> userBlocks;
  for (OpOperand &other : value.getUses()) {
    userBlocks.insert(other.getOwner()->getBlock());
    if (&other == &use || other.getOwner()->getBlock() != block)
      continue;
    bool isOtherEdge = other.getOwner() == user && successor &&
                       getSuccessor(other) && getSuccessor(other) != successor;
    if (!isOtherEdge && !other.getOwner()->isBeforeInBlock(user))
      return false;
  }
  SmallVector<Block *> pending;
  if (successor)
    pending.push_back(user->getSuccessor(*successor));
  else
    llvm::append_range(pending, block->getSuccessors());
  llvm::SmallPtrSet<Block *, 16> seen;
  while (!pending.empty()) {
    Block *next = pending.pop_back_val();
    if (next == definition || !seen.insert(next).second)
      continue;
    if (userBlocks.contains(next))
      return false;
    llvm::append_range(pending, next->getSuccessors());
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

namespace {

class AccumulatorRewriter {
public:
  AccumulatorRewriter(Rewriter &rewriter, const AccumulatorTypes &types)
      : rewriter(rewriter), types(types) {}

  LogicalResult run();

private:
  bool isAccumulator(Value value) const {
    return value && types.contains(value.getType());
  }
  int64_t getSize(Type type) const {
    return cast<LLVM::LLVMStructType>(type).getBody().size();
  }
  LogicalResult verify(Operation *op);
  bool mayConsume(OpOperand &use) const;
  void copyOnEdges(Operation *op);
  void rewrite(Operation *op);

  /// Between a handle and the struct type that it will replace.
  Value toHandle(Value accumulator);
  Value fromHandle(Value handle, Type type);

  Rewriter &rewriter;
  const AccumulatorTypes &types;
};

} // namespace

/// The call that an accumulator is an operand of, through the cast.
static LLVM::CallOp getProduct(Operation *op) {
  if (!isa<UnrealizedConversionCastOp>(op) || !op->hasOneUse())
    return {};
  return dyn_cast<LLVM::CallOp>(*op->getUsers().begin());
}

Value AccumulatorRewriter::toHandle(Value accumulator) {
  return UnrealizedConversionCastOp::create(rewriter.builder, rewriter.getLoc(),
                                            rewriter.pointerType, accumulator)
      .getResult(0);
}

Value AccumulatorRewriter::fromHandle(Value handle, Type type) {
  return UnrealizedConversionCastOp::create(rewriter.builder, rewriter.getLoc(),
                                            type, handle)
      .getResult(0);
}

LogicalResult AccumulatorRewriter::verify(Operation *op) {
  if (!llvm::any_of(op->getOperands(),
                    [&](Value value) { return isAccumulator(value); }) &&
      !llvm::any_of(op->getResults(),
                    [&](Value value) { return isAccumulator(value); }))
    return success();
  if (isa<LLVM::UndefOp, LLVM::PoisonOp, LLVM::ZeroOp, LLVM::InsertValueOp,
          LLVM::ExtractValueOp, LLVM::LoadOp, LLVM::StoreOp, LLVM::SelectOp,
          LLVM::FreezeOp, LLVM::CallOp, LLVM::ReturnOp,
          UnrealizedConversionCastOp, BranchOpInterface>(op))
    return success();
  rewriter.visit(op);
  return rewriter.reject("an operation on accumulators of wgmma");
}

/// Whether the value is one that in-place work may end: it is made anew each
/// time that it is defined, and nothing else stands for the same handle.
static bool isOwned(Value value) {
  for (OpOperand &use : value.getUses()) {
    auto insert = dyn_cast<LLVM::InsertValueOp>(use.getOwner());
    if (isa<LLVM::SelectOp, LLVM::FreezeOp, LLVM::CallOp, LLVM::ReturnOp>(
            use.getOwner()) ||
        (insert && insert.getValue() == value))
      return false;
  }
  if (auto argument = dyn_cast<BlockArgument>(value))
    return !argument.getOwner()->isEntryBlock();
  return isa<LLVM::UndefOp, LLVM::PoisonOp, LLVM::ZeroOp, LLVM::InsertValueOp,
             LLVM::LoadOp, UnrealizedConversionCastOp>(value.getDefiningOp());
}

bool AccumulatorRewriter::mayConsume(OpOperand &use) const {
  return isOwned(use.get()) && isLastUse(use);
}

void AccumulatorRewriter::copyOnEdges(Operation *op) {
  auto branch = dyn_cast<BranchOpInterface>(op);
  if (!branch)
    return;
  for (OpOperand &use : op->getOpOperands()) {
    if (!isAccumulator(use.get()) || mayConsume(use))
      continue;
    rewriter.visit(op);
    Type type = use.get().getType();
    int64_t size = getSize(type);
    Value array = rewriter.slot(Slot::Result, size);
    rewriter.call(Runtime::accumulator_store,
                  {toHandle(use.get()), array, rewriter.site()});
    Value copy =
        rewriter.call(Runtime::accumulator_load, {array, rewriter.i32(size)});
    use.set(fromHandle(copy, type));
  }
}

void AccumulatorRewriter::rewrite(Operation *op) {
  auto replace = [&](Value handle) {
    op->getResult(0).replaceAllUsesWith(
        fromHandle(handle, op->getResult(0).getType()));
    op->erase();
  };
  rewriter.visit(op);
  if (auto undef = dyn_cast<LLVM::UndefOp>(op))
    return replace(rewriter.call(Runtime::accumulator_undef,
                                 {rewriter.i32(getSize(undef.getType()))}));
  if (auto poison = dyn_cast<LLVM::PoisonOp>(op))
    return replace(rewriter.call(Runtime::accumulator_undef,
                                 {rewriter.i32(getSize(poison.getType()))}));
  if (auto zero = dyn_cast<LLVM::ZeroOp>(op))
    return replace(rewriter.call(Runtime::accumulator_zero,
                                 {rewriter.i32(getSize(zero.getType()))}));
  if (auto load = dyn_cast<LLVM::LoadOp>(op))
    return replace(
        rewriter.call(Runtime::accumulator_load,
                      {load.getAddr(), rewriter.i32(getSize(load.getType()))}));
  if (auto store = dyn_cast<LLVM::StoreOp>(op)) {
    rewriter.call(
        Runtime::accumulator_store,
        {toHandle(store.getValue()), store.getAddr(), rewriter.site()});
    return op->erase();
  }
  if (auto insert = dyn_cast<LLVM::InsertValueOp>(op)) {
    if (!isAccumulator(insert.getContainer()))
      return;
    bool inPlace = mayConsume(insert.getContainerMutable());
    return replace(rewriter.call(Runtime::accumulator_set,
                                 {toHandle(insert.getContainer()),
                                  rewriter.i32(insert.getPosition().front()),
                                  insert.getValue(), rewriter.i32(inPlace),
                                  rewriter.site()}));
  }
  if (auto extract = dyn_cast<LLVM::ExtractValueOp>(op)) {
    if (!isAccumulator(extract.getContainer()))
      return;
    Value bits = rewriter.call(Runtime::accumulator_get,
                               {toHandle(extract.getContainer()),
                                rewriter.i32(extract.getPosition().front()),
                                rewriter.site()});
    return rewriter.replace(bits);
  }
  LLVM::CallOp product = getProduct(op);
  if (product && mayConsume(op->getOpOperand(0))) {
    constexpr unsigned inPlace = 9;
    product->setOperand(inPlace, rewriter.i32(1));
  }
}

LogicalResult AccumulatorRewriter::run() {
  SmallVector<Operation *> users;
  bool failed = false;
  rewriter.module.walk([&](Operation *op) {
    failed |= mlir::failed(verify(op));
    auto concerns = [&](Value value) { return isAccumulator(value); };
    if (llvm::any_of(op->getOperands(), concerns) ||
        llvm::any_of(op->getResults(), concerns))
      users.push_back(op);
  });
  if (failed)
    return failure();
  for (Operation *op : users)
    copyOnEdges(op);
  // Uses are looked at before anything behind them changes: later ones first.
  for (Operation *op : llvm::reverse(users))
    rewrite(op);
  return success();
}

LogicalResult tosim::rewriteAccumulators(Rewriter &rewriter,
                                         const AccumulatorTypes &types) {
  if (types.empty())
    return success();
  return AccumulatorRewriter(rewriter, types).run();
}
