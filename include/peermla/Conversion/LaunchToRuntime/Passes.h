//===- Passes.h - from launches to calls of the runtime -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_LAUNCHTORUNTIME_PASSES_H
#define PEERMLA_CONVERSION_LAUNCHTORUNTIME_PASSES_H

#include "mlir/Pass/Pass.h"

namespace peermla {

#define GEN_PASS_DECL
#include "peermla/Conversion/LaunchToRuntime/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "peermla/Conversion/LaunchToRuntime/Passes.h.inc"

} // namespace peermla

#endif // PEERMLA_CONVERSION_LAUNCHTORUNTIME_PASSES_H
