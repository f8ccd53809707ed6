// RUN: peermla-opt %s | FileCheck %s
// RUN: peermla-opt %s --mlir-print-op-generic | peermla-opt | FileCheck %s
// RUN: peermla-opt %s --emit-bytecode | peermla-opt | FileCheck %s

// Text, generic form and bytecode of tile programs come back as they were.

#mma = #tile.mma<warps = [2, 2]>
#columns = #tile.slice<0, #mma>

// CHECK-LABEL: func @functional
// CHECK: tile.load %{{.*}}[%{{.*}}, %{{.*}}] sizes(%{{.*}}, %{{.*}}) along [0, 1] : memref<?x64xbf16> -> tensor<64x64xbf16>
// CHECK: tile.load %{{.*}}[%{{.*}}] sizes(%{{.*}}) along [0] : memref<128xf32> -> tensor<128xf32>
// CHECK: tile.mma %{{.*}}, %{{.*}} transpose_b : tensor<64x64xbf16>, tensor<128x64xbf16> -> tensor<64x128xf32>
// CHECK: tile.mma %{{.*}}, %{{.*}}, acc %{{.*}} : tensor<64x64xbf16>, tensor<64x128xbf16> -> tensor<64x128xf32>
// CHECK: tile.broadcast %{{.*}} along 0 : tensor<128xf32> -> tensor<64x128xf32>
// CHECK: tile.store %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] sizes(%{{.*}}, %{{.*}}) along [0, 2] : tensor<64x128xf32>, memref<?x3x128xf32>
func.func @functional(%x: memref<?x64xbf16>, %w: memref<128x64xbf16>, %v: memref<64x128xbf16>,
                      %bias: memref<128xf32>, %y: memref<?x3x128xf32>, %i: index, %m: index) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %a = tile.load %x[%i, %c0] sizes(%m, %c64) along [0, 1] : memref<?x64xbf16> -> tensor<64x64xbf16>
  %b = tile.load %w[%c0, %c0] sizes(%c128, %c64) along [0, 1] : memref<128x64xbf16> -> tensor<128x64xbf16>
  %b2 = tile.load %v[%c0, %c0] sizes(%c64, %c128) along [0, 1] : memref<64x128xbf16> -> tensor<64x128xbf16>
  %row = tile.load %bias[%c0] sizes(%c128) along [0] : memref<128xf32> -> tensor<128xf32>
  %d = tile.mma %a, %b transpose_b : tensor<64x64xbf16>, tensor<128x64xbf16> -> tensor<64x128xf32>
  %e = tile.mma %a, %b2, acc %d : tensor<64x64xbf16>, tensor<64x128xbf16> -> tensor<64x128xf32>
  %rows = tile.broadcast %row along 0 : tensor<128xf32> -> tensor<64x128xf32>
  %f = arith.addf %e, %rows : tensor<64x128xf32>
  tile.store %f, %y[%i, %c0, %c0] sizes(%m, %c128) along [0, 2] : tensor<64x128xf32>, memref<?x3x128xf32>
  return
}

// CHECK-LABEL: func @staged
// CHECK: tile.ring {offset = 1024 : i64} : <2 x tensor<64x64xbf16, #tile.shared>>
// CHECK: tile.load {{.*}} along [0, 1] via %{{.*}}[%{{.*}}] : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x64xbf16> -> tensor<64x64xbf16, #tile.shared>
// CHECK: tile.fill %{{.*}}[%{{.*}}], %{{.*}}[%{{.*}}, %{{.*}}] sizes(%{{.*}}, %{{.*}}) along [0, 1] : <2 x
// CHECK: tile.fill {{.*}} along [0, 1] if %{{.*}} : <2 x
// CHECK: tile.consume %{{.*}}[%{{.*}}] pending 1 : <2 x tensor<64x64xbf16, #tile.shared>> -> tensor<64x64xbf16, #tile.shared>
// CHECK: tile.mma {{.*}} -> tensor<64x64xf32, #tile.mma<warps = [2, 2]>>
// CHECK: tile.broadcast {{.*}} : tensor<64xf32, #tile.slice<0, <warps = [2, 2]>>>
func.func @staged(%x: memref<?x64xbf16>, %i: index, %m: index, %p: i1,
                  %row: tensor<64xf32, #columns>) -> (tensor<64x64xf32, #mma>, tensor<64x64xf32, #mma>) {
  %c64 = arith.constant 64 : index
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = tile.ring {offset = 1024} : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>
  %l = tile.load %x[%i, %c0] sizes(%m, %c64) along [0, 1] via %r[%c0] : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x64xbf16> -> tensor<64x64xbf16, #tile.shared>
  tile.fill %r[%c0], %x[%i, %c0] sizes(%m, %c64) along [0, 1] : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x64xbf16>
  tile.fill %r[%c1], %x[%i, %c0] sizes(%m, %c64) along [0, 1] if %p : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x64xbf16>
  %a = tile.consume %r[%c0] pending 1 : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>> -> tensor<64x64xbf16, #tile.shared>
  %d = tile.mma %l, %a : tensor<64x64xbf16, #tile.shared>, tensor<64x64xbf16, #tile.shared> -> tensor<64x64xf32, #mma>
  %rows = tile.broadcast %row along 0 : tensor<64xf32, #columns> -> tensor<64x64xf32, #mma>
  return %d, %rows : tensor<64x64xf32, #mma>, tensor<64x64xf32, #mma>
}

// CHECK-LABEL: func @rows
// CHECK: tile.index 1 : tensor<64x128xi32>
// CHECK: tile.reduce max %{{.*}} along 1 : tensor<64x128xf32> -> tensor<64xf32>
// CHECK: tile.reduce add %{{.*}} along 1 : tensor<64x128xf32> -> tensor<64xf32>
func.func @rows(%s: tensor<64x128xf32>) -> (tensor<64x128xi32>, tensor<64xf32>, tensor<64xf32>) {
  %i = tile.index 1 : tensor<64x128xi32>
  %m = tile.reduce max %s along 1 : tensor<64x128xf32> -> tensor<64xf32>
  %l = tile.reduce add %s along 1 : tensor<64x128xf32> -> tensor<64xf32>
  return %i, %m, %l : tensor<64x128xi32>, tensor<64xf32>, tensor<64xf32>
}

// CHECK-LABEL: func @clear
// CHECK: tile.clear_nonfinite %{{.*}} : tensor<64x64xbf16>
// CHECK: tile.clear_nonfinite %{{.*}} : tensor<64x32xf32, #tile.shared>
func.func @clear(%v: tensor<64x64xbf16>, %w: tensor<64x32xf32, #tile.shared>) -> (tensor<64x64xbf16>, tensor<64x32xf32, #tile.shared>) {
  %a = tile.clear_nonfinite %v : tensor<64x64xbf16>
  %b = tile.clear_nonfinite %w : tensor<64x32xf32, #tile.shared>
  return %a, %b : tensor<64x64xbf16>, tensor<64x32xf32, #tile.shared>
}

// CHECK-LABEL: func @triangle
// CHECK: tile.mma %{{.*}}, %{{.*}} transpose_b until %{{.*}} : tensor<64x64xbf16>, tensor<128x64xbf16> -> tensor<64x128xf32> {group = 4 : i64}
// CHECK: tile.mma %{{.*}}, %{{.*}}, acc %{{.*}} sum until %{{.*}} : tensor<64x64xbf16>, tensor<64x128xbf16> -> tensor<64x128xf32>{{$}}
func.func @triangle(%a: tensor<64x64xbf16>, %b: tensor<128x64xbf16>, %c: tensor<64x128xbf16>, %x: index) -> tensor<64x128xf32> {
  %d = tile.mma %a, %b transpose_b until %x : tensor<64x64xbf16>, tensor<128x64xbf16> -> tensor<64x128xf32> {group = 4 : i64}
  %e = tile.mma %a, %c, acc %d sum until %x : tensor<64x64xbf16>, tensor<64x128xbf16> -> tensor<64x128xf32>
  return %e : tensor<64x128xf32>
}

// CHECK-LABEL: func @any
// CHECK: tile.any_nonfinite %{{.*}} : tensor<64x64xbf16>
// CHECK: tile.any_nonfinite %{{.*}} : tensor<64x32xf32, #tile.shared>
func.func @any(%v: tensor<64x64xbf16>, %w: tensor<64x32xf32, #tile.shared>) -> (i1, i1) {
  %a = tile.any_nonfinite %v : tensor<64x64xbf16>
  %b = tile.any_nonfinite %w : tensor<64x32xf32, #tile.shared>
  return %a, %b : i1, i1
}

// CHECK-LABEL: func @rows_of_caches
// CHECK: tile.load %{{.*}} sizes(%{{.*}}, %{{.*}}, %{{.*}}) along [0, 1, 2] group 12 : memref<?x24x64xbf16> -> tensor<64x64xbf16>
// CHECK: tile.load %{{.*}} along [1, 2] pages(%{{.*}}[%{{.*}}] : memref<?x?xi32>) via %{{.*}}[%{{.*}}] : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x?x64xbf16>
// CHECK: tile.fill {{.*}} along [1, 2] pages(%{{.*}}[%{{.*}}] : memref<?x?xi32>) if %{{.*}} : <2 x
// CHECK: tile.convert %{{.*}} via %{{.*}}[%{{.*}}] : !tile.ring<1 x tensor<64x32xbf16, #tile.shared>>, tensor<64x32xbf16> -> tensor<64x32xbf16, #tile.shared>
// CHECK: tile.reduce max %{{.*}} along 1 at 1024 : tensor<64x128xf32> -> tensor<64xf32>
// CHECK: tile.store {{.*}} along [0, 1] group 12 : tensor<64xf32>, memref<?x24xf32>
func.func @rows_of_caches(%x: memref<?x24x64xbf16>, %cache: memref<?x?x64xbf16>, %t: memref<?x?xi32>, %p: tensor<64x32xbf16>, %s: tensor<64x128xf32>, %y: memref<?x24xf32>, %i: index, %more: i1) {
  %r = tile.ring {offset = 1024} : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>
  %u = tile.ring {offset = 0} : !tile.ring<1 x tensor<64x32xbf16, #tile.shared>>
  %q = tile.load %x[%i, %i, %i] sizes(%i, %i, %i) along [0, 1, 2] group 12 : memref<?x24x64xbf16> -> tensor<64x64xbf16>
  %k = tile.load %cache[%i, %i, %i] sizes(%i, %i) along [1, 2] pages(%t[%i] : memref<?x?xi32>) via %r[%i] : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x?x64xbf16> -> tensor<64x64xbf16, #tile.shared>
  tile.fill %r[%i], %cache[%i, %i, %i] sizes(%i, %i) along [1, 2] pages(%t[%i] : memref<?x?xi32>) if %more : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x?x64xbf16>
  %c = tile.convert %p via %u[%i] : !tile.ring<1 x tensor<64x32xbf16, #tile.shared>>, tensor<64x32xbf16> -> tensor<64x32xbf16, #tile.shared>
  %m = tile.reduce max %s along 1 at 1024 : tensor<64x128xf32> -> tensor<64xf32>
  tile.store %m, %y[%i, %i] sizes(%i, %i) along [0, 1] group 12 : tensor<64xf32>, memref<?x24xf32>
  return
}

// CHECK-LABEL: func @boxes
// CHECK: tile.ring {barriers = 16384 : i64, offset = 0 : i64} : <2 x tensor<64x64xbf16, #tile.shared>>
// CHECK: tile.fill_box %{{.*}}[%{{.*}}], %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] along [0, 2] : <2 x tensor<64x64xbf16, #tile.shared>>, memref<?x24x64xbf16>
// CHECK: tile.fill_box {{.*}} along [0, 2] if %{{.*}} : <2 x
// CHECK: %[[A:.*]] = tile.consume %{{.*}}[%{{.*}}] pending 0 rows %[[N:.*]] : <2 x
// CHECK: tile.clear_rows %[[A]] from %[[N]] : tensor<64x64xbf16, #tile.shared>
func.func @boxes(%x: memref<?x24x64xbf16>, %i: index, %more: i1) -> tensor<64x64xbf16, #tile.shared> {
  %r = tile.ring {barriers = 16384, offset = 0} : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>
  tile.fill_box %r[%i], %x[%i, %i, %i] along [0, 2] : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x24x64xbf16>
  tile.fill_box %r[%i], %x[%i, %i, %i] along [0, 2] if %more : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x24x64xbf16>
  %a = tile.consume %r[%i] pending 0 rows %i : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>> -> tensor<64x64xbf16, #tile.shared>
  %b = tile.clear_rows %a from %i : tensor<64x64xbf16, #tile.shared>
  return %b : tensor<64x64xbf16, #tile.shared>
}

// CHECK-LABEL: func @roles
// CHECK: %[[R:.*]] = tile.ring {barriers = 16384 : i64, consumers = 4 : i64, offset = 0 : i64}
// CHECK: tile.specialize registers [24, 240] {
// CHECK: tile.fill_box %[[R]]
// CHECK: }, {
// CHECK: %[[D:.*]] = tile.mma %{{.*}}, %{{.*}} transpose_b flight :
// CHECK: tile.mma_wait 1{{$}}
// CHECK: tile.mma_wait 0, %[[D]] : tensor<64x64xf32, #tile.mma<warps = [4, 1]>>
// CHECK: tile.release %[[R]][%{{.*}}] :
// CHECK: tile.release %[[R]][%{{.*}}] if %{{.*}} :
// CHECK: tile.specialize {
// CHECK: tile.ring {barriers = 16416 : i64, consumers = 4 : i64, offset = 0 : i64, producers = 128 : i64}
func.func @roles(%x: memref<?x64xbf16>, %i: index, %more: i1) {
  %r = tile.ring {barriers = 16384, consumers = 4, offset = 0} : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>
  tile.specialize registers [24, 240] {
    tile.fill_box %r[%i], %x[%i, %i] along [0, 1] : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x64xbf16>
  }, {
    %a = tile.consume %r[%i] pending 0 : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>> -> tensor<64x64xbf16, #tile.shared>
    %d = tile.mma %a, %a transpose_b flight : tensor<64x64xbf16, #tile.shared>, tensor<64x64xbf16, #tile.shared> -> tensor<64x64xf32, #tile.mma<warps = [4, 1]>>
    tile.mma_wait 1
    %e = tile.mma_wait 0, %d : tensor<64x64xf32, #tile.mma<warps = [4, 1]>>
    tile.release %r[%i] : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>
    tile.release %r[%i] if %more : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>
  }
  return
}
func.func @roles_without_registers() {
  tile.specialize {
  }, {
  }
  %r = tile.ring {barriers = 16416, consumers = 4, offset = 0, producers = 128} : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>
  return
}

// CHECK-LABEL: func.func @read_and_rotate(
//       CHECK:   tile.read %{{.+}} : tensor<64x64xf32> -> tensor<64x64xf32>
//       CHECK:   tile.read %{{.+}} : tensor<64x64xbf16, #tile.shared> -> tensor<64x64xbf16, #tile.mma<warps = [4, 1]>>
//       CHECK:   tile.rotate %{{.+}} from 32 by %{{.+}}[%{{.+}}] rows %{{.+}} : tensor<64x64xf32>, memref<?x32xf32>
func.func @read_and_rotate(%a: tensor<64x64xf32>, %s: tensor<64x64xbf16, #tile.shared>, %t: memref<?x32xf32>, %i: index, %n: index) {
  %x = tile.read %a : tensor<64x64xf32> -> tensor<64x64xf32>
  %y = tile.read %s : tensor<64x64xbf16, #tile.shared> -> tensor<64x64xbf16, #tile.mma<warps = [4, 1]>>
  %z = tile.rotate %x from 32 by %t[%i] rows %n : tensor<64x64xf32>, memref<?x32xf32>
  return
}
