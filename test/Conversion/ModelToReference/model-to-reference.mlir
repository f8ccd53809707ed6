// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-model-to-reference,canonicalize,cse))' | FileCheck %s

// Model ops on f64 memrefs become scalar loops. That their results are right is
// shown by execution (test/Integration); here it is that nothing but plain loops
// comes out, and that what must not be touched is guarded.

// The k best are found among all 5 x 7 sums: no bound leaves any out.

// CHECK-LABEL: func.func @retrieve_visits_all_experts(
//   CHECK-DAG:   %[[FIVE:.+]] = arith.constant 5 : index
//   CHECK-DAG:   %[[SEVEN:.+]] = arith.constant 7 : index
//   CHECK-DAG:   %[[S0:.+]] = memref.alloc() : memref<5xf64>
//   CHECK-DAG:   %[[S1:.+]] = memref.alloc() : memref<7xf64>
//       CHECK:   memref.store %{{.+}}, %[[S0]]
//       CHECK:   memref.store %{{.+}}, %[[S1]]
//       CHECK:   scf.for %[[A:.+]] = %{{.+}} to %[[FIVE]] step
//       CHECK:     %[[SA:.+]] = memref.load %[[S0]][%[[A]]]
//       CHECK:     scf.for %[[B:.+]] = %{{.+}} to %[[SEVEN]] step
//       CHECK:       %[[SB:.+]] = memref.load %[[S1]][%[[B]]]
//   CHECK-DAG:       %[[SUM:.+]] = arith.addf %[[SA]], %[[SB]] : f64
//   CHECK-DAG:       %[[ROW:.+]] = arith.muli %[[A]], %[[SEVEN]] : index
//   CHECK-DAG:       %[[ID:.+]] = arith.addi %[[ROW]], %[[B]] : index
//       CHECK:       scf.if
//   CHECK-DAG:         memref.store %[[SUM]]
//   CHECK-DAG:         memref.store %[[ID]]
func.func @retrieve_visits_all_experts(
    %q: memref<3x2x6xf64>, %k0: memref<5x3xf64>, %k1: memref<7x3xf64>,
    %g: memref<3x2x4xf64>, %i: memref<3x2x4xi32>) {
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf64>, memref<5x3xf64>, memref<7x3xf64>)
      outs(%g, %i : memref<3x2x4xf64>, memref<3x2x4xi32>)
  return
}

// The tables are read under the check that the index exists.

// CHECK-LABEL: func.func @experts_check_indices(
//  CHECK-SAME:     %{{[^:]+}}: memref<3x6xf64>, %[[I:[^:]+]]: memref<3x2x4xi32>, %{{[^:]+}}: memref<3x2x4xf64>, %[[DOWN:[^:]+]]: memref<35x2x6xf64>
//   CHECK-NOT:   memref.load %[[DOWN]]
//       CHECK:   %[[RAW:.+]] = memref.load %[[I]]
//       CHECK:   %[[ID:.+]] = arith.index_cast %[[RAW]] : i32 to index
//   CHECK-NOT:   memref.load %[[DOWN]]
//       CHECK:   arith.cmpi {{sge|slt}}, %[[ID]]
//       CHECK:   %[[EXISTS:.+]] = arith.andi
//       CHECK:   scf.if %[[EXISTS]] {
//       CHECK:     memref.load %[[DOWN]][%[[ID]],
//       CHECK:     math.erf
func.func @experts_check_indices(
    %x: memref<3x6xf64>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf64>,
    %down: memref<35x2x6xf64>, %up: memref<35x2x5xf64>, %y: memref<3x5xf64>) {
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf64>, memref<3x2x4xi32>,
          memref<3x2x4xf64>, memref<35x2x6xf64>, memref<35x2x5xf64>)
      outs(%y : memref<3x5xf64>)
  return
}

// A cache row is written only if the table has an entry for its position and the
// entry is a block.

// CHECK-LABEL: func.func @append_checks_blocks(
//  CHECK-SAME:     %{{[^:]+}}: memref<7x20xf64>, %{{[^:]+}}: memref<3xi32>, %{{[^:]+}}: memref<2xi32>, %[[TABLE:[^:]+]]: memref<2x5xi32>, %[[CACHE:[^:]+]]: memref<?x4x20xf64>
//       CHECK:   %[[BLOCK:.+]] = scf.if %{{.+}} -> (index) {
//       CHECK:     memref.load %[[TABLE]]
//       CHECK:   arith.cmpi {{sge|slt}}, %[[BLOCK]]
//       CHECK:   scf.if
//       CHECK:     memref.store %{{.+}}, %[[CACHE]][%[[BLOCK]],
func.func @append_checks_blocks(
    %rows: memref<7x20xf64>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %cache: memref<?x4x20xf64>) {
  mla.cache_append
      ins(%rows, %cu, %past, %blocks : memref<7x20xf64>, memref<3xi32>,
          memref<2xi32>, memref<2x5xi32>)
      outs(%cache : memref<?x4x20xf64>)
  return
}

// Attention is expanded: keys of a head are computed before scores.

// CHECK-LABEL: func.func @attention_is_expanded(
//  CHECK-SAME:     %[[Q:[^:]+]]: memref<7x3x12xf64>, %[[KV:[^:]+]]: memref<7x20xf64>, %[[UK:[^:]+]]: memref<3x8x16xf64>
//       CHECK:   memref.load %[[KV]]
//       CHECK:   memref.load %[[UK]]
//       CHECK:   memref.load %[[Q]]
//       CHECK:   math.exp
//   CHECK-NOT:   mla.attention
func.func @attention_is_expanded(
    %q: memref<7x3x12xf64>, %kv: memref<7x20xf64>, %w_uk: memref<3x8x16xf64>,
    %w_uv: memref<3x6x16xf64>, %cu: memref<4xi32>, %o: memref<7x3x6xf64>) {
  mla.attention causal scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf64>, memref<7x20xf64>,
          memref<3x8x16xf64>, memref<3x6x16xf64>)
      ragged(%cu : memref<4xi32>)
      outs(%o : memref<7x3x6xf64>)
  return
}

// A tile of attention starts at its own row 0 with the token that `item` says.

// CHECK-LABEL: func.func @tile_of_online_attention(
//  CHECK-SAME:     %[[Q:[^:]+]]: memref<7x3x20xf64>, %{{[^:]+}}: memref<?x4x20xf64>, %[[CU:[^:]+]]: memref<3xi32>
//  CHECK-SAME:     %[[B:[^:]+]]: index, %[[FIRST:[^:]+]]: index
//       CHECK:   memref.load %[[CU]][%[[B]]]
//       CHECK:   scf.for %[[T:.+]] = %[[FIRST]] to
//       CHECK:     %[[ROW:.+]] = arith.subi %[[T]], %[[FIRST]] : index
//       CHECK:     memref.load %[[Q]][%[[ROW]],
//   CHECK-NOT:   mla.online_attention
func.func @tile_of_online_attention(
    %q: memref<7x3x20xf64>, %cache: memref<?x4x20xf64>, %cu: memref<3xi32>,
    %past: memref<2xi32>, %blocks: memref<2x5xi32>, %o: memref<7x3x16xf64>,
    %b: index, %first: index) {
  mla.online_attention causal scale(0.5)
      ins(%q, %cache : memref<7x3x20xf64>, memref<?x4x20xf64>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      item(%b, %first) outs(%o : memref<7x3x16xf64>)
  return
}

// The frequencies are constants; the angle is never rounded.

// CHECK-LABEL: func.func @rotation_angles_are_f64(
//   CHECK-DAG:   arith.constant 1.000000e-02 : f64
//       CHECK:   %[[P:.+]] = arith.sitofp %{{.+}} : i32 to f64
//       CHECK:   %[[ANGLE:.+]] = arith.mulf %[[P]], %{{.+}} : f64
//       CHECK:   math.cos %[[ANGLE]] : f64
//       CHECK:   math.sin %[[ANGLE]] : f64
func.func @rotation_angles_are_f64(%p: memref<?xi32>, %t: memref<?x4xf64>) {
  mla.rope_table {inv_freq = array<f64: 1.0, 0.01>, multiplier = 1.0 : f64}
      ins(%p : memref<?xi32>) outs(%t : memref<?x4xf64>)
  return
}

// Copies between any layouts are loops, so that no runtime function is needed.

// CHECK-LABEL: func.func @copies_are_loops(
//  CHECK-SAME:     %[[X:.+]]: memref<3x?xf64, strided<[?, 2]>>, %[[Y:.+]]: memref<3x?xf64>
//   CHECK-NOT:   memref.copy
//       CHECK:   scf.for %[[I:.+]] =
//       CHECK:     scf.for %[[J:.+]] =
//       CHECK:       %[[V:.+]] = memref.load %[[X]][%[[I]], %[[J]]]
//       CHECK:       memref.store %[[V]], %[[Y]][%[[I]], %[[J]]]
func.func @copies_are_loops(%x: memref<3x?xf64, strided<[?, 2]>>,
                            %y: memref<3x?xf64>) {
  memref.copy %x, %y : memref<3x?xf64, strided<[?, 2]>> to memref<3x?xf64>
  return
}
