// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-to-tiled{cpu-levels=x86-64-v3})' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-to-tiled,peermla-tiled-to-buffers,peermla-buffers-to-cpu,peermla-cpu-to-llvm)' -o /dev/null
// RUN: peermla-compile %s --target=sm_80 --emit=tile | FileCheck %s --check-prefix=TILE
// RUN: peermla-compile %s --target=sm_80 --emit=ptx | FileCheck %s --check-prefix=PTX --implicit-check-not=.local

// A combination that no model uses needs no code of its own: a norm of rows, two
// projections of it, and a gate silu(a) * b plus the input. One kernel norms, one
// computes a projection, the last one the other projection with all that follows.

// CHECK-LABEL: func.func @forward(
//       CHECK:   %[[NORM:.+]] = scf.forall
//       CHECK:     linalg.generic {{.+}}"reduction"
//       CHECK:     linalg.generic
//       CHECK:       math.rsqrt
//       CHECK:   scf.forall
//       CHECK:     tensor.extract_slice %[[NORM]]
//       CHECK:     linalg.generic {{.+}}"reduction"
//       CHECK:   scf.forall
//       CHECK:     linalg.generic {{.+}}"reduction"
//       CHECK:     linalg.generic
//       CHECK:       math.exp
//       CHECK:   }
//   CHECK-NOT:   linalg
//       CHECK:   return

// On a GPU: steps for the norm, and two tile programs. The gate reads the first
// projection where its own products lie, in registers.

//      TILE: func.func @forward(
//      TILE:   tile.launch {{.+}} outs(%[[NORM:[a-z0-9_]+]] :
//      TILE:   tile.launch {{.+}} ins({{.*}}%[[NORM]]{{.*}}) outs(%[[A:[a-z0-9_]+]] :
//      TILE:   tile.launch @[[GATE:[a-z0-9_]+]]::{{.+}} ins({{.*}}%[[A]], %[[NORM]]{{.*}}) outs(
//  TILE-NOT:   tile.launch
//      TILE: gpu.module @[[GATE]]
//      TILE:   %[[B:.+]] = tile.mma
//      TILE:   %[[GATED:.+]] = tile.load
//      TILE:   arith.negf %[[GATED]]
//      TILE:   math.exp
//      TILE:   %[[SILU:.+]] = arith.divf %[[GATED]],
//      TILE:   %[[PRODUCT:.+]] = arith.mulf %[[SILU]], %[[B]]
//      TILE:   %[[Y:.+]] = arith.addf %[[PRODUCT]],
//      TILE:   tile.store %[[Y]],

//       PTX: .target sm_80
//       PTX: .visible .entry kernel(
//       PTX:   cp.async.cg.shared.global
//       PTX:   mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
//       PTX: .visible .entry kernel_0(
//       PTX:   cp.async.cg.shared.global
//       PTX:   mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
//       PTX:   div.rn.f32
//       PTX: .visible .entry forward_0(
//       PTX:   sqrt.rn.f32

#x = affine_map<(t, n, k) -> (t, k)>
#w = affine_map<(t, n, k) -> (n, k)>
#y = affine_map<(t, n, k) -> (t, n)>
#both = affine_map<(t, j) -> (t, j)>
#token = affine_map<(t, j) -> (t)>
module @GatedLayer {
  ml_program.global private @a(#ml_program.extern : tensor<16x16xf32>) : tensor<16x16xf32>
  ml_program.global private @b(#ml_program.extern : tensor<16x16xf32>) : tensor<16x16xf32>
  func.func @forward(%x: tensor<?x16xf32>) -> tensor<?x16xf32> attributes {peermla.entry} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %T = tensor.dim %x, %c0 : tensor<?x16xf32>
    %s_empty = tensor.empty(%T) : tensor<?xf32>
    %s_zero = linalg.fill ins(%zero : f32) outs(%s_empty : tensor<?xf32>) -> tensor<?xf32>
    %squares = linalg.generic {indexing_maps = [#both, #token], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<?x16xf32>) outs(%s_zero : tensor<?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %square = arith.mulf %in, %in : f32
      %sum = arith.addf %out, %square : f32
      linalg.yield %sum : f32
    } -> tensor<?xf32>
    %empty = tensor.empty(%T) : tensor<?x16xf32>
    %norm = linalg.generic {indexing_maps = [#both, #token, #both], iterator_types = ["parallel", "parallel"]}
        ins(%x, %squares : tensor<?x16xf32>, tensor<?xf32>) outs(%empty : tensor<?x16xf32>) {
    ^bb0(%in: f32, %square: f32, %out: f32):
      %inverse = math.rsqrt %square : f32
      %normed = arith.mulf %in, %inverse : f32
      linalg.yield %normed : f32
    } -> tensor<?x16xf32>
    %z = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x16xf32>) -> tensor<?x16xf32>
    %wa = ml_program.global_load_const @a : tensor<16x16xf32>
    %wb = ml_program.global_load_const @b : tensor<16x16xf32>
    %a = linalg.matmul indexing_maps = [#x, #w, #y] ins(%norm, %wa : tensor<?x16xf32>, tensor<16x16xf32>)
        outs(%z : tensor<?x16xf32>) -> tensor<?x16xf32>
    %b = linalg.matmul indexing_maps = [#x, #w, #y] ins(%norm, %wb : tensor<?x16xf32>, tensor<16x16xf32>)
        outs(%z : tensor<?x16xf32>) -> tensor<?x16xf32>
    %y = linalg.generic {indexing_maps = [#both, #both, #both, #both], iterator_types = ["parallel", "parallel"]}
        ins(%a, %b, %x : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) outs(%empty : tensor<?x16xf32>) {
    ^bb0(%u: f32, %v: f32, %residual: f32, %out: f32):
      %minus = arith.negf %u : f32
      %exp = math.exp %minus : f32
      %denominator = arith.addf %exp, %one : f32
      %silu = arith.divf %u, %denominator : f32
      %gated = arith.mulf %silu, %v : f32
      %sum = arith.addf %gated, %residual : f32
      linalg.yield %sum : f32
    } -> tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
}
