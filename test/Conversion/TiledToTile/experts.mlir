// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tiled-to-tile,canonicalize,cse)' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tiled-to-tile)' --remarks-filter=schedule --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Neurons that are asked for are left to threads.

// CHECK-LABEL: func.func @neurons(
//       CHECK:   scf.forall
//      REMARK: has no tile program: peer.expert_mlp returns its neurons
func.func @neurons(%x: tensor<7x32xf32>, %i: tensor<7x1x5xi32>, %g: tensor<7x1x5xf32>, %down: tensor<9x1x32xf32>, %up: tensor<9x1x32xf32>, %y: tensor<7x32xf32>, %u: tensor<7x1x5x1xf32>) -> (tensor<7x32xf32>, tensor<7x1x5x1xf32>) {
  %r:2 = scf.forall (%t) in (7) shared_outs(%o = %y, %n = %u) -> (tensor<7x32xf32>, tensor<7x1x5x1xf32>) {
    %xt = tensor.extract_slice %x[%t, 0] [1, 32] [1, 1] : tensor<7x32xf32> to tensor<1x32xf32>
    %it = tensor.extract_slice %i[%t, 0, 0] [1, 1, 5] [1, 1, 1] : tensor<7x1x5xi32> to tensor<1x1x5xi32>
    %gt = tensor.extract_slice %g[%t, 0, 0] [1, 1, 5] [1, 1, 1] : tensor<7x1x5xf32> to tensor<1x1x5xf32>
    %ot = tensor.extract_slice %o[%t, 0] [1, 32] [1, 1] : tensor<7x32xf32> to tensor<1x32xf32>
    %nt = tensor.extract_slice %n[%t, 0, 0, 0] [1, 1, 5, 1] [1, 1, 1, 1] : tensor<7x1x5x1xf32> to tensor<1x1x5x1xf32>
    %e:2 = peer.expert_mlp relu {peermla.schedule = #tile.schedule<registers = [8, 1], warps = [1, 1]>}
        ins(%xt, %it, %gt, %down, %up : tensor<1x32xf32>, tensor<1x1x5xi32>, tensor<1x1x5xf32>, tensor<9x1x32xf32>, tensor<9x1x32xf32>)
        outs(%ot, %nt : tensor<1x32xf32>, tensor<1x1x5x1xf32>) -> tensor<1x32xf32>, tensor<1x1x5x1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %e#0 into %o[%t, 0] [1, 32] [1, 1] : tensor<1x32xf32> into tensor<7x32xf32>
      tensor.parallel_insert_slice %e#1 into %n[%t, 0, 0, 0] [1, 1, 5, 1] [1, 1, 1, 1] : tensor<1x1x5x1xf32> into tensor<7x1x5x1xf32>
    }
  } {peermla.id = "neurons"}
  return %r#0, %r#1 : tensor<7x32xf32>, tensor<7x1x5x1xf32>
}

// The experts of a token: numbers and gates of all slots pass through scratch, rows of
// `down` give parts of dot products, then rows of `up` the sum. Of 3 x 5
// retrievals of 2 neurons there are 30 slots, 32 in whole steps and 64 in whole
// threads.

// CHECK-LABEL: func.func @experts(
//   CHECK-NOT:   scf.forall
//       CHECK:   tile.launch @experts_0::@experts_0 blocks(%{{.+}})
// CHECK-LABEL: func.func @experts_0(
//  CHECK-SAME:   %[[X:[^:]+]]: memref<?x300xbf16>, %[[I:[^:]+]]: memref<?x3x5xi32>, %[[G:[^:]+]]: memref<?x3x5xf32>, %[[DOWN:[^:]+]]: memref<?x2x300xbf16>, %[[UP:[^:]+]]: memref<?x2x300xbf16>, %[[Y:[^:]+]]: memref<?x300xbf16>
//       CHECK:   %[[T:.+]] = gpu.block_id x
//       CHECK:   %[[ID:.+]] = tile.gather %[[I]][%[[T]], %c0, %c0] at(%{{.+}}, %{{.+}}) sizes(%c3, %c5) along [1, 2]
//       CHECK:   %[[E:.+]] = arith.select %{{.+}}, %[[ID]], %{{.+}} : tensor<64xi1>, tensor<64xi32>
//       CHECK:   %[[GATES:.+]] = tile.gather %[[G]][%[[T]], %c0, %c0]
//       CHECK:   tile.store %[[E]], %[[IDS:.+]][%c0] sizes(%c64) along [0]
//       CHECK:   tile.store %[[GATES]], %[[WAITING:.+]][%c0] sizes(%c64) along [0]
//       CHECK:   tile.load %[[X]][%[[T]], %c0] sizes(%c300) along [1] : memref<?x300xbf16> -> tensor<512xbf16>
//       CHECK:   scf.for %[[S:.+]] = %c0 to %c30 step %c8 {
//       CHECK:     %[[R:.+]] = tile.load %[[IDS]][%[[S]]] sizes(%c8) along [0] : {{.+}} -> tensor<8xi32>
//       CHECK:     %[[N:.+]] = arith.remui
//       CHECK:     tile.gather %[[DOWN]][%c0, %c0, %c0] at(%[[R]], %[[N]]) sizes(%{{.+}}, %c2, %c300) along [0, 1, 2] : {{.+}} -> tensor<8x512xbf16>
//       CHECK:     %[[P:.+]] = tile.reduce add %{{.+}} along 1 parts 2
//       CHECK:     tile.store %[[P]], %[[PARTS:.+]][%[[S]], %c0] sizes(%c8, %c2)
//       CHECK:   tile.load %[[PARTS]][%c0, %c0] sizes(%c32, %c2) along [0, 1] : {{.+}} -> tensor<64x2xf32>
//       CHECK:   math.erf
//       CHECK:   tile.load %[[IDS]][%c0] sizes(%c64)
//       CHECK:   tile.load %[[WAITING]][%c0] sizes(%c64)
//       CHECK:   %[[W:.+]] = arith.select
//       CHECK:   tile.store %[[W]], %[[WS:.+]][%c0]
//       CHECK:   %[[SUM:.+]] = scf.for {{.+}} iter_args(%[[A:.+]] =
//       CHECK:     tile.gather %[[UP]]
//       CHECK:     tile.load %[[WS]]
//       CHECK:     tile.reduce add %{{.+}} along 0 init %[[A]]
//       CHECK:   arith.truncf %[[SUM]] : tensor<512xf32> to tensor<512xbf16>
//       CHECK:   tile.store %{{.+}}, %[[Y]][%[[T]], %c0] sizes(%c300) along [1]

// REMARK: is a tile program of 2 warps
func.func @experts(%x: tensor<?x300xbf16>, %i: tensor<?x3x5xi32>, %g: tensor<?x3x5xf32>, %down: tensor<?x2x300xbf16>, %up: tensor<?x2x300xbf16>, %y: tensor<?x300xbf16>) -> tensor<?x300xbf16> {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %x, %c0 : tensor<?x300xbf16>
  %r = scf.forall (%t) in (%T) shared_outs(%o = %y) -> (tensor<?x300xbf16>) {
    %xt = tensor.extract_slice %x[%t, 0] [1, 300] [1, 1] : tensor<?x300xbf16> to tensor<1x300xbf16>
    %it = tensor.extract_slice %i[%t, 0, 0] [1, 3, 5] [1, 1, 1] : tensor<?x3x5xi32> to tensor<1x3x5xi32>
    %gt = tensor.extract_slice %g[%t, 0, 0] [1, 3, 5] [1, 1, 1] : tensor<?x3x5xf32> to tensor<1x3x5xf32>
    %ot = tensor.extract_slice %o[%t, 0] [1, 300] [1, 1] : tensor<?x300xbf16> to tensor<1x300xbf16>
    %e = peer.expert_mlp gelu {peermla.schedule = #tile.schedule<registers = [8, 1], warps = [2, 1]>}
        ins(%xt, %it, %gt, %down, %up : tensor<1x300xbf16>, tensor<1x3x5xi32>, tensor<1x3x5xf32>, tensor<?x2x300xbf16>, tensor<?x2x300xbf16>)
        outs(%ot : tensor<1x300xbf16>) -> tensor<1x300xbf16>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %e into %o[%t, 0] [1, 300] [1, 1] : tensor<1x300xbf16> into tensor<?x300xbf16>
    }
  } {peermla.id = "experts"}
  return %r : tensor<?x300xbf16>
}
