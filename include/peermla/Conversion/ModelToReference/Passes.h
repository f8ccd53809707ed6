//===- Passes.h - model ops to plain loops in f64 ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_MODELTOREFERENCE_PASSES_H
#define PEERMLA_CONVERSION_MODELTOREFERENCE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace peermla {

#define GEN_PASS_DECL
#include "peermla/Conversion/ModelToReference/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "peermla/Conversion/ModelToReference/Passes.h.inc"

} // namespace peermla

#endif // PEERMLA_CONVERSION_MODELTOREFERENCE_PASSES_H
