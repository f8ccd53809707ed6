// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-split-keys))' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-split-keys{deterministic=true}))' | FileCheck %s --check-prefix=SAME
// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-split-keys))' --remarks-filter=schedule --remark-format=emitRemark 2>&1 | FileCheck %s --check-prefix=REMARK

// Whether keys are split is a question of shapes: with 5 tokens and 2 heads per
// item there are (ceil(T / 5) + B) * 2 items. Memory of partial results is that of
// no row where there are many.

//       CHECK: #[[$BOUND:.+]] = affine_map<()[s0, s1] -> (s1 + s0 ceildiv 5 - 1)>
// CHECK-LABEL: func.func @few_items_are_split(
//  CHECK-SAME:   %[[Q:.+]]: tensor<?x3x20xf32>, %[[CACHE:.+]]: tensor<?x?x20xf32>, %[[CU:[a-z0-9]+]]: tensor<?xi32>, {{.+}} %[[O:[a-z0-9]+]]: tensor<?x3x16xf32>
//       CHECK:   %[[T:.+]] = tensor.dim %[[O]], %{{.+}}
//       CHECK:   %[[B1:.+]] = tensor.dim %[[CU]]
//       CHECK:   %[[ITEMS:.+]] = affine.apply #[[$BOUND]]()[%[[T]], %[[B1]]]
//       CHECK:   %[[ALL:.+]] = arith.muli %[[ITEMS]], %c2{{.*}}
//       CHECK:   %[[FEW:.+]] = arith.cmpi slt, %[[ALL]], %c16{{.*}}
//       CHECK:   %[[ROWS:.+]] = arith.select %[[FEW]], %[[T]], %c0{{.*}}
//       CHECK:   scf.if %[[FEW]] -> (tensor<?x3x16xf32>) {
//       CHECK:     %[[OI:.+]] = tensor.empty(%[[ROWS]]) : tensor<4x?x3x16xf32>
//       CHECK:     %[[LI:.+]] = tensor.empty(%[[ROWS]]) : tensor<4x?x3xf32>
//       CHECK:     %[[P:.+]]:2 = mla.online_attention causal scale({{.+}}) parts(4 by 32) {peermla.id = "a", peermla.schedule = #tile.schedule<block = [1, 5, 2], inner = [32]>}
//  CHECK-SAME:       ins(%[[Q]], %[[CACHE]] :
//  CHECK-SAME:       outs(%[[OI]], %[[LI]] :
//       CHECK:     %[[M:.+]] = mla.merge {peermla.id = "a", peermla.schedule = #tile.schedule<block = [2, 3]>} ins(%[[P]]#0, %[[P]]#1 :
//  CHECK-SAME:       outs(%[[O]] :
//       CHECK:     scf.yield %[[M]]
//       CHECK:   } else {
//       CHECK:     %[[W:.+]] = mla.online_attention causal scale({{.+}}) {peermla.id = "a", peermla.schedule = #tile.schedule<block = [5, 2], inner = [32], parts = 1>}
//  CHECK-SAME:       outs(%[[O]] :
//       CHECK:     scf.yield %[[W]]

// In deterministic mode both branches have the same parts. With many items the
// attention has no schedule: it is computed where its parts are joined.

// SAME-LABEL: func.func @few_items_are_split(
//       SAME:   scf.if
//       SAME:     mla.online_attention causal scale({{.+}}) parts(4 by 32) {{{.*}}peermla.schedule = #tile.schedule<block = [1, 5, 2], inner = [32]>}
//       SAME:     mla.merge {{{.*}}peermla.schedule = #tile.schedule<block = [2, 3]>}
//       SAME:   } else {
//       SAME:     tensor.empty(%{{.+}}) : tensor<4x?x3x16xf32>
//       SAME:     mla.online_attention causal scale({{.+}}) parts(4 by 32) {peermla.id = "a"}
//       SAME:     mla.merge {peermla.id = "a", peermla.schedule = #tile.schedule<block = [5, 2], inner = [32]>}

// REMARK: split keys into 4 parts below 16 items
func.func @few_items_are_split(%q: tensor<?x3x20xf32>, %cache: tensor<?x?x20xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  %o = mla.online_attention causal scale(0.25) {peermla.id = "a", peermla.schedule = #tile.schedule<block = [5, 2], inner = [32], parts = 4>}
      ins(%q, %cache : tensor<?x3x20xf32>, tensor<?x?x20xf32>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>)
      outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}

// The logarithms of sums that are asked for come from the join.

// CHECK-LABEL: func.func @lse_is_merged(
//       CHECK:   scf.if {{.+}} -> (tensor<?x3x16xbf16>, tensor<?x3xf32>) {
//       CHECK:     mla.online_attention {{.+}} outs(%{{.+}}, %{{.+}} : tensor<2x?x3x16xf32>, tensor<2x?x3xf32>)
//       CHECK:     mla.merge {{.+}} outs(%{{.+}}, %{{.+}} : tensor<?x3x16xbf16>, tensor<?x3xf32>)
func.func @lse_is_merged(%q: tensor<?x3x20xbf16>, %k: tensor<?x20xbf16>, %cu: tensor<?xi32>, %i: tensor<?x3x16xbf16>, %l: tensor<?x3xf32>) -> (tensor<?x3x16xbf16>, tensor<?x3xf32>) {
  %o:2 = mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [5, 3], inner = [32], parts = 2>}
      ins(%q, %k : tensor<?x3x20xbf16>, tensor<?x20xbf16>) ragged(%cu : tensor<?xi32>)
      outs(%i, %l : tensor<?x3x16xbf16>, tensor<?x3xf32>) -> tensor<?x3x16xbf16>, tensor<?x3xf32>
  return %o#0, %o#1 : tensor<?x3x16xbf16>, tensor<?x3xf32>
}

// CHECK-LABEL: func.func @whole_by_schedule(
//   CHECK-NOT:   scf.if
//   CHECK-NOT:   mla.merge
func.func @whole_by_schedule(%q: tensor<?x3x20xf32>, %k: tensor<?x20xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  %o = mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [5, 3], inner = [32], parts = 1>}
      ins(%q, %k : tensor<?x3x20xf32>, tensor<?x20xf32>) ragged(%cu : tensor<?xi32>)
      outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}
