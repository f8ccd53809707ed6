//===- Passes.h - named ops on tiles to plain steps -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_TILEDTOSTEPS_PASSES_H
#define PEERMLA_CONVERSION_TILEDTOSTEPS_PASSES_H

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Pass/Pass.h"

namespace peermla {

#define GEN_PASS_DECL
#include "peermla/Conversion/TiledToSteps/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "peermla/Conversion/TiledToSteps/Passes.h.inc"

/// Adds all of them to a pipeline of functions: no op of the peer and mla
/// dialects is left in kernels.
void addDecompositions(mlir::OpPassManager &functions);

/// Registers them as the pipeline `peermla-tiled-to-steps`.
void registerDecompositionPipeline();

} // namespace peermla

#endif // PEERMLA_CONVERSION_TILEDTOSTEPS_PASSES_H
