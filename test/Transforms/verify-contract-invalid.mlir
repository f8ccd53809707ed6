// RUN: peermla-opt %s -peermla-verify-contract=stage=cpu -verify-diagnostics

// At the stage `cpu` buffers have their places: frames of constant size at the
// start of a function are all that is allocated.

func.func @frame(%n: index) {
  %frame = memref.alloca() : memref<3xf32>
  return
}

func.func @allocations(%n: index, %x: memref<3xf32>, %y: memref<3xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @below {{'memref.alloc' may not exist at the stage 'cpu'}}
  %a = memref.alloc(%n) : memref<?xf32>
  scf.for %i = %c0 to %n step %c1 {
    // expected-error @below {{'memref.alloca' may not exist at the stage 'cpu'}}
    %b = memref.alloca() : memref<3xf32>
  }
  // expected-error @below {{'memref.copy' may not exist at the stage 'cpu'}}
  memref.copy %x, %y : memref<3xf32> to memref<3xf32>
  // expected-error @below {{'scf.forall' may not exist at the stage 'cpu'}}
  scf.forall (%i) in (3) {
  }
  return
}
