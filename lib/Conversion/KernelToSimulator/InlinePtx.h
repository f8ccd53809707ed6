//===- InlinePtx.h - executing the statements of inline PTX ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One inline assembly at a time: its statements become operations in its place.
// Results and the registers that the text declares are variables in the stack
// frame, which LLVM turns into values again; labels are blocks.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_KERNELTOSIMULATOR_INLINEPTX_H
#define PEERMLA_CONVERSION_KERNELTOSIMULATOR_INLINEPTX_H

#include "Instructions.h"
#include "PtxParser.h"

namespace peermla::tosim {

class PtxMachine {
public:
  PtxMachine(Rewriter &rewriter, mlir::LLVM::InlineAsmOp op)
      : rewriter(rewriter), op(op) {}

  /// Replaces the inline assembly.
  mlir::LogicalResult run();

  // For the instructions. Reading and writing fail with an error at the op, of
  // which the first is kept by `hasFailed`; a read gives a value all the same.

  /// The value of an operand, as `type` or as what it is.
  mlir::Value read(const PtxOperand &operand, mlir::Type type);
  /// The members of a vector, or the operand alone.
  llvm::SmallVector<mlir::Value> readAll(const PtxOperand &operand,
                                         mlir::Type type);
  mlir::Value readPredicate(const PtxOperand &operand) {
    return read(operand, rewriter.i1Type);
  }
  /// `[x + 8]`, or x where PTX takes addresses without brackets.
  mlir::Value readAddress(const PtxOperand &operand);
  /// A number that must be known now.
  std::optional<int64_t> readConstant(const PtxOperand &operand);
  void write(const PtxOperand &operand, mlir::Value value);
  void writeAll(const PtxOperand &operand, mlir::ValueRange values);
  /// The results that start with the value of an operand, for instructions that
  /// carry registers they do not name.
  llvm::SmallVector<PtxOperand> getTiedResults() const;

  /// The error for an instruction that is not modelled.
  mlir::LogicalResult reject(const PtxStatement &statement);
  bool hasFailed() const { return failed; }

  Rewriter &rewriter;

private:
  struct Variable {
    mlir::Value slot;
    mlir::Type type;
  };

  /// A literal as a value of `type`, or of its own; null after a failure.
  mlir::Value readLiteral(const PtxOperand &operand, mlir::Type type);
  mlir::LogicalResult parseConstraints();
  mlir::LogicalResult declare(const std::vector<PtxStatement> &statements);
  mlir::LogicalResult execute(const PtxStatement &statement);
  mlir::LogicalResult branch(const PtxStatement &statement);
  Variable addVariable(mlir::Type type);
  Variable *find(const PtxOperand &operand);
  void fail(const llvm::Twine &message);

  mlir::LLVM::InlineAsmOp op;
  llvm::SmallVector<Variable> results;
  llvm::SmallVector<bool> isTied;
  llvm::StringMap<Variable> registers;
  llvm::StringMap<mlir::Block *> labels;
  bool failed = false;
};

/// The type that PTX calls `name` (`u32`, `f16x2`, `pred`); null for others.
mlir::Type parsePtxType(Rewriter &rewriter, llvm::StringRef name);

/// Executes an instruction; nothing if its opcode is not of this group.
Outcome executeArithmetic(PtxMachine &machine, const PtxStatement &statement);
Outcome executeCollective(PtxMachine &machine, const PtxStatement &statement);
Outcome executeMemory(PtxMachine &machine, const PtxStatement &statement);
Outcome executeAsync(PtxMachine &machine, const PtxStatement &statement);

/// Whether the opcode has the modifier.
inline bool has(const PtxStatement &statement, llvm::StringRef modifier) {
  return llvm::is_contained(statement.opcode, modifier);
}

} // namespace peermla::tosim

#endif // PEERMLA_CONVERSION_KERNELTOSIMULATOR_INLINEPTX_H
