// RUN: peermla-opt %s --pass-pipeline="builtin.module(func.func(peermla-decompose-select))" | FileCheck %s

// Selection is one iteration of an scf.forall per token and head, with lists of
// its own.

// CHECK-LABEL: func @lists_per_row
// CHECK-SAME:    %[[S0:[a-z0-9]*]]: tensor<?x2x7xf32>, %[[S1:[a-z0-9]*]]: tensor<?x2x3x4xf32>,
// CHECK:       scf.forall (%[[T:.*]], %[[H:.*]]) in (%{{.*}}, 2) shared_outs
// The first list: the 5 best of 7.
// CHECK:         bufferization.alloc_tensor() : tensor<5xf32>
// CHECK:         bufferization.alloc_tensor() : tensor<5xi32>
// CHECK:         scf.for
// CHECK:           tensor.extract %[[S0]][%[[T]], %[[H]], %{{.*}}]
// CHECK:           scf.while
// The second one, in panels of 4.
// CHECK:         scf.for
// CHECK:           arith.divsi
// CHECK:           tensor.extract %[[S1]][%[[T]], %[[H]], %{{.*}}, %{{.*}}]
// The sums.
// CHECK:         bufferization.alloc_tensor() : tensor<5xf32>
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK:             arith.addf
// Gates.
// CHECK:         math.exp
// CHECK:         arith.divf
// CHECK:         scf.forall.in_parallel
// CHECK-COUNT-2: tensor.parallel_insert_slice
func.func @lists_per_row(%s0: tensor<?x2x7xf32>, %s1: tensor<?x2x3x4xf32>, %g: tensor<?x2x5xf32>,
                         %i: tensor<?x2x5xi32>) -> (tensor<?x2x5xf32>, tensor<?x2x5xi32>) {
  %r:2 = peer.select softmax num_keys([7, 10]) ins(%s0, %s1 : tensor<?x2x7xf32>, tensor<?x2x3x4xf32>)
      outs(%g, %i : tensor<?x2x5xf32>, tensor<?x2x5xi32>) -> tensor<?x2x5xf32>, tensor<?x2x5xi32>
  return %r#0, %r#1 : tensor<?x2x5xf32>, tensor<?x2x5xi32>
}

// CHECK-LABEL: func @one_dimension_has_no_sums
// CHECK-NOT:   arith.addf
// CHECK:       scf.forall.in_parallel
// CHECK-COUNT-3: tensor.parallel_insert_slice
func.func @one_dimension_has_no_sums(%s: tensor<?x2x7xf32>, %g: tensor<?x2x3xf32>, %i: tensor<?x2x3xi32>,
    %o: tensor<?x2x3xf32>) -> (tensor<?x2x3xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>) {
  %r:3 = peer.select relu num_keys([7]) ins(%s : tensor<?x2x7xf32>)
      outs(%g, %i, %o : tensor<?x2x3xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>)
      -> tensor<?x2x3xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>
  return %r#0, %r#1, %r#2 : tensor<?x2x3xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>
}
