//===- Passes.h - passes out of instructions of warpgroups ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_FRAG_PASSES_H
#define PEERMLA_CONVERSION_FRAG_PASSES_H

#include "mlir/Pass/Pass.h"

namespace peermla {

#define GEN_PASS_DECL
#include "peermla/Conversion/Frag/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "peermla/Conversion/Frag/Passes.h.inc"

} // namespace peermla

#endif // PEERMLA_CONVERSION_FRAG_PASSES_H
