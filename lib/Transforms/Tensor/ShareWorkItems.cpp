//===- ShareWorkItems.cpp - one table of runs for the kernels of a call ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention that exists in versions has a table of runs in each of them, which
// a kernel makes. All layers choose by the same numbers: chosen in front of the
// versions, the tables of all layers are one, and their kernel runs once.
//
//   scf.if %few { %a = work_items(64); use %a }
//        else   { %b = work_items(128); use %b }
//
// becomes
//
//   %t = scf.if %few { work_items(64) } else { work_items(128) }
//   scf.if %few { use %t } else { use %t }
//
// The table is as long as the longest one: rows past the last run have no token
// and no version visits them.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_SHAREWORKITEMS
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

/// The op that makes a table, or chooses one, and where it is made.
struct Table {
  Operation *op = nullptr;
  tensor::EmptyOp init;
};

/// A choice between versions.
class Choice {
public:
  /// `tables` are those that were chosen before.
  Choice(scf::IfOp choice, llvm::DenseMap<Operation *, Table> &tables)
      : choice(choice), tables(tables) {}

  /// Whether each side has one table, made of what can be known in front.
  bool match() {
    if (!choice.elseBlock())
      return false;
    for (Block *side : {choice.thenBlock(), choice.elseBlock()}) {
      Table table = getTable(*side);
      if (!table.init || table.init.getDynamicSizes().size() != 1 ||
          !llvm::all_of(getReads(table.op),
                        [&](Value read) { return canMove(read); }))
        return false;
      sides.push_back(table);
    }
    return sides[0].init.getType() == sides[1].init.getType();
  }

  /// Chooses the table in front.
  void share() {
    for (const Table &side : sides)
      for (Value read : getReads(side.op))
        moveInFront(read);
    OpBuilder b(choice);
    Location loc = choice.getLoc();
    Value rows =
        arith::MaxUIOp::create(b, loc, sides[0].init.getDynamicSizes()[0],
                               sides[1].init.getDynamicSizes()[0]);
    auto init = tensor::EmptyOp::create(b, loc, sides[0].init.getType(), rows);
    auto first =
        scf::IfOp::create(b, loc, init.getType(), choice.getCondition(),
                          /*withElseRegion=*/true);
    Block *blocks[] = {first.thenBlock(), first.elseBlock()};
    for (auto [side, block] : llvm::zip(sides, blocks)) {
      Operation *op = side.op;
      side.init.getResult().replaceUsesWithIf(
          init, [&](OpOperand &use) { return op->isAncestor(use.getOwner()); });
      op->moveBefore(block, block->end());
      b.setInsertionPointToEnd(block);
      auto yield = scf::YieldOp::create(b, loc, op->getResult(0));
      op->getResult(0).replaceAllUsesExcept(first.getResult(0), yield);
    }
    tables[first] = {first, init};
  }

private:
  /// The table of a side; empty if there is none, or more than one.
  Table getTable(Block &side) {
    Table found;
    for (Operation &op : side) {
      Table table = tables.lookup(&op);
      if (auto items = dyn_cast<mla::WorkItemsOp>(op))
        table = {items, items.getInit().getDefiningOp<tensor::EmptyOp>()};
      if (table.op && found.op)
        return {};
      if (table.op)
        found = table;
    }
    return found;
  }

  /// What a table is made of.
  static llvm::SetVector<Value> getReads(Operation *table) {
    llvm::SetVector<Value> reads(table->operand_begin(), table->operand_end());
    getUsedValuesDefinedAbove(table->getRegions(), reads);
    return reads;
  }

  bool isInside(Operation *op) { return op && choice->isProperAncestor(op); }

  bool canMove(Value value) {
    Operation *op = value.getDefiningOp();
    return !isInside(op) ||
           (op->getNumRegions() == 0 && isMemoryEffectFree(op) &&
            llvm::all_of(op->getOperands(),
                         [&](Value operand) { return canMove(operand); }));
  }

  void moveInFront(Value value) {
    Operation *op = value.getDefiningOp();
    if (!isInside(op))
      return;
    for (Value operand : op->getOperands())
      moveInFront(operand);
    op->moveBefore(choice);
  }

  scf::IfOp choice;
  llvm::DenseMap<Operation *, Table> &tables;
  SmallVector<Table, 2> sides;
};

struct ShareWorkItems : peermla::impl::ShareWorkItemsBase<ShareWorkItems> {
  using Base::Base;

  void runOnOperation() override {
    // Choices inside of others come first.
    SmallVector<scf::IfOp> choices;
    getOperation()->walk([&](scf::IfOp choice) { choices.push_back(choice); });
    llvm::DenseMap<Operation *, Table> tables;
    for (scf::IfOp op : choices)
      if (Choice choice(op, tables); choice.match()) {
        choice.share();
        ++numShared;
      }
  }
};

} // namespace
