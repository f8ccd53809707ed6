//===- Passes.h - kernels on tensors to code of CPUs ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_TILEDTOCPU_PASSES_H
#define PEERMLA_CONVERSION_TILEDTOCPU_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace peermla {

#define GEN_PASS_DECL
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"

/// Patterns of `peermla-expand-math`: those of f32, and angles in f64.
void populateExpandAnglesPatterns(mlir::RewritePatternSet &patterns);
void populateExpandMathPatterns(mlir::RewritePatternSet &patterns);

} // namespace peermla

#endif // PEERMLA_CONVERSION_TILEDTOCPU_PASSES_H
