// RUN: peermla-opt %s -split-input-file -peermla-bind-externs | FileCheck %s

// Weights become the last arguments of the functions that read them.

// A weight that is read twice is one argument; one that nobody reads is none;
// the order is that of the globals, not that of the reads.

// CHECK-NOT: ml_program.global
// CHECK-LABEL: func.func @weights_follow_the_arguments(
//  CHECK-SAME:     %[[X:[^:]+]]: tensor<?x4xf32> {peermla.name = "x"},
//  CHECK-SAME:     %[[Q:[^:]+]]: tensor<3x4xf32> {peermla.weight = "q_proj.weight"},
//  CHECK-SAME:     %[[O:[^:]+]]: tensor<4x6xf32> {peermla.weight = "o_proj.weight"})
//  CHECK-NEXT:   return %[[O]], %[[Q]], %[[O]]
ml_program.global private @"q_proj.weight"(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @unused(#ml_program.extern : tensor<5xf32>) : tensor<5xf32>
ml_program.global private @"o_proj.weight"(#ml_program.extern : tensor<4x6xf32>) : tensor<4x6xf32>
func.func @weights_follow_the_arguments(
    %x: tensor<?x4xf32> {peermla.name = "x"})
    -> (tensor<4x6xf32>, tensor<3x4xf32>, tensor<4x6xf32>) {
  %0 = ml_program.global_load_const @"o_proj.weight" : tensor<4x6xf32>
  %1 = ml_program.global_load_const @"q_proj.weight" : tensor<3x4xf32>
  %2 = ml_program.global_load_const @"o_proj.weight" : tensor<4x6xf32>
  return %0, %1, %2 : tensor<4x6xf32>, tensor<3x4xf32>, tensor<4x6xf32>
}

// -----

// A global with a value is none of ours.

//       CHECK: ml_program.global private @constant
// CHECK-LABEL: func.func @globals_with_a_value_stay()
//       CHECK:   ml_program.global_load_const @constant
ml_program.global private @constant(dense<1.0> : tensor<3xf32>) : tensor<3xf32>
func.func @globals_with_a_value_stay() -> tensor<3xf32> {
  %0 = ml_program.global_load_const @constant : tensor<3xf32>
  return %0 : tensor<3xf32>
}
