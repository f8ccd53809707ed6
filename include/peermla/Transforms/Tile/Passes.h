//===- Passes.h - passes that prepare and change tile programs ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TRANSFORMS_TILE_PASSES_H
#define PEERMLA_TRANSFORMS_TILE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace peermla {

#define GEN_PASS_DECL
#include "peermla/Transforms/Tile/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "peermla/Transforms/Tile/Passes.h.inc"

} // namespace peermla

#endif // PEERMLA_TRANSFORMS_TILE_PASSES_H
