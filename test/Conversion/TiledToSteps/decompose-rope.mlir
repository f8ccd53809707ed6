// RUN: peermla-opt %s --pass-pipeline="builtin.module(func.func(peermla-decompose-rope))" | FileCheck %s

// Positions, rotary tables and rotations are elementwise.

// CHECK-LABEL: func @token_finds_its_sequence
// CHECK-SAME:    %[[CU:[a-z0-9]*]]: tensor<?xi32>, %[[PAST:[a-z0-9]*]]: tensor<?xi32>, %[[FIRST:[a-z0-9]*]]: index, %[[INIT:[a-z0-9]*]]:
// CHECK:       linalg.generic {{.*}}iterator_types = ["parallel"]} outs(%[[INIT]] : tensor<?xi32>)
// CHECK:         %[[I:.*]] = linalg.index 0
// CHECK:         arith.addi %[[FIRST]], %[[I]]
// CHECK:         scf.while
// CHECK:           tensor.extract %[[CU]]
// CHECK:         scf.if
// CHECK:           tensor.extract %[[PAST]]
func.func @token_finds_its_sequence(%cu: tensor<?xi32>, %past: tensor<?xi32>, %first: index,
                                    %init: tensor<?xi32>) -> tensor<?xi32> {
  %r = mla.positions ins(%cu, %past : tensor<?xi32>, tensor<?xi32>) first(%first)
      outs(%init : tensor<?xi32>) -> tensor<?xi32>
  return %r : tensor<?xi32>
}

// Angles, cosines and sines in f64; one of three frequencies is chosen.
// CHECK-LABEL: func @table_in_f64
// CHECK:       linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]} ins(%{{.*}} : tensor<?xi32>)
// CHECK:         arith.sitofp %{{.*}} : i32 to f64
// CHECK-COUNT-2: arith.select %{{.*}} : f64
// CHECK:         scf.if
// CHECK:           math.cos %{{.*}} : f64
// CHECK:           math.sin %{{.*}} : f64
// CHECK:         arith.truncf %{{.*}} : f64 to f32
func.func @table_in_f64(%p: tensor<?xi32>, %init: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %r = mla.rope_table {inv_freq = array<f64: 1.0, 0.1, 0.01>, multiplier = 2.0 : f64}
      ins(%p : tensor<?xi32>) outs(%init : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %r : tensor<?x6xf32>
}

// CHECK-LABEL: func @element_reads_its_partner
// CHECK-SAME:    %[[X:[a-z0-9]*]]: tensor<?x3x10xbf16>, %[[TABLE:[a-z0-9]*]]:
// CHECK:       linalg.generic {{.*}} ins(%[[X]] : tensor<?x3x10xbf16>)
// CHECK:       ^bb0(%[[SELF:.*]]: bf16, %{{.*}}: bf16):
// CHECK:         scf.if
// CHECK-COUNT-2: tensor.extract %[[TABLE]]
// CHECK:           tensor.extract %[[X]]
// CHECK:         } else {
// CHECK:           scf.yield %[[SELF]]
func.func @element_reads_its_partner(%x: tensor<?x3x10xbf16>, %t: tensor<?x4xf32>,
                                     %init: tensor<?x3x10xbf16>) -> tensor<?x3x10xbf16> {
  %r = mla.rope ins(%x, %t : tensor<?x3x10xbf16>, tensor<?x4xf32>)
      outs(%init : tensor<?x3x10xbf16>) -> tensor<?x3x10xbf16>
  return %r : tensor<?x3x10xbf16>
}
