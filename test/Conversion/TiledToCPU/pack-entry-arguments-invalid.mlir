// RUN: peermla-opt %s -peermla-pack-entry-arguments -split-input-file -verify-diagnostics

// expected-error @+1 {{packed function expects pointers and integers of 1, 32 or 64 bits, got 'f32' as argument 1}}
llvm.func @float_argument(%data: !llvm.ptr, %value: f32) attributes {peermla.packed} {
  llvm.return
}

// -----

// expected-error @+1 {{packed function expects the result i64 or none, got 'i32'}}
llvm.func @narrow_result(%value: i32) -> i32 attributes {peermla.packed} {
  llvm.return %value : i32
}

// -----

// expected-error @+1 {{packed function expects a body and a fixed number of arguments}}
llvm.func @declaration(i64) attributes {peermla.packed}
