// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tiled-to-tile,canonicalize,cse)' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tiled-to-tile)' --remarks-filter=schedule --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Two tokens and three heads of a paged cache: a row is a pair of them, keys are
// rows that the table names, values are columns of their keys. Blocks with keys
// that not all rows see are masked, and cleared of what is no number.

// CHECK-LABEL: func.func @cached(
//       CHECK:   tile.launch @attention::@attention blocks(
func.func @cached(%q: tensor<?x3x80xbf16>, %cache: tensor<?x?x80xbf16>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %items: tensor<?x3xi32>, %n: index,
    %oi: tensor<?x3x64xbf16>, %li: tensor<?x3xf32>) -> (tensor<?x3x64xbf16>, tensor<?x3xf32>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %r:2 = scf.forall (%i) in (%n) shared_outs(%o = %oi, %l = %li) -> (tensor<?x3x64xbf16>, tensor<?x3xf32>) {
    %s0 = tensor.extract %items[%i, %c1] : tensor<?x3xi32>
    %s = arith.index_cast %s0 : i32 to index
    %f0 = tensor.extract %items[%i, %c2] : tensor<?x3xi32>
    %f = arith.index_cast %f0 : i32 to index
    %t = arith.minsi %f, %c2 : index
    %qt = tensor.extract_slice %q[%f, 0, 0] [%t, 3, 80] [1, 1, 1] : tensor<?x3x80xbf16> to tensor<?x3x80xbf16>
    %ot = tensor.extract_slice %o[%f, 0, 0] [%t, 3, 64] [1, 1, 1] : tensor<?x3x64xbf16> to tensor<?x3x64xbf16>
    %lt = tensor.extract_slice %l[%f, 0] [%t, 3] [1, 1] : tensor<?x3xf32> to tensor<?x3xf32>
    %a:2 = mla.online_attention causal scale(0.5) {peermla.schedule = #tile.schedule<block = [2, 3], inner = [64], warps = [1, 4], stages = 2>}
        ins(%qt, %cache : tensor<?x3x80xbf16>, tensor<?x?x80xbf16>) ragged(%cu : tensor<?xi32>)
        paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) item(%s, %f)
        outs(%ot, %lt : tensor<?x3x64xbf16>, tensor<?x3xf32>) -> tensor<?x3x64xbf16>, tensor<?x3xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %a#0 into %o[%f, 0, 0] [%t, 3, 64] [1, 1, 1] : tensor<?x3x64xbf16> into tensor<?x3x64xbf16>
      tensor.parallel_insert_slice %a#1 into %l[%f, 0] [%t, 3] [1, 1] : tensor<?x3xf32> into tensor<?x3xf32>
    }
  } {peermla.id = "attention"}
  return %r#0, %r#1 : tensor<?x3x64xbf16>, tensor<?x3xf32>
}

// Negative scales have minima.

// CHECK-LABEL: func.func @negative_scale(
//   CHECK-NOT:   tile.launch
//       CHECK:   mla.online_attention
//      REMARK: has no tile program: mla.online_attention has a scale that is not positive
func.func @negative_scale(%q: tensor<?x3x16xf32>, %k: tensor<?x3x16xf32>, %cu: tensor<?xi32>, %n: index, %oi: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  %r = scf.forall (%i) in (%n) shared_outs(%o = %oi) -> tensor<?x3x16xf32> {
    %qt = tensor.extract_slice %q[%i, 0, 0] [1, 1, 16] [1, 1, 1] : tensor<?x3x16xf32> to tensor<1x1x16xf32>
    %kt = tensor.extract_slice %k[0, 0, 0] [%n, 1, 16] [1, 1, 1] : tensor<?x3x16xf32> to tensor<?x1x16xf32>
    %ot = tensor.extract_slice %o[%i, 0, 0] [1, 1, 16] [1, 1, 1] : tensor<?x3x16xf32> to tensor<1x1x16xf32>
    %a = mla.online_attention scale(-0.5) {peermla.schedule = #tile.schedule<block = [1, 1], inner = [64], warps = [1, 1], stages = 2>}
        ins(%qt, %kt : tensor<1x1x16xf32>, tensor<?x1x16xf32>) values(%kt : tensor<?x1x16xf32>) ragged(%cu : tensor<?xi32>) item(%i, %i)
        outs(%ot : tensor<1x1x16xf32>) -> tensor<1x1x16xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %a into %o[%i, 0, 0] [1, 1, 16] [1, 1, 1] : tensor<1x1x16xf32> into tensor<?x3x16xf32>
    }
  }
  return %r : tensor<?x3x16xf32>
}

//       CHECK: func.func @attention({{.+}}, %[[Q:[^:]+]]: memref<?x3x80xbf16>, %[[CACHE:[^:]+]]: memref<?x?x80xbf16>, %{{[^:]+}}: memref<?xi32>, %{{[^:]+}}: memref<?xi32>, %[[TABLE:[^:]+]]: memref<?x?xi32>, %[[O:[^:]+]]: memref<?x3x64xbf16>, %[[LSE:[^:]+]]: memref<?x3xf32>)
//       CHECK:   %[[QT:.+]] = tile.load %[[Q]][{{.+}}] sizes(%[[T:.+]], %c3, %c80) along [0, 1, 2] group 3 : memref<?x3x80xbf16> -> tensor<16x128xbf16>
//       CHECK:   scf.for
//       CHECK:     %[[K:.+]] = tile.load %[[CACHE]][{{.+}}] sizes(%{{.+}}, %c80) along [1, 2] pages(%[[TABLE]][%{{.+}}] : memref<?x?xi32>) : memref<?x?x80xbf16> -> tensor<64x128xbf16>
//       CHECK:     %[[V:.+]] = tensor.extract_slice %[[K]][0, 0] [64, 64] [1, 1]
//       CHECK:     %[[LAST:.+]] = arith.subi
//       CHECK:     %[[S:.+]] = tile.mma %[[QT]], %[[K]] transpose_b until %[[LAST]] : {{.+}} {group = 3 : i64}
//       CHECK:     %[[MASKED:.+]]:2 = scf.if
//       CHECK:       %[[ANY:.+]] = tile.any_nonfinite %[[V]]
//       CHECK:       %[[MOVED:.+]]:2 = scf.if %[[ANY]]
//       CHECK:         %[[BAD:.+]] = tile.mma %{{.+}}, %[[V]], acc %[[S]] transpose_b
//       CHECK:         %[[FINITE:.+]] = tile.clear_nonfinite %[[V]]
//       CHECK:         scf.yield %[[BAD]], %[[FINITE]]
//       CHECK:       } else {
//       CHECK:         scf.yield %[[S]], %[[V]]
//       CHECK:       arith.divui
//       CHECK:       %[[SEEN:.+]] = arith.select %{{.+}}, %[[MOVED]]#0
//       CHECK:       scf.yield %[[SEEN]], %[[MOVED]]#1
//       CHECK:     } else {
//       CHECK:       scf.yield %[[S]], %[[V]]
//       CHECK:     tile.reduce max %[[MASKED]]#0 along 1
//       CHECK:     %[[P:.+]] = arith.truncf
//       CHECK:     %[[A:.+]] = tile.convert %[[P]]
//       CHECK:     tile.mma %[[A]], %[[MASKED]]#1, acc %{{.+}} sum until %[[LAST]] :
//       CHECK:   tile.reduce add
//       CHECK:   math.log
//   CHECK-DAG:   tile.store %{{.+}}, %[[O]][{{.+}}] sizes(%[[T]], %c3, %c64) along [0, 1, 2] group 3
//   CHECK-DAG:   tile.store %{{.+}}, %[[LSE]][{{.+}}] sizes(%[[T]], %c3) along [0, 1] group 3
