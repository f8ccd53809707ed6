// RUN: peermla-opt %s -peermla-lower-launches -split-input-file -verify-diagnostics

// A launch names its kernel.

// expected-error @below {{expects the kernel @k in the same module, found none}}
llvm.func @no_kernel(i64) attributes {peermla.launch = @k}

// -----

// expected-error @below {{expects 'peermla.launch' to be a symbol, got "k"}}
llvm.func @no_symbol(i64) attributes {peermla.launch = "k"}
