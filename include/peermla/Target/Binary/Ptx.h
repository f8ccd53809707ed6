//===- Ptx.h - kernels as PTX and machine code of a GPU -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What comes in is a `gpu.module` in the LLVM and NVVM dialects; what goes out
// is PTX, by LLVM's NVPTX, and, where the assembler of the CUDA toolkit is
// installed, machine code. IR is not changed.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TARGET_BINARY_PTX_H
#define PEERMLA_TARGET_BINARY_PTX_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include <optional>
#include <string>
#include <vector>

namespace peermla {

struct GpuTarget;

/// Adds the translations to LLVM IR that the functions below need.
void registerBinaryTarget(mlir::DialectRegistry &registry);

/// PTX of all functions of `module`. An error at the module if it needs a
/// function that no GPU has.
mlir::FailureOr<std::string> translateToPtx(mlir::gpu::GPUModuleOp module,
                                            const GpuTarget &target);

/// Writes PTX of the kernels of all GPU targets of `model`, at the stage
/// `nvvm`, a line with the names of target and module before each.
mlir::LogicalResult printPtx(mlir::ModuleOp model, llvm::raw_ostream &os);

/// The path of ptxas: that in the environment variable PEERMLA_PTXAS, or of the
/// program on the path or in the usual folder; nothing if there is none, or if
/// the variable is empty.
std::optional<std::string> findPtxas();

/// What a kernel takes of the GPU, as `ptxas -v` says.
struct KernelResources {
  std::string name;
  int64_t registers = 0;
  /// Bytes of a thread's stack, and moved between registers and it.
  int64_t stackBytes = 0, spillStoreBytes = 0, spillLoadBytes = 0;
  /// Bytes of static shared memory.
  int64_t sharedBytes = 0;
  /// What ptxas remarks on: losses of performance, such as C7510.
  std::vector<std::string> notes;
};

/// Machine code as a file in memory.
struct Cubin {
  std::string code;
  std::vector<KernelResources> kernels;
};

/// What ptxas has said of its kernels in `text`.
std::vector<KernelResources> parseResources(llvm::StringRef text);

/// Machine code of `ptx`. Where ptxas would keep registers in memory it is told
/// other numbers of blocks that should fit (.minnctapersm) than the text says,
/// or than none, which make it use more of them, unless that is 1. An error at
/// `loc` holds the first lines that `ptxas` printed and the command that shows
/// them again.
mlir::FailureOr<Cubin> assemblePtx(mlir::Location loc, llvm::StringRef ptx,
                                   const GpuTarget &target,
                                   llvm::StringRef ptxas);

} // namespace peermla

#endif // PEERMLA_TARGET_BINARY_PTX_H
