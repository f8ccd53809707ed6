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

// -----

module @m {
  module attributes {peermla.level = "x86-64-v3"} {
    // expected-error @+1 {{expects 'peermla.rows_of' of argument 0 to hold names and types of tensors, got [{name = "b"}]}}
    func.func @f(%w: memref<3x9xf32> {peermla.kind = "weight", peermla.weight = "ba", peermla.rows_of = [{name = "b"}]}) attributes {peermla.entry} {
      return
    }
  }
}
