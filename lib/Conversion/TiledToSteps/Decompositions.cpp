//===- Decompositions.cpp - all of them, in order -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "peermla/Conversion/TiledToSteps/Passes.h"

using namespace mlir;
using namespace peermla;

void peermla::addDecompositions(OpPassManager &functions) {
  functions.addPass(createDecomposeWorkItems());
  functions.addPass(createDecomposeRope());
  functions.addPass(createDecomposeCacheAppend());
  functions.addPass(createDecomposeAttention());
  functions.addPass(createDecomposeMerge());
  functions.addPass(createDecomposeSelect());
  functions.addPass(createDecomposeExperts());
}

void peermla::registerDecompositionPipeline() {
  PassPipelineRegistration<>(
      "peermla-tiled-to-steps",
      "Named ops on tiles to plain steps, in all functions of nested modules",
      [](OpPassManager &pm) {
        addDecompositions(pm.nest<ModuleOp>().nest<func::FuncOp>());
      });
}
