// RUN: peermla-opt %s -split-input-file -pass-pipeline="builtin.module(func.func(peermla-lower-attention,canonicalize,cse))" | FileCheck %s
// RUN: sed s/x86-64-v4/x86-64-v4-bf16/ %s | peermla-opt -split-input-file -pass-pipeline="builtin.module(func.func(peermla-lower-attention,canonicalize,cse))" | FileCheck %s --check-prefix=PAIRS

// Keys per head, in a work item of up to 64 tokens: keys and values are used where
// they lie, and an item without tokens does nothing. Only blocks that cross the
// diagonal are masked: their keys are compared with tokens.

// CHECK-LABEL: func.func @keys_per_head(
// CHECK-SAME:    %[[Q:[a-z0-9]*]]: memref<?x1x24xf32>, %[[K:[a-z0-9]*]]: memref<?x1x24xf32>, %[[V:[a-z0-9]*]]: memref<?x1x16xf32>
// CHECK:         scf.forall
// CHECK-COUNT-6:   memref.alloc()
// CHECK-NOT:       memref.alloc
// CHECK:           %[[USED:.*]] = arith.cmpi sgt, %{{.*}}, %c0
// CHECK-NEXT:      scf.if %[[USED]]
// CHECK:             scf.for %[[FIRST:.*]] = %c0 to %{{.*}} step %c256
// CHECK:               %[[KEYS:.*]] = memref.subview %[[K]][%{{.*}}, 0, 0]
// CHECK:               %[[VALUES:.*]] = memref.subview %[[V]][%{{.*}}, 0, 0]
// CHECK:               %[[S:.*]] = memref.subview %{{.*}} : memref<256x64xf32>
// CHECK:               linalg.fill {{.*}} outs(%[[S]]
// CHECK:               linalg.generic {{.*}} ins(%[[KEYS]], %[[QUERIES:.*]] : {{.*}}, memref<24x64xf32>) outs(%[[S]]
// CHECK:               %[[CROSSES:.*]] = arith.cmpi sgt
// CHECK:               scf.if %[[CROSSES]]
// CHECK:                 arith.cmpi sle, %{{.*}} : vector<16xi32>
// CHECK:                 math.exp2
// CHECK:               } else {
// CHECK-NOT:             vector<16xi32>
// CHECK:                 math.exp2
// CHECK:               linalg.generic {{.*}} ins(%[[S]], %[[VALUES]] : {{.*}}) outs(%{{.*}} : memref<64x16xf32>)
module attributes {peermla.level = "x86-64-v4"} {
func.func @keys_per_head(%q: memref<?x1x24xf32>, %k: memref<?x1x24xf32>, %v: memref<?x1x16xf32>, %cu: memref<?xi32>, %o: memref<?x1x16xf32>) {
  scf.forall (%i) in (3) {
    mla.online_attention causal scale(0.25) {peermla.schedule = #tile.schedule<block = [64, 1], inner = [256]>}
        ins(%q, %k : memref<?x1x24xf32>, memref<?x1x24xf32>) values(%v : memref<?x1x16xf32>)
        ragged(%cu : memref<?xi32>) item(%i, %i) outs(%o : memref<?x1x16xf32>)
  }
  return
}
}

// -----

// Keys in pages for all heads: the heads are the rows of a work item. Keys are
// copied to scratch memory, widened or, for pair products, as they are. The one
// token of an item sees all of its keys: no mask.

// CHECK-LABEL: func.func @paged(
// CHECK-DAG:       memref.alloc() : memref<128x24xf32>
// CHECK-DAG:       memref.alloc() : memref<24x48xf32>
// CHECK-NOT:       vector<16xi32>
// CHECK:         return
// PAIRS-LABEL: func.func @paged(
// PAIRS:           memref.alloc() : memref<128x24xbf16>
// PAIRS:           linalg.generic {{.*}} ins({{.*}} : memref<?x12x2xbf16, {{.*}}>, memref<12x48x2xbf16>)
// PAIRS:           linalg.generic {{.*}} ins({{.*}} : memref<?x48x2xbf16, {{.*}}>, memref<?x16x2xbf16, {{.*}}>) outs(%{{.*}} : memref<48x16xf32>)
module attributes {peermla.level = "x86-64-v4"} {
func.func @paged(%s: index, %t: index, %q: memref<?x48x24xbf16>, %cache: memref<?x?x24xbf16>, %cu: memref<?xi32>, %past: memref<?xi32>, %blocks: memref<?x?xi32>, %o: memref<?x48x16xbf16>) {
  mla.online_attention causal scale(0.25) {peermla.schedule = #tile.schedule<block = [1, 48], inner = [128]>}
      ins(%q, %cache : memref<?x48x24xbf16>, memref<?x?x24xbf16>)
      ragged(%cu : memref<?xi32>) paged(%past, %blocks : memref<?xi32>, memref<?x?xi32>) item(%s, %t) outs(%o : memref<?x48x16xbf16>)
  return
}
}

// -----

// Parts begin at multiples of ceil(ceil(S / 8) / 32) 32 keys and have sums of their
// own: everything starts anew for each part that the tile has.

// CHECK-LABEL: func.func @parts(
// CHECK-SAME:    %{{.*}}: index, %{{.*}}: index, %[[FIRST:[a-z0-9]*]]: index
// CHECK:         %[[EIGHTH:.*]] = arith.divui %{{.*}}, %c8
// CHECK:         %[[UP:.*]] = arith.addi %[[EIGHTH]], %c31
// CHECK:         %[[STEPS:.*]] = arith.divui %[[UP]], %c32
// CHECK:         %[[LENGTH:.*]] = arith.muli %[[STEPS]], %c32
// CHECK:         scf.for %[[PART:.*]] = %c0 to %c2
// CHECK:           %[[NUMBER:.*]] = arith.addi %[[FIRST]], %[[PART]]
// CHECK:           %[[BEGIN:.*]] = arith.muli %[[NUMBER]], %[[LENGTH]]
// CHECK:           scf.for %{{.*}} = %[[BEGIN]] to %{{.*}} step %c32
// CHECK:           vector.store %{{.*}}, %{{.*}}[%[[PART]], %{{.*}}, %{{.*}}, %{{.*}}] : memref<2x?x3x16xf32>
// CHECK:           math.log
// CHECK:           memref.store %{{.*}}, %{{.*}}[%[[PART]], %{{.*}}, %{{.*}}] : memref<2x?x3xf32>
module attributes {peermla.level = "x86-64-v4"} {
func.func @parts(%s: index, %t: index, %p: index, %q: memref<?x3x24xf32>, %cache: memref<?x?x24xf32>, %cu: memref<?xi32>, %past: memref<?xi32>, %blocks: memref<?x?xi32>, %o: memref<2x?x3x16xf32>, %l: memref<2x?x3xf32>) {
  mla.online_attention scale(0.25) parts(8 by 32) {peermla.schedule = #tile.schedule<block = [1, 3], inner = [32]>}
      ins(%q, %cache : memref<?x3x24xf32>, memref<?x?x24xf32>)
      ragged(%cu : memref<?xi32>) paged(%past, %blocks : memref<?xi32>, memref<?x?xi32>)
      item(%s, %t, %p) outs(%o, %l : memref<2x?x3x16xf32>, memref<2x?x3xf32>)
  return
}
}

// -----

// An item with so few tokens that fewer vectors hold its rows has code of its own.

// CHECK-LABEL: func.func @few_tokens(
// CHECK:         %[[FEW:.*]] = arith.cmpi sle, %{{.*}}, %c1
// CHECK:         scf.if %[[FEW]] {
// CHECK:           linalg.generic {{.*}} memref<20x16xf32>
// CHECK:         } else {
// CHECK:           linalg.generic {{.*}} memref<20x64xf32>
module attributes {peermla.level = "x86-64-v4"} {
func.func @few_tokens(%s: index, %t: index, %q: memref<?x16x20xf32>, %k: memref<?x?x20xf32>, %cu: memref<?xi32>, %past: memref<?xi32>, %blocks: memref<?x?xi32>, %o: memref<?x16x12xf32>) {
  mla.online_attention causal scale(0.25) {peermla.schedule = #tile.schedule<block = [4, 16], inner = [64]>}
      ins(%q, %k : memref<?x16x20xf32>, memref<?x?x20xf32>)
      ragged(%cu : memref<?xi32>) paged(%past, %blocks : memref<?xi32>, memref<?x?xi32>) item(%s, %t) outs(%o : memref<?x16x12xf32>)
  return
}
}
