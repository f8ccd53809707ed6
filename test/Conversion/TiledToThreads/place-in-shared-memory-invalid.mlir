// RUN: peermla-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(gpu.module(peermla-place-in-shared-memory))'

module attributes {peermla.gpu = "sm_80"} {
  gpu.module @m {
    // expected-error @+1 {{the kernel 'too_large' needs 400000 bytes of shared memory, a block on sm_80 has at most 166912}}
    func.func @too_large() attributes {peermla.threads} {
      %c0 = arith.constant 0 : index
      %zero = arith.constant 0.0 : f32
      %a = memref.alloc() : memref<100000xf32>
      memref.store %zero, %a[%c0] : memref<100000xf32>
      return
    }
  }
}

// -----

module attributes {peermla.gpu = "sm_80"} {
  gpu.module @m {
    func.func @no_bound(%n: index) attributes {peermla.threads} {
      %c0 = arith.constant 0 : index
      %zero = arith.constant 0.0 : f32
      // expected-error @+1 {{'memref.alloc' op has no constant bound, as a buffer inside a kernel must}}
      %a = memref.alloc(%n) : memref<?xf32>
      memref.store %zero, %a[%c0] : memref<?xf32>
      return
    }
  }
}
