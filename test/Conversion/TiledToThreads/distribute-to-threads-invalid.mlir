// RUN: peermla-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(gpu.module(peermla-distribute-to-threads))'

gpu.module @m {
  func.func private @callee(memref<4xf32>)
  func.func @call(%x: memref<4xf32>) attributes {peermla.threads} {
    // expected-error @+1 {{'func.call' op cannot be shared out to threads: expects a linalg op, a copy, or loops and scalars}}
    func.call @callee(%x) : (memref<4xf32>) -> ()
    return
  }
}

// -----

gpu.module @m {
  func.func @while(%x: memref<4xf32>, %go: i1) attributes {peermla.threads} {
    %zero = arith.constant 0.0 : f32
    // expected-error @+1 {{'scf.while' op cannot be run by all threads of a block: expects scf.for or scf.if around ops that are shared out}}
    scf.while : () -> () {
      scf.condition(%go)
    } do {
      linalg.fill ins(%zero : f32) outs(%x : memref<4xf32>)
      scf.yield
    }
    return
  }
}

// -----

gpu.module @m {
  func.func @dynamic_memory_of_thread(%x: memref<?xf32>, %n: index) attributes {peermla.threads} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    scf.forall (%i) in (%n) {
      // expected-error @+1 {{'memref.alloc' op expects memory of a thread to have static extents, got 'memref<?xf32>'}}
      %own = memref.alloc(%n) : memref<?xf32>
      memref.store %zero, %own[%c0] : memref<?xf32>
      memref.copy %own, %x : memref<?xf32> to memref<?xf32>
    }
    return
  }
}

// -----

gpu.module @m {
  func.func @stores_with_results(%x: memref<4xf32>) -> () attributes {peermla.threads} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %zero = arith.constant 0.0 : f32
    // expected-error @+1 {{'scf.for' op cannot be shared out to threads: writes memory and has results}}
    %sum = scf.for %i = %c0 to %c4 step %c1 iter_args(%s = %zero) -> (f32) {
      memref.store %s, %x[%i] : memref<4xf32>
      %n = arith.addf %s, %s : f32
      scf.yield %n : f32
    }
    memref.store %sum, %x[%c0] : memref<4xf32>
    return
  }
}
