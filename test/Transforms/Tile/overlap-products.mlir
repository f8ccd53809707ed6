// RUN: peermla-opt %s -allow-unregistered-dialect -pass-pipeline='builtin.module(func.func(peermla-overlap-products,canonicalize,cse))' -split-input-file | FileCheck %s

// A sum stays in flight: after the products of a step, those of the one before
// have read their slots.

#mma = #tile.mma<warps = [8, 1]>
!a = tensor<128x64xbf16, #tile.shared>
!d = tensor<128x128xf32, #mma>

// CHECK-LABEL: func @sum(
// CHECK: %[[P:.+]] = scf.for %[[K:[^ ]+]] = %[[FIRST:[^ ]+]] to
// CHECK: %[[A:.+]] = tile.consume %[[R:.+]][%[[K]]] pending 0
// CHECK: %[[B:.+]] = tile.consume %[[S:.+]][%[[K]]] pending 0
// CHECK: %[[D:.+]] = tile.mma %[[A]], %[[B]], acc %{{.+}} transpose_b flight :
// CHECK-NEXT: tile.mma_wait 1
// CHECK-NEXT: %[[LATER:.+]] = arith.cmpi ne, %[[K]], %[[FIRST]]
// CHECK-NEXT: %[[BEFORE:.+]] = arith.subi %[[K]], %
// CHECK-NEXT: tile.release %[[R]][%[[BEFORE]]] if %[[LATER]]
// CHECK-NEXT: tile.release %[[S]][%[[BEFORE]]] if %[[LATER]]
// CHECK-NEXT: scf.yield %[[D]]
// CHECK: %[[E:.+]] = tile.mma_wait 0, %[[P]] :
// CHECK-NEXT: "test.use"(%[[E]])
func.func @sum() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant dense<0.0> : !d
  %r = tile.ring {barriers = 98304, consumers = 8, offset = 0} : !tile.ring<3 x !a>
  %s = tile.ring {barriers = 98352, consumers = 8, offset = 49152} : !tile.ring<3 x !a>
  tile.specialize {
  }, {
    %d = scf.for %k = %c0 to %c8 step %c1 iter_args(%c = %zero) -> (!d) {
      %u = tile.consume %r[%k] pending 0 : !tile.ring<3 x !a> -> !a
      %v = tile.consume %s[%k] pending 0 : !tile.ring<3 x !a> -> !a
      %e = tile.mma %u, %v, acc %c transpose_b : !a, !a -> !d
      scf.yield %e : !d
    }
    "test.use"(%d) : (!d) -> ()
  }
  return
}

// -----

// Where another loop goes on in the ring, the last slot is released, too.

#mma = #tile.mma<warps = [8, 1]>
!a = tensor<128x64xbf16, #tile.shared>
!d = tensor<128x128xf32, #mma>

// CHECK-LABEL: func @goes_on(
// CHECK: %[[P:.+]] = scf.for %[[K:[^ ]+]] = %c0 to %c8 step %c2
// CHECK: tile.release %[[R:.+]][%{{.+}}] if
// CHECK: tile.release %[[S:.+]][%{{.+}}] if
// CHECK: tile.mma_wait 0, %[[P]] :
// CHECK-NEXT: tile.release %[[R]][%c3] :
// CHECK-NOT: tile.release %[[S]]
// CHECK: scf.for
func.func @goes_on() {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant dense<0.0> : !d
  %r = tile.ring {barriers = 98304, consumers = 8, offset = 0} : !tile.ring<3 x !a>
  %s = tile.ring {barriers = 98352, consumers = 8, offset = 49152} : !tile.ring<3 x !a>
  tile.specialize {
  }, {
    %d = scf.for %k = %c0 to %c8 step %c2 iter_args(%c = %zero) -> (!d) {
      %n = arith.divui %k, %c2 : index
      %u = tile.consume %r[%n] pending 0 : !tile.ring<3 x !a> -> !a
      %v = tile.consume %s[%n] pending 0 : !tile.ring<3 x !a> -> !a
      %e = tile.mma %u, %v, acc %c transpose_b : !a, !a -> !d
      scf.yield %e : !d
    }
    "test.use"(%d) : (!d) -> ()
    scf.for %k = %c0 to %c8 step %c2 {
      %n = arith.divui %k, %c2 : index
      %m = arith.addi %n, %c4 : index
      %u = tile.consume %r[%m] pending 0 : !tile.ring<3 x !a> -> !a
      "test.use"(%u) : (!a) -> ()
    }
  }
  return
}

// -----

// With one slot its release cannot wait for the next fill.

#mma = #tile.mma<warps = [4, 1]>
!a = tensor<64x64xbf16, #tile.shared>
!d = tensor<64x64xf32, #mma>

// CHECK-LABEL: func @one_slot(
// CHECK-NOT: flight
// CHECK-NOT: tile.release
func.func @one_slot() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant dense<0.0> : !d
  %r = tile.ring {barriers = 8192, consumers = 4, offset = 0} : !tile.ring<1 x !a>
  tile.specialize {
  }, {
    %d = scf.for %k = %c0 to %c8 step %c1 iter_args(%c = %zero) -> (!d) {
      %v = tile.consume %r[%k] pending 0 : !tile.ring<1 x !a> -> !a
      %e = tile.mma %v, %v, acc %c transpose_b : !a, !a -> !d
      scf.yield %e : !d
    }
    "test.use"(%d) : (!d) -> ()
  }
  return
}

// -----

// The second of two products runs beside the first one of the next iteration.
// Its slot is released, its operand packed and the sum scaled behind the wait.

#mma = #tile.mma<warps = [4, 1]>
#row = #tile.slice<1, #mma>
!k = tensor<64x64xbf16, #tile.shared>
!p = tensor<64x64xbf16, #mma>
!d = tensor<64x64xf32, #mma>
!m = tensor<64xf32, #row>

// CHECK-LABEL: func @chain(
// CHECK-SAME: %[[LB:.+]]: index, %[[UB:.+]]: index
// CHECK: }, {
// CHECK: %[[Q:.+]] = tile.consume
// CHECK: %[[SOME:.+]] = arith.cmpi slt, %[[LB]], %[[UB]]
// CHECK: %[[ALL:.+]]:2 = scf.if %[[SOME]]
// The first iteration:
// CHECK-NEXT: %[[K0:.+]] = tile.consume %[[RK:.+]][%[[LB]]]
// CHECK-NEXT: %[[S0:.+]] = tile.mma %[[Q]], %[[K0]] transpose_b :
// CHECK-NEXT: tile.release %[[RK]][%[[LB]]]
// CHECK-NEXT: %[[M0:.+]] = tile.reduce max %[[S0]]
// CHECK: math.exp2 %[[S0]]
// CHECK: %[[V0:.+]] = tile.consume %[[RV:.+]][%[[LB]]]
// CHECK: %[[P0:.+]] = arith.truncf
// CHECK: %[[O0:.+]] = arith.mulf
// CHECK: %[[SECOND:.+]] = arith.addi %[[LB]], %c1
// The others:
// CHECK-NEXT: %[[L:.+]]:5 = scf.for %[[J:.+]] = %[[SECOND]] to %[[UB]] step %c1 iter_args(%[[M:[^ ]+]] = %[[M0]], %[[P:[^ ]+]] = %[[P0]], %[[V:[^ ]+]] = %[[V0]], %[[O:[^ ]+]] = %[[O0]], %[[N:[^ ]+]] = %[[LB]])
// CHECK-NEXT: %[[K1:.+]] = tile.consume %[[RK]][%[[J]]]
// CHECK-NEXT: %[[S1:.+]] = tile.mma %[[Q]], %[[K1]] transpose_b flight :
// CHECK-NEXT: %[[O1:.+]] = tile.mma %[[P]], %[[V]], acc %[[O]] flight :
// CHECK-NEXT: %[[S2:.+]] = tile.mma_wait 1, %[[S1]]
// CHECK-NEXT: tile.release %[[RK]][%[[J]]]
// CHECK-NEXT: %[[M1:.+]] = tile.reduce max %[[S2]]
// CHECK: %[[E:.+]] = math.exp2 %[[S2]]
// CHECK: %[[O2:.+]] = tile.mma_wait 0, %[[O1]]
// CHECK-NEXT: tile.release %[[RV]][%[[N]]]
// CHECK-NEXT: %[[V1:.+]] = tile.consume %[[RV]][%[[J]]]
// CHECK-NEXT: %[[P1:.+]] = arith.truncf %[[E]]
// CHECK-NEXT: %[[O3:.+]] = arith.mulf %[[O2]]
// CHECK-NEXT: scf.yield %[[M1]], %[[P1]], %[[V1]], %[[O3]], %[[J]]
// What is left of the last one:
// CHECK: %[[D:.+]] = tile.mma %[[L]]#1, %[[L]]#2, acc %[[L]]#3 :
// CHECK-NEXT: tile.release %[[RV]][%[[L]]#4]
// CHECK-NEXT: scf.yield %[[D]], %[[L]]#0
// CHECK: } else {
// CHECK: "test.use"(%[[ALL]]#0, %[[ALL]]#1)
func.func @chain(%lb: index, %ub: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant dense<0.0> : !d
  %none = arith.constant dense<0.0> : !m
  %rq = tile.ring {barriers = 40960, offset = 0} : !tile.ring<1 x !k>
  %rk = tile.ring {barriers = 40968, consumers = 4, offset = 8192} : !tile.ring<2 x !k>
  %rv = tile.ring {barriers = 41000, consumers = 4, offset = 24576} : !tile.ring<2 x !k>
  tile.specialize {
  }, {
    %q = tile.consume %rq[%c0] pending 0 : !tile.ring<1 x !k> -> !k
    %d, %m = scf.for %j = %lb to %ub step %c1 iter_args(%o = %zero, %old = %none) -> (!d, !m) {
      %k = tile.consume %rk[%j] pending 0 : !tile.ring<2 x !k> -> !k
      %v = tile.consume %rv[%j] pending 0 : !tile.ring<2 x !k> -> !k
      %s = tile.mma %q, %k transpose_b : !k, !k -> !d
      %new = tile.reduce max %s along 1 : !d -> !m
      %e = math.exp2 %s : !d
      %p = arith.truncf %e : !d to !p
      %a = arith.subf %old, %new : !m
      %b = tile.broadcast %a along 1 : !m -> !d
      %scaled = arith.mulf %o, %b : !d
      %next = tile.mma %p, %v, acc %scaled : !p, !k -> !d
      scf.yield %next, %new : !d, !m
    }
    "test.use"(%d, %m) : (!d, !m) -> ()
  }
  return
}

// -----

// A choice between the products, or values that the first one reads, too, keep
// the iterations apart.

#mma = #tile.mma<warps = [4, 1]>
!k = tensor<64x64xbf16, #tile.shared>
!p = tensor<64x64xbf16, #mma>
!d = tensor<64x64xf32, #mma>

// CHECK-LABEL: func @apart(
// CHECK-NOT: flight
// CHECK-NOT: tile.release
func.func @apart(%n: index, %i: i1) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant dense<0.0> : !d
  %rk = tile.ring {barriers = 40968, consumers = 4, offset = 8192} : !tile.ring<2 x !k>
  %rv = tile.ring {barriers = 41000, consumers = 4, offset = 24576} : !tile.ring<2 x !k>
  tile.specialize {
  }, {
    %d = scf.for %j = %c0 to %n step %c1 iter_args(%o = %zero) -> (!d) {
      %k = tile.consume %rk[%j] pending 0 : !tile.ring<2 x !k> -> !k
      %v = tile.consume %rv[%j] pending 0 : !tile.ring<2 x !k> -> !k
      %s = tile.mma %k, %k transpose_b : !k, !k -> !d
      %e = scf.if %i -> (!d) {
        %f = math.exp2 %s : !d
        scf.yield %f : !d
      } else {
        scf.yield %s : !d
      }
      %p = arith.truncf %e : !d to !p
      %next = tile.mma %p, %v, acc %o : !p, !k -> !d
      scf.yield %next : !d
    }
    %f = scf.for %j = %c0 to %n step %c1 iter_args(%o = %d) -> (!d) {
      %k = tile.consume %rk[%j] pending 0 : !tile.ring<2 x !k> -> !k
      %s = tile.mma %k, %k transpose_b : !k, !k -> !d
      %p = arith.truncf %s : !d to !p
      %next = tile.mma %p, %k, acc %o : !p, !k -> !d
      scf.yield %next : !d
    }
    "test.use"(%f) : (!d) -> ()
  }
  return
}
