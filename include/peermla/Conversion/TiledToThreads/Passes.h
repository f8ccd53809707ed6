//===- Passes.h - from kernels on memrefs to threads of a GPU -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_TILEDTOTHREADS_PASSES_H
#define PEERMLA_CONVERSION_TILEDTOTHREADS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace peermla {

#define GEN_PASS_DECL
#include "peermla/Conversion/TiledToThreads/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "peermla/Conversion/TiledToThreads/Passes.h.inc"

} // namespace peermla

#endif // PEERMLA_CONVERSION_TILEDTOTHREADS_PASSES_H
