// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tiled-to-tile,canonicalize,cse)' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tiled-to-tile)' --remarks-filter=schedule --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

#q = affine_map<(t, h, n, k) -> (t, h, k)>
#keys = affine_map<(t, h, n, k) -> (n, k)>
#scores = affine_map<(t, h, n, k) -> (t, h, n)>

// More experts than the threads of a token can keep are selected by loops.

// CHECK-LABEL: func.func @too_many(
//       CHECK:   scf.forall
//      REMARK: has no tile program: peer.select selects more than 64 with 2 threads per token
func.func @too_many(%q: tensor<?x2x24xf16>, %k: tensor<70x24xf16>, %g: tensor<?x2x70xf32>, %i: tensor<?x2x70xi32>) -> (tensor<?x2x70xf32>, tensor<?x2x70xi32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %q, %c0 : tensor<?x2x24xf16>
  %r:2 = scf.forall (%t, %h) = (0, 0) to (%T, 2) step (64, 1) shared_outs(%go = %g, %io = %i) -> (tensor<?x2x70xf32>, tensor<?x2x70xi32>) {
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
    %gt = tensor.extract_slice %go[%t, %h, 0] [%m, 1, 70] [1, 1, 1] : tensor<?x2x70xf32> to tensor<?x1x70xf32>
    %it = tensor.extract_slice %io[%t, %h, 0] [%m, 1, 70] [1, 1, 1] : tensor<?x2x70xi32> to tensor<?x1x70xi32>
    %x:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<inner = [64, 128], warps = [2, 2], stages = 2>}
        ins(%s : tensor<?x1x70xf32>) outs(%gt, %it : tensor<?x1x70xf32>, tensor<?x1x70xi32>) -> tensor<?x1x70xf32>, tensor<?x1x70xi32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %x#0 into %go[%t, %h, 0] [%m, 1, 70] [1, 1, 1] : tensor<?x1x70xf32> into tensor<?x2x70xf32>
      tensor.parallel_insert_slice %x#1 into %io[%t, %h, 0] [%m, 1, 70] [1, 1, 1] : tensor<?x1x70xi32> into tensor<?x2x70xi32>
    }
  } {peermla.id = "many"}
  return %r#0, %r#1 : tensor<?x2x70xf32>, tensor<?x2x70xi32>
}

// So are rows that a thread would have alone, and such as nobody says how to scan.

// CHECK-LABEL: func.func @alone(
//       CHECK:   scf.forall
//      REMARK: has no tile program: peer.select has no schedule that gives each token 2 to 16 lanes
func.func @alone(%s: tensor<?x2x70xf32>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> (tensor<?x2x5xf32>, tensor<?x2x5xi32>) {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %s, %c0 : tensor<?x2x70xf32>
  %r:2 = scf.forall (%t, %h) = (0, 0) to (%T, 2) step (64, 1) shared_outs(%go = %g, %io = %i) -> (tensor<?x2x5xf32>, tensor<?x2x5xi32>) {
    %m = affine.min affine_map<(i)[T] -> (T - i, 64)>(%t)[%T]
    %st = tensor.extract_slice %s[%t, %h, 0] [%m, 1, 70] [1, 1, 1] : tensor<?x2x70xf32> to tensor<?x1x70xf32>
    %gt = tensor.extract_slice %go[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x2x5xf32> to tensor<?x1x5xf32>
    %it = tensor.extract_slice %io[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x2x5xi32> to tensor<?x1x5xi32>
    %x:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<inner = [64, 128], warps = [2, 1], stages = 2>}
        ins(%st : tensor<?x1x70xf32>) outs(%gt, %it : tensor<?x1x5xf32>, tensor<?x1x5xi32>) -> tensor<?x1x5xf32>, tensor<?x1x5xi32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %x#0 into %go[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x1x5xf32> into tensor<?x2x5xf32>
      tensor.parallel_insert_slice %x#1 into %io[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x1x5xi32> into tensor<?x2x5xi32>
    }
  } {peermla.id = "alone"}
  return %r#0, %r#1 : tensor<?x2x5xf32>, tensor<?x2x5xi32>
}

// CHECK-LABEL: func.func @unsaid(
//       CHECK:   scf.forall
//      REMARK: has no tile program: peer.select has no schedule that says how many sub-keys, a multiple of 64, are scored and how many are scanned together
func.func @unsaid(%s: tensor<?x2x70xf32>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> (tensor<?x2x5xf32>, tensor<?x2x5xi32>) {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %s, %c0 : tensor<?x2x70xf32>
  %r:2 = scf.forall (%t, %h) = (0, 0) to (%T, 2) step (64, 1) shared_outs(%go = %g, %io = %i) -> (tensor<?x2x5xf32>, tensor<?x2x5xi32>) {
    %m = affine.min affine_map<(i)[T] -> (T - i, 64)>(%t)[%T]
    %st = tensor.extract_slice %s[%t, %h, 0] [%m, 1, 70] [1, 1, 1] : tensor<?x2x70xf32> to tensor<?x1x70xf32>
    %gt = tensor.extract_slice %go[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x2x5xf32> to tensor<?x1x5xf32>
    %it = tensor.extract_slice %io[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x2x5xi32> to tensor<?x1x5xi32>
    %x:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<inner = [64], warps = [2, 2], stages = 2>}
        ins(%st : tensor<?x1x70xf32>) outs(%gt, %it : tensor<?x1x5xf32>, tensor<?x1x5xi32>) -> tensor<?x1x5xf32>, tensor<?x1x5xi32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %x#0 into %go[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x1x5xf32> into tensor<?x2x5xf32>
      tensor.parallel_insert_slice %x#1 into %io[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x1x5xi32> into tensor<?x2x5xi32>
    }
  } {peermla.id = "unsaid"}
  return %r#0, %r#1 : tensor<?x2x5xf32>, tensor<?x2x5xi32>
}

// Scores of a dimension are in scratch together, products of 64 sub-keys one after the
// other; then lanes scan them. The best of 5 are in 16 columns, one for each of as many
// lanes at most. 70 sub-keys end in the second product.

// CHECK-LABEL: func.func @two_dimensions(
//   CHECK-NOT:   scf.forall
//       CHECK:   tile.launch
// CHECK-LABEL: func.func @retrieve(
//  CHECK-SAME:   %[[Q:[^:]+]]: memref<?x2x24xf16>, %[[K0:[^:]+]]: memref<70x24xf16>, %[[P:[^:]+]]: memref<?x2x24xf16>, %[[K1:[^:]+]]: memref<64x24xf16>, %[[G:[^:]+]]: memref<?x2x5xf32>, %[[I:[^:]+]]: memref<?x2x5xi32>
//   CHECK-DAG:   %[[LOWEST:.+]] = arith.constant dense<0xFF800000> : tensor<32xf32>
//   CHECK-DAG:   %[[NONE:.+]] = arith.constant dense<0> : tensor<32x16xi64>
//       CHECK:   %[[SCRATCH:.+]] = tile.scratch : memref<32x136xf32
// Columns that may win lie where the numbers of the other list go.
//       CHECK:   %[[OTHER_SCORES:.+]] = tile.scratch : memref<32x17xf32
//       CHECK:   %[[LIST:.+]] = tile.scratch : memref<32x17xi32
//       CHECK:   %[[QT:.+]] = tile.load %[[Q]]{{.+}} -> tensor<32x64xf16>
//       CHECK:   scf.for %[[F:.+]] = %c0 to %c70 step %c64 {
//       CHECK:     %[[LEFT:.+]] = arith.subi %c70, %[[F]]
//       CHECK:     %[[PRESENT:.+]] = arith.minsi %[[LEFT]], %c64
//       CHECK:     %[[KT:.+]] = tile.load %[[K0]][%[[F]], %c0] sizes(%[[PRESENT]], %c24)
//       CHECK:     %[[S:.+]] = tile.mma %[[QT]], %[[KT]] transpose_b
//       CHECK:     tile.store %[[S]], %[[SCRATCH]][%c0, %[[F]]] sizes(%c32, %c64)
//  CHECK-NEXT:   }
//  CHECK-NEXT:   %{{.+}}, %[[HIGHEST:.+]] = tile.scan %[[SCRATCH]] first %c0 count %c70 columns 128 into %[[NONE]], %[[LOWEST]] through %[[LIST]] : memref<32x136xf32
//       CHECK:   %[[SCORES:.+]] = tile.scratch : memref<32x17xf32
//       CHECK:   %[[IDS:.+]] = tile.scratch : memref<32x17xi32
// 64 sub-keys are one product.
//       CHECK:   %[[PT:.+]] = tile.load %[[P]]
//       CHECK:   %[[LT:.+]] = tile.load %[[K1]][%c0, %c0] sizes(%c64, %c24)
//       CHECK:   %[[O:.+]] = tile.mma %[[PT]], %[[LT]] transpose_b
//  CHECK-NEXT:   tile.store %[[O]], %[[SCRATCH]][%c0, %c0] sizes(%c32, %c64)
//  CHECK-NEXT:   %{{.+}}, %[[HIGHER:.+]] = tile.scan %[[SCRATCH]] first %c0 count %c64 columns 64 into %[[NONE]], %[[HIGHEST]] through %[[LIST]]
//       CHECK:   tile.store %{{.+}}, %[[OTHER_SCORES]]
//       CHECK:   tile.store %{{.+}}, %[[LIST]]
// Ten pairs are two runs of each list.
//       CHECK:   scf.for %[[E:.+]] = %c0 to %c2 step %c1 iter_args(%[[BEST:.+]] = %[[NONE]], %{{.+}} = %[[HIGHER]])
//       CHECK:     tile.load %[[SCORES]][%c0, %[[E]]] sizes(%c32) along [0]
//       CHECK:     tile.load %[[OTHER_SCORES]][%c0, %[[E]]] sizes(%c32, %{{.+}}) along [0, 1]
//       CHECK:     arith.muli %{{.+}}, %{{.+}} : tensor<32x16xi32>
//       CHECK:     %[[FIRST:.+]] = tile.topk sorted %{{.+}} into %[[BEST]] : tensor<32x16xi64>, tensor<32x16xi64>
//       CHECK:     tile.topk sorted %{{.+}} into %[[FIRST]]
//       CHECK:   arith.cmpf uno
//       CHECK:   math.exp
//   CHECK-DAG:   tile.store %{{.+}}, %[[G]][%{{.+}}, %{{.+}}, %c0] sizes(%{{.+}}, %c5) along [0, 2] : tensor<32x16xf32>
//   CHECK-DAG:   tile.store %{{.+}}, %[[I]][%{{.+}}, %{{.+}}, %c0] sizes(%{{.+}}, %c5) along [0, 2] : tensor<32x16xi32>
// REMARK: is a tile program of 8 warps
func.func @two_dimensions(%q: tensor<?x2x24xf16>, %k: tensor<70x24xf16>, %p: tensor<?x2x24xf16>, %l: tensor<64x24xf16>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> (tensor<?x2x5xf32>, tensor<?x2x5xi32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %q, %c0 : tensor<?x2x24xf16>
  %r:2 = scf.forall (%t, %h) = (0, 0) to (%T, 2) step (32, 1) shared_outs(%go = %g, %io = %i) -> (tensor<?x2x5xf32>, tensor<?x2x5xi32>) {
    %m = affine.min affine_map<(i)[T] -> (T - i, 32)>(%t)[%T]
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
    %x:2 = peer.select softmax num_keys([70, 64]) {peermla.schedule = #tile.schedule<inner = [64, 128], warps = [2, 4], stages = 2>}
        ins(%s, %o : tensor<?x1x70xf32>, tensor<?x1x64xf32>) outs(%gt, %it : tensor<?x1x5xf32>, tensor<?x1x5xi32>) -> tensor<?x1x5xf32>, tensor<?x1x5xi32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %x#0 into %go[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x1x5xf32> into tensor<?x2x5xf32>
      tensor.parallel_insert_slice %x#1 into %io[%t, %h, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x1x5xi32> into tensor<?x2x5xi32>
    }
  } {peermla.id = "retrieve"}
  return %r#0, %r#1 : tensor<?x2x5xf32>, tensor<?x2x5xi32>
}

// Blocks of one length where scratch has no room for all scores: two of three products
// are 300 sub-keys. A block is scanned when it is complete; the last one is not full.
// Scores of the other dimension are in memory, and go the same way. Both lists go
// through scratch: the sums of one entry and those behind it in the other list are
// merged as they are.

// CHECK-LABEL: func.func @lanes_0(
//  CHECK-SAME:   %[[M:[^:]+]]: memref<?x2x30xf32>, %{{[^:]+}}: memref<?x2x100xf32>, %{{[^:]+}}: memref<?x2x100xi32>
//       CHECK:   %[[SCRATCH:.+]] = tile.scratch : memref<32x200xf32
//       CHECK:   %[[OTHER_SCORES:.+]] = tile.scratch : memref<32x129xf32
//       CHECK:   %[[LIST:.+]] = tile.scratch : memref<32x129xi32
//       CHECK:   %[[B:.+]]:2 = scf.for %[[F:.+]] = %c0 to %c300 step %c64 iter_args(%[[BEST:.+]] = %{{.+}}, %[[TOP:.+]] = %{{.+}}) -> (tensor<32x128xi64>, tensor<32xf32>)
//       CHECK:     %[[LEFT:.+]] = arith.subi %c300, %[[F]]
//       CHECK:     %[[S:.+]] = tile.mma
//       CHECK:     %[[COLUMN:.+]] = arith.remui %[[F]], %c192
//       CHECK:     tile.store %[[S]], %[[SCRATCH]][%c0, %[[COLUMN]]]
//   CHECK-DAG:     %[[END:.+]] = arith.addi %[[COLUMN]], %c64
//   CHECK-DAG:     %[[FULL:.+]] = arith.cmpi eq, %[[END]], %c192
//   CHECK-DAG:     %[[LAST:.+]] = arith.cmpi sle, %[[LEFT]], %c64
//       CHECK:     %[[SCANS:.+]] = arith.ori %[[FULL]], %[[LAST]]
//       CHECK:     %[[R:.+]]:2 = scf.if %[[SCANS]]
//       CHECK:       %[[START:.+]] = arith.subi %[[F]], %[[COLUMN]]
//       CHECK:       %[[REST:.+]] = arith.subi %c300, %[[START]]
//       CHECK:       %[[COUNT:.+]] = arith.minsi %[[END]], %[[REST]]
//       CHECK:       %[[NEXT:.+]], %[[HIGHEST:.+]] = tile.scan %[[SCRATCH]] first %[[START]] count %[[COUNT]] columns 192 into %[[BEST]], %[[TOP]] through %[[LIST]]
//  CHECK-NEXT:       scf.yield %[[NEXT]], %[[HIGHEST]]
//       CHECK:     } else {
//  CHECK-NEXT:       scf.yield %[[BEST]], %[[TOP]]
//       CHECK:     scf.yield %[[R]]#0, %[[R]]#1
//       CHECK:   %[[SCORES:.+]] = tile.scratch : memref<32x129xf32
//       CHECK:   %[[IDS:.+]] = tile.scratch : memref<32x129xi32
//       CHECK:   %[[T:.+]] = tile.load %[[M]]{{.+}} sizes(%{{.+}}, %c30) along [0, 2] : memref<?x2x30xf32> -> tensor<32x64xf32>
//  CHECK-NEXT:   tile.store %[[T]], %[[SCRATCH]][%c0, %c0] sizes(%c32, %c64)
//  CHECK-NEXT:   tile.scan %[[SCRATCH]] first %c0 count %c30 columns 64 into %{{.+}}, %[[B]]#1 through %[[LIST]]
//       CHECK:   tile.store %{{.+}}, %[[OTHER_SCORES]]
//       CHECK:   tile.store %{{.+}}, %[[LIST]]
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
func.func @lanes(%q: tensor<?x2x24xf16>, %k: tensor<300x24xf16>, %s: tensor<?x2x30xf32>, %g: tensor<?x2x100xf32>, %i: tensor<?x2x100xi32>) -> (tensor<?x2x100xf32>, tensor<?x2x100xi32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %q, %c0 : tensor<?x2x24xf16>
  %r:2 = scf.forall (%t, %h) = (0, 0) to (%T, 2) step (32, 1) shared_outs(%go = %g, %io = %i) -> (tensor<?x2x100xf32>, tensor<?x2x100xi32>) {
    %m = affine.min affine_map<(i)[T] -> (T - i, 32)>(%t)[%T]
    %qt = tensor.extract_slice %q[%t, %h, 0] [%m, 1, 24] [1, 1, 1] : tensor<?x2x24xf16> to tensor<?x1x24xf16>
    %e = tensor.empty(%m) : tensor<?x1x300xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x1x300xf32>) -> tensor<?x1x300xf32>
    %p = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%qt, %k : tensor<?x1x24xf16>, tensor<300x24xf16>) outs(%z : tensor<?x1x300xf32>) {
    ^bb0(%u: f16, %v: f16, %a: f32):
      %0 = arith.extf %u : f16 to f32
      %1 = arith.extf %v : f16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %a, %2 : f32
      linalg.yield %3 : f32
    } -> tensor<?x1x300xf32>
    %st = tensor.extract_slice %s[%t, %h, 0] [%m, 1, 30] [1, 1, 1] : tensor<?x2x30xf32> to tensor<?x1x30xf32>
    %gt = tensor.extract_slice %go[%t, %h, 0] [%m, 1, 100] [1, 1, 1] : tensor<?x2x100xf32> to tensor<?x1x100xf32>
    %it = tensor.extract_slice %io[%t, %h, 0] [%m, 1, 100] [1, 1, 1] : tensor<?x2x100xi32> to tensor<?x1x100xi32>
    %x:2 = peer.select softmax num_keys([300, 30]) {peermla.schedule = #tile.schedule<inner = [64, 256], warps = [2, 4], stages = 2>}
        ins(%p, %st : tensor<?x1x300xf32>, tensor<?x1x30xf32>) outs(%gt, %it : tensor<?x1x100xf32>, tensor<?x1x100xi32>) -> tensor<?x1x100xf32>, tensor<?x1x100xi32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %x#0 into %go[%t, %h, 0] [%m, 1, 100] [1, 1, 1] : tensor<?x1x100xf32> into tensor<?x2x100xf32>
      tensor.parallel_insert_slice %x#1 into %io[%t, %h, 0] [%m, 1, 100] [1, 1, 1] : tensor<?x1x100xi32> into tensor<?x2x100xi32>
    }
  } {peermla.id = "lanes"}
  return %r#0, %r#1 : tensor<?x2x100xf32>, tensor<?x2x100xi32>
}
