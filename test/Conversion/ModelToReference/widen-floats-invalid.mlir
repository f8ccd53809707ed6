// RUN: peermla-opt %s -peermla-widen-floats -verify-diagnostics

// What a program does with the bits of a narrow float has no meaning in f64.

func.func @bits_of_a_float(%x: f32) -> i32 {
  // expected-error @below {{cannot be evaluated in f64: it depends on the bits of a narrower float}}
  %0 = arith.bitcast %x : f32 to i32
  return %0 : i32
}
