//===- ModelToReference.cpp - model ops on f64 memrefs to plain loops -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Conversion/ModelToReference.h"
#include "LoopBuilder.h"
#include "ModelOps.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "peermla/Conversion/ModelToReference/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace peermla {
#define GEN_PASS_DEF_MODELTOREFERENCE
#include "peermla/Conversion/ModelToReference/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;
using namespace peermla::reference;

llvm::StringRef peermla::getWeightAttrName() { return "peermla.weight"; }
llvm::StringRef peermla::getStoredAttrName() { return "peermla.stored"; }

/// Emits an error unless all operands are indices or memrefs of f64 or i32.
static LogicalResult verifyOperands(Operation *op) {
  for (Type type : op->getOperandTypes()) {
    auto memref = dyn_cast<MemRefType>(type);
    if (type.isIndex() || (memref && (memref.getElementType().isF64() ||
                                      memref.getElementType().isInteger(32))))
      continue;
    return op->emitOpError()
           << "expects memrefs of f64 or i32 for its reference, got " << type;
  }
  return success();
}

/// memref.copy between any layouts, as a loop.
static void lowerCopy(memref::CopyOp op) {
  LoopBuilder b(op);
  b.forEachElement(op.getSource(), [&](ValueRange i) {
    b.store(b.load(op.getSource(), i), op.getTarget(), i);
  });
}

/// Builds the reference of a model op; false for all other ops.
static bool lowerModelOp(Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case([](peer::RetrieveOp op) { return lowerRetrieve(op), true; })
      .Case([](peer::SelectOp op) { return lowerSelect(op), true; })
      .Case([](peer::ExpertMlpOp op) { return lowerExpertMlp(op), true; })
      .Case([](mla::PositionsOp op) { return lowerPositions(op), true; })
      .Case([](mla::RopeTableOp op) { return lowerRopeTable(op), true; })
      .Case([](mla::RopeOp op) { return lowerRope(op), true; })
      .Case([](mla::CacheAppendOp op) { return lowerCacheAppend(op), true; })
      .Case([](mla::AttentionOp op) { return lowerAttention(op), true; })
      .Case([](mla::OnlineAttentionOp op) {
        return lowerOnlineAttention(op), true;
      })
      .Case([](mla::MergeOp op) { return lowerMerge(op), true; })
      .Case([](mla::WorkItemsOp op) { return lowerWorkItems(op), true; })
      .Default([](Operation *) { return false; });
}

namespace {

struct ModelToReference
    : peermla::impl::ModelToReferenceBase<ModelToReference> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      bool isModelOp =
          isa_and_nonnull<peer::PeerDialect, mla::MlaDialect>(op->getDialect());
      if (isModelOp && failed(verifyOperands(op)))
        return signalPassFailure();
      if (auto copy = dyn_cast<memref::CopyOp>(op))
        lowerCopy(copy);
      else if (!isModelOp)
        continue;
      else if (!lowerModelOp(op)) {
        op->emitOpError("has no reference");
        return signalPassFailure();
      }
      op->erase();
    }
  }
};

} // namespace

void peermla::buildReferencePipeline(OpPassManager &pm) {
  pm.addPass(createInlinerPass());
  pm.addPass(createSymbolDCEPass());
  pm.addPass(createBindExterns());
  pm.addPass(createWidenFloats());

  // Every write goes to a copy: no analysis stands between the model and its
  // meaning.
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  bufferize.copyBeforeWrite = true;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));

  pm.addNestedPass<func::FuncOp>(createModelToReference());
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  pm.addNestedPass<func::FuncOp>(createNarrowWeights());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void peermla::buildReferenceToLLVMPipeline(OpPassManager &pm) {
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  FinalizeMemRefToLLVMConversionPassOptions memory;
  memory.useGenericFunctions = true;
  pm.addPass(createFinalizeMemRefToLLVMConversionPass(memory));
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

void peermla::registerReferencePipelines() {
  PassPipelineRegistration<>("peermla-to-reference",
                             "Model IR to plain loops over f64 memrefs",
                             buildReferencePipeline);
  PassPipelineRegistration<>("peermla-reference-to-llvm",
                             "The loops of the reference to the LLVM dialect",
                             buildReferenceToLLVMPipeline);
}
