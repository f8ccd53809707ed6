//===- Passes.h - passes that keep the dialects ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TRANSFORMS_PASSES_H
#define PEERMLA_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace peermla {

#define GEN_PASS_DECL
#include "peermla/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "peermla/Transforms/Passes.h.inc"

} // namespace peermla

#endif // PEERMLA_TRANSFORMS_PASSES_H
