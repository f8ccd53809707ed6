// REQUIRES: x86-64-v3
// RUN: sed s/LEVEL/x86-64-v3/ %s | peermla-opt --pass-pipeline="builtin.module(func.func(peermla-vectorize-generics,canonicalize),expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-vector-to-llvm,convert-to-llvm,reconcile-unrealized-casts)" | mlir-runner -e main -entry-point-result=i64 | FileCheck %s
// RUN: sed s/LEVEL/x86-64-v4/ %s | peermla-opt --pass-pipeline="builtin.module(func.func(peermla-vectorize-generics,canonicalize),expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-vector-to-llvm,convert-to-llvm,reconcile-unrealized-casts)" | mlir-runner -e main -entry-point-result=i64 | FileCheck %s

// Elementwise ops, reductions, rows of a table, copies and transposes on small
// integers, against scalar loops: all widths up to several vectors, no rows and
// no columns, rows with a distance. Printed: the number of values compared, or
// minus the number of wrong ones.

// CHECK: {{^}}440650{{$}}

!f32 = memref<?x?xf32, strided<[150, 1], offset: ?>>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m)>
#column = affine_map<(m, n) -> (n)>

module attributes {peermla.level = "LEVEL"} {
  //===--------------------------------------------------------------------===//
  // Under test
  //===--------------------------------------------------------------------===//

  // y = x r[m] + c[n]
  func.func @scale_and_shift(%x: !f32, %r: memref<?xf32>, %c: memref<?xf32>, %y: memref<?x?xf16>) {
    linalg.generic {indexing_maps = [#id, #row, #column, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x, %r, %c : !f32, memref<?xf32>, memref<?xf32>) outs(%y : memref<?x?xf16>) {
    ^bb0(%a: f32, %s: f32, %t: f32, %out: f16):
      %0 = arith.mulf %a, %s : f32
      %1 = arith.addf %0, %t : f32
      %2 = arith.truncf %1 : f32 to f16
      linalg.yield %2 : f16
    }
    return
  }

  // Sum and maximum over n, in one op, on top of what is there.
  func.func @reduce_rows(%x: !f32, %sum: memref<?xf32>, %max: memref<?xf32>) {
    linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : !f32) outs(%sum, %max : memref<?xf32>, memref<?xf32>) {
    ^bb0(%a: f32, %s: f32, %t: f32):
      %0 = arith.addf %s, %a : f32
      %1 = arith.maximumf %a, %t : f32
      linalg.yield %0, %1 : f32, f32
    }
    return
  }

  func.func @sum_columns(%x: !f32, %sum: memref<?xf32>) {
    linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
        ins(%x : !f32) outs(%sum : memref<?xf32>) {
    ^bb0(%a: f32, %s: f32):
      %0 = arith.addf %s, %a : f32
      linalg.yield %0 : f32
    }
    return
  }

  // Row ids[m] of the table, plus n; 0 if there is no such row.
  func.func @look_up(%table: !f32, %ids: memref<?xi32>, %y: memref<?x?xi32>) {
    linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%ids : memref<?xi32>) outs(%y : memref<?x?xi32>) {
    ^bb0(%id: i32, %out: i32):
      %zero = arith.constant 0 : i32
      %c3 = arith.constant 3 : i32
      %valid = arith.cmpi ult, %id, %c3 : i32
      %safe = arith.select %valid, %id, %zero : i32
      %i = arith.index_cast %safe : i32 to index
      %j = linalg.index 1 : index
      %v = memref.load %table[%i, %j] : !f32
      %0 = arith.fptosi %v : f32 to i32
      %1 = arith.index_cast %j : index to i32
      %2 = arith.addi %0, %1 : i32
      %3 = arith.select %valid, %2, %zero : i32
      linalg.yield %3 : i32
    }
    return
  }

  func.func @copy(%x: !f32, %y: !f32) {
    memref.copy %x, %y : !f32 to !f32
    return
  }

  func.func @transpose(%x: !f32, %y: !f32) {
    linalg.transpose ins(%x : !f32) outs(%y : !f32) permutation = [1, 0]
    return
  }

  //===--------------------------------------------------------------------===//
  // Values
  //===--------------------------------------------------------------------===//

  // Element (i, j): (7 i + 3 j) mod 11 - 5.
  func.func @value(%i: index, %j: index) -> f32 {
    %c3 = arith.constant 3 : index
    %c5 = arith.constant 5.0 : f32
    %c7 = arith.constant 7 : index
    %c11 = arith.constant 11 : index
    %0 = arith.muli %i, %c7 : index
    %1 = arith.muli %j, %c3 : index
    %2 = arith.addi %0, %1 : index
    %3 = arith.remui %2, %c11 : index
    %4 = arith.index_cast %3 : index to i64
    %5 = arith.sitofp %4 : i64 to f32
    %6 = arith.subf %5, %c5 : f32
    return %6 : f32
  }

  func.func @is_wrong(%got: f32, %want: f32) -> i64 {
    %0 = arith.cmpf une, %got, %want : f32
    %1 = arith.extui %0 : i1 to i64
    return %1 : i64
  }

  // Values compared and wrong ones, for m rows of n columns.
  func.func @shape(%m: index, %n: index) -> (i64, i64) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %zero = arith.constant 0 : i64
    %one = arith.constant 1 : i32
    %fzero = arith.constant 0.0 : f32
    %all = memref.alloc() : memref<4x150x150xf32>
    %x = memref.subview %all[0, 1, 3] [1, %m, %n] [1, 1, 1] : memref<4x150x150xf32> to memref<?x?xf32, strided<[150, 1], offset: 153>>
    %z = memref.subview %all[1, 2, 5] [1, %m, %n] [1, 1, 1] : memref<4x150x150xf32> to memref<?x?xf32, strided<[150, 1], offset: 22805>>
    %zt = memref.subview %all[2, 2, 5] [1, %n, %m] [1, 1, 1] : memref<4x150x150xf32> to memref<?x?xf32, strided<[150, 1], offset: 45305>>
    %table = memref.subview %all[3, 0, 1] [1, 3, %n] [1, 1, 1] : memref<4x150x150xf32> to memref<3x?xf32, strided<[150, 1], offset: 67501>>
    %any_x = memref.cast %x : memref<?x?xf32, strided<[150, 1], offset: 153>> to !f32
    %any_z = memref.cast %z : memref<?x?xf32, strided<[150, 1], offset: 22805>> to !f32
    %any_zt = memref.cast %zt : memref<?x?xf32, strided<[150, 1], offset: 45305>> to !f32
    %any_table = memref.cast %table : memref<3x?xf32, strided<[150, 1], offset: 67501>> to !f32
    %r = memref.alloc(%m) : memref<?xf32>
    %c = memref.alloc(%n) : memref<?xf32>
    %y = memref.alloc(%m, %n) : memref<?x?xf16>
    %sum = memref.alloc(%m) : memref<?xf32>
    %max = memref.alloc(%m) : memref<?xf32>
    %columns = memref.alloc(%n) : memref<?xf32>
    %ids = memref.alloc(%m) : memref<?xi32>
    %rows = memref.alloc(%m, %n) : memref<?x?xi32>

    scf.for %i = %c0 to %m step %c1 {
      %v = func.call @value(%i, %c1) : (index, index) -> f32
      memref.store %v, %r[%i] : memref<?xf32>
      memref.store %v, %sum[%i] : memref<?xf32>
      memref.store %v, %max[%i] : memref<?xf32>
      %0 = arith.index_cast %i : index to i32
      %id = arith.subi %0, %one : i32
      memref.store %id, %ids[%i] : memref<?xi32>
      scf.for %j = %c0 to %n step %c1 {
        %1 = func.call @value(%i, %j) : (index, index) -> f32
        memref.store %1, %any_x[%i, %j] : !f32
      }
    }
    scf.for %j = %c0 to %n step %c1 {
      %v = func.call @value(%c1, %j) : (index, index) -> f32
      memref.store %v, %c[%j] : memref<?xf32>
      memref.store %v, %columns[%j] : memref<?xf32>
      scf.for %i = %c0 to %c3 step %c1 {
        %1 = func.call @value(%i, %j) : (index, index) -> f32
        memref.store %1, %any_table[%i, %j] : !f32
      }
    }

    call @scale_and_shift(%any_x, %r, %c, %y) : (!f32, memref<?xf32>, memref<?xf32>, memref<?x?xf16>) -> ()
    call @reduce_rows(%any_x, %sum, %max) : (!f32, memref<?xf32>, memref<?xf32>) -> ()
    call @sum_columns(%any_x, %columns) : (!f32, memref<?xf32>) -> ()
    call @look_up(%any_table, %ids, %rows) : (!f32, memref<?xi32>, memref<?x?xi32>) -> ()
    call @copy(%any_x, %any_z) : (!f32, !f32) -> ()
    call @transpose(%any_x, %any_zt) : (!f32, !f32) -> ()

    // Per element: four results. Per row and column: their sums.
    %wrong = scf.for %i = %c0 to %m step %c1 iter_args(%before = %zero) -> i64 {
      %ri = func.call @value(%i, %c1) : (index, index) -> f32
      %0:3 = scf.for %j = %c0 to %n step %c1 iter_args(%so_far = %before, %s = %ri, %t = %ri) -> (i64, f32, f32) {
        %v = func.call @value(%i, %j) : (index, index) -> f32
        %cj = func.call @value(%c1, %j) : (index, index) -> f32
        %s1 = arith.addf %s, %v : f32
        %t1 = arith.maximumf %t, %v : f32
        %1 = arith.mulf %v, %ri : f32
        %want_y = arith.addf %1, %cj : f32
        %y16 = memref.load %y[%i, %j] : memref<?x?xf16>
        %got_y = arith.extf %y16 : f16 to f32
        %w0 = func.call @is_wrong(%got_y, %want_y) : (f32, f32) -> i64
        %got_z = memref.load %any_z[%i, %j] : !f32
        %w1 = func.call @is_wrong(%got_z, %v) : (f32, f32) -> i64
        %got_zt = memref.load %any_zt[%j, %i] : !f32
        %w2 = func.call @is_wrong(%got_zt, %v) : (f32, f32) -> i64
        %id = memref.load %ids[%i] : memref<?xi32>
        %k = arith.index_castui %id : i32 to index
        %exists = arith.cmpi ult, %k, %c3 : index
        %entry = func.call @value(%k, %j) : (index, index) -> f32
        %2 = arith.index_cast %j : index to i32
        %3 = arith.sitofp %2 : i32 to f32
        %4 = arith.addf %entry, %3 : f32
        %want_row = arith.select %exists, %4, %fzero : f32
        %row32 = memref.load %rows[%i, %j] : memref<?x?xi32>
        %got_row = arith.sitofp %row32 : i32 to f32
        %w3 = func.call @is_wrong(%got_row, %want_row) : (f32, f32) -> i64
        %5 = arith.addi %w0, %w1 : i64
        %6 = arith.addi %w2, %w3 : i64
        %7 = arith.addi %5, %6 : i64
        %next = arith.addi %so_far, %7 : i64
        scf.yield %next, %s1, %t1 : i64, f32, f32
      }
      %got_sum = memref.load %sum[%i] : memref<?xf32>
      %w4 = func.call @is_wrong(%got_sum, %0#1) : (f32, f32) -> i64
      %got_max = memref.load %max[%i] : memref<?xf32>
      %w5 = func.call @is_wrong(%got_max, %0#2) : (f32, f32) -> i64
      %8 = arith.addi %w4, %w5 : i64
      %next = arith.addi %0#0, %8 : i64
      scf.yield %next : i64
    }
    %wrong_columns = scf.for %j = %c0 to %n step %c1 iter_args(%before = %wrong) -> i64 {
      %cj = func.call @value(%c1, %j) : (index, index) -> f32
      %want = scf.for %i = %c0 to %m step %c1 iter_args(%s = %cj) -> f32 {
        %v = func.call @value(%i, %j) : (index, index) -> f32
        %s1 = arith.addf %s, %v : f32
        scf.yield %s1 : f32
      }
      %got = memref.load %columns[%j] : memref<?xf32>
      %w = func.call @is_wrong(%got, %want) : (f32, f32) -> i64
      %next = arith.addi %before, %w : i64
      scf.yield %next : i64
    }

    memref.dealloc %all : memref<4x150x150xf32>
    memref.dealloc %r : memref<?xf32>
    memref.dealloc %c : memref<?xf32>
    memref.dealloc %y : memref<?x?xf16>
    memref.dealloc %sum : memref<?xf32>
    memref.dealloc %max : memref<?xf32>
    memref.dealloc %columns : memref<?xf32>
    memref.dealloc %ids : memref<?xi32>
    memref.dealloc %rows : memref<?x?xi32>
    %c4 = arith.constant 4 : index
    %c2 = arith.constant 2 : index
    %9 = arith.muli %m, %n : index
    %10 = arith.muli %9, %c4 : index
    %11 = arith.muli %m, %c2 : index
    %12 = arith.addi %10, %11 : index
    %13 = arith.addi %12, %n : index
    %compared = arith.index_cast %13 : index to i64
    return %compared, %wrong_columns : i64, i64
  }

  func.func @main() -> i64 {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c5 = arith.constant 5 : index
    %c140 = arith.constant 140 : index
    %zero = arith.constant 0 : i64
    %0:2 = scf.for %m = %c0 to %c5 step %c1 iter_args(%all0 = %zero, %wrong0 = %zero) -> (i64, i64) {
      %1:2 = scf.for %n = %c0 to %c140 step %c1 iter_args(%all1 = %all0, %wrong1 = %wrong0) -> (i64, i64) {
        %compared, %wrong = func.call @shape(%m, %n) : (index, index) -> (i64, i64)
        %all = arith.addi %all1, %compared : i64
        %bad = arith.addi %wrong1, %wrong : i64
        scf.yield %all, %bad : i64, i64
      }
      scf.yield %1#0, %1#1 : i64, i64
    }
    %minus = arith.subi %zero, %0#1 : i64
    %any = arith.cmpi ne, %minus, %zero : i64
    %result = arith.select %any, %minus, %0#0 : i64
    return %result : i64
  }
}
