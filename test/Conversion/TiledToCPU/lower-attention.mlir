// RUN: peermla-opt %s -split-input-file -pass-pipeline="builtin.module(func.func(peermla-lower-attention,canonicalize,cse))" | FileCheck %s
// RUN: sed s/x86-64-v4/x86-64-v4-bf16/ %s | peermla-opt -split-input-file -pass-pipeline="builtin.module(func.func(peermla-lower-attention,canonicalize,cse))" | FileCheck %s --check-prefix=PAIRS

// Keys per head: a work item is up to 64 tokens of one sequence and a head. The
// table of items is made first; keys and values are used where they lie.

// CHECK-LABEL: func.func @keys_per_head(
// CHECK-SAME:    %[[Q:[a-z0-9]*]]: memref<?x3x24xf32>, %[[K:[a-z0-9]*]]: memref<?x3x24xf32>, %[[V:[a-z0-9]*]]: memref<?x3x16xf32>
// CHECK:         %[[ITEMS:.*]] = memref.alloc(%[[BOUND:.*]]) : memref<?x2xi32>
// CHECK:         scf.forall (%[[ITEM:.*]], %[[HEAD:.*]]) in (%[[BOUND]], 3)
// CHECK-COUNT-6:   memref.alloc()
// CHECK-NOT:       memref.alloc
// CHECK:           memref.load %[[ITEMS]][%[[ITEM]], %c0]
// CHECK:           scf.if
// CHECK:             scf.for %[[FIRST:.*]] = %c0 to %{{.*}} step %c256
// CHECK:               %[[KEYS:.*]] = memref.subview %[[K]][%{{.*}}, %[[HEAD]], 0]
// CHECK:               %[[VALUES:.*]] = memref.subview %[[V]][%{{.*}}, %[[HEAD]], 0]
// CHECK:               %[[S:.*]] = memref.subview %{{.*}} : memref<256x64xf32>
// CHECK:               linalg.fill {{.*}} outs(%[[S]]
// CHECK:               linalg.generic {{.*}} ins(%[[KEYS]], %[[QUERIES:.*]] : {{.*}}, memref<24x64xf32>) outs(%[[S]]
// CHECK:               math.exp2
// CHECK:               linalg.generic {{.*}} ins(%[[S]], %[[VALUES]] : {{.*}}) outs(%{{.*}} : memref<64x16xf32>)
module attributes {peermla.level = "x86-64-v4"} {
func.func @keys_per_head(%q: memref<?x3x24xf32>, %k: memref<?x3x24xf32>, %v: memref<?x3x16xf32>, %cu: memref<?xi32>, %o: memref<?x3x16xf32>) {
  mla.online_attention causal scale(0.25) ins(%q, %k : memref<?x3x24xf32>, memref<?x3x24xf32>)
      values(%v : memref<?x3x16xf32>) ragged(%cu : memref<?xi32>) outs(%o : memref<?x3x16xf32>)
  return
}
}

// -----

// Keys in pages for all heads: the heads are the rows of a work item. Keys are
// copied to scratch memory, widened or, for pair products, as they are. Few items are
// split along the keys and merged.

// CHECK-LABEL: func.func @paged(
// CHECK:         %[[FEW:.*]] = arith.cmpi slt, %{{.*}}, %c16 : index
// CHECK-NEXT:    %[[SPLITS:.*]] = arith.select %[[FEW]], %c8, %c1
// CHECK:         scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) in (%{{.*}}, 2, %[[SPLITS]])
// CHECK-DAG:       memref.alloc() : memref<128x24xf32>
// CHECK-DAG:       memref.alloc() : memref<24x48xf32>
// CHECK:         scf.if %[[FEW]] {
// CHECK:           scf.forall (%{{.*}}, %{{.*}}) in (%{{.*}}, 2)
// PAIRS-LABEL: func.func @paged(
// PAIRS:           memref.alloc() : memref<128x24xbf16>
// PAIRS:           linalg.generic {{.*}} ins({{.*}} : memref<?x12x2xbf16, {{.*}}>, memref<12x48x2xbf16>)
// PAIRS:           linalg.generic {{.*}} ins({{.*}} : memref<?x48x2xbf16, {{.*}}>, memref<?x16x2xbf16, {{.*}}>) outs(%{{.*}} : memref<48x16xf32>)
module attributes {peermla.level = "x86-64-v4"} {
func.func @paged(%q: memref<?x96x24xbf16>, %cache: memref<?x?x24xbf16>, %cu: memref<?xi32>, %past: memref<?xi32>, %blocks: memref<?x?xi32>, %o: memref<?x96x16xbf16>) {
  mla.online_attention causal scale(0.25) {peermla.schedule = #tile.schedule<inner = [128]>}
      ins(%q, %cache : memref<?x96x24xbf16>, memref<?x?x24xbf16>)
      ragged(%cu : memref<?xi32>) paged(%past, %blocks : memref<?xi32>, memref<?x?xi32>) outs(%o : memref<?x96x16xbf16>)
  return
}
}

// -----

// The size of the table of items follows from where a reshape got its size.

// CHECK-LABEL: func.func @reshaped_queries(
// CHECK-SAME:    %[[T:[a-z0-9]*]]: index
// CHECK:         arith.addi %[[T]], %c63
// CHECK:         memref.alloc(%{{.*}}) : memref<?x2xi32>
module attributes {peermla.level = "x86-64-v4"} {
func.func @reshaped_queries(%T: index, %flat: memref<?x72xf32>, %k: memref<?x3x24xf32>, %v: memref<?x3x16xf32>, %cu: memref<?xi32>, %o: memref<?x3x16xf32>) {
  %q = memref.expand_shape %flat [[0], [1, 2]] output_shape [%T, 3, 24] : memref<?x72xf32> into memref<?x3x24xf32>
  mla.online_attention causal scale(0.25) ins(%q, %k : memref<?x3x24xf32>, memref<?x3x24xf32>)
      values(%v : memref<?x3x16xf32>) ragged(%cu : memref<?xi32>) outs(%o : memref<?x3x16xf32>)
  return
}
}

// -----

// Where heads share keys and fill no work item, many tokens per sequence get
// items of several tokens.

// CHECK-LABEL: func.func @two_forms(
// CHECK:         %[[MANY:.*]] = arith.cmpi sge
// CHECK:         scf.if %[[MANY]] {
// CHECK:           memref.alloc() : memref<20x64xf32>
// CHECK:         } else {
// CHECK:           memref.alloc() : memref<20x16xf32>
module attributes {peermla.level = "x86-64-v4"} {
func.func @two_forms(%q: memref<?x16x20xf32>, %k: memref<?x?x20xf32>, %cu: memref<?xi32>, %past: memref<?xi32>, %blocks: memref<?x?xi32>, %o: memref<?x16x12xf32>) {
  mla.online_attention causal scale(0.25) ins(%q, %k : memref<?x16x20xf32>, memref<?x?x20xf32>)
      ragged(%cu : memref<?xi32>) paged(%past, %blocks : memref<?xi32>, memref<?x?xi32>) outs(%o : memref<?x16x12xf32>)
  return
}
}
