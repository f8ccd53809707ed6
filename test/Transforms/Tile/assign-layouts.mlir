// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-assign-layouts))' -split-input-file -verify-diagnostics | FileCheck %s

// Products decide where tiles live, all else follows.

// CHECK-LABEL: func @product_and_bias(
//       CHECK:   arith.constant dense<0.{{.+}}> : tensor<64x128xf32, #tile.mma<warps = [2, 2]>>
//       CHECK:   tile.load {{.+}} -> tensor<64x64xbf16, #tile.shared>
//       CHECK:   tile.load {{.+}} -> tensor<128x64xbf16, #tile.shared>
//       CHECK:   tile.mma {{.+}} -> tensor<64x128xf32, #tile.mma<warps = [2, 2]>>
//       CHECK:   tile.load {{.+}} -> tensor<128xf32, #tile.slice<0, <warps = [2, 2]>>>
//       CHECK:   tile.broadcast {{.+}} -> tensor<64x128xf32, #tile.mma<warps = [2, 2]>>
//       CHECK:   arith.truncf {{.+}} to tensor<64x128xbf16, #tile.mma<warps = [2, 2]>>
func.func @product_and_bias(%x: memref<?x64xbf16>, %w: memref<128x64xbf16>, %v: memref<128xf32>, %y: memref<?x128xbf16>, %m: index)
    attributes {tile.schedule = #tile.schedule<warps = [2, 2], stages = 2>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %zero = arith.constant dense<0.0> : tensor<64x128xf32>
  %a = tile.load %x[%c0, %c0] sizes(%m, %c64) along [0, 1] : memref<?x64xbf16> -> tensor<64x64xbf16>
  %b = tile.load %w[%c0, %c0] sizes(%c128, %c64) along [0, 1] : memref<128x64xbf16> -> tensor<128x64xbf16>
  %d = tile.mma %a, %b, acc %zero transpose_b : tensor<64x64xbf16>, tensor<128x64xbf16> -> tensor<64x128xf32>
  %bias = tile.load %v[%c0] sizes(%c128) along [0] : memref<128xf32> -> tensor<128xf32>
  %rows = tile.broadcast %bias along 0 : tensor<128xf32> -> tensor<64x128xf32>
  %s = arith.addf %d, %rows : tensor<64x128xf32>
  %r = arith.truncf %s : tensor<64x128xf32> to tensor<64x128xbf16>
  tile.store %r, %y[%c0, %c0] sizes(%m, %c128) along [0, 1] : tensor<64x128xbf16>, memref<?x128xbf16>
  return
}

// -----

// A computed operand a stays in registers, its rows whole in each warp.

// CHECK-LABEL: func @computed_operand(
//       CHECK:   tile.load {{.+}} -> tensor<64x64xbf16, #tile.mma<warps = [2, 1]>>
//       CHECK:   arith.addf {{.+}} : tensor<64x64xbf16, #tile.mma<warps = [2, 1]>>
func.func @computed_operand(%x: memref<64x64xbf16>, %w: memref<64x64xbf16>, %y: memref<64x64xf32>)
    attributes {tile.schedule = #tile.schedule<warps = [2, 2], stages = 2>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %x0 = tile.load %x[%c0, %c0] sizes(%c64, %c64) along [0, 1] : memref<64x64xbf16> -> tensor<64x64xbf16>
  %a = arith.addf %x0, %x0 : tensor<64x64xbf16>
  %b = tile.load %w[%c0, %c0] sizes(%c64, %c64) along [0, 1] : memref<64x64xbf16> -> tensor<64x64xbf16>
  %d = tile.mma %a, %b : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
  tile.store %d, %y[%c0, %c0] sizes(%c64, %c64) along [0, 1] : tensor<64x64xf32>, memref<64x64xf32>
  return
}

// -----

// Gathered rows are shared by all threads in pieces of 16 bytes, sums of their
// parts belong to warps, what is read from scratch to single threads.

// CHECK-LABEL: func @rows(
//       CHECK:   tile.load {{.+}} -> tensor<4xi32, #tile.slice<1, #tile.rows<threads = 64, lanes = 64, vector = 8>>>
//       CHECK:   tile.gather {{.+}} -> tensor<4x512xbf16, #tile.rows<threads = 64, lanes = 64, vector = 8>>
//       CHECK:   tile.broadcast {{.+}} : tensor<512xf32, #tile.slice<0, #tile.rows<threads = 64, lanes = 64, vector = 8>>> ->
//       CHECK:   tile.reduce {{.+}} parts 2 : {{.+}} -> tensor<4x2xf32, #tile.parts<warps = 2>>
//       CHECK:   tile.load {{.+}} -> tensor<64x2xf32, #tile.rows<threads = 64, lanes = 1, vector = 1>>
//       CHECK:   tile.reduce {{.+}} -> tensor<64xf32, #tile.slice<1, #tile.rows<threads = 64, lanes = 1, vector = 1>>>
//       CHECK:   tile.gather {{.+}} -> tensor<64xf32, #tile.slice<1, #tile.rows<threads = 64, lanes = 1, vector = 1>>>
//       CHECK:   tile.reduce add {{.+}} along 0 init {{.+}} -> tensor<512xf32, #tile.slice<0, #tile.rows<threads = 64, lanes = 64, vector = 8>>>
!ids = memref<64xi32, #gpu.address_space<workgroup>>
!sums = memref<64x2xf32, #gpu.address_space<workgroup>>
func.func @rows(%w: memref<?x400xbf16>, %x: memref<400xf32>, %g: memref<60xf32>, %y: memref<400xf32>, %n: index)
    attributes {tile.schedule = #tile.schedule<warps = [2, 1]>} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c60 = arith.constant 60 : index
  %c64 = arith.constant 64 : index
  %c400 = arith.constant 400 : index
  %zero = arith.constant dense<0.0> : tensor<512xf32>
  %ids = tile.scratch : !ids
  %sums = tile.scratch : !sums
  %id = tile.load %ids[%c0] sizes(%c4) along [0] : !ids -> tensor<4xi32>
  %r = tile.gather %w[%c0, %c0] at(%id) sizes(%n, %c400) along [0, 1] : memref<?x400xbf16>, tensor<4xi32> -> tensor<4x512xbf16>
  %f = arith.extf %r : tensor<4x512xbf16> to tensor<4x512xf32>
  %v = tile.load %x[%c0] sizes(%c400) along [0] : memref<400xf32> -> tensor<512xf32>
  %b = tile.broadcast %v along 0 : tensor<512xf32> -> tensor<4x512xf32>
  %p = arith.mulf %f, %b : tensor<4x512xf32>
  %s = tile.reduce add %p along 1 parts 2 : tensor<4x512xf32> -> tensor<4x2xf32>
  tile.store %s, %sums[%c0, %c0] sizes(%c4, %c2) along [0, 1] : tensor<4x2xf32>, !sums
  %all = tile.load %sums[%c0, %c0] sizes(%c64, %c2) along [0, 1] : !sums -> tensor<64x2xf32>
  %u = tile.reduce add %all along 1 : tensor<64x2xf32> -> tensor<64xf32>
  %i = tile.index 0 : tensor<64xi32>
  %q = tile.gather %g[%c0] at(%i) sizes(%c60) along [0] : memref<60xf32>, tensor<64xi32> -> tensor<64xf32>
  %m = arith.mulf %u, %q : tensor<64xf32>
  tile.store %m, %g[%c0] sizes(%c60) along [0] : tensor<64xf32>, memref<60xf32>
  %t = tile.reduce add %p along 0 init %zero : tensor<4x512xf32> -> tensor<512xf32>
  tile.store %t, %y[%c0] sizes(%c400) along [0] : tensor<512xf32>, memref<400xf32>
  return
}

// -----

// Scores pass through scratch from the layout of products to rows of threads, where
// they are selected from.

// CHECK-LABEL: func @selection(
//       CHECK:   tile.mma {{.+}} -> tensor<64x64xf32, #tile.mma<warps = [2, 1]>>
//       CHECK:   tile.load {{.+}} -> tensor<64x64xf32, #tile.rows<threads = 64, lanes = 1, vector = 1>>
//       CHECK:   tile.topk {{.+}} : tensor<64x64xi64, #tile.rows<threads = 64, lanes = 1, vector = 1>>, tensor<64x4xi64, #tile.rows<threads = 64, lanes = 1, vector = 1>>
!scores = memref<64x68xf32, #gpu.address_space<workgroup>>
func.func @selection(%q: memref<64x64xbf16>, %k: memref<64x64xbf16>, %y: memref<64x4xi64>)
    attributes {tile.schedule = #tile.schedule<warps = [2, 1], stages = 2>} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c64 = arith.constant 64 : index
  %none = arith.constant dense<0> : tensor<64x4xi64>
  %scratch = tile.scratch : !scores
  %a = tile.load %q[%c0, %c0] sizes(%c64, %c64) along [0, 1] : memref<64x64xbf16> -> tensor<64x64xbf16>
  %b = tile.load %k[%c0, %c0] sizes(%c64, %c64) along [0, 1] : memref<64x64xbf16> -> tensor<64x64xbf16>
  %d = tile.mma %a, %b transpose_b : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
  tile.store %d, %scratch[%c0, %c0] sizes(%c64, %c64) along [0, 1] : tensor<64x64xf32>, !scores
  %s = tile.load %scratch[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !scores -> tensor<64x64xf32>
  %bits = arith.bitcast %s : tensor<64x64xf32> to tensor<64x64xi32>
  %keys = arith.extui %bits : tensor<64x64xi32> to tensor<64x64xi64>
  %best = tile.topk %keys into %none : tensor<64x64xi64>, tensor<64x4xi64>
  tile.store %best, %y[%c0, %c0] sizes(%c64, %c4) along [0, 1] : tensor<64x4xi64>, memref<64x4xi64>
  return
}

// -----

// With more threads than rows, lanes of a warp share a list; what follows from it is
// read from scratch so.

// CHECK-LABEL: func @lanes(
//       CHECK:   tile.load {{.+}} -> tensor<32x64xf32, #tile.rows<threads = 128, lanes = 4, vector = 4>>
//       CHECK:   tile.load {{.+}} -> tensor<32xf32, #tile.slice<1, #tile.rows<threads = 128, lanes = 4, vector = 4>>>
//       CHECK:   tile.topk {{.+}} : tensor<32x64xi64, #tile.rows<threads = 128, lanes = 4, vector = 4>>, tensor<32x16xi64, #tile.rows<threads = 128, lanes = 4, vector = 4>>
!wide = memref<32x68xf32, #gpu.address_space<workgroup>>
func.func @lanes(%x: memref<32x64xf32>, %y: memref<32x16xi64>)
    attributes {tile.schedule = #tile.schedule<warps = [2, 2], stages = 2>} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %none = arith.constant dense<0> : tensor<32x16xi64>
  %scratch = tile.scratch : !wide
  %s = tile.load %scratch[%c0, %c0] sizes(%c32, %c64) along [0, 1] : !wide -> tensor<32x64xf32>
  %one = tile.load %scratch[%c0, %c16] sizes(%c32) along [0] : !wide -> tensor<32xf32>
  %ones = tile.broadcast %one along 1 : tensor<32xf32> -> tensor<32x64xf32>
  %sum = arith.addf %s, %ones : tensor<32x64xf32>
  %bits = arith.bitcast %sum : tensor<32x64xf32> to tensor<32x64xi32>
  %keys = arith.extui %bits : tensor<32x64xi32> to tensor<32x64xi64>
  %best = tile.topk %keys into %none : tensor<32x64xi64>, tensor<32x16xi64>
  tile.store %best, %y[%c0, %c0] sizes(%c32, %c16) along [0, 1] : tensor<32x16xi64>, memref<32x16xi64>
  return
}

// -----

func.func @nothing_follows(%x: memref<64x64xf32>, %y: memref<64x64xf32>)
    attributes {tile.schedule = #tile.schedule<warps = [2, 2], stages = 2>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  // expected-error @below {{no layout follows for 'tensor<64x64xf32>'}}
  %a = tile.load %x[%c0, %c0] sizes(%c64, %c64) along [0, 1] : memref<64x64xf32> -> tensor<64x64xf32>
  tile.store %a, %y[%c0, %c0] sizes(%c64, %c64) along [0, 1] : tensor<64x64xf32>, memref<64x64xf32>
  return
}

// -----

// expected-error @below {{expects 'tile.schedule' to have warps, got #tile.schedule<stages = 2>}}
func.func @no_warps() attributes {tile.schedule = #tile.schedule<stages = 2>} {
  return
}

// -----

func.func @extent(%x: memref<16x64xbf16>, %w: memref<24x64xbf16>, %y: memref<16x24xf32>)
    attributes {tile.schedule = #tile.schedule<warps = [1, 2], stages = 2>} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %a = tile.load %x[%c0, %c0] sizes(%c16, %c64) along [0, 1] : memref<16x64xbf16> -> tensor<16x64xbf16>
  %b = tile.load %w[%c0, %c0] sizes(%c16, %c64) along [0, 1] : memref<24x64xbf16> -> tensor<24x64xbf16>
  // expected-error @below {{expects N of a tile in #tile.mma<warps = [1, 2]> to be a multiple of 16, got 24}}
  %d = tile.mma %a, %b transpose_b : tensor<16x64xbf16>, tensor<24x64xbf16> -> tensor<16x24xf32>
  return
}

// -----

// Both sides of a choice, and a slot that is rewritten, live where they are
// read.

// CHECK-LABEL: func @choice(
//       CHECK:   scf.if %{{.+}} -> (tensor<64x64xbf16, #tile.shared>) {
//       CHECK:     tile.clear_nonfinite %{{.+}} : tensor<64x64xbf16, #tile.shared>
func.func @choice(%x: memref<64x64xbf16>, %w: memref<64x64xbf16>, %y: memref<64x64xf32>, %c: i1)
    attributes {tile.schedule = #tile.schedule<warps = [4, 1], stages = 2>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %a = tile.load %x[%c0, %c0] sizes(%c64, %c64) along [0, 1] : memref<64x64xbf16> -> tensor<64x64xbf16>
  %b = tile.load %w[%c0, %c0] sizes(%c64, %c64) along [0, 1] : memref<64x64xbf16> -> tensor<64x64xbf16>
  %f = scf.if %c -> (tensor<64x64xbf16>) {
    %finite = tile.clear_nonfinite %b : tensor<64x64xbf16>
    scf.yield %finite : tensor<64x64xbf16>
  } else {
    scf.yield %b : tensor<64x64xbf16>
  }
  %d = tile.mma %a, %f : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
  tile.store %d, %y[%c0, %c0] sizes(%c64, %c64) along [0, 1] : tensor<64x64xf32>, memref<64x64xf32>
  return
}

// -----

// Columns of warps share a computed operand in shared memory; columns of a slot
// are in it.

// CHECK-LABEL: func @shared_operand(
//       CHECK:   %[[K:.+]] = tile.load {{.+}} -> tensor<64x128xbf16, #tile.shared>
//       CHECK:   %[[P:.+]] = arith.truncf {{.+}} to tensor<16x64xbf16, #tile.mma<warps = [1, 4]>>
//       CHECK:   tile.convert %[[P]] : tensor<16x64xbf16, #tile.mma<warps = [1, 4]>> -> tensor<16x64xbf16, #tile.shared>
//       CHECK:   tensor.extract_slice %[[K]]{{.+}} : tensor<64x128xbf16, #tile.shared> to tensor<64x64xbf16, #tile.shared>
func.func @shared_operand(%x: memref<16x128xbf16>, %w: memref<64x128xbf16>, %y: memref<16x64xf32>)
    attributes {tile.schedule = #tile.schedule<warps = [1, 4], stages = 2>} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %q = tile.load %x[%c0, %c0] sizes(%c16, %c128) along [0, 1] : memref<16x128xbf16> -> tensor<16x128xbf16>
  %k = tile.load %w[%c0, %c0] sizes(%c64, %c128) along [0, 1] : memref<64x128xbf16> -> tensor<64x128xbf16>
  %s = tile.mma %q, %k transpose_b : tensor<16x128xbf16>, tensor<64x128xbf16> -> tensor<16x64xf32>
  %p = arith.truncf %s : tensor<16x64xf32> to tensor<16x64xbf16>
  %c = tile.convert %p : tensor<16x64xbf16> -> tensor<16x64xbf16>
  %v = tensor.extract_slice %k[0, 0] [64, 64] [1, 1] : tensor<64x128xbf16> to tensor<64x64xbf16>
  %d = tile.mma %c, %v : tensor<16x64xbf16>, tensor<64x64xbf16> -> tensor<16x64xf32>
  tile.store %d, %y[%c0, %c0] sizes(%c16, %c64) along [0, 1] : tensor<16x64xf32>, memref<16x64xf32>
  return
}

// -----

// A factor that is computed has its source go through shared memory where a loop
// loads it, so that copies run ahead; what is read once is loaded as it is.

// CHECK-LABEL: func.func @computed_factor(
//       CHECK:   %[[LOADED:.+]] = tile.load %{{.+}} -> tensor<64x64xbf16, #tile.shared>
//       CHECK:   %[[READ:.+]] = tile.read %[[LOADED]] : tensor<64x64xbf16, #tile.shared> -> tensor<64x64xbf16, #tile.mma<warps = [4, 1]>>
//       CHECK:   %[[A:.+]] = arith.negf %[[READ]]
//       CHECK:   tile.mma %[[A]]
//       CHECK:   %[[ADDED:.+]] = tile.load %{{.+}} -> tensor<64x64xf32, #tile.mma<warps = [4, 1]>>
//   CHECK-NOT:   tile.read
//       CHECK:   arith.addf %{{.+}}, %[[ADDED]]
func.func @computed_factor(%x: memref<?x128xbf16>, %w: memref<64x128xbf16>, %r: memref<?x64xf32>, %n: index) attributes {tile.schedule = #tile.schedule<inner = [64], warps = [4, 1], stages = 2>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  %d = scf.for %k = %c0 to %c128 step %c64 iter_args(%c = %zero) -> tensor<64x64xf32> {
    %0 = tile.load %x[%c0, %k] sizes(%n, %c64) along [0, 1] : memref<?x128xbf16> -> tensor<64x64xbf16>
    %a = arith.negf %0 : tensor<64x64xbf16>
    %b = tile.load %w[%c0, %k] sizes(%c64, %c64) along [0, 1] : memref<64x128xbf16> -> tensor<64x64xbf16>
    %1 = tile.mma %a, %b, acc %c transpose_b : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
    scf.yield %1 : tensor<64x64xf32>
  }
  %2 = tile.load %r[%c0, %c0] sizes(%n, %c64) along [0, 1] : memref<?x64xf32> -> tensor<64x64xf32>
  %y = arith.addf %d, %2 : tensor<64x64xf32>
  tile.store %y, %r[%c0, %c0] sizes(%n, %c64) along [0, 1] : tensor<64x64xf32>, memref<?x64xf32>
  return
}

// -----

// Lanes of a warp share the rows of a scan, whether its tiles come or go: neighbouring
// columns of the list, and the whole row of scores.

// CHECK-LABEL: func @scan(
//       CHECK:   arith.constant dense<0> : tensor<32x16xi64, #tile.rows<threads = 128, lanes = 4, vector = 4>>
//       CHECK:   tile.scan {{.+}} : memref<32x72xf32, #gpu.address_space<workgroup>>, tensor<32x16xi64, #tile.rows<threads = 128, lanes = 4, vector = 4>>, tensor<32xf32, #tile.slice<1, #tile.rows<threads = 128, lanes = 4, vector = 4>>>, memref<32x16xi32
//       CHECK:   arith.negf {{.+}} : tensor<32xf32, #tile.slice<1, #tile.rows<threads = 128, lanes = 4, vector = 4>>>
!scores = memref<32x72xf32, #gpu.address_space<workgroup>>
!list = memref<32x16xi32, #gpu.address_space<workgroup>>
func.func @scan(%y: memref<32xf32>) attributes {tile.schedule = #tile.schedule<warps = [2, 2], stages = 2>} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %none = arith.constant dense<0> : tensor<32x16xi64>
  %lowest = arith.constant dense<0xFF800000> : tensor<32xf32>
  %scratch = tile.scratch : !scores
  %list = tile.scratch : !list
  %0:2 = tile.scan %scratch first %c0 count %c64 columns 64 into %none, %lowest through %list : !scores, tensor<32x16xi64>, tensor<32xf32>, !list
  %1 = arith.negf %0#1 : tensor<32xf32>
  tile.store %1, %y[%c0] sizes(%c32) along [0] : tensor<32xf32>, memref<32xf32>
  return
}

// -----

// What goes from memory to scratch, and nowhere else, does so in pieces of 16 bytes.

// CHECK-LABEL: func @copies(
//       CHECK:   tile.load {{.+}} -> tensor<32x64xf32, #tile.rows<threads = 128, lanes = 4, vector = 4>>
//       CHECK:   tile.load {{.+}} -> tensor<32x64xf16, #tile.rows<threads = 128, lanes = 4, vector = 8>>
!scores = memref<32x72xf32, #gpu.address_space<workgroup>>
!halves = memref<32x72xf16, #gpu.address_space<workgroup>>
func.func @copies(%x: memref<32x64xf32>, %h: memref<32x64xf16>) attributes {tile.schedule = #tile.schedule<warps = [2, 2], stages = 2>} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %scratch = tile.scratch : !scores
  %halves = tile.scratch : !halves
  %0 = tile.load %x[%c0, %c0] sizes(%c32, %c64) along [0, 1] : memref<32x64xf32> -> tensor<32x64xf32>
  tile.store %0, %scratch[%c0, %c0] sizes(%c32, %c64) along [0, 1] : tensor<32x64xf32>, !scores
  %1 = tile.load %h[%c0, %c0] sizes(%c32, %c64) along [0, 1] : memref<32x64xf16> -> tensor<32x64xf16>
  tile.store %1, %halves[%c0, %c0] sizes(%c32, %c64) along [0, 1] : tensor<32x64xf16>, !halves
  return
}
