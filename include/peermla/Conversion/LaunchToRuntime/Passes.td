//===- Passes.td - from launches to calls of the runtime ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_LAUNCHTORUNTIME_PASSES_TD
#define PEERMLA_CONVERSION_LAUNCHTORUNTIME_PASSES_TD

include "mlir/Pass/PassBase.td"

def MergeGpuKernels : Pass<"peermla-merge-gpu-kernels", "mlir::ModuleOp"> {
  let summary = "Keep one of several equal kernel modules";
  let description = [{
    Layers of a model and entries share most of their kernels: weights, buffers and
    sizes are parameters. `gpu.module`s that differ only in names, in locations and
    in the ids of ops (`peermla.id`) become the first of them. Works on kernels in
    any form; those that are functions yet, which take shapes from their launches,
    must be launched with operands of the same types. Numerics: unchanged.

    ```mlir
    gpu.module @forward_0 { llvm.func @forward_0(%x: !llvm.ptr) { BODY } }
    gpu.module @forward_1 { llvm.func @forward_1(%x: !llvm.ptr) { BODY } }
    func.func @forward(%a: memref<4xf32>, %b: memref<4xf32>) {
      tile.launch @forward_0::@forward_0 blocks(%n) outs(%a : memref<4xf32>)
      tile.launch @forward_1::@forward_1 blocks(%n) outs(%b : memref<4xf32>)
    ```
    becomes
    ```mlir
    gpu.module @forward_0 { llvm.func @forward_0(%x: !llvm.ptr) { BODY } }
    func.func @forward(%a: memref<4xf32>, %b: memref<4xf32>) {
      tile.launch @forward_0::@forward_0 blocks(%n) outs(%a : memref<4xf32>)
      tile.launch @forward_0::@forward_0 blocks(%n) outs(%b : memref<4xf32>)
    ```
  }];
  let statistics = [
    Statistic<"numMerged", "num-merged", "Modules replaced by an equal one">
  ];
}

def LowerKernelLaunches
    : Pass<"peermla-lower-kernel-launches", "mlir::ModuleOp"> {
  let summary = "Make launches and copies on the host calls of the runtime";
  let description = [{
    In each nested module of a GPU target (`peermla.gpu`), every `tile.launch` on
    memrefs becomes a call of `peermla_rt_launch` and every `memref.copy` one of
    `peermla_rt_copy` (ModelABI.h). What a launch is told: the number of its
    kernel, the grid, the addresses of the kernel's parameters in the order that
    `tile.launch` gives, and the bytes that each memref spans. Kernels are
    numbered in the order in which the target's `gpu.module`s have them; these
    move out of the target's module to the end of the model, under the target's
    name, so that what remains is host code. A kernel learns what its operands
    are: `peermla.operands`, a letter for each: memory that it reads (r), reads
    and writes (w), a scalar (s).

    A copy between memrefs that are not contiguous, and host code that itself
    touches memory, are errors: it is the device's. Numerics: unchanged.

    ```mlir
    module @M {
      module @gpu_sm_80 attributes {peermla.gpu = "sm_80"} {
        gpu.module @scale { llvm.func @scale(%x: !llvm.ptr, %y: !llvm.ptr, %T: i64, ...) }
        func.func @forward(%x: memref<?x64xf32>, %y: memref<?x64xf32>) {
          tile.launch @scale::@scale blocks(%n) ins(%x : memref<?x64xf32>) outs(%y : memref<?x64xf32>)
    ```
    becomes
    ```mlir
    module @M {
      module @gpu_sm_80 attributes {peermla.gpu = "sm_80"} {
        func.func @forward(%x: memref<?x64xf32>, %y: memref<?x64xf32>) {
          llvm.call @peermla_rt_launch(%c0, %n, %c1, %c1, %parameters, %bytes)
      }
      gpu.module @sm_80.scale attributes {peermla.gpu = "sm_80"} {
        llvm.func @scale(...) attributes {peermla.operands = "rw"}
      }
    }
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::LLVM::LLVMDialect",
                           "mlir::memref::MemRefDialect"];
}

#endif // PEERMLA_CONVERSION_LAUNCHTORUNTIME_PASSES_TD
