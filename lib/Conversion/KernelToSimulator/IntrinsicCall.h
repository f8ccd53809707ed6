//===- IntrinsicCall.h - a call of an NVPTX intrinsic -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One call of an intrinsic, read by the words of its name, and the groups of
// intrinsics that rewrite it.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_KERNELTOSIMULATOR_INTRINSICCALL_H
#define PEERMLA_CONVERSION_KERNELTOSIMULATOR_INTRINSICCALL_H

#include "Instructions.h"
#include "mlir/IR/Matchers.h"

namespace peermla::tosim {

/// The call of an intrinsic and the words of its name.
struct Intrinsic {
  Rewriter &rewriter;
  mlir::LLVM::CallIntrinsicOp op;
  llvm::StringRef name;
  llvm::SmallVector<llvm::StringRef, 12> words;

  bool has(llvm::StringRef word) const {
    return llvm::is_contained(words, word);
  }
  llvm::StringRef word(unsigned index) const {
    return index < words.size() ? words[index] : "";
  }
  size_t size() { return op.getArgs().size(); }
  mlir::Value arg(unsigned index) { return op.getArgs()[index]; }
  mlir::Type getResultType() {
    return op.getNumResults() ? op.getResult(0).getType() : mlir::Type();
  }

  mlir::LogicalResult call(Runtime function,
                           llvm::ArrayRef<mlir::Value> arguments) {
    llvm::SmallVector<mlir::Value> all(arguments);
    all.push_back(rewriter.site());
    mlir::Value result = rewriter.call(function, all);
    return result ? replace(result) : erase();
  }
  mlir::LogicalResult replace(mlir::Value value) {
    rewriter.replace(value);
    return mlir::success();
  }
  mlir::LogicalResult replace(Predicated result) {
    rewriter.replaceByFragment({result.value, result.predicate});
    return mlir::success();
  }
  mlir::LogicalResult erase() {
    rewriter.erase();
    return mlir::success();
  }
  mlir::LogicalResult reject() { return rewriter.reject(""); }
  /// Whether an argument is the constant true.
  bool isTrue(unsigned index) {
    llvm::APInt value;
    return mlir::matchPattern(arg(index), mlir::m_ConstantInt(&value)) &&
           !value.isZero();
  }
};

// IntrinsicCollectives.cpp
mlir::LogicalResult rewriteBarrier(Intrinsic x);
mlir::LogicalResult rewriteFence(Intrinsic x);
mlir::LogicalResult rewriteShuffle(Intrinsic x);
mlir::LogicalResult rewriteVote(Intrinsic x);
mlir::LogicalResult rewriteMatch(Intrinsic x);
mlir::LogicalResult rewriteReduce(Intrinsic x);
mlir::LogicalResult rewriteLoadMatrix(Intrinsic x);
mlir::LogicalResult rewriteStoreMatrix(Intrinsic x);
mlir::LogicalResult rewriteMma(Intrinsic x);

// IntrinsicAsync.cpp
mlir::LogicalResult rewriteCopy(Intrinsic x);
mlir::LogicalResult rewriteMBarrierIntrinsic(Intrinsic x);
mlir::LogicalResult rewriteWgmmaIntrinsic(Intrinsic x);

// IntrinsicArithmetic.cpp
mlir::LogicalResult rewriteApproximate(Intrinsic x);
mlir::LogicalResult rewriteConvert(Intrinsic x);

} // namespace peermla::tosim

#endif // PEERMLA_CONVERSION_KERNELTOSIMULATOR_INTRINSICCALL_H
