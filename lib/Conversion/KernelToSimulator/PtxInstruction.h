//===- PtxInstruction.h - one statement of inline PTX ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Short names for what the rewriting of one instruction needs.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_KERNELTOSIMULATOR_PTXINSTRUCTION_H
#define PEERMLA_CONVERSION_KERNELTOSIMULATOR_PTXINSTRUCTION_H

#include "InlinePtx.h"

namespace peermla::tosim {

/// One instruction and short names for what its rewriting needs.
struct PtxInstruction {
  PtxMachine &machine;
  const PtxStatement &statement;
  Rewriter &rewriter;

  PtxInstruction(PtxMachine &machine, const PtxStatement &statement)
      : machine(machine), statement(statement), rewriter(machine.rewriter) {}

  llvm::StringRef part(unsigned index) const {
    return index < statement.opcode.size() ? statement.opcode[index] : "";
  }
  size_t size() const { return statement.operands.size(); }
  const PtxOperand &operand(unsigned index) const {
    return statement.operands[index];
  }
  bool has(llvm::StringRef modifier) const {
    return tosim::has(statement, modifier);
  }
  mlir::Value i32(unsigned index) {
    return machine.read(operand(index), rewriter.i32Type);
  }
  mlir::Value i64(unsigned index) {
    return machine.read(operand(index), rewriter.i64Type);
  }
  /// A number that must be known now.
  std::optional<int64_t> number(unsigned index) {
    return index < size() ? machine.readConstant(operand(index)) : std::nullopt;
  }
  mlir::Value address(unsigned index) {
    return machine.readAddress(operand(index));
  }
  bool isAddress(unsigned index) const {
    return index < size() && operand(index).kind == PtxOperand::Address;
  }
  mlir::LogicalResult call(Runtime function,
                           llvm::ArrayRef<mlir::Value> arguments) {
    llvm::SmallVector<mlir::Value> all(arguments);
    all.push_back(rewriter.site());
    rewriter.call(function, all);
    return mlir::success();
  }
  mlir::LogicalResult out(mlir::Value value) {
    machine.write(operand(0), value);
    return mlir::success();
  }
  /// `d|p`, or d alone.
  mlir::LogicalResult out(Predicated result) {
    if (operand(0).kind != PtxOperand::Pair)
      return out(result.value);
    machine.write(operand(0).elements[0], result.value);
    machine.write(operand(0).elements[1], result.predicate);
    return mlir::success();
  }
  mlir::LogicalResult reject() { return machine.reject(statement); }
};

} // namespace peermla::tosim

#endif // PEERMLA_CONVERSION_KERNELTOSIMULATOR_PTXINSTRUCTION_H
