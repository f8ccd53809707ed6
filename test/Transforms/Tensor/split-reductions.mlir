// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-split-reductions),resolve-shaped-type-result-dims,canonicalize,cse)' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-select-schedules{plans=true},peermla-split-reductions))' | FileCheck %s --check-prefix=PLAN

// Parts of a token's experts are work items while there are few tokens. Their sums
// are f32 in a buffer for as many tokens as that; they are added by an op that
// becomes a kernel with the blocks of the tokens, and rounded there.

// CHECK-DAG:   #[[$PARTS:.+]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
// CHECK-DAG:   #[[$NUMBER:.+]] = affine_map<(d0) -> (d0 floordiv 4)>
// CHECK-DAG:   #[[$SIZE:.+]] = affine_map<(d0) -> (-d0 + 7, 4)>

// CHECK-LABEL: func.func @parts(
//  CHECK-SAME:   %[[X:.+]]: tensor<?x5xbf16>, %[[I:.+]]: tensor<?x3x7xi32>, {{.*}} %[[Y:[a-z0-9]+]]: tensor<?x6xbf16>, %[[U:.+]]: tensor<?x3x7x1xf32>)
//       CHECK:   %[[T:.+]] = tensor.dim %[[Y]], %c0
//       CHECK:   %[[FEW:.+]] = arith.cmpi ule, %[[T]], %c5
//       CHECK:   %[[RESULT:.+]]:2 = scf.if %[[FEW]]
//       CHECK:     %[[SUMS:.+]] = tensor.empty() : tensor<5x3x2x6xf32>
//       CHECK:     %[[ROWS:.+]] = tensor.extract_slice %[[SUMS]][0, 0, 0, 0] [%[[T]], 3, 2, 6]
//       CHECK:     %[[TILES:.+]]:2 = scf.forall (%[[TOKEN:.+]], %[[HEAD:.+]], %[[RANK:.+]]) = (0, 0, 0) to (%[[T]], 3, 7) step (1, 1, 4) shared_outs(%[[S:.+]] = %[[ROWS]], %[[N:.+]] = %[[U]])
//   CHECK-DAG:       %[[COUNT:.+]] = affine.min #[[$SIZE]](%[[RANK]])
//   CHECK-DAG:       %[[P:.+]] = affine.apply #[[$NUMBER]](%[[RANK]])
//   CHECK-DAG:       %[[XT:.+]] = tensor.extract_slice %[[X]][%[[TOKEN]], 0] [1, 5]
//   CHECK-DAG:       %[[IT:.+]] = tensor.extract_slice %[[I]][%[[TOKEN]], %[[HEAD]], %[[RANK]]] [1, 1, %[[COUNT]]]
//   CHECK-DAG:       %[[ST:.+]] = tensor.extract_slice %[[S]][%[[TOKEN]], %[[HEAD]], %[[P]], 0] [1, 1, 1, 6] {{.+}} to tensor<1x6xf32>
//       CHECK:       %[[TILE:.+]]:2 = peer.expert_mlp gelu {peermla.id = "e", peermla.schedule = #tile.schedule<inner = [0, 1, 4], registers = [2, 1]>} ins(%[[XT]], %[[IT]], {{.+}}) outs(%[[ST]], {{.+}} : tensor<1x6xf32>, tensor<1x1x?x1xf32>)
//       CHECK:         tensor.parallel_insert_slice %[[TILE]]#0 into %[[S]][%[[TOKEN]], %[[HEAD]], %[[P]], 0] [1, 1, 1, 6]
//       CHECK:         tensor.parallel_insert_slice %[[TILE]]#1 into %[[N]][%[[TOKEN]], %[[HEAD]], %[[RANK]], 0] [1, 1, %[[COUNT]], 1]
//       CHECK:     } {peermla.id = "e"}
//       CHECK:     %[[SUM:.+]] = linalg.generic {indexing_maps = [#[[$PARTS]], #{{.+}}], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%[[TILES]]#0
//       CHECK:     %[[ROUNDED:.+]] = linalg.generic {{.+}} ins(%[[SUM]] : tensor<?x6xf32>) outs(%[[Y]] : tensor<?x6xbf16>) attrs = {peermla.id = "e", peermla.schedule = #tile.schedule<block = [1, 0]>}
//       CHECK:       arith.truncf
//       CHECK:     scf.yield %[[ROUNDED]], %[[TILES]]#1
//       CHECK:   } else {
//       CHECK:     %[[ALL:.+]]:2 = peer.expert_mlp gelu {peermla.id = "e", peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [0, 1, 4], registers = [2, 1]>} ins(%[[X]], %[[I]],
//       CHECK:     scf.yield %[[ALL]]#0, %[[ALL]]#1
//       CHECK:   return %[[RESULT]]#0, %[[RESULT]]#1
func.func @parts(%x: tensor<?x5xbf16>, %i: tensor<?x3x7xi32>, %g: tensor<?x3x7xf32>, %d: tensor<9x1x5xbf16>, %up: tensor<9x1x6xbf16>, %y: tensor<?x6xbf16>, %u: tensor<?x3x7x1xf32>) -> (tensor<?x6xbf16>, tensor<?x3x7x1xf32>) {
  %0:2 = peer.expert_mlp gelu {peermla.id = "e", peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [0, 1, 4], registers = [2, 1], split = 5>}
      ins(%x, %i, %g, %d, %up : tensor<?x5xbf16>, tensor<?x3x7xi32>, tensor<?x3x7xf32>, tensor<9x1x5xbf16>, tensor<9x1x6xbf16>)
      outs(%y, %u : tensor<?x6xbf16>, tensor<?x3x7x1xf32>) -> tensor<?x6xbf16>, tensor<?x3x7x1xf32>
  return %0#0, %0#1 : tensor<?x6xbf16>, tensor<?x3x7x1xf32>
}

// A report knows both kernels: six parts of each token, then its sum of 6 times six,
// written by one item per token.

//   PLAN-DAG: #[[$ITEMS:.+]] = affine_map<()[s0, s1, s2, s3, s4] -> ({{.+}}, s0 * 6)>
//   PLAN-DAG: #[[$SUMS:.+]] = affine_map<()[s0] -> (s0 * 36, 0, 0, s0 * 156, s0)>
// PLAN-LABEL: func.func @parts(
//       PLAN:   } {peermla.id = "e", peermla.plan = {costs = #[[$ITEMS]], schedule = #tile.schedule<block = [1, 1, 4], {{.+}}, why = "parts are work items where there are few"}}
//       PLAN:   linalg.generic {{.+}}peermla.plan = {costs = #[[$SUMS]], schedule = #tile.schedule<block = [1, 0]>, {{.+}}, why = "parts are work items where there are few"}

// What is f32 needs no rounding: the sum is written to the destination. Where the
// number of tokens is known, so is the choice.

// CHECK-LABEL: func.func @three_tokens(
//  CHECK-SAME:   %[[Y:[a-z0-9]+]]: tensor<3x6xf32>)
//   CHECK-NOT:   scf.if
//       CHECK:   scf.forall (%{{.+}}, %{{.+}}) in (3, 2)
//       CHECK:   %[[ZERO:.+]] = linalg.fill {{.+}} outs(%[[Y]] : tensor<3x6xf32>)
//       CHECK:   %[[SUM:.+]] = linalg.generic {{.+}} outs(%[[ZERO]] : tensor<3x6xf32>) attrs = {peermla.schedule = #tile.schedule<block = [1, 0, 0]>}
//       CHECK:   return %[[SUM]]
func.func @three_tokens(%x: tensor<3x5xf32>, %i: tensor<3x2x4xi32>, %g: tensor<3x2x4xf32>, %d: tensor<9x1x5xf32>, %up: tensor<9x1x6xf32>, %y: tensor<3x6xf32>) -> tensor<3x6xf32> {
  %0 = peer.expert_mlp gelu {peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [0, 1, 0], split = 5>}
      ins(%x, %i, %g, %d, %up : tensor<3x5xf32>, tensor<3x2x4xi32>, tensor<3x2x4xf32>, tensor<9x1x5xf32>, tensor<9x1x6xf32>)
      outs(%y : tensor<3x6xf32>) -> tensor<3x6xf32>
  return %0 : tensor<3x6xf32>
}

// CHECK-LABEL: func.func @leaves_what_is_not_split(
//   CHECK-NOT:   scf
//       CHECK:   peer.expert_mlp gelu {peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [0, 1, 0]>}
func.func @leaves_what_is_not_split(%x: tensor<?x5xf32>, %i: tensor<?x2x4xi32>, %g: tensor<?x2x4xf32>, %d: tensor<9x1x5xf32>, %up: tensor<9x1x6xf32>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %0 = peer.expert_mlp gelu {peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [0, 1, 0]>}
      ins(%x, %i, %g, %d, %up : tensor<?x5xf32>, tensor<?x2x4xi32>, tensor<?x2x4xf32>, tensor<9x1x5xf32>, tensor<9x1x6xf32>)
      outs(%y : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func private @declaration()
func.func private @declaration()
