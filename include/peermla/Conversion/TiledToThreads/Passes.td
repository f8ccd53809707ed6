//===- Passes.td - from kernels on memrefs to threads of a GPU ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The way of every kernel that is no tile program: what its ops compute is
// shared out to the threads of a block, one element of a result after the other.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_TILEDTOTHREADS_PASSES_TD
#define PEERMLA_CONVERSION_TILEDTOTHREADS_PASSES_TD

include "mlir/Pass/PassBase.td"

def StepsToKernels
    : InterfacePass<"peermla-steps-to-kernels", "mlir::FunctionOpInterface"> {
  let summary = "Put what host code does with memory into kernels of one block";
  let description = [{
    Host code of a GPU target must not touch memory of the device. Ops outside of
    all kernels that do (the table of work items of a ragged batch) become a kernel
    of one work item, runs of them one kernel. A value of device memory that host
    code needs is an error. Numerics: unchanged.

    ```mlir
    linalg.fill ins(%zero : i32) outs(%table : memref<?x3xi32>)
    scf.for ... { memref.store ... }
    ```
    becomes
    ```mlir
    scf.forall (%block) in (1) {
      linalg.fill ins(%zero : i32) outs(%table : memref<?x3xi32>)
      scf.for ... { memref.store ... }
    }
    ```
  }];
  let dependentDialects = ["mlir::scf::SCFDialect"];
}

def KernelsToModules : Pass<"peermla-kernels-to-modules", "mlir::ModuleOp"> {
  let summary = "Make each scf.forall a kernel of a gpu.module and a launch";
  let description = [{
    Work items are numbered in row-major order and are the blocks of a grid with
    one extent. Parameters are what the loop reads from outside: memory that it only
    reads and scalars, then memory that it writes. The attribute `peermla.threads`
    marks the kernel as one whose ops are to be shared out to threads. Numerics:
    unchanged.

    ```mlir
    scf.forall (%i) = (0) to (%n) step (8) { ... linalg.generic ins(%x_i) outs(%y_i) }
    ```
    becomes
    ```mlir
    tile.launch @forward_0::@forward_0 blocks(%items) ins(%x, %n : ...) outs(%y : ...)
    gpu.module @forward_0 {
      func.func @forward_0(%x: memref<?x64xf32>, %n: index, %y: memref<?x64xf32>) attributes {peermla.threads} {
        %block = gpu.block_id x
        %i = affine.apply affine_map<(d0) -> (d0 * 8)>(%block)
        ... linalg.generic ins(%x_i) outs(%y_i)
    ```
  }];
  let statistics = [
    Statistic<"numKernels", "num-kernels", "Kernels made">
  ];
  let dependentDialects = ["mlir::affine::AffineDialect",
                           "mlir::arith::ArithDialect",
                           "mlir::func::FuncDialect",
                           "mlir::gpu::GPUDialect",
                           "peermla::tile::TileDialect"];
}

def DistributeToThreads
    : Pass<"peermla-distribute-to-threads", "mlir::gpu::GPUModuleOp"> {
  let summary = "Share out the ops of a kernel to the threads of a block";
  let description = [{
    In functions with `peermla.threads`. All threads run the same loops and
    branches around ops; inside,

    * the parallel iterations of a linalg op or a copy are shared out: thread t
      takes t, t + n and so on of those in the order in which they are written.
      A sum is computed by its thread in the order of the op, or, where there are
      fewer results than threads and one op adds up, by the lanes of a warp: each
      sums every 32nd term, then pairs of lanes add up theirs;
    * iterations of a nested `scf.forall` are shared out too; its ops are run by
      the thread alone, and what it allocates is memory of the thread, or, with
      lists of more than 1 KB and room for all threads, of the block;
    * stores, and loops of nothing but scalars with stores, are the first thread's;
    * a `gpu.barrier` separates ops of which one writes what the other reads or
      writes.

    The function gets `nvvm.reqntid`, threads enough for its largest op, 32 to 256.
    An op that is none of these is an error.

    Numerics: unchanged but for sums of a warp's lanes, whose order changes.

    ```mlir
    linalg.generic ins(%x : memref<?x64xf32>) outs(%y : memref<?x64xf32>) { exp }
    ```
    becomes
    ```mlir
    %n = memref.dim ..., %total = affine.apply (n * 64)
    scf.for %e = %thread to %total step %c256 {
      %i, %j = arith.divui, remui
      %v = memref.load %x[%i, %j]
      %r = math.exp %v : f32
      memref.store %r, %y[%i, %j]
    }
    gpu.barrier
    ```
  }];
  let statistics = [
    Statistic<"numBarriers", "num-barriers", "Barriers between ops">
  ];
  let dependentDialects = ["mlir::affine::AffineDialect",
                           "mlir::arith::ArithDialect",
                           "mlir::gpu::GPUDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::memref::MemRefDialect",
                           "mlir::scf::SCFDialect"];
}

def PlaceInSharedMemory
    : Pass<"peermla-place-in-shared-memory", "mlir::gpu::GPUModuleOp"> {
  let summary = "Give the buffers of a kernel places in shared memory";
  let description = [{
    In functions with `peermla.threads`, which is removed. Dynamic extents of a
    buffer have a constant bound, from the schedule. Buffers share a place if a
    barrier lies between the last use of one and the first of the other. The bytes
    become `tile.shared_bytes` of the function; more than a block of the target can
    have is an error. Numerics: unchanged.

    ```mlir
    %sum = memref.alloc() : memref<8xf32>
    ```
    becomes
    ```mlir
    %shared = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %bytes = memref.memory_space_cast %shared : ... to memref<?xi8>
    %sum = memref.view %bytes[%c0][] : memref<?xi8> to memref<8xf32>
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::gpu::GPUDialect",
                           "mlir::memref::MemRefDialect"];
}

def ThreadsToNVVM : Pass<"peermla-threads-to-nvvm", "mlir::gpu::GPUModuleOp"> {
  let summary = "Convert kernels for one thread to the NVVM dialect";
  let description = [{
    `func.func`s with `nvvm.reqntid` become kernels, `llvm.func`s with the
    parameters that `tile.launch` describes; memory of parameters is global.
    Numerics: unchanged.

    ```mlir
    func.func @k(%x: memref<?x64xf32>, %n: index) attributes {nvvm.reqntid = array<i32: 64>} {
      %t = gpu.thread_id x
    ```
    becomes
    ```mlir
    llvm.func @k(%x: !llvm.ptr<1>, %n: i64, %x_size: i64) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 64>} {
      %t = nvvm.read.ptx.sreg.tid.x : i32
    ```
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect", "mlir::NVVM::NVVMDialect"];
}

#endif // PEERMLA_CONVERSION_TILEDTOTHREADS_PASSES_TD
