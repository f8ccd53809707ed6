// RUN: peermla-opt %s --pass-pipeline="builtin.module(builtin.module(func.func(peermla-lower-contractions,canonicalize,cse)))" | peermla-opt -peermla-cpu-to-llvm -o %t.mlir
// RUN: peermla-compile %t.mlir --input-stage=llvm --emit=asm -o %t.s
// RUN: FileCheck %s < %t.s
// RUN: FileCheck %s --check-prefix=ONCE < %t.s

// Tiles are configured once, and a step of the loop over terms is four loads and
// four products, nothing spilled, nothing called.

// CHECK-LABEL: {{^}}product:
//       CHECK:   ldtilecfg
//       CHECK: [[LOOP:\.LBB[0-9_]+]]:{{[[:space:]]+}}tileloadd
//   CHECK-NOT:   {{call|tilezero|tilestored|\(%rsp|zmm|\.LBB}}
//       CHECK:   tileloadd
//   CHECK-NOT:   {{call|tilezero|tilestored|\(%rsp|zmm|\.LBB}}
//       CHECK:   tdpbf16ps
//   CHECK-NOT:   {{call|tilezero|tilestored|\(%rsp|zmm|\.LBB}}
//       CHECK:   tileloadd
//   CHECK-NOT:   {{call|tilezero|tilestored|\(%rsp|zmm|\.LBB}}
//       CHECK:   tdpbf16ps
//   CHECK-NOT:   {{call|tilezero|tilestored|\(%rsp|zmm|\.LBB}}
//       CHECK:   tileloadd
//   CHECK-NOT:   {{call|tilezero|tilestored|\(%rsp|zmm|\.LBB}}
//       CHECK:   tdpbf16ps
//  CHECK-NEXT:   tdpbf16ps
//   CHECK-NOT:   {{call|tile|tdp|\(%rsp|zmm|\.LBB[0-9_]+:}}
//       CHECK:   {{j[a-z]+}} [[LOOP]]
//       CHECK:   tilestored
//   CHECK-NOT:   call
//       CHECK:   tilerelease

// ONCE-COUNT-1: ldtilecfg
//     ONCE-NOT: {{ldtilecfg|call}}

#a = affine_map<(m, panel, k, n, pair) -> (m, k, pair)>
#b = affine_map<(m, panel, k, n, pair) -> (panel, k, n, pair)>
#c = affine_map<(m, panel, k, n, pair) -> (m, panel, n)>

module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": [{\"level\": \"amx\", \"entries\": [{\"name\": \"e\", \"function\": \"product\", \"workspace\": \"product\"}]}]}"} {
  module attributes {peermla.level = "amx"} {
    func.func @product(%a: memref<?x?x2xbf16>, %b: memref<3x?x32x2xbf16>, %c: memref<?x3x32xf32>) {
      linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction", "parallel", "reduction"]}
          ins(%a, %b : memref<?x?x2xbf16>, memref<3x?x32x2xbf16>) outs(%c : memref<?x3x32xf32>) {
      ^bb0(%x: bf16, %y: bf16, %z: f32):
        %0 = arith.extf %x : bf16 to f32
        %1 = arith.extf %y : bf16 to f32
        %2 = arith.mulf %0, %1 : f32
        %3 = arith.addf %z, %2 : f32
        linalg.yield %3 : f32
      }
      return
    }
  }
}
