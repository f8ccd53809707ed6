// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tiled-to-tile,canonicalize,cse)' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tiled-to-tile)' --remarks-filter=schedule --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

#q = affine_map<(t, h, n, k) -> (t, h, k)>
#keys = affine_map<(t, h, n, k) -> (n, k)>
#scores = affine_map<(t, h, n, k) -> (t, h, n)>

// More experts than the threads of a token can keep are selected by loops.

// CHECK-LABEL: func.func @too_many(
//       CHECK:   scf.forall
//      REMARK: has no tile program: peer.select selects more than 32 with 1 threads per token
func.func @too_many(%q: tensor<?x2x24xf16>, %k: tensor<70x24xf16>, %g: tensor<?x2x40xf32>, %i: tensor<?x2x40xi32>) -> (tensor<?x2x40xf32>, tensor<?x2x40xi32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %q, %c0 : tensor<?x2x24xf16>
  %r:2 = scf.forall (%t, %h) = (0, 0) to (%T, 2) step (64, 1) shared_outs(%go = %g, %io = %i) -> (tensor<?x2x40xf32>, tensor<?x2x40xi32>) {
    %m = affine.min affine_map<(i)[T] -> (T - i, 64)>(%t)[%T]
    %qt = tensor.extract_slice %q[%t, %h, 0] [%m, 1, 24] [1, 1, 1] : tensor<?x2x24xf16> to tensor<?x1x24xf16>
    %e = tensor.empty(%m) : tensor<?x1x70xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x1x70xf32>) -> tensor<?x1x70xf32>
    %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%qt, %k : tensor<?x1x24xf16>, tensor<70x24xf16>) outs(%z : tensor<?x1x70xf32>) {
    ^bb0(%u: f16, %v: f16, %a: f32):
      %0 = arith.extf %u : f16 to f32
      %1 = arith.extf %v : f16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %a, %2 : f32
      linalg.yield %3 : f32
    } -> tensor<?x1x70xf32>
    %gt = tensor.extract_slice %go[%t, %h, 0] [%m, 1, 40] [1, 1, 1] : tensor<?x2x40xf32> to tensor<?x1x40xf32>
    %it = tensor.extract_slice %io[%t, %h, 0] [%m, 1, 40] [1, 1, 1] : tensor<?x2x40xi32> to tensor<?x1x40xi32>
    %x:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<inner = [64], warps = [2, 1], stages = 2>}
        ins(%s : tensor<?x1x70xf32>) outs(%gt, %it : tensor<?x1x40xf32>, tensor<?x1x40xi32>) -> tensor<?x1x40xf32>, tensor<?x1x40xi32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %x#0 into %go[%t, %h, 0] [%m, 1, 40] [1, 1, 1] : tensor<?x1x40xf32> into tensor<?x2x40xf32>
      tensor.parallel_insert_slice %x#1 into %io[%t, %h, 0] [%m, 1, 40] [1, 1, 1] : tensor<?x1x40xi32> into tensor<?x2x40xi32>
    }
  } {peermla.id = "many"}
  return %r#0, %r#1 : tensor<?x2x40xf32>, tensor<?x2x40xi32>
}

// Scores of a block of sub-keys pass through scratch; the best of 5 are in 8 columns.
// 70 sub-keys end in the second block.

// CHECK-LABEL: func.func @two_dimensions(
//   CHECK-NOT:   scf.forall
//       CHECK:   tile.launch
// CHECK-LABEL: func.func @retrieve(
//  CHECK-SAME:   %[[Q:[^:]+]]: memref<?x2x24xf16>, %[[K0:[^:]+]]: memref<70x24xf16>, %[[P:[^:]+]]: memref<?x2x24xf16>, %[[K1:[^:]+]]: memref<64x24xf16>, %[[G:[^:]+]]: memref<?x2x5xf32>, %[[I:[^:]+]]: memref<?x2x5xi32>
//       CHECK:   %[[SCRATCH:.+]] = tile.scratch : memref<64x68xf32
//       CHECK:   %[[QT:.+]] = tile.load %[[Q]]{{.+}} -> tensor<64x64xf16>
//       CHECK:   %[[B:.+]]:2 = scf.for %[[F:.+]] = %c0 to %c70 step %c64 iter_args(%[[BEST:.+]] = %{{.+}}, %[[TOP:.+]] = %{{.+}}) -> (tensor<64x8xi64>, tensor<64xf32>)
//       CHECK:     %[[LEFT:.+]] = arith.subi %c70, %[[F]]
//       CHECK:     %[[PRESENT:.+]] = arith.minsi %[[LEFT]], %c64
//       CHECK:     %[[KT:.+]] = tile.load %[[K0]][%[[F]], %c0]
//       CHECK:     %[[S:.+]] = tile.mma %[[QT]], %[[KT]] transpose_b
//       CHECK:     tile.store %[[S]], %[[SCRATCH]][%c0, %c0]
//       CHECK:     %[[NEXT:.+]], %[[HIGHEST:.+]] = tile.scan %[[SCRATCH]] first %[[F]] count %[[PRESENT]] columns 64 into %[[BEST]], %[[TOP]] : memref<64x68xf32
//       CHECK:     scf.yield %[[NEXT]], %[[HIGHEST]]
// 64 sub-keys are one block, which is whole: all of it is sorted.
//       CHECK:   tile.load %[[P]]
//       CHECK:   tile.load %[[K1]]
//       CHECK:   scf.for %[[C:.+]] = %c0 to %c64 step %c16 iter_args(%[[BEST_SO_FAR:.+]] = %{{.+}}, %{{.+}} = %{{.+}})
//       CHECK:     %[[R:.+]] = tile.load %[[SCRATCH]][%c0, %[[C]]]
//       CHECK:     tile.reduce max %[[R]] along 1
//   CHECK-NOT:     arith.select
//       CHECK:     tile.topk %{{.+}} into %[[BEST_SO_FAR]] : tensor<64x16xi64>, tensor<64x8xi64>
// Ten pairs, eight of them at a time.
//       CHECK:   tile.columns %{{.+}} [0, 0, 0, 0, 0, 1, 1, 2] : tensor<64x8xf32> -> tensor<64x8xf32>
//       CHECK:   tile.columns %{{.+}} [0, 1, 2, 3, 4, 0, 1, 0] : tensor<64x8xf32> -> tensor<64x8xf32>
//       CHECK:   arith.muli %{{.+}}, %{{.+}} : tensor<64x8xi32>
//       CHECK:   %[[FIRST:.+]] = tile.topk %{{.+}} into %{{.+}} : tensor<64x8xi64>, tensor<64x8xi64>
//       CHECK:   tile.columns %{{.+}} [3, 4] : tensor<64x8xf32> -> tensor<64x2xf32>
//       CHECK:   tile.columns %{{.+}} [0, 0] : tensor<64x8xf32> -> tensor<64x2xf32>
//       CHECK:   tile.topk %{{.+}} into %[[FIRST]] : tensor<64x2xi64>, tensor<64x8xi64>
//       CHECK:   arith.cmpf uno
//       CHECK:   math.exp
//   CHECK-DAG:   tile.store %{{.+}}, %[[G]][%{{.+}}, %{{.+}}, %c0] sizes(%{{.+}}, %c5) along [0, 2] : tensor<64x8xf32>
//   CHECK-DAG:   tile.store %{{.+}}, %[[I]][%{{.+}}, %{{.+}}, %c0] sizes(%{{.+}}, %c5) along [0, 2] : tensor<64x8xi32>
// REMARK: is a tile program of 2 warps
func.func @two_dimensions(%q: tensor<?x2x24xf16>, %k: tensor<70x24xf16>, %p: tensor<?x2x24xf16>, %l: tensor<64x24xf16>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> (tensor<?x2x5xf32>, tensor<?x2x5xi32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %q, %c0 : tensor<?x2x24xf16>
  %r:2 = scf.forall (%t, %h) = (0, 0) to (%T, 2) step (64, 1) shared_outs(%go = %g, %io = %i) -> (tensor<?x2x5xf32>, tensor<?x2x5xi32>) {
    %m = affine.min affine_map<(i)[T] -> (T - i, 64)>(%t)[%T]
    %qt = tensor.extract_slice %q[%t, %h, 0] [%m, 1, 24] [1, 1, 1] : tensor<?x2x24xf16> to tensor<?x1x24xf16>
    %e = tensor.empty(%m) : tensor<?x1x70xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x1x70xf32>) -> tensor<?x1x70xf32>
    %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%qt, %k : tensor<?x1x24xf16>, tensor<70x24xf16>) outs(%z : tensor<?x1x70xf32>) {
    ^bb0(%u: f16, %v: f16, %a: f32):
      %0 = arith.extf %u : f16 to f32
      %1 = arith.extf %v : f16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %a, %2 : f32
      linalg.yield %3 : f32
    } -> tensor<?x1x70xf32>
    %pt = tensor.extract_slice %p[%t, %h, 0] [%m, 1, 24] [1, 1, 1] : tensor<?x2x24xf16> to tensor<?x1x24xf16>
    %f = tensor.empty(%m) : tensor<?x1x64xf32>
    %y = linalg.fill ins(%zero : f32) outs(%f : tensor<?x1x64xf32>) -> tensor<?x1x64xf32>
    %o = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%pt, %l : tensor<?x1x24xf16>, tensor<64x24xf16>) outs(%y : tensor<?x1x64xf32>) {
    ^bb0(%u: f16, %v: f16, %a: f32):
      %0 = arith.extf %u : f16 to f32
      %1 = arith.extf %v : f16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %a, %2 : f32
      linalg.yield %3 : f32
    } -> tensor<?x1x64xf32>
    %gt = tensor.extract_slice %go[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x2x5xf32> to tensor<?x1x5xf32>
    %it = tensor.extract_slice %io[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x2x5xi32> to tensor<?x1x5xi32>
    %x:2 = peer.select softmax num_keys([70, 64]) {peermla.schedule = #tile.schedule<inner = [64], warps = [2, 1], stages = 2>}
        ins(%s, %o : tensor<?x1x70xf32>, tensor<?x1x64xf32>) outs(%gt, %it : tensor<?x1x5xf32>, tensor<?x1x5xi32>) -> tensor<?x1x5xf32>, tensor<?x1x5xi32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %x#0 into %go[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x1x5xf32> into tensor<?x2x5xf32>
      tensor.parallel_insert_slice %x#1 into %io[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x1x5xi32> into tensor<?x2x5xi32>
    }
  } {peermla.id = "retrieve"}
  return %r#0, %r#1 : tensor<?x2x5xf32>, tensor<?x2x5xi32>
}

// Eight lanes share a token's list of 128. Two products are collected in scratch before
// they are looked at together; scores of the other dimension are in memory. Both lists
// go through scratch: the sums of one entry and those behind it in the other list are
// merged as they are.

// CHECK-LABEL: func.func @lanes_0(
//  CHECK-SAME:   %[[M:[^:]+]]: memref<?x2x30xf32>, %{{[^:]+}}: memref<?x2x100xf32>, %{{[^:]+}}: memref<?x2x100xi32>
//       CHECK:   %[[SCRATCH:.+]] = tile.scratch : memref<32x132xf32
//       CHECK:   scf.for %[[F:.+]] = %c0 to %c170 step %c64 iter_args(%[[BEST:.+]] = %{{.+}}, %{{.+}} = %{{.+}}) -> (tensor<32x128xi64>, tensor<32xf32>)
//       CHECK:     %[[LEFT:.+]] = arith.subi %c170, %[[F]]
//       CHECK:     %[[S:.+]] = tile.mma
//       CHECK:     %[[COLUMN:.+]] = arith.remui %[[F]], %c128
//       CHECK:     %[[END:.+]] = arith.addi %[[COLUMN]], %c64
//       CHECK:     tile.store %[[S]], %[[SCRATCH]][%c0, %[[COLUMN]]]
//   CHECK-DAG:     %[[FULL:.+]] = arith.cmpi eq, %[[END]], %c128
//   CHECK-DAG:     %[[LAST:.+]] = arith.cmpi sle, %[[LEFT]], %c64
//       CHECK:     %[[SCANS:.+]] = arith.ori %[[FULL]], %[[LAST]]
//       CHECK:     scf.if %[[SCANS]]
//       CHECK:       %[[COUNT:.+]] = arith.minsi %[[END]], %c128
//       CHECK:       tile.load %[[SCRATCH]][%c0, %c0] sizes(%c32, %[[COUNT]])
//       CHECK:       tile.topk %{{.+}} into %[[BEST]] : tensor<32x128xi64>, tensor<32x128xi64>
//       CHECK:   %[[SCORES:.+]] = tile.scratch : memref<32x129xf32
//       CHECK:   %[[IDS:.+]] = tile.scratch : memref<32x129xi32
//       CHECK:   tile.load %[[M]]{{.+}} sizes(%{{.+}}, %c30) along [0, 2]
//       CHECK:   tile.topk
//       CHECK:   %[[OTHER_SCORES:.+]] = tile.scratch
//       CHECK:   %[[OTHER_IDS:.+]] = tile.scratch
// Pairs with (a + 1) (b + 1) <= 100: ten runs of each list.
//       CHECK:   scf.for %[[E:.+]] = %c0 to %c10 step %c1 iter_args(%[[BEST:.+]] = %{{.+}}, %{{.+}} = %{{.+}})
//       CHECK:     %[[NEXT:.+]] = arith.addi %[[E]], %c1
//       CHECK:     %[[LIMIT:.+]] = arith.divui %c100, %[[NEXT]]
//       CHECK:     tile.load %[[SCORES]][%c0, %[[E]]] sizes(%c32) along [0]
//       CHECK:     tile.load %[[OTHER_SCORES]][%c0, %[[E]]] sizes(%c32, %{{.+}}) along [0, 1]
//       CHECK:     %[[FIRST:.+]] = tile.topk sorted %{{.+}} into %[[BEST]]
//       CHECK:     tile.load %[[OTHER_SCORES]][%c0, %[[E]]] sizes(%c32) along [0]
//       CHECK:     tile.load %[[SCORES]][%c0, %[[NEXT]]] sizes(%c32, %{{.+}}) along [0, 1]
//       CHECK:     tile.topk sorted %{{.+}} into %[[FIRST]]
//      REMARK: is a tile program of 8 warps
func.func @lanes(%q: tensor<?x2x24xf16>, %k: tensor<170x24xf16>, %s: tensor<?x2x30xf32>, %g: tensor<?x2x100xf32>, %i: tensor<?x2x100xi32>) -> (tensor<?x2x100xf32>, tensor<?x2x100xi32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %q, %c0 : tensor<?x2x24xf16>
  %r:2 = scf.forall (%t, %h) = (0, 0) to (%T, 2) step (32, 1) shared_outs(%go = %g, %io = %i) -> (tensor<?x2x100xf32>, tensor<?x2x100xi32>) {
    %m = affine.min affine_map<(i)[T] -> (T - i, 32)>(%t)[%T]
    %qt = tensor.extract_slice %q[%t, %h, 0] [%m, 1, 24] [1, 1, 1] : tensor<?x2x24xf16> to tensor<?x1x24xf16>
    %e = tensor.empty(%m) : tensor<?x1x170xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x1x170xf32>) -> tensor<?x1x170xf32>
    %p = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%qt, %k : tensor<?x1x24xf16>, tensor<170x24xf16>) outs(%z : tensor<?x1x170xf32>) {
    ^bb0(%u: f16, %v: f16, %a: f32):
      %0 = arith.extf %u : f16 to f32
      %1 = arith.extf %v : f16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %a, %2 : f32
      linalg.yield %3 : f32
    } -> tensor<?x1x170xf32>
    %st = tensor.extract_slice %s[%t, %h, 0] [%m, 1, 30] [1, 1, 1] : tensor<?x2x30xf32> to tensor<?x1x30xf32>
    %gt = tensor.extract_slice %go[%t, %h, 0] [%m, 1, 100] [1, 1, 1] : tensor<?x2x100xf32> to tensor<?x1x100xf32>
    %it = tensor.extract_slice %io[%t, %h, 0] [%m, 1, 100] [1, 1, 1] : tensor<?x2x100xi32> to tensor<?x1x100xi32>
    %x:2 = peer.select softmax num_keys([170, 30]) {peermla.schedule = #tile.schedule<inner = [64], warps = [2, 4], stages = 2>}
        ins(%p, %st : tensor<?x1x170xf32>, tensor<?x1x30xf32>) outs(%gt, %it : tensor<?x1x100xf32>, tensor<?x1x100xi32>) -> tensor<?x1x100xf32>, tensor<?x1x100xi32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %x#0 into %go[%t, %h, 0] [%m, 1, 100] [1, 1, 1] : tensor<?x1x100xf32> into tensor<?x2x100xf32>
      tensor.parallel_insert_slice %x#1 into %io[%t, %h, 0] [%m, 1, 100] [1, 1, 1] : tensor<?x1x100xi32> into tensor<?x2x100xi32>
    }
  } {peermla.id = "lanes"}
  return %r#0, %r#1 : tensor<?x2x100xf32>, tensor<?x2x100xi32>
}
