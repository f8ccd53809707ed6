// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-select-schedules))' | FileCheck %s

// Where the target has warpgroups, they multiply f16 and bf16; products of f32 are
// those of other targets.

#a = affine_map<(t, n, k) -> (t, k)>
#b = affine_map<(t, n, k) -> (n, k)>
#c = affine_map<(t, n, k) -> (t, n)>

module attributes {peermla.gpu = "sm_90a"} {

// CHECK-LABEL: func.func @narrow(
//       CHECK:   peermla.schedule = #tile.schedule<block = [64, 128, 0], inner = [64], warps = [4, 1], stages = 3, instructions = wgmma>
func.func @narrow(%x: tensor<?x30xbf16>, %w: tensor<192x30xbf16>, %e: tensor<?x192xf32>) -> tensor<?x192xf32> {
  %y = linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%x, %w : tensor<?x30xbf16>, tensor<192x30xbf16>) outs(%e : tensor<?x192xf32>) -> tensor<?x192xf32>
  return %y : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @f32(
//       CHECK:   peermla.schedule = #tile.schedule<block = [64, 128, 0], inner = [32], warps = [2, 4], stages = 3>
func.func @f32(%x: tensor<?x30xf32>, %w: tensor<192x30xf32>, %e: tensor<?x192xf32>) -> tensor<?x192xf32> {
  %y = linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%x, %w : tensor<?x30xf32>, tensor<192x30xf32>) outs(%e : tensor<?x192xf32>) -> tensor<?x192xf32>
  return %y : tensor<?x192xf32>
}

// Attention over keys of each head has roles: two warpgroups compute.

// CHECK-LABEL: func.func @attention(
//       CHECK:   block = [128, 1], inner = [128], parts = 1, warps = [8, 1], stages = 2, instructions = wgmma, roles = [24, 240]>
func.func @attention(%q: tensor<?x2x64xf16>, %k: tensor<?x2x64xf16>, %v: tensor<?x2x32xf16>, %cu: tensor<?xi32>, %o: tensor<?x2x32xf16>) -> tensor<?x2x32xf16> {
  %0 = mla.online_attention causal scale(1.250000e-01) ins(%q, %k : tensor<?x2x64xf16>, tensor<?x2x64xf16>) values(%v : tensor<?x2x32xf16>)
      ragged(%cu : tensor<?xi32>) outs(%o : tensor<?x2x32xf16>) -> tensor<?x2x32xf16>
  return %0 : tensor<?x2x32xf16>
}

// Where shared memory has no room for it, one warpgroup computes, and all threads
// bring keys.

// CHECK-LABEL: func.func @wide_attention(
//       CHECK:   block = [64, 1], inner = [64], parts = 1, warps = [4, 1], stages = 2, instructions = wgmma>
func.func @wide_attention(%q: tensor<?x2x320xf16>, %k: tensor<?x2x320xf16>, %v: tensor<?x2x192xf16>, %cu: tensor<?xi32>, %o: tensor<?x2x192xf16>) -> tensor<?x2x192xf16> {
  %0 = mla.online_attention causal scale(1.250000e-01) ins(%q, %k : tensor<?x2x320xf16>, tensor<?x2x320xf16>) values(%v : tensor<?x2x192xf16>)
      ragged(%cu : tensor<?xi32>) outs(%o : tensor<?x2x192xf16>) -> tensor<?x2x192xf16>
  return %0 : tensor<?x2x192xf16>
}

// Rows that no tensor copy can bring: roles would have copies of threads, and one
// warpgroup would multiply without overlap.

// CHECK-LABEL: func.func @odd_attention(
//       CHECK:   peermla.schedule = #tile.schedule<block = [64, 1], inner = [64], parts = 1, warps = [4, 1], stages = 2>,
//  CHECK-SAME:   peermla.smaller_schedules = [#tile.schedule<block = [32, 1], {{[^>]+}}>]}
func.func @odd_attention(%q: tensor<?x2x24xf16>, %k: tensor<?x2x24xf16>, %v: tensor<?x2x12xf16>, %cu: tensor<?xi32>, %o: tensor<?x2x12xf16>) -> tensor<?x2x12xf16> {
  %0 = mla.online_attention causal scale(1.250000e-01) ins(%q, %k : tensor<?x2x24xf16>, tensor<?x2x24xf16>) values(%v : tensor<?x2x12xf16>)
      ragged(%cu : tensor<?xi32>) outs(%o : tensor<?x2x12xf16>) -> tensor<?x2x12xf16>
  return %0 : tensor<?x2x12xf16>
}

// What is given, even in part, is for sequences of all lengths.

// CHECK-LABEL: func.func @given(
//       CHECK:   {peermla.schedule = #tile.schedule<block = [128, 1], inner = [128], parts = 1, warps = [8, 1], stages = 2, instructions = wgmma, roles = [24, 240]>}
func.func @given(%q: tensor<?x2x64xf16>, %k: tensor<?x2x64xf16>, %v: tensor<?x2x32xf16>, %cu: tensor<?xi32>, %o: tensor<?x2x32xf16>) -> tensor<?x2x32xf16> {
  %0 = mla.online_attention causal scale(1.250000e-01) {peermla.schedule = #tile.schedule<inner = [128]>}
      ins(%q, %k : tensor<?x2x64xf16>, tensor<?x2x64xf16>) values(%v : tensor<?x2x32xf16>)
      ragged(%cu : tensor<?xi32>) outs(%o : tensor<?x2x32xf16>) -> tensor<?x2x32xf16>
  return %0 : tensor<?x2x32xf16>
}

}
