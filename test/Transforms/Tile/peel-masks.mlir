// RUN: peermla-opt %s -allow-unregistered-dialect -pass-pipeline='builtin.module(func.func(peermla-peel-masks,canonicalize,cse))' -split-input-file | FileCheck %s

// The choice is gone from both loops, and the second goes on with what the first
// carried. A minimum that the bound does not exceed is known in the first.

!a = tensor<64x64xbf16, #tile.shared>
!o = tensor<64xf32>

// CHECK-LABEL: func @masked(
// CHECK-SAME: %{{.+}}: index, %[[END:.+]]: index, %[[LAST:.+]]: index
// CHECK: }, {
// CHECK: %[[BOUND:.+]] = arith.minsi %[[END]], %[[LAST]]
// CHECK: %[[FIRST:.+]] = arith.addi %[[BOUND]], %c-63
// CHECK: %[[DISTANCE:.+]] = arith.maxsi %[[FIRST]], %c0
// CHECK: %[[ROUNDED:.+]] = arith.addi %[[DISTANCE]], %c63
// CHECK: %[[STEPS:.+]] = arith.divui %[[ROUNDED]], %c64
// CHECK: %[[LENGTH:.+]] = arith.muli %[[STEPS]], %c64
// CHECK: %[[MIDDLE:.+]] = arith.minsi %[[LENGTH]], %[[END]]
// CHECK: %[[PLAIN:.+]] = scf.for %{{.+}} = %c0 to %[[MIDDLE]] step %c64 iter_args(%[[O:.+]] = %{{.+}})
// CHECK-NOT: tile.clear_rows
// CHECK-NOT: scf.if
// CHECK: arith.addf %[[O]],
// CHECK: scf.for %[[J:.+]] = %[[MIDDLE]] to %[[END]] step %c64 iter_args(%[[O:.+]] = %[[PLAIN]])
// CHECK: %[[REST:.+]] = arith.subi %[[END]], %[[J]]
// CHECK: %[[ROWS:.+]] = arith.minsi %[[REST]], %c64
// CHECK: tile.clear_rows %{{.+}} from %[[ROWS]]
// CHECK-NOT: scf.if
// CHECK: arith.mulf %[[O]],
func.func @masked(%n: index, %end: index, %last: index) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : !o
  %one = arith.constant dense<1.0> : !o
  %r = tile.ring {barriers = 24584, consumers = 4, offset = 8192} : !tile.ring<2 x !a>
  tile.specialize {
  }, {
    %o = scf.for %j = %c0 to %end step %c64 iter_args(%c = %zero) -> (!o) {
      %k = arith.divui %j, %c64 : index
      %v = tile.consume %r[%k] pending 0 : !tile.ring<2 x !a> -> !a
      %rest = arith.subi %end, %j : index
      %rows = arith.minsi %rest, %c64 : index
      %w = tile.clear_rows %v from %rows : !a
      %next = arith.addi %j, %c64 : index
      %bound = arith.minsi %end, %last : index
      %isMasked = arith.cmpi sgt, %next, %bound : index
      %s = scf.if %isMasked -> (!o) {
        %t = arith.mulf %c, %c : !o
        scf.yield %t : !o
      } else {
        %t = arith.addf %c, %one : !o
        scf.yield %t : !o
      }
      "test.use"(%w) : (!a) -> ()
      scf.yield %s : !o
    }
    "test.use"(%o) : (!o) -> ()
  }
  return
}

// -----

// Products of the triangle are whole while no row ends in them: position - j is
// at least 63 where j + 64 <= position + 1, and not known to be 64.

#mma = #tile.mma<warps = [4, 1]>
!a = tensor<64x64xbf16, #tile.shared>
!b = tensor<80x64xbf16, #tile.shared>
!d = tensor<64x64xf32, #mma>
!e = tensor<64x80xf32, #mma>

// CHECK-LABEL: func @triangle(
// CHECK: scf.for
// CHECK: tile.mma %{{.+}}, %{{.+}} transpose_b :
// CHECK: tile.mma %{{.+}}, %{{.+}} transpose_b until %{{.+}} :
// CHECK: tile.mma %{{.+}}, %{{.+}}, acc %{{.+}} :
// CHECK: scf.for
// CHECK: tile.mma %{{.+}}, %{{.+}} transpose_b until %{{.+}} :
// CHECK: tile.mma %{{.+}}, %{{.+}} transpose_b until %{{.+}} :
// CHECK: tile.mma %{{.+}}, %{{.+}}, acc %{{.+}} sum until %{{.+}} :
func.func @triangle(%end: index, %position: index, %w: !b) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : !d
  %r = tile.ring {barriers = 24584, consumers = 4, offset = 8192} : !tile.ring<2 x !a>
  tile.specialize {
  }, {
    %o = scf.for %j = %c0 to %end step %c64 iter_args(%c = %zero) -> (!d) {
      %k = arith.divui %j, %c64 : index
      %v = tile.consume %r[%k] pending 0 : !tile.ring<2 x !a> -> !a
      %next = arith.addi %j, %c64 : index
      %x = arith.subi %position, %j : index
      %s = tile.mma %v, %v transpose_b until %x : !a, !a -> !d
      %t = tile.mma %v, %w transpose_b until %x : !a, !b -> !e
      "test.use"(%t) : (!e) -> ()
      %first = arith.addi %position, %c1 : index
      %bound = arith.minsi %end, %first : index
      %isMasked = arith.cmpi sgt, %next, %bound : index
      %m = scf.if %isMasked -> (!d) {
        %u = arith.negf %s : !d
        scf.yield %u : !d
      } else {
        scf.yield %s : !d
      }
      %e = tile.mma %v, %v, acc %m sum until %x : !a, !a -> !d
      scf.yield %e : !d
    }
    "test.use"(%o) : (!d) -> ()
  }
  return
}

// -----

// Without an offset, with the sides exchanged and equality: iv >= bound.

!a = tensor<64x64xbf16, #tile.shared>
!o = tensor<64xf32>

// CHECK-LABEL: func @at_least(
// CHECK-SAME: %[[BOUND:.+]]: index, %[[LB:.+]]: index, %[[UB:.+]]: index
// CHECK: }, {
// CHECK: %[[DIFFERENCE:.+]] = arith.subi %[[BOUND]], %[[LB]]
// CHECK: %[[DISTANCE:.+]] = arith.maxsi %[[DIFFERENCE]], %c0
// CHECK: %[[ROUNDED:.+]] = arith.addi %[[DISTANCE]], %c1
// CHECK: %[[STEPS:.+]] = arith.divui %[[ROUNDED]], %c2
// CHECK: %[[LENGTH:.+]] = arith.muli %[[STEPS]], %c2
// CHECK: %[[START:.+]] = arith.addi %[[LB]], %[[LENGTH]]
// CHECK: %[[MIDDLE:.+]] = arith.minsi %[[START]], %[[UB]]
// CHECK: scf.for %{{.+}} = %[[LB]] to %[[MIDDLE]] step %c2
// CHECK: scf.for %{{.+}} = %[[MIDDLE]] to %[[UB]] step %c2
func.func @at_least(%bound: index, %lb: index, %ub: index) {
  %c2 = arith.constant 2 : index
  %zero = arith.constant dense<0.0> : !o
  %r = tile.ring {barriers = 24584, consumers = 4, offset = 8192} : !tile.ring<2 x !a>
  tile.specialize {
  }, {
    %o = scf.for %j = %lb to %ub step %c2 iter_args(%c = %zero) -> (!o) {
      %v = tile.consume %r[%j] pending 0 : !tile.ring<2 x !a> -> !a
      %isMasked = arith.cmpi sle, %bound, %j : index
      %s = scf.if %isMasked -> (!o) {
        %t = arith.mulf %c, %c : !o
        scf.yield %t : !o
      } else {
        scf.yield %c : !o
      }
      scf.yield %s : !o
    }
    "test.use"(%o) : (!o) -> ()
  }
  return
}

// -----

// A bound that changes from iteration to iteration says nothing, nor does a
// condition that is true first.

!a = tensor<64x64xbf16, #tile.shared>
!o = tensor<64xf32>

// CHECK-LABEL: func @others(
// CHECK-COUNT-2: scf.if
// CHECK-NOT: scf.for
func.func @others(%x: memref<?xindex>, %ub: index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant dense<0.0> : !o
  %r = tile.ring {barriers = 24584, consumers = 4, offset = 8192} : !tile.ring<2 x !a>
  tile.specialize {
  }, {
    %o = scf.for %j = %c0 to %ub step %c2 iter_args(%c = %zero) -> (!o) {
      %v = tile.consume %r[%j] pending 0 : !tile.ring<2 x !a> -> !a
      %bound = memref.load %x[%j] : memref<?xindex>
      %a = arith.cmpi sgt, %j, %bound : index
      %s = scf.if %a -> (!o) {
        %t = arith.mulf %c, %c : !o
        scf.yield %t : !o
      } else {
        scf.yield %c : !o
      }
      %b = arith.cmpi slt, %j, %c2 : index
      %u = scf.if %b -> (!o) {
        %t = arith.mulf %s, %s : !o
        scf.yield %t : !o
      } else {
        scf.yield %s : !o
      }
      scf.yield %u : !o
    }
    "test.use"(%o) : (!o) -> ()
  }
  return
}
