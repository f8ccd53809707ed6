//===- Roles.cpp - threads that fill slots, and threads that compute ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The threads that compute come first, so that their numbers are those that
// layouts know; the warpgroup behind them has one thread that fills slots by
// tensor copies, or 128 where other copies are needed:
//
//   if thread < threads                        consumer
//   else if thread == threads                  producer, or all else
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace peermla;

/// Takes registers, or gives them away; nothing for 0.
static void setRegisters(FragmentBuilder &b, int64_t registers,
                         NVVM::SetMaxRegisterAction action) {
  if (registers != 0)
    NVVM::SetMaxRegisterOp::create(b, static_cast<uint32_t>(registers), action);
}

/// Moves the ops of a role to the end of a block that has a terminator.
static void moveRole(Region &role, Block &to) {
  to.getOperations().splice(std::prev(to.end()), role.front().getOperations());
}

int64_t peermla::assignRoles(LLVM::LLVMFuncOp kernel, const KernelInfo &info) {
  tile::SpecializeOp op;
  kernel.walk([&](tile::SpecializeOp found) { op = found; });
  if (!op)
    return 0;
  bool copies = op.getProducer()
                    .walk([](tile::FillOp) { return WalkResult::interrupt(); })
                    .wasInterrupted();
  FragmentBuilder b(op.getLoc(), op);
  static constexpr int64_t asTheyAre[] = {0, 0};
  ArrayRef<int64_t> registers =
      op.getRegisters().value_or(ArrayRef<int64_t>(asTheyAre));
  Value limit = b.i32(info.threads);
  auto either = scf::IfOp::create(b, b.isLess(b.thread(), limit),
                                  /*withElseRegion=*/true);
  b.setInsertionPointToStart(either.thenBlock());
  setRegisters(b, registers[1], NVVM::SetMaxRegisterAction::increase);
  moveRole(op.getConsumer(), *either.thenBlock());
  b.setInsertionPointToStart(either.elseBlock());
  setRegisters(b, registers[0], NVVM::SetMaxRegisterAction::decrease);
  Block *producer = either.elseBlock();
  if (!copies)
    producer = scf::IfOp::create(b, b.isEqual(b.thread(), limit),
                                 /*withElseRegion=*/false)
                   .thenBlock();
  moveRole(op.getProducer(), *producer);
  op.erase();
  return copies ? threadsOfWarpgroup : 1;
}
