// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tiled-to-tile,canonicalize,cse)' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tiled-to-tile)' --remarks-filter=schedule --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// A kernel with a matrix product for matrix instructions becomes a tile program:
// boxes are loaded where they are read, with the extents they have, into tiles
// of multiples of 64.

#rows = affine_map<(t, h, n, k) -> (t, h, k)>
#columns = affine_map<(t, h, n, k) -> (h, n, k)>
#result = affine_map<(t, h, n, k) -> (t, h, n)>
#all = affine_map<(t, h, n) -> (t, h, n)>
#last = affine_map<(t, h, n) -> (n)>

// One head per block: its extent of 1 is not seen in tiles.

// CHECK-LABEL: func.func @heads(
//  CHECK-SAME:   %[[X:[^:]+]]: tensor<?x3x64xbf16>, %[[W:[^:]+]]: tensor<3x40x64xbf16>, %[[B:[^:]+]]: tensor<40xf32>, %[[Y:[^:]+]]: tensor<?x3x40xbf16>
//   CHECK-NOT:   scf.forall
//       CHECK:   tile.launch @heads_of_q::@heads_of_q blocks(%{{.+}}, %c3) ins({{.*}}%[[X]], %[[W]], %[[B]] :
//  CHECK-SAME:     outs(%[[Y]] : tensor<?x3x40xbf16>)
func.func @heads(%x: tensor<?x3x64xbf16>, %w: tensor<3x40x64xbf16>, %b: tensor<40xf32>, %y: tensor<?x3x40xbf16>) -> tensor<?x3x40xbf16> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x3x64xbf16>
  %r = scf.forall (%i, %h) = (0, 0) to (%T, 3) step (128, 1) shared_outs(%o = %y) -> (tensor<?x3x40xbf16>) {
    %m = affine.min affine_map<(i)[T] -> (T - i, 128)>(%i)[%T]
    %a = tensor.extract_slice %x[%i, %h, 0] [%m, 1, 64] [1, 1, 1] : tensor<?x3x64xbf16> to tensor<?x1x64xbf16>
    %c = tensor.extract_slice %w[%h, 0, 0] [1, 40, 64] [1, 1, 1] : tensor<3x40x64xbf16> to tensor<1x40x64xbf16>
    %e = tensor.empty(%m) : tensor<?x1x40xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x1x40xf32>) -> tensor<?x1x40xf32>
    %p = linalg.generic {indexing_maps = [#rows, #columns, #result], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%a, %c : tensor<?x1x64xbf16>, tensor<1x40x64xbf16>) outs(%z : tensor<?x1x40xf32>)
        attrs = {peermla.schedule = #tile.schedule<inner = [64], warps = [4, 1], stages = 2>} {
    ^bb0(%u: bf16, %v: bf16, %s: f32):
      %0 = arith.extf %u : bf16 to f32
      %1 = arith.extf %v : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %s, %2 : f32
      linalg.yield %3 : f32
    } -> tensor<?x1x40xf32>
    %d = tensor.extract_slice %o[%i, %h, 0] [%m, 1, 40] [1, 1, 1] : tensor<?x3x40xbf16> to tensor<?x1x40xbf16>
    %q = linalg.generic {indexing_maps = [#all, #last, #all], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%p, %b : tensor<?x1x40xf32>, tensor<40xf32>) outs(%d : tensor<?x1x40xbf16>) {
    ^bb0(%u: f32, %v: f32, %s: bf16):
      %0 = arith.addf %u, %v : f32
      %1 = arith.truncf %0 : f32 to bf16
      linalg.yield %1 : bf16
    } -> tensor<?x1x40xbf16>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %q into %o[%i, %h, 0] [%m, 1, 40] [1, 1, 1] : tensor<?x1x40xbf16> into tensor<?x3x40xbf16>
    }
  } {peermla.id = "heads.of.q"}
  return %r : tensor<?x3x40xbf16>
}

// A loop that has one iteration is a block, too; it takes no dimension of a grid.

// CHECK-LABEL: func.func @one_block(
//       CHECK:   tile.launch @one_block_{{[0-9]+}}::@one_block_{{[0-9]+}} blocks(%c1)
func.func @one_block(%x: tensor<40x64xf32>, %w: tensor<48x64xf32>, %y: tensor<40x48xf32>) -> tensor<40x48xf32> {
  %zero = arith.constant 0.0 : f32
  %r = scf.forall (%i, %j) = (0, 0) to (40, 48) step (64, 64) shared_outs(%o = %y) -> (tensor<40x48xf32>) {
    %m = affine.min affine_map<(i) -> (40 - i, 64)>(%i)
    %n = affine.min affine_map<(i) -> (48 - i, 64)>(%j)
    %a = tensor.extract_slice %x[%i, 0] [%m, 64] [1, 1] : tensor<40x64xf32> to tensor<?x64xf32>
    %b = tensor.extract_slice %w[%j, 0] [%n, 64] [1, 1] : tensor<48x64xf32> to tensor<?x64xf32>
    %d = tensor.extract_slice %o[%i, %j] [%m, %n] [1, 1] : tensor<40x48xf32> to tensor<?x?xf32>
    %z = linalg.fill ins(%zero : f32) outs(%d : tensor<?x?xf32>) -> tensor<?x?xf32>
    %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
        {peermla.schedule = #tile.schedule<inner = [64], warps = [2, 1], stages = 2>}
        ins(%a, %b : tensor<?x64xf32>, tensor<?x64xf32>) outs(%z : tensor<?x?xf32>) -> tensor<?x?xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %p into %o[%i, %j] [%m, %n] [1, 1] : tensor<?x?xf32> into tensor<40x48xf32>
    }
  } {peermla.id = "one.block"}
  return %r : tensor<40x48xf32>
}

// What a tile program cannot say stays as it is.

// CHECK-LABEL: func.func @product_of_rows(
//       CHECK:   scf.forall
//   CHECK-NOT:   tile.launch
//      REMARK: has no tile program: linalg.generic is neither a matrix product nor a sum or maximum in f32
func.func @product_of_rows(%x: tensor<96x64xf32>, %w: tensor<32x64xf32>, %y: tensor<96x32xf32>) -> tensor<96x32xf32> {
  %zero = arith.constant 0.0 : f32
  %r = scf.forall (%i) = (0) to (96) step (32) shared_outs(%o = %y) -> (tensor<96x32xf32>) {
    %a = tensor.extract_slice %x[%i, 0] [32, 64] [1, 1] : tensor<96x64xf32> to tensor<32x64xf32>
    %e = tensor.empty() : tensor<32xf32>
    %ez = linalg.fill ins(%zero : f32) outs(%e : tensor<32xf32>) -> tensor<32xf32>
    %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
        ins(%a : tensor<32x64xf32>) outs(%ez : tensor<32xf32>) {
    ^bb0(%u: f32, %s: f32):
      %0 = arith.mulf %u, %s : f32
      linalg.yield %0 : f32
    } -> tensor<32xf32>
    %d = tensor.extract_slice %o[%i, 0] [32, 32] [1, 1] : tensor<96x32xf32> to tensor<32x32xf32>
    %z = linalg.broadcast ins(%sum : tensor<32xf32>) outs(%d : tensor<32x32xf32>) dimensions = [1]
    %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
        {peermla.schedule = #tile.schedule<inner = [64], warps = [2, 1], stages = 2>}
        ins(%a, %w : tensor<32x64xf32>, tensor<32x64xf32>) outs(%z : tensor<32x32xf32>) -> tensor<32x32xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %p into %o[%i, 0] [32, 32] [1, 1] : tensor<32x32xf32> into tensor<96x32xf32>
    }
  }
  return %r : tensor<96x32xf32>
}

//       CHECK: gpu.module @heads_of_q {
//       CHECK:   func.func @heads_of_q(%{{.*}}, %[[X:[^:]+]]: memref<?x3x64xbf16>, %[[W:[^:]+]]: memref<3x40x64xbf16>, %[[B:[^:]+]]: memref<40xf32>, %[[Y:[^:]+]]: memref<?x3x40xbf16>)
//  CHECK-SAME:     tile.schedule = #tile.schedule<inner = [64], warps = [4, 1], stages = 2>
//   CHECK-DAG:     %[[I:.+]] = arith.muli %block_id_x, %c128
//   CHECK-DAG:     %[[M:.+]] = affine.min
//   CHECK-DAG:     %[[A:.+]] = tile.load %[[X]][%[[I]], %[[H:.+]], %c0] sizes(%[[M]], %c64) along [0, 2] : memref<?x3x64xbf16> -> tensor<128x64xbf16>
//   CHECK-DAG:     %[[C:.+]] = tile.load %[[W]][%[[H]], %c0, %c0] sizes(%c40, %c64) along [1, 2] : memref<3x40x64xbf16> -> tensor<64x64xbf16>
//       CHECK:     %[[D:.+]] = tile.mma %[[A]], %[[C]], acc %{{.+}} transpose_b
//       CHECK:     %[[BIAS:.+]] = tile.load %[[B]][%c0] sizes(%c40) along [0] : memref<40xf32> -> tensor<64xf32>
//       CHECK:     tile.broadcast %[[BIAS]] along 0
//       CHECK:     %[[R:.+]] = arith.truncf
//       CHECK:     tile.store %[[R]], %[[Y]][%[[I]], %[[H]], %c0] sizes(%[[M]], %c40) along [0, 2]
