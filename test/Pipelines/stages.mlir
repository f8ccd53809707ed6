// RUN: peermla-opt %peermla_src_root/test/Integration/Examples/peer_layer.mlir -pass-pipeline='builtin.module(peermla-to-tiled{cpu-levels=x86-64-v3})' -o %t.tiled.mlir
// RUN: FileCheck %s --check-prefix=TILED --input-file=%t.tiled.mlir
// RUN: peermla-opt %t.tiled.mlir -pass-pipeline='builtin.module(peermla-tiled-to-buffers)' -o %t.buffers.mlir
// RUN: FileCheck %s --check-prefix=BUFFERS --input-file=%t.buffers.mlir
// RUN: peermla-opt %t.buffers.mlir -pass-pipeline='builtin.module(peermla-buffers-to-cpu)' -o %t.cpu.mlir
// RUN: FileCheck %s --check-prefix=CPU --input-file=%t.cpu.mlir
// RUN: peermla-opt %t.cpu.mlir -pass-pipeline='builtin.module(peermla-cpu-to-llvm)' -o %t.llvm.mlir
// RUN: FileCheck %s --check-prefix=LLVM --input-file=%t.llvm.mlir

// RUN: peermla-opt %peermla_src_root/test/Integration/Examples/mla_layer.mlir -pass-pipeline='builtin.module(peermla-to-tiled{cpu-levels=x86-64-v3})' -o %t.mla.mlir
// RUN: FileCheck %s --check-prefix=MLA --input-file=%t.mla.mlir
// RUN: peermla-opt %t.mla.mlir -pass-pipeline='builtin.module(peermla-tiled-to-buffers)' -o %t.mla-buffers.mlir
// RUN: FileCheck %s --check-prefix=MLA-BUFFERS --input-file=%t.mla-buffers.mlir
// RUN: peermla-opt %t.mla-buffers.mlir -pass-pipeline='builtin.module(peermla-buffers-to-cpu,peermla-cpu-to-llvm)' | FileCheck %s --check-prefix=MLA-LLVM

// Each stage reads what the one before printed, and what it promises is there.

// One module per target; a kernel for the queries, one for scores and selection
// together; for the experts two, parts and their sums, or one.

//       TILED: module @PeerLayer {
//       TILED:   module @cpu_x86_64_v3 attributes {peermla.level = "x86-64-v3"}
//       TILED:   func.func @forward(
//       TILED:     scf.forall
//       TILED:       linalg.generic {{.+}}peermla.id = "query_proj"
//       TILED:     } {peermla.id = "query_proj"}
//       TILED:     scf.forall
//       TILED:       linalg.generic
//       TILED:       linalg.generic
//       TILED:       peer.select softmax num_keys([8, 5])
//       TILED:     } {peermla.id = "retrieve"}
//       TILED:     scf.if
//       TILED:       scf.forall
//       TILED:         peer.expert_mlp gelu
//       TILED:       scf.forall
//       TILED:         linalg.generic
//       TILED:     } else {
//       TILED:       scf.forall
//       TILED:         peer.expert_mlp gelu
//       TILED:   func.func @prepared.query_proj.weight.prepare(
//   TILED-NOT: peer.retrieve

// The experts write the caller's memory, with few tokens and with many.

//     BUFFERS: func.func @forward(%{{.+}}: memref<?x24xf32> {{{.*}}peermla.kind = "in"{{.*}}}, %[[Y:.+]]: memref<?x24xf32> {{{.*}}peermla.kind = "out"
//     BUFFERS:   scf.if
//     BUFFERS:     memref.subview %[[Y]][
//     BUFFERS:   } else {
//     BUFFERS:     %[[ROW:.+]] = memref.subview %[[Y]][
//     BUFFERS:     peer.expert_mlp gelu {{.+}} outs(%[[ROW]] : memref<1x24xf32
// BUFFERS-NOT: memref.copy
//     BUFFERS:   return
// BUFFERS-NOT: tensor<
// BUFFERS-NOT: bufferization

//         CPU: module @PeerLayer attributes {peermla.metadata = "{{.+}}\22level\22:\22x86-64-v3\22
//         CPU:   func.func private @forward.kernel_0.x86_64_v3(
//         CPU:   func.func @forward.workspace.x86_64_v3(
//         CPU:   func.func @forward.x86_64_v3(
//     CPU-NOT:   linalg
//     CPU-NOT:   peer.

//        LLVM: llvm.func @peermla_rt_parallel_for(i64, !llvm.ptr, !llvm.ptr)
//        LLVM: llvm.func internal @forward.kernel_0.x86_64_v3(
//        LLVM: llvm.func @forward.x86_64_v3.packed(%{{.+}}: !llvm.ptr)
//    LLVM-NOT: func.func
//    LLVM-NOT: unrealized_conversion_cast

// Attention over a cache is absorbed; the cache is updated in place, without a
// copy of it.

// Every op is in a kernel: the rotation of key rows in the one that writes them.
// With few work items attention is split along the keys.

//         MLA: func.func @decode(%[[X:[a-z0-9]+]]: tensor<?x24xf32>
//         MLA: %[[T:.+]] = tensor.dim %[[X]], %c0
//         MLA: scf.forall
//         MLA:   mla.positions {{.+}} first(
//         MLA: scf.forall {{.+}} shared_outs(%{{.+}} = %[[CACHE:.+]]) -> (tensor<?x?x20xf32>)
//         MLA:   mla.rope
//         MLA:   mla.cache_append
//         MLA: scf.if
//         MLA:   mla.work_items
//         MLA:   scf.forall (%{{.+}}, %{{.+}}) in (%{{.+}}, 8)
//         MLA:     mla.online_attention causal {{.+}} parts(8 by {{.+}} : tensor<?x3x20xf32>, tensor<?x?x20xf32>) {{.+}} item(
//         MLA:   scf.forall
//         MLA:     mla.merge
//         MLA: } else {
//         MLA:   mla.work_items
//         MLA:   scf.forall
//         MLA:     mla.online_attention causal {{.+}} item(

// The number of tokens is that of the caller's, also where a kernel follows one
// that was made after extents had been resolved for the first time.

//         MLA: scf.forall (%{{.+}}) = (0) to (%[[T]]) step
//         MLA:   linalg.generic {{.+}}peermla.id = "o_proj"
//     MLA-NOT: mla.attention

// MLA-BUFFERS: func.func @decode({{.+}}, %[[CACHE:[^:]+]]: memref<?x?x20xf32> {{{.*}}peermla.kind = "inout"
// MLA-BUFFERS: %[[WHOLE:.+]] = memref.subview %[[CACHE]][0, 0, 0]
// MLA-BUFFERS: mla.cache_append {{.+}} outs(%[[WHOLE]] : memref<?x?x20xf32
// MLA-BUFFERS-NOT: memref.copy {{.+}}x20xf32
// MLA-BUFFERS: mla.online_attention {{.+}} ins(%{{.+}}, %[[CACHE]] :

//    MLA-LLVM: llvm.func @decode.x86_64_v3.packed(
