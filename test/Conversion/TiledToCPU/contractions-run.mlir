// REQUIRES: x86-64-v3
// RUN: sed s/LEVEL/x86-64-v3/ %s | peermla-opt --pass-pipeline="builtin.module(func.func(peermla-lower-contractions,peermla-vectorize-generics,canonicalize),expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-vector-to-llvm{enable-x86vector=true},convert-to-llvm,reconcile-unrealized-casts,peermla-legalize-bf16)" | mlir-runner -e main -entry-point-result=i64 | FileCheck %s
// RUN: sed s/LEVEL/x86-64-v4/ %s | peermla-opt --pass-pipeline="builtin.module(func.func(peermla-lower-contractions,peermla-vectorize-generics,canonicalize),expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-vector-to-llvm{enable-x86vector=true},convert-to-llvm,reconcile-unrealized-casts,peermla-legalize-bf16)" | mlir-runner -e main -entry-point-result=i64 | FileCheck %s
// RUN: %if x86-64-v4-bf16 %{ sed s/LEVEL/x86-64-v4-bf16/ %s | peermla-opt --pass-pipeline="builtin.module(func.func(peermla-lower-contractions,peermla-vectorize-generics,canonicalize),expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-vector-to-llvm{enable-x86vector=true},convert-to-llvm,reconcile-unrealized-casts,peermla-legalize-bf16)" | mlir-runner -e main -entry-point-result=i64 | FileCheck %s %}

// Products of small integers, which every type here holds exactly, against sums
// of integers: whole tiles, what is left of rows, columns and terms, nothing at
// all, blocks of terms, strides, narrow types. Printed: the number of elements
// compared, or minus the number of wrong ones.

// CHECK: {{^}}146973{{$}}

!f32 = memref<?x?xf32, strided<[?, 1], offset: ?>>
!f16 = memref<?x?xf16, strided<[?, 1], offset: ?>>
!bf16 = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!all = memref<7x90x90xf32>
#a = affine_map<(m, n, k) -> (m, k)>
#bt = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>

module attributes {peermla.level = "LEVEL"} {
  //===--------------------------------------------------------------------===//
  // Under test: c += a b
  //===--------------------------------------------------------------------===//

  func.func @plain(%a: !f32, %b: !f32, %c: !f32) {
    linalg.matmul ins(%a, %b : !f32, !f32) outs(%c : !f32)
    return
  }

  func.func @from_zero(%a: !f32, %b: !f32, %c: !f32) {
    %zero = arith.constant 0.0 : f32
    linalg.fill ins(%zero : f32) outs(%c : !f32)
    linalg.matmul ins(%a, %b : !f32, !f32) outs(%c : !f32)
    return
  }

  func.func @halves(%a: !f16, %b: !f16, %c: !f32) {
    linalg.matmul ins(%a, %b : !f16, !f16) outs(%c : !f32)
    return
  }

  func.func @brains_in_blocks(%a: !bf16, %b: !bf16, %c: !f32) {
    linalg.matmul {peermla.schedule = #tile.schedule<inner = [11], registers = [3, 21]>}
        ins(%a, %b : !bf16, !bf16) outs(%c : !f32)
    return
  }

  // A product of rows with rows has no operand to read as vectors of columns.
  func.func @rows_with_rows(%a: !f32, %bt: !f32, %c: !f32) {
    linalg.matmul indexing_maps = [#a, #bt, #c] ins(%a, %bt : !f32, !f32) outs(%c : !f32)
    return
  }

  func.func @static(%a: memref<13x35xf32>, %b: memref<35x47xf32>, %c: memref<13x47xf32>) {
    %zero = arith.constant 0.0 : f32
    linalg.fill ins(%zero : f32) outs(%c : memref<13x47xf32>)
    linalg.matmul ins(%a, %b : memref<13x35xf32>, memref<35x47xf32>) outs(%c : memref<13x47xf32>)
    return
  }

  // Weights in panels of 32 columns and pairs of terms.
  func.func @pairs(%a: memref<?x17x2xbf16>, %b: memref<2x17x32x2xbf16>, %c: memref<?x2x32xf32>) {
    linalg.generic {
        indexing_maps = [affine_map<(m, panel, k, n, pair) -> (m, k, pair)>,
                         affine_map<(m, panel, k, n, pair) -> (panel, k, n, pair)>,
                         affine_map<(m, panel, k, n, pair) -> (m, panel, n)>],
        iterator_types = ["parallel", "parallel", "reduction", "parallel", "reduction"]}
        ins(%a, %b : memref<?x17x2xbf16>, memref<2x17x32x2xbf16>) outs(%c : memref<?x2x32xf32>) {
    ^bb0(%x: bf16, %y: bf16, %z: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %z, %2 : f32
      linalg.yield %3 : f32
    }
    return
  }

  //===--------------------------------------------------------------------===//
  // Values and sums, as integers
  //===--------------------------------------------------------------------===//

  // Element (i, j) of a, of b and of what c held: (7 i + 3 j) mod 11 - 5.
  func.func @value(%i: index, %j: index) -> i64 {
    %c3 = arith.constant 3 : index
    %c5 = arith.constant 5 : i64
    %c7 = arith.constant 7 : index
    %c11 = arith.constant 11 : index
    %0 = arith.muli %i, %c7 : index
    %1 = arith.muli %j, %c3 : index
    %2 = arith.addi %0, %1 : index
    %3 = arith.remui %2, %c11 : index
    %4 = arith.index_cast %3 : index to i64
    %5 = arith.subi %4, %c5 : i64
    return %5 : i64
  }

  func.func @fill(%x: !f32) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %m = memref.dim %x, %c0 : !f32
    %n = memref.dim %x, %c1 : !f32
    scf.for %i = %c0 to %m step %c1 {
      scf.for %j = %c0 to %n step %c1 {
        %v = func.call @value(%i, %j) : (index, index) -> i64
        %f = arith.sitofp %v : i64 to f32
        memref.store %f, %x[%i, %j] : !f32
      }
    }
    return
  }

  // Elements of c; minus the number of those that are not start + sum of a b, if
  // there is one.
  func.func @check(%c: !f32, %k: index, %from_zero: i1) -> i64 {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %zero = arith.constant 0 : i64
    %one = arith.constant 1 : i64
    %m = memref.dim %c, %c0 : !f32
    %n = memref.dim %c, %c1 : !f32
    %wrong = scf.for %i = %c0 to %m step %c1 iter_args(%before = %zero) -> i64 {
      %in_row = scf.for %j = %c0 to %n step %c1 iter_args(%so_far = %before) -> i64 {
        %held = func.call @value(%i, %j) : (index, index) -> i64
        %start = arith.select %from_zero, %zero, %held : i64
        %sum = scf.for %t = %c0 to %k step %c1 iter_args(%partial = %start) -> i64 {
          %a = func.call @value(%i, %t) : (index, index) -> i64
          %b = func.call @value(%t, %j) : (index, index) -> i64
          %product = arith.muli %a, %b : i64
          %next = arith.addi %partial, %product : i64
          scf.yield %next : i64
        }
        %want = arith.sitofp %sum : i64 to f32
        %got = memref.load %c[%i, %j] : !f32
        %differs = arith.cmpf une, %want, %got : f32
        %more = arith.select %differs, %one, %zero : i64
        %next = arith.addi %so_far, %more : i64
        scf.yield %next : i64
      }
      scf.yield %in_row : i64
    }
    %elements = arith.muli %m, %n : index
    %all = arith.index_cast %elements : index to i64
    %minus = arith.subi %zero, %wrong : i64
    %any = arith.cmpi ne, %wrong, %zero : i64
    %result = arith.select %any, %minus, %all : i64
    return %result : i64
  }

  //===--------------------------------------------------------------------===//
  // All shapes
  //===--------------------------------------------------------------------===//

  func.func @shape(%all: !all, %m: index, %n: index, %k: index) -> i64 {
    %no = arith.constant false
    %yes = arith.constant true
    %zero = arith.constant 0 : i64
    // Corners of larger buffers: rows have a distance.
    %a = memref.subview %all[0, 1, 3] [1, %m, %k] [1, 1, 1] : !all to memref<?x?xf32, strided<[90, 1], offset: 93>>
    %b = memref.subview %all[1, 2, 5] [1, %k, %n] [1, 1, 1] : !all to memref<?x?xf32, strided<[90, 1], offset: 8285>>
    %bt = memref.subview %all[2, 0, 0] [1, %n, %k] [1, 1, 1] : !all to memref<?x?xf32, strided<[90, 1], offset: 16200>>
    %c = memref.subview %all[3, 3, 7] [1, %m, %n] [1, 1, 1] : !all to memref<?x?xf32, strided<[90, 1], offset: 24577>>
    %0 = memref.cast %a : memref<?x?xf32, strided<[90, 1], offset: 93>> to !f32
    %1 = memref.cast %b : memref<?x?xf32, strided<[90, 1], offset: 8285>> to !f32
    %2 = memref.cast %bt : memref<?x?xf32, strided<[90, 1], offset: 16200>> to !f32
    %3 = memref.cast %c : memref<?x?xf32, strided<[90, 1], offset: 24577>> to !f32
    call @fill(%0) : (!f32) -> ()
    call @fill(%1) : (!f32) -> ()
    linalg.transpose ins(%1 : !f32) outs(%2 : !f32) permutation = [1, 0]

    call @fill(%3) : (!f32) -> ()
    call @plain(%0, %1, %3) : (!f32, !f32, !f32) -> ()
    %plain = call @check(%3, %k, %no) : (!f32, index, i1) -> i64
    call @from_zero(%0, %1, %3) : (!f32, !f32, !f32) -> ()
    %from_zero = call @check(%3, %k, %yes) : (!f32, index, i1) -> i64
    call @fill(%3) : (!f32) -> ()
    call @rows_with_rows(%0, %2, %3) : (!f32, !f32, !f32) -> ()
    %rows = call @check(%3, %k, %no) : (!f32, index, i1) -> i64

    %a16 = memref.alloc(%m, %k) : memref<?x?xf16>
    %b16 = memref.alloc(%k, %n) : memref<?x?xf16>
    %4 = memref.cast %a16 : memref<?x?xf16> to !f16
    %5 = memref.cast %b16 : memref<?x?xf16> to !f16
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%0 : !f32) outs(%4 : !f16) {
    ^bb0(%x: f32, %y: f16):
      %z = arith.truncf %x : f32 to f16
      linalg.yield %z : f16
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%1 : !f32) outs(%5 : !f16) {
    ^bb0(%x: f32, %y: f16):
      %z = arith.truncf %x : f32 to f16
      linalg.yield %z : f16
    }
    call @fill(%3) : (!f32) -> ()
    call @halves(%4, %5, %3) : (!f16, !f16, !f32) -> ()
    %halves = call @check(%3, %k, %no) : (!f32, index, i1) -> i64
    memref.dealloc %a16 : memref<?x?xf16>
    memref.dealloc %b16 : memref<?x?xf16>

    %abf = memref.alloc(%m, %k) : memref<?x?xbf16>
    %bbf = memref.alloc(%k, %n) : memref<?x?xbf16>
    %6 = memref.cast %abf : memref<?x?xbf16> to !bf16
    %7 = memref.cast %bbf : memref<?x?xbf16> to !bf16
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%0 : !f32) outs(%6 : !bf16) {
    ^bb0(%x: f32, %y: bf16):
      %z = arith.truncf %x : f32 to bf16
      linalg.yield %z : bf16
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%1 : !f32) outs(%7 : !bf16) {
    ^bb0(%x: f32, %y: bf16):
      %z = arith.truncf %x : f32 to bf16
      linalg.yield %z : bf16
    }
    call @fill(%3) : (!f32) -> ()
    call @brains_in_blocks(%6, %7, %3) : (!bf16, !bf16, !f32) -> ()
    %brains = call @check(%3, %k, %no) : (!f32, index, i1) -> i64
    memref.dealloc %abf : memref<?x?xbf16>
    memref.dealloc %bbf : memref<?x?xbf16>

    // The least shows whether any is negative.
    %least0 = arith.minsi %plain, %from_zero : i64
    %least1 = arith.minsi %rows, %halves : i64
    %least2 = arith.minsi %least0, %least1 : i64
    %least = arith.minsi %least2, %brains : i64
    return %least : i64
  }

  func.func @run_static() -> i64 {
    %yes = arith.constant true
    %c35 = arith.constant 35 : index
    %a = memref.alloc() : memref<13x35xf32>
    %b = memref.alloc() : memref<35x47xf32>
    %c = memref.alloc() : memref<13x47xf32>
    %0 = memref.cast %a : memref<13x35xf32> to !f32
    %1 = memref.cast %b : memref<35x47xf32> to !f32
    %2 = memref.cast %c : memref<13x47xf32> to !f32
    call @fill(%0) : (!f32) -> ()
    call @fill(%1) : (!f32) -> ()
    call @fill(%2) : (!f32) -> ()
    call @static(%a, %b, %c) : (memref<13x35xf32>, memref<35x47xf32>, memref<13x47xf32>) -> ()
    %result = call @check(%2, %c35, %yes) : (!f32, index, i1) -> i64
    memref.dealloc %a : memref<13x35xf32>
    memref.dealloc %b : memref<35x47xf32>
    memref.dealloc %c : memref<13x47xf32>
    return %result : i64
  }

  func.func @run_pairs() -> i64 {
    %no = arith.constant false
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c13 = arith.constant 13 : index
    %c17 = arith.constant 17 : index
    %c32 = arith.constant 32 : index
    %c34 = arith.constant 34 : index
    %a32 = memref.alloc(%c13) : memref<?x34xf32>
    %b32 = memref.alloc() : memref<34x64xf32>
    %a = memref.alloc(%c13) : memref<?x34xbf16>
    %b = memref.alloc() : memref<2x17x32x2xbf16>
    %c = memref.alloc(%c13) : memref<?x64xf32>
    %0 = memref.cast %a32 : memref<?x34xf32> to !f32
    %1 = memref.cast %c : memref<?x64xf32> to !f32
    %2 = memref.cast %b32 : memref<34x64xf32> to !f32
    call @fill(%0) : (!f32) -> ()
    call @fill(%1) : (!f32) -> ()
    call @fill(%2) : (!f32) -> ()
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%a32 : memref<?x34xf32>) outs(%a : memref<?x34xbf16>) {
    ^bb0(%x: f32, %y: bf16):
      %z = arith.truncf %x : f32 to bf16
      linalg.yield %z : bf16
    }
    scf.for %panel = %c0 to %c2 step %c1 {
      scf.for %k = %c0 to %c17 step %c1 {
        scf.for %n = %c0 to %c32 step %c1 {
          scf.for %pair = %c0 to %c2 step %c1 {
            %3 = arith.muli %k, %c2 : index
            %row = arith.addi %3, %pair : index
            %4 = arith.muli %panel, %c32 : index
            %column = arith.addi %4, %n : index
            %f = memref.load %b32[%row, %column] : memref<34x64xf32>
            %t = arith.truncf %f : f32 to bf16
            memref.store %t, %b[%panel, %k, %n, %pair] : memref<2x17x32x2xbf16>
          }
        }
      }
    }
    %pairs = memref.expand_shape %a [[0], [1, 2]] output_shape [%c13, 17, 2] : memref<?x34xbf16> into memref<?x17x2xbf16>
    %panels = memref.expand_shape %c [[0], [1, 2]] output_shape [%c13, 2, 32] : memref<?x64xf32> into memref<?x2x32xf32>
    call @pairs(%pairs, %b, %panels) : (memref<?x17x2xbf16>, memref<2x17x32x2xbf16>, memref<?x2x32xf32>) -> ()
    %result = call @check(%1, %c34, %no) : (!f32, index, i1) -> i64
    memref.dealloc %a32 : memref<?x34xf32>
    memref.dealloc %b32 : memref<34x64xf32>
    memref.dealloc %a : memref<?x34xbf16>
    memref.dealloc %b : memref<2x17x32x2xbf16>
    memref.dealloc %c : memref<?x64xf32>
    return %result : i64
  }

  func.func @main() -> i64 {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c7 = arith.constant 7 : index
    %c15 = arith.constant 15 : index
    %c17 = arith.constant 17 : index
    %c36 = arith.constant 36 : index
    %c80 = arith.constant 80 : index
    %zero = arith.constant 0 : i64
    %all = memref.alloc() : !all
    %static = call @run_static() : () -> i64
    %pairs = call @run_pairs() : () -> i64
    %first = arith.addi %static, %pairs : i64
    %worst = arith.minsi %static, %pairs : i64
    %start = arith.minsi %worst, %zero : i64
    %compared:2 = scf.for %m = %c0 to %c15 step %c1 iter_args(%good0 = %first, %bad0 = %start) -> (i64, i64) {
      %1:2 = scf.for %n = %c0 to %c80 step %c7 iter_args(%good1 = %good0, %bad1 = %bad0) -> (i64, i64) {
        %2:2 = scf.for %k = %c0 to %c36 step %c17 iter_args(%good2 = %good1, %bad2 = %bad1) -> (i64, i64) {
          %result = func.call @shape(%all, %m, %n, %k) : (!all, index, index, index) -> i64
          %good = arith.addi %good2, %result : i64
          %bad = arith.minsi %bad2, %result : i64
          scf.yield %good, %bad : i64, i64
        }
        scf.yield %2#0, %2#1 : i64, i64
      }
      scf.yield %1#0, %1#1 : i64, i64
    }
    memref.dealloc %all : !all
    %any = arith.cmpi ne, %compared#1, %zero : i64
    %result = arith.select %any, %compared#1, %compared#0 : i64
    return %result : i64
  }
}
