//===- Pipelines.h - the stages of the compiler, in order -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Model IR goes in; each stage ends in IR that can be printed and read.
// Pipelines.cpp lists the passes of each: it is the compiler's table of
// contents.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_PIPELINES_PIPELINES_H
#define PEERMLA_PIPELINES_PIPELINES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassOptions.h"
#include <optional>

namespace mlir {
class OpPassManager;
class PassManager;
} // namespace mlir

namespace peermla {

/// What the compiler can stop after, in order. Kernels of GPUs go through the
/// stages Tile to Nvvm, which leave CPU levels as they are, and levels through
/// Cpu.
enum class Stage {
  Model,   ///< func, linalg, tensor, peer, mla
  Tiled,   ///< one module per target, one scf.forall per kernel
  Buffers, ///< the same on memrefs
  Tile,    ///< kernels of GPUs in modules of their own, for a block
  Frag,    ///< for one thread
  Nvvm,    ///< in the LLVM and NVVM dialects
  Cpu,     ///< kernels of CPUs as vector loops, a planned workspace
  Llvm     ///< the LLVM dialect
};

/// The stage of that name (`model`, `tiled`, `buffers`, `tile`, `frag`, `nvvm`,
/// `cpu`, `llvm`), or nothing.
std::optional<Stage> getStage(llvm::StringRef name);
/// All names, in order.
llvm::ArrayRef<llvm::StringRef> getStageNames();

/// Options of all stages.
struct PipelineOptions : mlir::PassPipelineOptions<PipelineOptions> {
  ListOption<std::string> targets{
      *this, "targets",
      llvm::cl::desc("`cpu` and names of GPUs (default: cpu)")};
  ListOption<std::string> cpuLevels{
      *this, "cpu-levels",
      llvm::cl::desc("CPU levels to compile for (default: all of the host's "
                     "architecture)")};
  Option<std::string> attentionForm{
      *this, "attention-form",
      llvm::cl::desc("`expand` or `absorb`; default: by cost"),
      llvm::cl::init("")};
  Option<bool> plans{*this, "plans",
                     llvm::cl::desc("write what a report tells of kernels"),
                     llvm::cl::init(false)};
  Option<std::string> schedules{
      *this, "schedules",
      llvm::cl::desc("schedules of ops by their ids: `ID = SCHEDULE; ...`"),
      llvm::cl::init("")};
  Option<bool> emulateAmx{
      *this, "emulate-amx",
      llvm::cl::desc("compute what tiles do by vectors, for tests on machines "
                     "without them"),
      llvm::cl::init(false)};
  Option<bool> deterministic{
      *this, "deterministic",
      llvm::cl::desc("bits of a sequence do not depend on the rest of the "
                     "batch"),
      llvm::cl::init(false)};
};

/// Model IR -> one module per target, kernels cut and fused.
void buildTiledPipeline(mlir::OpPassManager &pm,
                        const PipelineOptions &options = {});
/// Tiled -> destinations given by the caller, tensors as memrefs.
void buildBuffersPipeline(mlir::OpPassManager &pm,
                          const PipelineOptions &options = {});
/// Buffers -> kernels of GPUs outlined, for a block of threads.
void buildTilePipeline(mlir::OpPassManager &pm,
                       const PipelineOptions &options = {});
/// Tile -> kernels of GPUs for one thread.
void buildFragPipeline(mlir::OpPassManager &pm,
                       const PipelineOptions &options = {});
/// Frag -> kernels of GPUs in the LLVM and NVVM dialects.
void buildNvvmPipeline(mlir::OpPassManager &pm,
                       const PipelineOptions &options = {});
/// Buffers -> vector loops, outlined kernels, one workspace, described entries.
void buildCpuPipeline(mlir::OpPassManager &pm,
                      const PipelineOptions &options = {});
/// Cpu -> the LLVM dialect.
void buildLlvmPipeline(mlir::OpPassManager &pm,
                       const PipelineOptions &options = {});

/// All stages from IR of the stage `first` up to and including `last`.
void buildPipeline(mlir::OpPassManager &pm, Stage first, Stage last,
                   const PipelineOptions &options = {});

/// Registers each stage as `peermla-to-<stage>`.
void registerPipelines();

} // namespace peermla

#endif // PEERMLA_PIPELINES_PIPELINES_H
