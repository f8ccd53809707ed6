//===- Warpgroups.cpp - the frag dialect ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Accumulators of frag ops are vectors, which take the way of registers in
// inline PTX: a product leaves tokens in them that a wait turns into numbers.
// Here, unlike there, the IR says which values are in flight, so that whoever
// else reads them is asked at run time whether they still are.
//
//===----------------------------------------------------------------------===//

#include "Instructions.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "peermla/Dialect/Frag/IR/Frag.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static LogicalResult rewriteDescriptor(Rewriter &rewriter,
                                       frag::DescriptorOp op) {
  OpBuilder &b = rewriter.builder;
  Location loc = op.getLoc();
  Value address =
      LLVM::PtrToIntOp::create(b, loc, rewriter.i32Type, op.getBase());
  Value units = LLVM::LShrOp::create(
      b, loc, address,
      rewriter.i32(llvm::Log2_64(frag::DescriptorOp::unitBytes)));
  units = LLVM::AndOp::create(b, loc, units,
                              rewriter.i32(frag::DescriptorOp::baseMask));
  Value base = LLVM::ZExtOp::create(b, loc, rewriter.i64Type, units);
  rewriter.replace(LLVM::OrOp::create(
      b, loc, base, rewriter.i64(static_cast<int64_t>(op.getLayoutBits()))));
  return success();
}

static LogicalResult rewriteProduct(Rewriter &rewriter, frag::WgmmaOp op) {
  OpBuilder &b = rewriter.builder;
  Type type = op.getD().getType();
  sim::ElementType element =
      op.getElement().isBF16() ? sim::ElementType::BF16 : sim::ElementType::F16;
  int64_t registers = cast<VectorType>(type).getNumElements();
  WgmmaShape shape{2 * registers, element, element, sim::ElementType::F32};
  shape.isMnMajorB = op.getColumns();
  shape.isAwaited = true;
  if (failed(verifyWgmma(rewriter, shape, 16, registers)))
    return failure();
  auto place = [&](Value operand, int64_t offset) -> Value {
    if (offset == 0)
      return operand;
    return LLVM::AddOp::create(
        b, op.getLoc(), operand,
        rewriter.i64(offset / frag::DescriptorOp::unitBytes));
  };
  SmallVector<Value> d = {op.getAcc()};
  if (!op.getAcc())
    d = {LLVM::UndefOp::create(b, op.getLoc(), type)};
  emitWgmmaRegisters(rewriter, shape, d, place(op.getA(), op.getOffsets()[0]),
                     place(op.getB(), op.getOffsets()[1]),
                     op.getAcc() ? Value() : rewriter.i32(0));
  rewriter.replace(d.front());
  return success();
}

Outcome tosim::rewriteWarpgroup(Rewriter &rewriter, Operation *op) {
  return llvm::TypeSwitch<Operation *, Outcome>(op)
      .Case([&](frag::DescriptorOp op) {
        return rewriteDescriptor(rewriter, op);
      })
      .Case([&](frag::WgmmaOp op) { return rewriteProduct(rewriter, op); })
      .Case([&](frag::WgmmaWaitOp op) {
        SmallVector<Value> accumulators = llvm::to_vector(op.getAccs());
        emitWgmmaWait(rewriter, op.getPending(), accumulators);
        op->replaceAllUsesWith(accumulators);
        op->erase();
        return success();
      })
      .Default(std::nullopt);
}

//===----------------------------------------------------------------------===//
// Reads
//===----------------------------------------------------------------------===//

/// Where an operand of a branch arrives; null if `use` is no such operand.
static Value getPassed(OpOperand &use) {
  auto branch = dyn_cast<BranchOpInterface>(use.getOwner());
  if (!branch)
    return Value();
  std::optional<BlockArgument> argument =
      branch.getSuccessorBlockArgument(use.getOperandNumber());
  return argument ? Value(*argument) : Value();
}

void tosim::guardProducts(Rewriter &rewriter) {
  // Values that may be in flight: products, and what stands for them.
  llvm::SetVector<Value> inFlight;
  rewriter.module.walk([&](frag::WgmmaOp op) { inFlight.insert(op.getD()); });
  llvm::SetVector<std::pair<Operation *, Value>> readers;
  for (size_t i = 0; i < inFlight.size(); ++i) {
    Value value = inFlight[i];
    for (OpOperand &use : value.getUses()) {
      Operation *owner = use.getOwner();
      if (Value passed = getPassed(use))
        inFlight.insert(passed);
      else if (isa<LLVM::SelectOp, LLVM::FreezeOp>(owner))
        inFlight.insert(owner->getResult(0));
      else if (!isa<frag::WgmmaOp, frag::WgmmaWaitOp>(owner))
        readers.insert({owner, value});
    }
  }
  for (auto [reader, value] : readers) {
    rewriter.visit(reader);
    int64_t count = cast<VectorType>(value.getType()).getNumElements();
    rewriter.call(Runtime::wgmma_read, {rewriter.pack(Slot::Result, value),
                                        rewriter.i32(count), rewriter.site()});
  }
}
