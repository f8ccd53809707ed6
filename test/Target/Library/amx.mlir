// RUN: peermla-opt %s -convert-scf-to-cf -convert-vector-to-llvm=enable-amx -convert-to-llvm -reconcile-unrealized-casts -peermla-legalize-bf16 -o %t.mlir
// RUN: peermla-compile %t.mlir --input-stage=llvm --emit=asm | FileCheck %s

// Tiles that a loop carries stay in registers; LLVM configures them.

// CHECK-LABEL: tile:
// CHECK: ldtilecfg
// CHECK: tilezero
// CHECK: [[LOOP:\.LBB[0-9_]+]]:
// CHECK-NOT: tilestored
// CHECK: tdpbf16ps
// CHECK-NOT: tilestored
// CHECK: j{{.*}} [[LOOP]]
// CHECK: tilestored
// CHECK: tilerelease
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": [{\"level\": \"amx\", \"entries\": [{\"name\": \"e\", \"function\": \"tile\", \"workspace\": \"tile\"}]}]}"} {
  module attributes {peermla.level = "amx"} {
    func.func @tile(%a: memref<16x64xbf16>, %b: memref<16x64xbf16>, %c: memref<16x16xf32>, %n: index) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %zero = amx.tile_zero : !amx.tile<16x16xf32>
      %sum = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %zero) -> (!amx.tile<16x16xf32>) {
        %x = amx.tile_load %a[%c0, %c0] : memref<16x64xbf16> into !amx.tile<16x32xbf16>
        %y = amx.tile_load %b[%c0, %c0] : memref<16x64xbf16> into !amx.tile<16x32xbf16>
        %r = amx.tile_mulf %x, %y, %acc : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
        scf.yield %r : !amx.tile<16x16xf32>
      }
      amx.tile_store %c[%c0, %c0], %sum : memref<16x16xf32>, !amx.tile<16x16xf32>
      return
    }
  }
}
