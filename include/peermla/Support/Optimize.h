//===- Optimize.h - LLVM's own optimizations ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_OPTIMIZE_H
#define PEERMLA_SUPPORT_OPTIMIZE_H

#include "llvm/Passes/PassBuilder.h"

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace peermla {

/// Runs LLVM's default pipeline of `level`, which is not O0, for `machine`.
void optimize(llvm::Module &module, llvm::TargetMachine &machine,
              llvm::OptimizationLevel level = llvm::OptimizationLevel::O3,
              const llvm::PipelineTuningOptions &tuning = {});

} // namespace peermla

#endif // PEERMLA_SUPPORT_OPTIMIZE_H
