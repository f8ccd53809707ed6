// RUN: peermla-opt %s -peermla-entries-to-memrefs -split-input-file -verify-diagnostics

// What the runtime cannot be told about is an error on the entry.

// expected-error @below {{expects one block that returns}}
func.func private @declaration(tensor<3xf32>) attributes {peermla.entry}

// -----

// expected-error @below {{expects arguments and results to be ranked tensors, got 'f32'}}
func.func @scalar(%x: f32) attributes {peermla.entry} {
  return
}

// -----

// expected-error @below {{expects arguments and results of f64, f32, f16, bf16, i64, i32, i16 or i8, got 'tensor<3xindex>'}}
func.func @index_elements(%x: tensor<3xindex>) attributes {peermla.entry} {
  return
}

// -----

// expected-error @below {{expects one block that returns}}
func.func @two_blocks(%x: tensor<3xf32>) -> tensor<3xf32> attributes {peermla.entry} {
  cf.br ^next
^next:
  return %x : tensor<3xf32>
}

// -----

// expected-error @below {{expects each argument name once, got 'x' twice}}
func.func @name_twice(%x: tensor<3xf32> {peermla.name = "x"}, %y: tensor<2xf32> {peermla.name = "x"}) attributes {peermla.entry} {
  return
}

// -----

// expected-error @below {{expects 'peermla.name' to be a string, got 3 : i64}}
func.func @name_is_number(%x: tensor<3xf32> {peermla.name = 3}) attributes {peermla.entry} {
  return
}

// -----

// expected-error @below {{expects 'peermla.dims' to be one string per dimension, got ["T"] for 'tensor<?x4xf32>'}}
func.func @dims_of_other_rank(%x: tensor<?x4xf32> {peermla.dims = ["T"]}) attributes {peermla.entry} {
  return
}

// -----

// expected-error @below {{expects 'peermla.inout' to name an argument, got 'cash'}}
func.func @inout_unknown(%x: tensor<3xf32> {peermla.name = "cache"}) -> (tensor<3xf32> {peermla.inout = "cash"}) attributes {peermla.entry} {
  return %x : tensor<3xf32>
}

// -----

// expected-error @below {{expects one updated value of 'cache', got two}}
func.func @inout_twice(%x: tensor<3xf32> {peermla.name = "cache"})
    -> (tensor<3xf32> {peermla.inout = "cache"}, tensor<3xf32> {peermla.inout = "cache"}) attributes {peermla.entry} {
  return %x, %x : tensor<3xf32>, tensor<3xf32>
}

// -----

// expected-error @below {{expects the updated value of 'cache' to have its type 'tensor<3xf32>', got 'tensor<2xf32>'}}
func.func @inout_of_other_type(%x: tensor<3xf32> {peermla.name = "cache"}, %y: tensor<2xf32>)
    -> (tensor<2xf32> {peermla.inout = "cache"}) attributes {peermla.entry} {
  return %y : tensor<2xf32>
}

// -----

ml_program.global private @w(#ml_program.extern : tensor<?x2xf32>) : tensor<?x2xf32>
func.func @dynamic_weight() -> tensor<?x2xf32> attributes {peermla.entry} {
  // expected-error @below {{expects a tensor of static shape and of f64, f32, f16, bf16, i64, i32, i16 or i8, got 'tensor<?x2xf32>'}}
  %w = ml_program.global_load_const @w : tensor<?x2xf32>
  return %w : tensor<?x2xf32>
}

// -----

ml_program.global private @w(dense<1.0> : tensor<2xf32>) : tensor<2xf32>
func.func @weight_with_value() -> tensor<2xf32> attributes {peermla.entry} {
  // expected-error @below {{expects the value of @w to be extern}}
  %w = ml_program.global_load_const @w : tensor<2xf32>
  return %w : tensor<2xf32>
}

// -----

// expected-error @+1 {{expects 'peermla.rows_of' to name globals, got [@none]}}
ml_program.global private @w(#ml_program.extern : tensor<3xf32>) : tensor<3xf32> {peermla.rows_of = [@none]}
func.func @forward() -> tensor<3xf32> attributes {peermla.entry} {
  %w = ml_program.global_load_const @w : tensor<3xf32>
  return %w : tensor<3xf32>
}
