// RUN: peermla-opt %s -peermla-split-targets="cpu-levels=amx,x86-64-v3 gpu-targets=sm_90a" | FileCheck %s

// Each target gets a copy of everything, in the order given; the outer module
// keeps its name and attributes, and nothing else.

// CHECK-LABEL: module @model attributes {some.attribute = 5 : i32} {
//  CHECK-NEXT:   module @cpu_amx attributes {peermla.level = "amx"} {
//       CHECK:     ml_program.global private @w
//       CHECK:     func.func @forward
//       CHECK:     func.func private @helper
//       CHECK:   module @cpu_x86_64_v3 attributes {peermla.level = "x86-64-v3"} {
//       CHECK:     ml_program.global private @w
//       CHECK:     func.func @forward
//       CHECK:     func.func private @helper
//       CHECK:   module @gpu_sm_90a attributes {peermla.gpu = "sm_90a"} {
//       CHECK:     ml_program.global private @w
//       CHECK:     func.func @forward
//       CHECK:     func.func private @helper
//   CHECK-NOT:   func.func
module @model attributes {some.attribute = 5 : i32} {
  ml_program.global private @w(#ml_program.extern : tensor<3x2xf32>) : tensor<3x2xf32>
  func.func @forward() -> tensor<3x2xf32> {
    %w = ml_program.global_load_const @w : tensor<3x2xf32>
    return %w : tensor<3x2xf32>
  }
  func.func private @helper()
}
