// RUN: peermla-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(peermla-fold-norms))' | FileCheck %s

// What depends on column vectors alone is computed per column.

#rows = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: func.func @root_of_variance_leaves_the_rows(
//  CHECK-SAME:     %[[X:.+]]: tensor<?x5xf32>, %[[MEAN:.+]]: tensor<5xf32>, %[[VAR:.+]]: tensor<5xf32>
//       CHECK:   %[[ROOT:.+]] = linalg.generic {{.*}} iterator_types = ["parallel"]
//       CHECK:     math.rsqrt
//       CHECK:   linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]} ins(%[[X]], %[[MEAN]], %[[VAR]], %[[ROOT]] :
//   CHECK-NOT:     math.rsqrt
//       CHECK:     arith.subf
//       CHECK:     arith.mulf
func.func @root_of_variance_leaves_the_rows(%x: tensor<?x5xf32>, %mean: tensor<5xf32>,
    %var: tensor<5xf32>, %init: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %y = linalg.generic {indexing_maps = [#rows, #columns, #columns, #rows],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %mean, %var : tensor<?x5xf32>, tensor<5xf32>, tensor<5xf32>)
      outs(%init : tensor<?x5xf32>) {
  ^bb0(%e: f32, %m: f32, %v: f32, %out: f32):
    %eps = arith.constant 1.0e-05 : f32
    %shifted = arith.addf %v, %eps : f32
    %root = math.rsqrt %shifted : f32
    %centered = arith.subf %e, %m : f32
    %r = arith.mulf %centered, %root : f32
    linalg.yield %r : f32
  } -> tensor<?x5xf32>
  return %y : tensor<?x5xf32>
}

// -----

// CHECK-LABEL: func.func @widened_weight_stays(
//       CHECK:   linalg.generic
//   CHECK-NOT:   linalg.generic
//       CHECK:   return
func.func @widened_weight_stays(%x: tensor<?x5xf32>, %w: tensor<5xbf16>,
    %init: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %w : tensor<?x5xf32>, tensor<5xbf16>) outs(%init : tensor<?x5xf32>) {
  ^bb0(%e: f32, %v: bf16, %out: f32):
    %wide = arith.extf %v : bf16 to f32
    %r = arith.mulf %e, %wide : f32
    linalg.yield %r : f32
  } -> tensor<?x5xf32>
  return %y : tensor<?x5xf32>
}
