//===- LowerLaunches.cpp - launches as calls of the runtime -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_LOWERLAUNCHES
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

struct LowerLaunches : peermla::impl::LowerLaunchesBase<LowerLaunches> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<LLVM::LLVMFuncOp> launches;
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>())
      if (function->hasAttr("peermla.launch"))
        launches.push_back(function);
    if (launches.empty())
      return;
    for (LLVM::LLVMFuncOp launch : launches)
      if (failed(lower(launch)))
        return signalPassFailure();
  }

  LLVM::LLVMFuncOp getParallelFor() {
    constexpr llvm::StringLiteral name = "peermla_rt_parallel_for";
    if (auto known = getOperation().lookupSymbol<LLVM::LLVMFuncOp>(name))
      return known;
    OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
    Type pointer = LLVM::LLVMPointerType::get(&getContext());
    return LLVM::LLVMFuncOp::create(
        builder, getOperation().getLoc(), name,
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&getContext()),
                                    {builder.getI64Type(), pointer, pointer}));
  }

  LogicalResult lower(LLVM::LLVMFuncOp launch) {
    auto kernelName =
        launch->getAttrOfType<FlatSymbolRefAttr>("peermla.launch");
    if (!kernelName)
      return launch.emitOpError()
             << "expects 'peermla.launch' to be a symbol, got "
             << launch->getAttr("peermla.launch");
    auto kernel =
        getOperation().lookupSymbol<LLVM::LLVMFuncOp>(kernelName.getValue());
    if (!kernel)
      return launch.emitOpError() << "expects the kernel " << kernelName
                                  << " in the same module, found none";
    ArrayRef<Type> captured = launch.getFunctionType().getParams().drop_front();
    MLIRContext *context = &getContext();
    ImplicitLocOpBuilder b(launch.getLoc(), context);
    Type i64 = b.getI64Type();
    Type pointer = LLVM::LLVMPointerType::get(context);
    Type record = LLVM::LLVMStructType::getLiteral(context, captured);
    Type nothing = LLVM::LLVMVoidType::get(context);

    // The thunk: loads the record, calls the kernel.
    b.setInsertionPoint(launch);
    auto thunk = LLVM::LLVMFuncOp::create(
        b, (kernelName.getValue() + ".thunk").str(),
        LLVM::LLVMFunctionType::get(nothing, {i64, i64, i64, pointer}),
        LLVM::Linkage::Internal);
    Block *body = thunk.addEntryBlock(b);
    b.setInsertionPointToStart(body);
    SmallVector<Value> operands(body->getArguments().take_front(3));
    for (auto [i, type] : llvm::enumerate(captured)) {
      Value field =
          LLVM::GEPOp::create(b, pointer, record, body->getArgument(3),
                              ArrayRef<LLVM::GEPArg>{0, int32_t(i)});
      operands.push_back(LLVM::LoadOp::create(b, type, field));
    }
    LLVM::CallOp::create(b, kernel, operands);
    LLVM::ReturnOp::create(b, ValueRange());

    // The launch: stores the record, calls the runtime.
    LLVM::LLVMFuncOp parallelFor = getParallelFor();
    body = launch.addEntryBlock(b);
    b.setInsertionPointToStart(body);
    Value one = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(1));
    Value storage = LLVM::AllocaOp::create(b, pointer, record, one);
    for (auto [i, argument] :
         llvm::enumerate(body->getArguments().drop_front())) {
      Value field = LLVM::GEPOp::create(b, pointer, record, storage,
                                        ArrayRef<LLVM::GEPArg>{0, int32_t(i)});
      LLVM::StoreOp::create(b, argument, field);
    }
    Value address = LLVM::AddressOfOp::create(b, thunk);
    LLVM::CallOp::create(b, parallelFor,
                         ValueRange{body->getArgument(0), address, storage});
    LLVM::ReturnOp::create(b, ValueRange());
    launch.setLinkage(LLVM::Linkage::Internal);
    kernel.setLinkage(LLVM::Linkage::Internal);
    launch->removeAttr("peermla.launch");
    return success();
  }
};

} // namespace
