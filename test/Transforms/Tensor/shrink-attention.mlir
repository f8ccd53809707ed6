// RUN: peermla-opt %s -pass-pipeline='builtin.module(builtin.module(func.func(peermla-shrink-attention)),canonicalize,cse)' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(builtin.module(func.func(peermla-shrink-attention)))' -o /dev/null --remarks-filter=schedule --remark-format=emitRemark 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: peermla-opt %s -pass-pipeline='builtin.module(builtin.module(func.func(peermla-shrink-attention{deterministic=true})))' | FileCheck %s --check-prefix=SAME

#id = affine_map<(t, h, d) -> (t, h, d)>
#large = #tile.schedule<block = [128, 1], inner = [128], parts = 1, warps = [8, 1], stages = 2, instructions = wgmma, roles = [24, 240]>
#medium = #tile.schedule<block = [64, 1], inner = [64], parts = 1, warps = [4, 1], stages = 2, instructions = wgmma>
#small = #tile.schedule<block = [32, 1], inner = [32], parts = 1, warps = [2, 1], stages = 2>
#few_keys = #tile.schedule<block = [64, 1], inner = [32], parts = 1, warps = [4, 1], stages = 2>

module {
module @hopper attributes {peermla.gpu = "sm_90a"} {

// Lengths of 1 to 192 read as many keys in tiles of 64 x 64 as in tiles of 128 x
// 128; half of that is their average. Of 32 x 32 and 64 x 64 the same is half.

// REMARK: chose items of 64 tokens and blocks of 64 keys up to an average of 96 tokens per sequence
// REMARK: chose items of 32 tokens and blocks of 32 keys up to an average of 48 tokens per sequence
// CHECK-LABEL: func.func @causal(
//  CHECK-SAME:     %{{.+}}: tensor<?x2x64xf16>, %{{.+}}: tensor<?x2x64xf16>, %{{.+}}: tensor<?x2x32xf16>, %[[CU:.+]]: tensor<?xi32>, %[[INIT:.+]]: tensor<?x2x32xf16>
//   CHECK-DAG:   %[[T:.+]] = tensor.dim %[[INIT]], %c0
//   CHECK-DAG:   %[[ENDS:.+]] = tensor.dim %[[CU]], %c0
//       CHECK:   %[[B:.+]] = arith.subi %[[ENDS]], %c1
//       CHECK:   %[[MOST:.+]] = arith.muli %[[B]], %c96
//       CHECK:   %[[FEW:.+]] = arith.cmpi ule, %[[T]], %[[MOST]]
//       CHECK:   %[[O:.+]] = scf.if %[[FEW]]
//       CHECK:     %[[LESS:.+]] = arith.muli %[[B]], %c48
//       CHECK:     %[[FEWER:.+]] = arith.cmpi ule, %[[T]], %[[LESS]]
//       CHECK:     scf.if %[[FEWER]]
//       CHECK:       mla.online_attention {{.*}}{peermla.id = "a", peermla.schedule = #tile.schedule<block = [32, 1], inner = [32], parts = 1, warps = [2, 1], stages = 2>}
//       CHECK:     } else {
//       CHECK:       mla.online_attention {{.*}}{peermla.id = "a", peermla.schedule = #tile.schedule<block = [64, 1], inner = [64], parts = 1, warps = [4, 1], stages = 2, instructions = wgmma>}
//       CHECK:   } else {
//       CHECK:     mla.online_attention {{.*}}{peermla.id = "a", peermla.schedule = #tile.schedule<block = [128, 1], inner = [128], parts = 1, warps = [8, 1], stages = 2, instructions = wgmma, roles = [24, 240]>}
//       CHECK:   return %[[O]]

// A sequence alone has the bits that it has beside others.

//  SAME-LABEL: func.func @causal(
//    SAME-NOT:   scf.if
//        SAME:   mla.online_attention {{.*}}{peermla.id = "a", peermla.schedule = #tile.schedule<block = [128, 1], inner = [128], parts = 1, warps = [8, 1], stages = 2, instructions = wgmma, roles = [24, 240]>}
func.func @causal(%q: tensor<?x2x64xf16>, %k: tensor<?x2x64xf16>, %v: tensor<?x2x32xf16>, %cu: tensor<?xi32>, %i: tensor<?x2x32xf16>) -> tensor<?x2x32xf16> {
  %o = mla.online_attention causal scale(0.125) {peermla.id = "a", peermla.schedule = #large, peermla.smaller_schedules = [#medium, #small]}
      ins(%q, %k : tensor<?x2x64xf16>, tensor<?x2x64xf16>) values(%v : tensor<?x2x32xf16>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x2x32xf16>) -> tensor<?x2x32xf16>
  return %o : tensor<?x2x32xf16>
}

// Without a mask all items of a sequence read all of its keys: lengths of 65 to 128
// already read twice as many in two items as in one.

// REMARK: chose items of 64 tokens and blocks of 64 keys up to an average of 48 tokens per sequence
// CHECK-LABEL: func.func @no_mask(
//       CHECK:   arith.muli %{{.+}}, %c48
func.func @no_mask(%q: tensor<?x2x64xf16>, %k: tensor<?x2x64xf16>, %v: tensor<?x2x32xf16>, %cu: tensor<?xi32>, %i: tensor<?x2x32xf16>) -> tensor<?x2x32xf16> {
  %o = mla.online_attention scale(0.125) {peermla.schedule = #large, peermla.smaller_schedules = [#medium]}
      ins(%q, %k : tensor<?x2x64xf16>, tensor<?x2x64xf16>) values(%v : tensor<?x2x32xf16>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x2x32xf16>) -> tensor<?x2x32xf16>
  return %o : tensor<?x2x32xf16>
}

// Where blocks of keys are small already, only rows of the very shortest are saved.

// REMARK: chose items of 32 tokens and blocks of 32 keys up to an average of 16 tokens per sequence
// CHECK-LABEL: func.func @few_keys(
//       CHECK:   arith.muli %{{.+}}, %c16
func.func @few_keys(%q: tensor<?x2x64xf16>, %k: tensor<?x2x64xf16>, %v: tensor<?x2x32xf16>, %cu: tensor<?xi32>, %i: tensor<?x2x32xf16>) -> tensor<?x2x32xf16> {
  %o = mla.online_attention causal scale(0.125) {peermla.schedule = #few_keys, peermla.smaller_schedules = [#small]}
      ins(%q, %k : tensor<?x2x64xf16>, tensor<?x2x64xf16>) values(%v : tensor<?x2x32xf16>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x2x32xf16>) -> tensor<?x2x32xf16>
  return %o : tensor<?x2x32xf16>
}

// A tile that reads more keys even for one token is of no use.

// REMARK-NOT: tokens per sequence
// CHECK-LABEL: func.func @more_keys(
//   CHECK-NOT:   scf.if
//       CHECK:   mla.online_attention {{.*}}{peermla.schedule = #tile.schedule<block = [64, 1], inner = [32], parts = 1, warps = [4, 1], stages = 2>}
func.func @more_keys(%q: tensor<?x2x64xf16>, %k: tensor<?x2x64xf16>, %v: tensor<?x2x32xf16>, %cu: tensor<?xi32>, %i: tensor<?x2x32xf16>) -> tensor<?x2x32xf16> {
  %o = mla.online_attention causal scale(0.125) {peermla.schedule = #few_keys, peermla.smaller_schedules = [#medium]}
      ins(%q, %k : tensor<?x2x64xf16>, tensor<?x2x64xf16>) values(%v : tensor<?x2x32xf16>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x2x32xf16>) -> tensor<?x2x32xf16>
  return %o : tensor<?x2x32xf16>
}

// A tensor that the kernel computes is computed on both sides.

// REMARK: chose items of 64 tokens and blocks of 64 keys up to an average of 96 tokens per sequence
// CHECK-LABEL: func.func @producer(
//       CHECK:   scf.if
//       CHECK:     %[[FEW:.+]] = linalg.generic
//       CHECK:     mla.online_attention {{.*}} ins(%[[FEW]],
//       CHECK:   } else {
//       CHECK:     %[[MANY:.+]] = linalg.generic
//       CHECK:     mla.online_attention {{.*}} ins(%[[MANY]],
func.func @producer(%q: tensor<?x2x64xf16>, %k: tensor<?x2x64xf16>, %v: tensor<?x2x32xf16>, %cu: tensor<?xi32>, %i: tensor<?x2x32xf16>) -> tensor<?x2x32xf16> {
  %p = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%q : tensor<?x2x64xf16>) outs(%q : tensor<?x2x64xf16>) {
  ^bb0(%in: f16, %out: f16):
    %0 = arith.addf %in, %in : f16
    linalg.yield %0 : f16
  } -> tensor<?x2x64xf16>
  %o = mla.online_attention causal scale(0.125) {peermla.schedule = #large, peermla.smaller_schedules = [#medium]}
      ins(%p, %k : tensor<?x2x64xf16>, tensor<?x2x64xf16>) values(%v : tensor<?x2x32xf16>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x2x32xf16>) -> tensor<?x2x32xf16>
  return %o : tensor<?x2x32xf16>
}

}
}
