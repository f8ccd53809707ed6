// RUN: peermla-opt %s -verify-diagnostics -pass-pipeline='builtin.module(func.func(peermla-steps-to-kernels))'

// The host knows shapes, not what is in memory.
func.func @length_from_memory(%x: memref<5xindex>) {
  %c0 = arith.constant 0 : index
  %n = memref.load %x[%c0] : memref<5xindex>
  // expected-error @+1 {{'scf.forall' on the host expects a value that the host knows, got one of device memory, of 'memref.load'}}
  scf.forall (%i) in (%n) {
    memref.store %i, %x[%i] : memref<5xindex>
  }
  return
}
