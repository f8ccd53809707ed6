//===- InterleaveExperts.cpp - an expert's rows side by side --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two steps. First the tables of all ops are gathered in sets (down, gate, up),
// of which only those are kept that nothing else reads. Then each set becomes
// one weight, and the operands of its ops become views of that:
//
//   row r:  down[r] | gate[r] | up[r]
//
// Only the names of the tables are noted here (`peermla.rows_of`): the rows
// land in their places when a session reads them.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace peermla {
#define GEN_PASS_DEF_INTERLEAVEEXPERTS
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;
using ml_program::GlobalLoadConstOp;

namespace {

/// Tables whose rows belong together, and the ops that read them.
struct TableSet {
  /// In the order of a row: down, gate if there is one, up.
  SmallVector<StringAttr> names;
  SmallVector<RankedTensorType> types;
  /// N e, or N where a row of `up` holds all neurons of an expert.
  int64_t numRows;
  SmallVector<peer::ExpertMlpOp> ops;

  bool hasTablesOf(const TableSet &other) const {
    return names == other.names && numRows == other.numRows;
  }
  /// Elements of a row of table `i`.
  int64_t getRowSize(unsigned i) const {
    return types[i].getNumElements() / numRows;
  }
};

/// The operands that are tables, in the order of a row.
SmallVector<OpOperand *> getTables(peer::ExpertMlpOp op) {
  SmallVector<OpOperand *> tables{&op.getDownMutable()};
  for (OpOperand &gate : op.getGateMutable())
    tables.push_back(&gate);
  tables.push_back(&op.getUpMutable());
  return tables;
}

/// The load of the global that `value` is, in another shape or not, or null.
GlobalLoadConstOp getLoad(Value value) {
  Operation *op = value.getDefiningOp();
  while (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return dyn_cast_or_null<GlobalLoadConstOp>(op);
}

/// The set that `op` reads, or none if a table is no global of its own.
std::optional<TableSet> getTableSet(peer::ExpertMlpOp op) {
  TableSet set;
  for (OpOperand *table : getTables(op)) {
    GlobalLoadConstOp load = getLoad(table->get());
    auto type = dyn_cast<RankedTensorType>(table->get().getType());
    if (!load || !type || !type.hasStaticShape() || type.getNumElements() == 0)
      return std::nullopt;
    StringAttr name = load.getGlobal().getLeafReference();
    if (llvm::is_contained(set.names, name))
      return std::nullopt;
    set.names.push_back(name);
    set.types.push_back(cast<RankedTensorType>(load.getType()));
  }
  auto down = cast<RankedTensorType>(op.getDown().getType());
  bool isPerNeuron = op.getUpLayout() == peer::UpLayout::neuron_major;
  set.numRows = down.getDimSize(0) * (isPerNeuron ? down.getDimSize(1) : 1);
  set.ops.push_back(op);
  return set;
}

/// Collects into `readers` the ops that read `value`, in another shape or not.
void collectReaders(Value value, SmallVectorImpl<OpOperand *> &readers) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(user))
      collectReaders(user->getResult(0), readers);
    else
      readers.push_back(&use);
  }
}

struct InterleaveExperts
    : peermla::impl::InterleaveExpertsBase<InterleaveExperts> {
  using Base::Base;

  void runOnOperation() override {
    for (TableSet &set : collectSets()) {
      interleave(set);
      ++numInterleaved;
    }
  }

  /// The sets that only their ops read.
  SmallVector<TableSet> collectSets() {
    SmallVector<TableSet> sets;
    getOperation().walk([&](peer::ExpertMlpOp op) {
      std::optional<TableSet> set = getTableSet(op);
      if (!set)
        return;
      auto *known = llvm::find_if(
          sets, [&](TableSet &other) { return other.hasTablesOf(*set); });
      if (known == sets.end())
        sets.push_back(std::move(*set));
      else
        known->ops.push_back(op);
    });

    llvm::DenseMap<StringAttr, SmallVector<OpOperand *>> readersOf;
    getOperation().walk([&](GlobalLoadConstOp load) {
      collectReaders(load.getResult(),
                     readersOf[load.getGlobal().getLeafReference()]);
    });
    llvm::erase_if(sets, [&](TableSet &set) {
      for (auto [i, name] : llvm::enumerate(set.names))
        for (OpOperand *reader : readersOf[name]) {
          auto op = dyn_cast<peer::ExpertMlpOp>(reader->getOwner());
          if (op && llvm::is_contained(set.ops, op) &&
              getTables(op)[i] == reader)
            continue;
          remark::missed(
              set.ops.front().getLoc(),
              remark::RemarkOpts::name("Interleave").category("schedule"))
              << "left tables apart: '" + name.str() + "' is also read by '" +
                     reader->getOwner()->getName().getStringRef().str() + "'";
          return true;
        }
      return false;
    });
    return sets;
  }

  void interleave(TableSet &set) {
    int64_t rowSize = 0;
    for (unsigned i = 0; i < set.names.size(); ++i)
      rowSize += set.getRowSize(i);
    Type element = set.types.front().getElementType();
    auto type = RankedTensorType::get({set.numRows, rowSize}, element);
    StringAttr global = createGlobal(set, type);
    for (peer::ExpertMlpOp op : set.ops) {
      ImplicitLocOpBuilder b(op.getLoc(), op);
      auto rows =
          GlobalLoadConstOp::create(b, type, FlatSymbolRefAttr::get(global));
      int64_t column = 0;
      for (auto [i, table] : llvm::enumerate(getTables(op))) {
        int64_t size = set.getRowSize(i);
        auto part = tensor::ExtractSliceOp::create(
            b, rows,
            ArrayRef<OpFoldResult>{b.getIndexAttr(0), b.getIndexAttr(column)},
            ArrayRef<OpFoldResult>{b.getIndexAttr(set.numRows),
                                   b.getIndexAttr(size)},
            ArrayRef<OpFoldResult>{b.getIndexAttr(1), b.getIndexAttr(1)});
        column += size;
        // N (e d), or (N e) d.
        auto shape = cast<RankedTensorType>(table->get().getType());
        SmallVector<ReassociationIndices> groups{{0}, {1, 2}};
        if (shape.getDimSize(0) != set.numRows)
          groups = {{0, 1}, {2}};
        table->set(tensor::ExpandShapeOp::create(b, shape, part, groups));
      }
    }
    remark::passed(set.ops.front().getLoc(),
                   remark::RemarkOpts::name("Interleave").category("schedule"))
        << "chose rows of " +
               std::to_string(rowSize * element.getIntOrFloatBitWidth() / 8) +
               " B for " + std::to_string(set.names.size()) + " tables in " +
               std::to_string(set.ops.size()) + " ops";
  }

  /// The weight that holds the rows of `set`.
  StringAttr createGlobal(TableSet &set, RankedTensorType type) {
    std::string base = "prepared." + set.names.front().str(), name = base;
    for (unsigned i = 1; getOperation().lookupSymbol(name); ++i)
      name = base + "." + std::to_string(i);
    OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
    auto global = ml_program::GlobalOp::create(
        builder, set.ops.front().getLoc(), name, type, /*is_mutable=*/false,
        ml_program::ExternAttr::get(&getContext(), type),
        builder.getStringAttr("private"));
    SmallVector<Attribute> names;
    for (StringAttr table : set.names)
      names.push_back(FlatSymbolRefAttr::get(table));
    global->setAttr("peermla.rows_of", builder.getArrayAttr(names));
    return global.getSymNameAttr();
  }
};

} // namespace
