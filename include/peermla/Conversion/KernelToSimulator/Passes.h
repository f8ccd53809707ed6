//===- Passes.h - GPU kernels on the host -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_KERNELTOSIMULATOR_PASSES_H
#define PEERMLA_CONVERSION_KERNELTOSIMULATOR_PASSES_H

#include "mlir/Pass/Pass.h"

namespace peermla {

#define GEN_PASS_DECL
#include "peermla/Conversion/KernelToSimulator/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "peermla/Conversion/KernelToSimulator/Passes.h.inc"

} // namespace peermla

#endif // PEERMLA_CONVERSION_KERNELTOSIMULATOR_PASSES_H
