// RUN: peermla-compile %S/Inputs/norm-projection.mlir --target=sm_80 --emit=tiled | FileCheck %s --check-prefix=TILED
// RUN: peermla-compile %S/Inputs/norm-projection.mlir --target=sm_80 --emit=tile | FileCheck %s --check-prefix=TILE
// RUN: peermla-compile %S/Inputs/norm-projection.mlir --target=sm_80 --emit=frag -o %t.frag.mlir
// RUN: FileCheck %s --check-prefix=FRAG --input-file=%t.frag.mlir
// RUN: peermla-compile %t.frag.mlir --input-stage=frag --emit=nvvm -o %t.nvvm.mlir
// RUN: FileCheck %s --check-prefix=NVVM --input-file=%t.nvvm.mlir
// RUN: peermla-compile %t.nvvm.mlir --input-stage=nvvm --emit=ptx | FileCheck %s --check-prefix=PTX
// RUN: peermla-compile %S/Inputs/norm-projection.mlir --target=cpu,sm_80 --cpu-levels=x86-64-v3 --emit=nvvm | FileCheck %s --check-prefix=BOTH

// A norm and a projection with a tanh: two kernels, or one for few tokens, whose way
// goes through all stages of a GPU; each stage reads what the one before printed.

// Weights are not packed.

//     TILED: module @gpu_sm_80 attributes {peermla.gpu = "sm_80"}
//     TILED:   scf.if
//     TILED:     scf.forall ({{.+}}) = (0, 0) to (%{{.+}}, 72) step (64, 64)
//     TILED:   else
//     TILED:     scf.forall (
//     TILED:     scf.forall ({{.+}}) = (0, 0) to (%{{.+}}, 72) step (64, 64)
// TILED-NOT:   scf.forall (
// TILED-NOT:   @prepared

//      TILE: func.func @forward(
//      TILE:   scf.if
//      TILE:     tile.launch @kernel::@kernel
//      TILE:   else
//      TILE:     tile.launch @forward_0::@forward_0
//      TILE:     tile.launch @kernel_0::@kernel_0
//  TILE-NOT:   scf.forall
//      TILE: gpu.module @kernel
//      TILE:   tile.reduce add
//      TILE:   tile.mma
//      TILE: gpu.module @kernel_0
//  TILE-NOT:   tile.reduce
//      TILE:   tile.mma
//      TILE: gpu.module @forward_0
//      TILE:   linalg.generic

// Shared memory has room for one block of products on a multiprocessor.

//      FRAG: gpu.module @kernel
//      FRAG:   llvm.func @kernel({{.+}}) attributes {nvvm.kernel, nvvm.minctasm = 1 : i32, nvvm.reqntid = array<i32: 128>
//      FRAG:     nvvm.mma.sync
//      FRAG: gpu.module @forward_0
//      FRAG:   attributes {nvvm.reqntid = array<i32: 256>, tile.shared_bytes = 16 : i64}
//      FRAG:     gpu.shuffle
//      FRAG:     gpu.barrier
//  FRAG-NOT:   linalg

//      NVVM: tile.launch
//      NVVM: gpu.module @forward_0
//      NVVM:   llvm.func @forward_0({{.+}}) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256>
//  NVVM-NOT:   memref.
//  NVVM-NOT:   unrealized_conversion_cast

//       PTX: // sm_80 kernel
//       PTX: .visible .entry kernel(
//       PTX: .reqntid 128
//  PTX-NEXT: .minnctapersm 1
//       PTX: cp.async.cg.shared.global
//       PTX: mma.sync
//       PTX: // sm_80 forward_0
//       PTX: .target sm_80
//       PTX: .extern .shared
//       PTX: .visible .entry forward_0(
//       PTX: .reqntid 256
//       PTX: ld.global
//       PTX: shfl.sync.bfly.b32
//       PTX: bar.sync
//       PTX: ld.shared
//   PTX-NOT: .local
//   PTX-NOT: call

// CPU levels are left where they are.

//      BOTH: module @cpu_x86_64_v3
//      BOTH:   scf.forall
//      BOTH: module @gpu_sm_80
//      BOTH:   nvvm.kernel
