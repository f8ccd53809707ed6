//===- PackEntryArguments.cpp - one argument list for the runtime ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime calls functions of any number of memrefs through one C type: an
// array of 64-bit words, which are the function's own arguments in order (a
// memref of rank r is 3 + 2r of them). The function with the name it had before
// stays, so that it can be inlined into the new one.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_PACKENTRYARGUMENTS
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {
constexpr StringLiteral packedAttribute = "peermla.packed";

struct PackEntryArguments
    : peermla::impl::PackEntryArgumentsBase<PackEntryArguments> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

/// Emits an error unless every argument is a word, or part of one, and the
/// result a word.
static LogicalResult verifyWords(LLVM::LLVMFuncOp function) {
  auto isWord = [](Type type) {
    return type.isInteger(64) || type.isInteger(32) || type.isInteger(1) ||
           isa<LLVM::LLVMPointerType>(type);
  };
  LLVM::LLVMFunctionType type = function.getFunctionType();
  for (auto [i, argument] : llvm::enumerate(type.getParams()))
    if (!isWord(argument))
      return function.emitError()
             << "packed function expects pointers and integers of 1, 32 or 64 "
                "bits, got "
             << argument << " as argument " << i;
  Type result = type.getReturnType();
  if (!isa<LLVM::LLVMVoidType>(result) && !result.isInteger(64))
    return function.emitError()
           << "packed function expects the result i64 or none, got " << result;
  if (function.isExternal() || type.isVarArg())
    return function.emitError()
           << "packed function expects a body and a fixed number of arguments";
  return success();
}

static void pack(LLVM::LLVMFuncOp function) {
  Location loc = function.getLoc();
  OpBuilder builder(function.getContext());
  builder.setInsertionPointAfter(function);
  LLVM::LLVMFunctionType type = function.getFunctionType();
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type();
  auto packed = LLVM::LLVMFuncOp::create(
      builder, loc, (function.getSymName() + ".packed").str(),
      LLVM::LLVMFunctionType::get(type.getReturnType(), {pointer}));

  Block *body = packed.addEntryBlock(builder);
  builder.setInsertionPointToStart(body);
  SmallVector<Value> arguments;
  for (auto [i, argument] : llvm::enumerate(type.getParams())) {
    Value address = body->getArgument(0);
    if (i != 0)
      address = LLVM::GEPOp::create(builder, loc, pointer, i64, address,
                                    ArrayRef<LLVM::GEPArg>{int32_t(i)});
    bool isPart = argument.isInteger() && !argument.isInteger(64);
    Value word =
        LLVM::LoadOp::create(builder, loc, isPart ? i64 : argument, address);
    if (isPart)
      word = LLVM::TruncOp::create(builder, loc, argument, word);
    arguments.push_back(word);
  }
  auto call = LLVM::CallOp::create(builder, loc, function, arguments);
  LLVM::ReturnOp::create(builder, loc, call.getResults());
  function->removeAttr(packedAttribute);
}

void PackEntryArguments::runOnOperation() {
  SmallVector<LLVM::LLVMFuncOp> functions;
  LogicalResult result = success();
  getOperation()->walk([&](LLVM::LLVMFuncOp function) {
    if (!function->hasAttr(packedAttribute))
      return;
    functions.push_back(function);
    if (failed(verifyWords(function)))
      result = failure();
  });
  if (failed(result))
    return signalPassFailure();
  for (LLVM::LLVMFuncOp function : functions)
    pack(function);
}
