// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-fuse-elementwise))' | FileCheck %s

// Chains of elementwise ops become one op; matrix products and reductions stay
// ops of their own, and a value with two users is computed once.

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// CHECK-LABEL: func.func @chain(
//  CHECK-SAME:   %[[X:.+]]: tensor<?x5xf32>, %[[E:.+]]: tensor<?x5xf32>
//       CHECK:   %[[Y:.+]] = linalg.generic {{.+}} ins(%[[X]] :
//       CHECK:     math.exp
//       CHECK:     math.sqrt
//   CHECK-NOT:   linalg.generic
//       CHECK:   return %[[Y]]
func.func @chain(%x: tensor<?x5xf32>, %e: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<?x5xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.sqrt %in : f32
    linalg.yield %0 : f32
  } -> tensor<?x5xf32>
  return %b : tensor<?x5xf32>
}

// CHECK-LABEL: func.func @keeps_the_rounding_between(
//       CHECK:   linalg.generic
//       CHECK:     arith.truncf %{{.+}} : f32 to bf16
//       CHECK:     arith.extf %{{.+}} : bf16 to f32
//       CHECK:     math.sqrt
func.func @keeps_the_rounding_between(%x: tensor<?x5xf32>, %h: tensor<?x5xbf16>, %e: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x5xf32>) outs(%h : tensor<?x5xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = math.exp %in : f32
    %1 = arith.truncf %0 : f32 to bf16
    linalg.yield %1 : bf16
  } -> tensor<?x5xbf16>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<?x5xbf16>) outs(%e : tensor<?x5xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %0 = arith.extf %in : bf16 to f32
    %1 = math.sqrt %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x5xf32>
  return %b : tensor<?x5xf32>
}

// CHECK-LABEL: func.func @reduction_stays(
//       CHECK:   %[[A:.+]] = linalg.generic
//       CHECK:     math.exp
//       CHECK:   linalg.generic {{.+}} ins(%[[A]] :
//       CHECK:     arith.addf
func.func @reduction_stays(%x: tensor<?x5xf32>, %e: tensor<?x5xf32>, %s: tensor<?xf32>) -> tensor<?xf32> {
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<?x5xf32>
  %b = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%a : tensor<?x5xf32>) outs(%s : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<?xf32>
  return %b : tensor<?xf32>
}

// CHECK-LABEL: func.func @two_users(
//       CHECK:   %[[A:.+]] = linalg.generic
//       CHECK:     math.exp
//       CHECK:   %[[B:.+]] = linalg.generic {{.+}} ins(%[[A]] :
//   CHECK-NOT:     math.exp
//       CHECK:   return %[[A]], %[[B]]
func.func @two_users(%x: tensor<?x5xf32>, %e: tensor<?x5xf32>) -> (tensor<?x5xf32>, tensor<?x5xf32>) {
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<?x5xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.sqrt %in : f32
    linalg.yield %0 : f32
  } -> tensor<?x5xf32>
  return %a, %b : tensor<?x5xf32>, tensor<?x5xf32>
}

// CHECK-LABEL: func.func private @declaration()
func.func private @declaration()
