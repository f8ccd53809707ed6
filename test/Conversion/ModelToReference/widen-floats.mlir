// RUN: peermla-opt %s -peermla-widen-floats | FileCheck %s

// Every float becomes f64; nothing rounds any more.

// CHECK-LABEL: func.func @roundings_disappear(
//  CHECK-SAME:     %[[X:.+]]: f64, %[[W:.+]]: f64) -> f64
//  CHECK-NEXT:   %[[Y:.+]] = arith.mulf %[[X]], %[[W]] : f64
//  CHECK-NEXT:   return %[[Y]] : f64
func.func @roundings_disappear(%x: bf16, %w: f32) -> bf16 {
  %0 = arith.extf %x : bf16 to f32
  %1 = arith.mulf %0, %w : f32
  %2 = arith.truncf %1 : f32 to bf16
  return %2 : bf16
}

// CHECK-LABEL: func.func @constants_keep_their_value(
//       CHECK:   arith.constant 1.500000e+00 : f64
//       CHECK:   arith.constant 0xFFF0000000000000 : f64
//       CHECK:   arith.constant dense<[1.000000e+00, 2.500000e-01]> : tensor<2xf64>
//       CHECK:   arith.constant dense<3.000000e+00> : tensor<4x5xf64>
//       CHECK:   arith.constant dense<7> : tensor<2xi32>
func.func @constants_keep_their_value()
    -> (f32, f32, tensor<2xbf16>, tensor<4x5xf16>, tensor<2xi32>) {
  %0 = arith.constant 1.5 : f32
  %1 = arith.constant 0xFF800000 : f32
  %2 = arith.constant dense<[1.0, 0.25]> : tensor<2xbf16>
  %3 = arith.constant dense<3.0> : tensor<4x5xf16>
  %4 = arith.constant dense<7> : tensor<2xi32>
  return %0, %1, %2, %3, %4
      : f32, f32, tensor<2xbf16>, tensor<4x5xf16>, tensor<2xi32>
}

// Bodies of structured ops are widened with their operands.

// CHECK-LABEL: func.func @bodies_too(
//       CHECK:   linalg.generic
//  CHECK-SAME:     ins(%{{.+}} : tensor<?xf64>) outs(%{{.+}} : tensor<?xf64>)
//  CHECK-NEXT:   ^bb0(%[[A:.+]]: f64, %{{.+}}: f64):
//  CHECK-NEXT:     linalg.yield %[[A]] : f64
//       CHECK:   mla.rope_table
//  CHECK-SAME:     multiplier = 1.250000e+00 : f64
//  CHECK-SAME:     tensor<?x2xf64>
func.func @bodies_too(%x: tensor<?xf32>, %y: tensor<?xbf16>, %p: tensor<?xi32>,
                      %t: tensor<?x2xf32>) -> (tensor<?xbf16>, tensor<?x2xf32>) {
  %0 = linalg.generic {
      indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}
      ins(%x : tensor<?xf32>) outs(%y : tensor<?xbf16>) {
  ^bb0(%a: f32, %b: bf16):
    %r = arith.truncf %a : f32 to bf16
    linalg.yield %r : bf16
  } -> tensor<?xbf16>
  %1 = mla.rope_table {inv_freq = array<f64: 0.5>, multiplier = 1.25 : f64}
      ins(%p : tensor<?xi32>) outs(%t : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %0, %1 : tensor<?xbf16>, tensor<?x2xf32>
}

// A weight says how it is stored.

// CHECK-LABEL: func.func @weights_say_what_they_were(
//  CHECK-SAME:     %{{[^:]+}}: tensor<3xf64> {peermla.stored = "bf16", peermla.weight = "w"}
//  CHECK-SAME:     %{{[^:]+}}: tensor<3xf64>)
func.func @weights_say_what_they_were(
    %w: tensor<3xbf16> {peermla.weight = "w"}, %x: tensor<3xf32>) {
  return
}
