//===- Jit.h - GPU kernels in memory, ready to launch ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What comes in is a module with GPU kernels (NVVM and LLVM dialects); what
// goes out are descriptors that `sim::run` launches:
//
//     registerSimulatorTarget(registry);
//     auto kernels = SimulatedKernels::compile(module, {});
//     launch.kernel = (*kernels)->find("gemm");
//
// The module is rewritten by `peermla-kernel-to-simulator`, translated to LLVM
// IR, optimised and compiled for this processor. The code lives as long as the
// object.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TARGET_SIMULATOR_JIT_H
#define PEERMLA_TARGET_SIMULATOR_JIT_H

#include "mlir/IR/BuiltinOps.h"
#include "peermla/Simulator/Abi.h"
#include <memory>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace peermla {

struct SimulatorJitOptions {
  /// The one kernel to compile, by name; empty: all of the module's.
  std::string kernel;
  /// Count the instructions that the runtime does not see; a limit on the
  /// number of instructions of a thread needs it.
  bool count = false;
  /// 0 to 3, as of a compiler's -O.
  unsigned optimization = 2;
};

/// Adds the dialects of kernels and their translations to LLVM IR.
void registerSimulatorTarget(mlir::DialectRegistry &registry);

/// The names of the kernels in a module, inside `gpu.module` ops and outside.
std::vector<std::string> getKernelNames(mlir::ModuleOp module);

class SimulatedKernels {
public:
  /// Rewrites `module` in place and compiles it. Errors are emitted at the
  /// module's ops.
  static mlir::FailureOr<std::unique_ptr<SimulatedKernels>>
  compile(mlir::ModuleOp module, const SimulatorJitOptions &options);
  ~SimulatedKernels();

  /// The descriptor of a kernel; null if there is none of the name.
  const sim::KernelDescriptor *find(llvm::StringRef kernel) const;

private:
  SimulatedKernels();

  std::unique_ptr<llvm::orc::LLJIT> jit;
};

} // namespace peermla

#endif // PEERMLA_TARGET_SIMULATOR_JIT_H
