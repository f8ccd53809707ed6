// REQUIRES: x86-64-v3
// RUN: peermla-opt %s --pass-pipeline="builtin.module(peermla-emulate-amx,expand-strided-metadata,convert-scf-to-cf,convert-vector-to-llvm{enable-x86vector=true enable-amx=true},convert-to-llvm,reconcile-unrealized-casts,peermla-legalize-bf16)" | mlir-runner -O3 -e main -entry-point-result=i64 | FileCheck %s
// RUN: %if amx %{ peermla-opt %s --pass-pipeline="builtin.module(expand-strided-metadata,convert-scf-to-cf,convert-vector-to-llvm{enable-x86vector=true enable-amx=true},convert-to-llvm,reconcile-unrealized-casts,peermla-legalize-bf16)" | mlir-runner -O3 -e main -entry-point-result=i64 | FileCheck %s %}

// Tile products with results that the order of sums and what is below the least
// normal number decide, of the emulation and, on machines that have it, of the
// instruction. Printed: the number of wrong elements.

// CHECK: {{^}}0{{$}}

module attributes {peermla.level = "amx"} {
  func.func @fill(%to: memref<16x32xbf16>, %even: f32, %odd: f32) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c16 = arith.constant 16 : index
    %c32 = arith.constant 32 : index
    %0 = arith.truncf %even : f32 to bf16
    %1 = arith.truncf %odd : f32 to bf16
    scf.for %i = %c0 to %c16 step %c1 {
      scf.for %j = %c0 to %c32 step %c2 {
        %next = arith.addi %j, %c1 : index
        memref.store %0, %to[%i, %j] : memref<16x32xbf16>
        memref.store %1, %to[%i, %next] : memref<16x32xbf16>
      }
    }
    return
  }

  // How many elements of c + a b are not `want`, to the bit. The first row of b
  // holds `even0` in its even columns.
  func.func @try(%even_a: f32, %odd_a: f32, %even0: f32, %even_b: f32, %odd_b: f32, %held: f32, %want: i32) -> i64 {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c16 = arith.constant 16 : index
    %c32 = arith.constant 32 : index
    %zero = arith.constant 0 : i64
    %one = arith.constant 1 : i64
    %a = memref.alloca() : memref<16x32xbf16>
    %b = memref.alloca() : memref<16x32xbf16>
    %c = memref.alloca() : memref<16x16xf32>
    call @fill(%a, %even_a, %odd_a) : (memref<16x32xbf16>, f32, f32) -> ()
    call @fill(%b, %even_b, %odd_b) : (memref<16x32xbf16>, f32, f32) -> ()
    %first = arith.truncf %even0 : f32 to bf16
    scf.for %j = %c0 to %c32 step %c2 {
      memref.store %first, %b[%c0, %j] : memref<16x32xbf16>
    }
    scf.for %i = %c0 to %c16 step %c1 {
      scf.for %j = %c0 to %c16 step %c1 {
        memref.store %held, %c[%i, %j] : memref<16x16xf32>
      }
    }
    %0 = amx.tile_load %a[%c0, %c0] : memref<16x32xbf16> into !amx.tile<16x32xbf16>
    %1 = amx.tile_load %b[%c0, %c0] : memref<16x32xbf16> into !amx.tile<16x32xbf16>
    %2 = amx.tile_load %c[%c0, %c0] : memref<16x16xf32> into !amx.tile<16x16xf32>
    %3 = amx.tile_mulf %0, %1, %2 : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
    amx.tile_store %c[%c0, %c0], %3 : memref<16x16xf32>, !amx.tile<16x16xf32>
    %wrong = scf.for %i = %c0 to %c16 step %c1 iter_args(%outer = %zero) -> i64 {
      %row = scf.for %j = %c0 to %c16 step %c1 iter_args(%inner = %outer) -> i64 {
        %got = memref.load %c[%i, %j] : memref<16x16xf32>
        %bits = arith.bitcast %got : f32 to i32
        %differs = arith.cmpi ne, %bits, %want : i32
        %more = arith.select %differs, %one, %zero : i64
        %next = arith.addi %inner, %more : i64
        scf.yield %next : i64
      }
      scf.yield %row : i64
    }
    return %wrong : i64
  }

  // Linux gives a process the state of tiles on request (ARCH_REQ_XCOMP_PERM).
  func.func private @syscall(i64, i64, i64) -> i64

  func.func @main() -> i64 {
    %arch_prctl = arith.constant 158 : i64
    %request = arith.constant 0x1023 : i64
    %tile_data = arith.constant 18 : i64
    call @syscall(%arch_prctl, %request, %tile_data) : (i64, i64, i64) -> i64

    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2.0 : f32
    %three = arith.constant 3.0 : f32
    %large = arith.constant 0x4b800000 : f32
    %minus2p20 = arith.constant 0xc9800000 : f32
    %least = arith.constant 0x00800000 : f32 // 2^-126
    %half = arith.constant 0.5 : f32
    %minus = arith.constant -1.0 : f32
    %below = arith.constant 0x80400000 : f32 // -2^-127
    // 16 (2 * 3 + 1 * 2) + 2 = 130, and every element has its place.
    %w130 = arith.constant 0x43020000 : i32
    %0 = call @try(%two, %one, %three, %three, %two, %two, %w130) : (f32, f32, f32, f32, f32, f32, i32) -> i64
    // Even terms 2^24 + 1 + 1 ... stay 2^24; odd ones sum to -2^24; c is 1.
    %w1 = arith.constant 0x3f800000 : i32
    %1 = call @try(%one, %one, %large, %one, %minus2p20, %one, %w1) : (f32, f32, f32, f32, f32, f32, i32) -> i64
    // The sum of a tile meets c at last: 2^24 + (1 + 15) is not 2^24.
    %w2p24plus16 = arith.constant 0x4b800008 : i32
    %2 = call @try(%one, %zero, %one, %one, %zero, %large, %w2p24plus16) : (f32, f32, f32, f32, f32, f32, i32) -> i64
    // A product below 2^-126 is zero, though 16 of them are not below it.
    %w0 = arith.constant 0 : i32
    %3 = call @try(%least, %zero, %half, %half, %zero, %zero, %w0) : (f32, f32, f32, f32, f32, f32, i32) -> i64
    // What a tile held below 2^-126 is zero.
    %4 = call @try(%one, %one, %zero, %zero, %zero, %below, %w0) : (f32, f32, f32, f32, f32, f32, i32) -> i64
    // An element below 2^-126 is zero however large the other factor is.
    %5 = call @try(%below, %zero, %large, %large, %zero, %zero, %w0) : (f32, f32, f32, f32, f32, f32, i32) -> i64
    %6 = arith.addi %0, %1 : i64
    %7 = arith.addi %2, %3 : i64
    %8 = arith.addi %4, %5 : i64
    %9 = arith.addi %6, %7 : i64
    %10 = arith.addi %8, %9 : i64
    return %10 : i64
  }
}
