//===- Pipelines.cpp - the compiler's table of contents ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Pipelines/Pipelines.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Affine/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "peermla/Conversion/Frag/Passes.h"
#include "peermla/Conversion/LaunchToRuntime/Passes.h"
#include "peermla/Conversion/Tile/Passes.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Conversion/TiledToSteps/Passes.h"
#include "peermla/Conversion/TiledToThreads/Passes.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Transforms/Passes.h"
#include "peermla/Transforms/Tile/Passes.h"

using namespace mlir;
using namespace peermla;

static const llvm::StringRef stageNames[] = {
    "model", "tiled", "buffers", "tile", "frag", "nvvm", "cpu", "llvm"};

ArrayRef<StringRef> peermla::getStageNames() { return stageNames; }

std::optional<Stage> peermla::getStage(StringRef name) {
  const auto *found = llvm::find(stageNames, name);
  if (found == std::end(stageNames))
    return std::nullopt;
  return static_cast<Stage>(found - std::begin(stageNames));
}

/// The levels and GPUs asked for; by default all levels of x86-64.
static SplitTargetsOptions getTargets(const PipelineOptions &options) {
  SplitTargetsOptions targets;
  bool hasCpu = options.targets.empty();
  for (const std::string &target : options.targets) {
    if (target == "cpu")
      hasCpu = true;
    else
      targets.gpuTargets.push_back(target);
  }
  if (hasCpu)
    llvm::append_range(targets.cpuLevels, options.cpuLevels);
  if (hasCpu && targets.cpuLevels.empty())
    for (const CpuLevel &level : CpuLevel::all())
      if (level.architecture == "x86_64")
        targets.cpuLevels.push_back(level.name.str());
  return targets;
}

static void addCleanup(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// The same where loops are kernels: one iteration is a block, too.
static void addCleanupOfKernels(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass(
      GreedyRewriteConfig(),
      {"(anonymous namespace)::ForallOpSingleOrZeroIterationDimsFolder"}));
  pm.addPass(createCSEPass());
}

/// Passes for all targets. Who wants more later asks again: a nested manager
/// that is kept would take them in front of what was added meanwhile.
static void onTargets(OpPassManager &pm,
                      llvm::function_ref<void(OpPassManager &)> build) {
  build(pm.nest<ModuleOp>());
}

/// Passes for all targets of one kind, `cpu` or `gpu`.
static void onTargets(OpPassManager &pm, StringRef kind,
                      llvm::function_ref<void(OpPassManager &)> build) {
  OpPassManager target(ModuleOp::getOperationName());
  build(target);
  RunOnTargetsOptions options;
  options.kind = kind.str();
  options.pipeline.push_back(target);
  pm.nest<ModuleOp>().addPass(createRunOnTargets(options));
}

/// The promise with which a stage ends.
static std::unique_ptr<Pass> createContract(StringRef stage) {
  VerifyContractOptions options;
  options.stage = stage.str();
  return createVerifyContract(options);
}

//===----------------------------------------------------------------------===//
// Model -> Tiled
//===----------------------------------------------------------------------===//

void peermla::buildTiledPipeline(OpPassManager &pm,
                                 const PipelineOptions &options) {
  pm.addPass(createContract("model"));
  OverrideSchedulesOptions overrides;
  overrides.schedules = options.schedules;
  pm.addPass(createOverrideSchedules(overrides));
  pm.addPass(createSplitTargets(getTargets(options)));

  onTargets(pm, [&](OpPassManager &target) {
    ChooseAttentionFormOptions form;
    form.form = options.attentionForm;
    target.addNestedPass<func::FuncOp>(createChooseAttentionForm(form));
    target.addNestedPass<func::FuncOp>(createDecomposeRetrieve());
    addCleanup(target);
    target.addNestedPass<func::FuncOp>(createFoldNorms());
    target.addNestedPass<func::FuncOp>(createFuseElementwise());
    target.addPass(createPrepareWeights());
  });
  onTargets(pm, "cpu",
            [](OpPassManager &cpu) { cpu.addPass(createInterleaveExperts()); });

  onTargets(pm, [&](OpPassManager &target) {
    addCleanup(target);
    // One value per extent, so that buffers of one size are seen to be.
    target.addPass(memref::createResolveShapedTypeResultDimsPass());
    addCleanup(target);
    SelectSchedulesOptions schedules;
    schedules.plans = options.plans;
    target.addNestedPass<func::FuncOp>(createSelectSchedules(schedules));
    // Extents, of which plans tell, are known until tensors are chosen.
    ShrinkAttentionOptions shrink;
    shrink.deterministic = options.deterministic;
    target.addNestedPass<func::FuncOp>(createShrinkAttention(shrink));
    FuseProjectionsOptions projections;
    projections.deterministic = options.deterministic;
    target.addNestedPass<func::FuncOp>(createFuseProjections(projections));
    FuseProloguesOptions prologues;
    prologues.deterministic = options.deterministic;
    target.addNestedPass<func::FuncOp>(createFusePrologues(prologues));
    target.addNestedPass<func::FuncOp>(createSplitReductions());
    target.addNestedPass<func::FuncOp>(createWidenProducts());
    SplitKeysOptions split;
    split.deterministic = options.deterministic;
    target.addNestedPass<func::FuncOp>(createSplitKeys(split));
    target.addNestedPass<func::FuncOp>(createTileAndFuse());
    // What was fused is not asked for its extents any more, and goes.
    target.addPass(memref::createResolveShapedTypeResultDimsPass());
  });
  onTargets(pm, "cpu", addCleanup);
  onTargets(pm, "gpu", [](OpPassManager &gpu) {
    addCleanupOfKernels(gpu);
    gpu.addNestedPass<func::FuncOp>(createShareWorkItems());
    gpu.addPass(createCSEPass());
  });
  pm.addPass(createContract("tiled"));
}

//===----------------------------------------------------------------------===//
// Tiled -> Buffers
//===----------------------------------------------------------------------===//

/// Kernels for matrix instructions become tile programs beside the host code.
static void addTilePrograms(OpPassManager &gpu) {
  gpu.addNestedPass<func::FuncOp>(createTileContractions());
  addCleanupOfKernels(gpu);
  gpu.addPass(createTiledToTile());
  addCleanup(gpu);
  OpPassManager &program = gpu.nest<gpu::GPUModuleOp>().nest<func::FuncOp>();
  program.addPass(affine::createAffineExpandIndexOpsPass());
  program.addPass(createLowerAffinePass());
  program.addPass(createAssignLayouts());
  program.addPass(createStageCopies());
  program.addPass(createPrefetchCopies());
  addCleanup(program);
  program.addPass(createCarryLoads());
  addCleanup(program);
  program.addPass(createPlaceBarriers());
}

void peermla::buildBuffersPipeline(OpPassManager &pm,
                                   const PipelineOptions &options) {
  onTargets(pm, "gpu", [](OpPassManager &gpu) {
    addTilePrograms(gpu);
    // Other named ops become steps while they are on tensors.
    addDecompositions(gpu.nest<func::FuncOp>());
    addCleanup(gpu);
  });
  onTargets(pm, [](OpPassManager &target) {
    target.addPass(createEntriesToMemrefs());
  });
  onTargets(pm, "cpu", [](OpPassManager &cpu) {
    cpu.addPass(bufferization::createEmptyTensorEliminationPass());
    cpu.addPass(bufferization::createOneShotBufferizePass());
  });
  onTargets(pm, "gpu", [](OpPassManager &gpu) {
    gpu.addNestedPass<func::FuncOp>(
        bufferization::createEmptyTensorEliminationPass());
    gpu.addPass(createBufferizeFunctions());
  });
  onTargets(pm, [](OpPassManager &target) {
    addCleanup(target);
    target.addPass(memref::createFoldMemRefAliasOpsPass());
    addCleanup(target);
  });
  pm.addPass(createContract("buffers"));
}

//===----------------------------------------------------------------------===//
// Buffers -> Tile -> Frag -> Nvvm: kernels of GPUs
//===----------------------------------------------------------------------===//

void peermla::buildTilePipeline(OpPassManager &pm,
                                const PipelineOptions &options) {
  onTargets(pm, "gpu", [](OpPassManager &target) {
    // Nothing on the host touches memory.
    target.addNestedPass<func::FuncOp>(createCopiesToKernels());
    target.addNestedPass<func::FuncOp>(createStepsToKernels());
    target.addPass(createKernelsToModules());
    addCleanup(target);
    target.addPass(createUseTensorCopies());
    OpPassManager &program =
        target.nest<gpu::GPUModuleOp>().nest<func::FuncOp>();
    program.addPass(createSpecializeWarps());
    addCleanup(program);
    program.addPass(createPeelMasks());
    addCleanup(program);
    program.addPass(createOverlapProducts());
    program.addPass(createReleaseSlots());
    addCleanup(program);
    // From here on there is a lot of each.
    target.addPass(createMergeGpuKernels());
  });
  pm.addPass(createContract("tile"));
}

void peermla::buildFragPipeline(OpPassManager &pm,
                                const PipelineOptions &options) {
  onTargets(pm, "gpu", [](OpPassManager &target) {
    target.addPass(createTileToNVVM());
    target.addNestedPass<gpu::GPUModuleOp>(createDistributeToThreads());
    target.addNestedPass<gpu::GPUModuleOp>(createPlaceInSharedMemory());
    addCleanup(target);
    // Programs for memory of several types may have become one kernel.
    target.addPass(createMergeGpuKernels());
  });
  pm.addPass(createContract("frag"));
}

void peermla::buildNvvmPipeline(OpPassManager &pm,
                                const PipelineOptions &options) {
  onTargets(pm, "gpu", [](OpPassManager &target) {
    OpPassManager &kernels = target.nest<gpu::GPUModuleOp>();
    kernels.addPass(createWarpgroupsToNVVM());
    kernels.addPass(createExpandMath());
    kernels.addPass(memref::createExpandStridedMetadataPass());
    kernels.addPass(createLowerAffinePass());
    kernels.addPass(createLoopInvariantCodeMotionPass());
    addCleanup(kernels);
    kernels.addPass(createSCFToControlFlowPass());
    kernels.addPass(createConvertVectorToLLVMPass());
    kernels.addPass(createThreadsToNVVM());
    kernels.addPass(createReconcileUnrealizedCastsPass());
    // What LLVM has no intrinsic for becomes assembly.
    kernels.addPass(createConvertNVVMToLLVMPass());
    addCleanup(kernels);
  });
  pm.addPass(createContract("nvvm"));
}

//===----------------------------------------------------------------------===//
// Buffers -> Cpu
//===----------------------------------------------------------------------===//

void peermla::buildCpuPipeline(OpPassManager &pm,
                               const PipelineOptions &options) {
  onTargets(pm, "cpu", [&](OpPassManager &target) {
    // Named ops become loops, vectors and matrix products.
    target.addNestedPass<func::FuncOp>(createLowerSelect());
    target.addNestedPass<func::FuncOp>(createLowerExperts());
    target.addNestedPass<func::FuncOp>(createLowerRope());
    target.addNestedPass<func::FuncOp>(createLowerWorkItems());
    target.addNestedPass<func::FuncOp>(createLowerAttention());
    target.addNestedPass<func::FuncOp>(createLowerMerge());
    addCleanup(target);

    // Kernels become functions of ranges of work items, buffers places in one
    // workspace.
    target.addNestedPass<func::FuncOp>(createCopiesToKernels());
    target.addPass(createOutlineKernels());
    addCleanup(target);
    target.addPass(createMergeKernels());
    if (options.plans)
      target.addPass(createCountLaunches());
    target.addPass(createPlanWorkspace());
    addCleanup(target);

    // What is left of linalg becomes vector loops.
    target.addNestedPass<func::FuncOp>(createLowerContractions());
    target.addNestedPass<func::FuncOp>(createVectorizeGenerics());
    addCleanup(target);
    if (options.emulateAmx)
      target.addPass(createEmulateAmx());
  });
  pm.addPass(createDescribeModel());
  pm.addPass(createContract("cpu"));
}

//===----------------------------------------------------------------------===//
// Cpu -> Llvm
//===----------------------------------------------------------------------===//

void peermla::buildLlvmPipeline(OpPassManager &pm,
                                const PipelineOptions &options) {
  // Host code of GPU targets: it asks the runtime for launches.
  if (options.plans)
    onTargets(pm, "gpu",
              [](OpPassManager &gpu) { gpu.addPass(createCountLaunches()); });
  onTargets(
      pm, [](OpPassManager &target) { target.addPass(createPlanWorkspace()); });
  DescribeModelOptions gpus;
  gpus.gpus = true;
  pm.addPass(createDescribeModel(gpus));
  pm.addPass(createLowerKernelLaunches());

  // Kernels of GPUs are done: only functions beside them go on.
  onTargets(pm, [](OpPassManager &target) {
    OpPassManager &functions = target.nest<func::FuncOp>();
    functions.addPass(createExpandMath());
    functions.addPass(createConvertVectorToSCFPass());
    functions.addPass(memref::createExpandStridedMetadataPass());
    functions.addPass(createLowerAffinePass());
    functions.addPass(createLoopInvariantCodeMotionPass());
    addCleanup(functions);
    functions.addPass(createSCFToControlFlowPass());
    ConvertVectorToLLVMPassOptions vectors;
    vectors.x86Vector = true;
    vectors.amx = true;
    functions.addPass(createConvertVectorToLLVMPass(vectors));
    target.addPass(createConvertToLLVMPass());
    target.addPass(createReconcileUnrealizedCastsPass());
    addCleanup(target.nest<LLVM::LLVMFuncOp>());
    target.addPass(createLowerLaunches());
    target.addPass(createPackEntryArguments());
    target.addPass(createLegalizeBf16());
  });
}

//===----------------------------------------------------------------------===//
// All stages
//===----------------------------------------------------------------------===//

void peermla::buildPipeline(OpPassManager &pm, Stage first, Stage last,
                            const PipelineOptions &options) {
  using Build = void (*)(OpPassManager &, const PipelineOptions &);
  const Build stages[] = {
      nullptr,           buildTiledPipeline, buildBuffersPipeline,
      buildTilePipeline, buildFragPipeline,  buildNvvmPipeline,
      buildCpuPipeline,  buildLlvmPipeline};
  for (int stage = static_cast<int>(first) + 1; stage <= static_cast<int>(last);
       ++stage)
    stages[stage](pm, options);
}

void peermla::registerPipelines() {
  PassPipelineRegistration<PipelineOptions>(
      "peermla-to-tiled", "Model IR to kernels on tensors, per target",
      buildTiledPipeline);
  PassPipelineRegistration<PipelineOptions>(
      "peermla-tiled-to-buffers", "Kernels on tensors to kernels on memrefs",
      buildBuffersPipeline);
  PassPipelineRegistration<PipelineOptions>(
      "peermla-buffers-to-tile", "Kernels of GPUs to modules of their own",
      buildTilePipeline);
  PassPipelineRegistration<PipelineOptions>(
      "peermla-tile-to-frag", "Kernels for a block to kernels for a thread",
      buildFragPipeline);
  PassPipelineRegistration<PipelineOptions>(
      "peermla-frag-to-nvvm", "Kernels of GPUs to the NVVM dialect",
      buildNvvmPipeline);
  PassPipelineRegistration<PipelineOptions>(
      "peermla-buffers-to-cpu", "Kernels on memrefs to vector loops",
      buildCpuPipeline);
  PassPipelineRegistration<PipelineOptions>("peermla-cpu-to-llvm",
                                            "Vector loops to the LLVM dialect",
                                            buildLlvmPipeline);
}
