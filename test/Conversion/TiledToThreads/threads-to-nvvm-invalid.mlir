// RUN: peermla-opt %s -verify-diagnostics -pass-pipeline='builtin.module(gpu.module(peermla-threads-to-nvvm))'

gpu.module @m {
  // expected-error @+1 {{'func.func' op expects parameters of a kernel to be memrefs, integers or floats, got 'vector<4xf32>'}}
  func.func @k(%x: vector<4xf32>) attributes {nvvm.reqntid = array<i32: 64>} {
    return
  }
}
