// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-split-keys))' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-split-keys{deterministic=true}))' | FileCheck %s --check-prefix=SAME

// Kernels of both forms keep the warps of a GPU's schedule. In deterministic mode
// they have one form: a tile program visits the keys as a whole.

module attributes {peermla.gpu = "sm_80"} {
// CHECK-LABEL: func.func @warps(
//       CHECK:     mla.online_attention {{.+}} parts(4 by 64) {peermla.schedule = #tile.schedule<block = [1, 2, 3], inner = [64], warps = [1, 4], stages = 2>}
//       CHECK:     mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [2, 3], inner = [64], parts = 1, warps = [1, 4], stages = 2>}
// SAME-LABEL: func.func @warps(
//   SAME-NOT:   scf.if
//       SAME:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [2, 3], inner = [64], parts = 1, warps = [1, 4], stages = 2>}
//   SAME-NOT:   mla.merge
func.func @warps(%q: tensor<?x3x20xf32>, %cache: tensor<?x?x20xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  %o = mla.online_attention causal scale(0.25) {peermla.schedule = #tile.schedule<block = [2, 3], inner = [64], parts = 4, warps = [1, 4], stages = 2>}
      ins(%q, %cache : tensor<?x3x20xf32>, tensor<?x?x20xf32>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}

// sm_80 has 108 multiprocessors, for two blocks each: 64 parts of up to 3 items, if
// tables have room for 64 * 128 keys, 8 parts of up to 27. With fewer parts there is
// one choice.

// CHECK-LABEL: func.func @many_parts(
//       CHECK:   %[[FEWEST:.+]] = arith.constant 4 : index
//       CHECK:   %[[IS_FEW:.+]] = arith.cmpi slt, %[[COUNT:.+]], %[[FEWEST]]
//       CHECK:   %[[BLOCKS:.+]] = tensor.dim %arg4, %c1
//       CHECK:   %[[PAGE:.+]] = tensor.dim %arg1, %c1
//       CHECK:   %[[ROOM:.+]] = arith.muli %[[BLOCKS]], %[[PAGE]]
//       CHECK:   %[[LONG:.+]] = arith.constant 8192 : index
//       CHECK:   %[[IS_LONG:.+]] = arith.cmpi sge, %[[ROOM]], %[[LONG]]
//       CHECK:   %[[BOTH:.+]] = arith.andi %[[IS_FEW]], %[[IS_LONG]]
//       CHECK:   scf.if %[[BOTH]]
//       CHECK:     mla.online_attention {{.+}} parts(64 by 64)
//       CHECK:   } else {
//       CHECK:     %[[FEW:.+]] = arith.constant 28 : index
//       CHECK:     arith.cmpi slt, %[[COUNT]], %[[FEW]]
//       CHECK:     scf.if
//       CHECK:       mla.online_attention {{.+}} parts(8 by 64)
//       CHECK:     } else {
//       CHECK:       mla.online_attention {{.+}}, parts = 1, {{.+}}
//   CHECK-NOT:       mla.online_attention
func.func @many_parts(%q: tensor<?x3x20xf32>, %cache: tensor<?x?x20xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  %o = mla.online_attention causal scale(0.25) {peermla.schedule = #tile.schedule<block = [2, 3], inner = [64], parts = 64, warps = [1, 4], stages = 2>}
      ins(%q, %cache : tensor<?x3x20xf32>, tensor<?x?x20xf32>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}

// The room that a layer's cache has is asked of what all layers share.

// CHECK-LABEL: func.func @layer(
//  CHECK-SAME:   %{{.+}}: index, %{{.+}}: index, %[[PAGE:.+]]: index, %{{.+}}: tensor<?x3x20xf32>
//       CHECK:   arith.muli %{{.+}}, %[[PAGE]] : index
func.func @layer(%T: index, %n: index, %page: index, %q: tensor<?x3x20xf32>, %rows: tensor<?x20xf32>, %caches: tensor<2x?x?x20xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  %cache = tensor.extract_slice %caches[1, 0, 0, 0] [1, %n, %page, 20] [1, 1, 1, 1] : tensor<2x?x?x20xf32> to tensor<?x?x20xf32>
  %new = mla.cache_append ins(%rows, %cu, %past, %blocks : tensor<?x20xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
      outs(%cache : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  %o = mla.online_attention causal scale(0.25) {peermla.schedule = #tile.schedule<block = [2, 3], inner = [64], parts = 64, warps = [1, 4], stages = 2>}
      ins(%q, %new : tensor<?x3x20xf32>, tensor<?x?x20xf32>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}

// Without warps one item may visit all parts, which are 8 at most then.

// CHECK-LABEL: func.func @threads(
// SAME-LABEL: func.func @threads(
//       SAME:   scf.if
//       SAME:     parts(8 by 32) {peermla.schedule = #tile.schedule<block = [1, 2, 3], inner = [32]>}
//       SAME:   } else {
//       SAME:     parts(8 by 32) ins(
//       SAME:     mla.merge {peermla.schedule = #tile.schedule<block = [2, 3], inner = [32]>}
func.func @threads(%q: tensor<?x3x20xf32>, %cache: tensor<?x?x20xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  %o = mla.online_attention causal scale(0.25) {peermla.schedule = #tile.schedule<block = [2, 3], inner = [32], parts = 64>}
      ins(%q, %cache : tensor<?x3x20xf32>, tensor<?x?x20xf32>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}
}
