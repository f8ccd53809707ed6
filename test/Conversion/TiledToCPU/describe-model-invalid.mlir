// RUN: peermla-opt %s -peermla-describe-model -split-input-file -verify-diagnostics

// What the runtime needs is there.

module {
  // expected-error @below {{expects 'peermla.level' to name a CPU level}}
  module attributes {peermla.level = "x86-64-v9"} {
  }
}

// -----

module {
  module attributes {peermla.level = "amx"} {
    // expected-error @below {{expects "weight" argument 0 to be a memref with 'peermla.weight'}}
    func.func @unnamed_weight(%w: memref<4xf32> {peermla.kind = "weight"}) attributes {peermla.entry} {
      return
    }
  }
}

// -----

module {
  module attributes {peermla.level = "amx"} {
    // expected-error @below {{expects "in" argument 0 to be a memref}}
    func.func @scalar(%x: f32 {peermla.kind = "in"}) attributes {peermla.entry} {
      return
    }
  }
}
