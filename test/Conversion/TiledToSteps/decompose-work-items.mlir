// RUN: peermla-opt %s --pass-pipeline="builtin.module(func.func(peermla-decompose-work-items))" | FileCheck %s

// The table of runs becomes a kernel, since lengths are device data.

// CHECK-LABEL: func @table_is_a_kernel
// CHECK-SAME:    %[[T:[a-z0-9]*]]: index, %[[CU:[a-z0-9]*]]: tensor<?xi32>, %[[INIT:[a-z0-9]*]]:
// CHECK:       scf.forall (%[[FIRST:.*]]) = (0) to (%{{.*}}) step (128) shared_outs(%[[OUT:.*]] = %[[INIT]])
// CHECK:         %[[TILE:.*]] = tensor.extract_slice %[[OUT]]
// CHECK:         linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]} outs(%[[TILE]] : tensor<?x3xi32>)
// CHECK:           scf.for
// CHECK:             tensor.extract %[[CU]]
// CHECK:         tensor.parallel_insert_slice
func.func @table_is_a_kernel(%T: index, %cu: tensor<?xi32>, %init: tensor<?x3xi32>) -> tensor<?x3xi32> {
  %r = mla.work_items tokens(4 of %T) ins(%cu : tensor<?xi32>) outs(%init : tensor<?x3xi32>) -> tensor<?x3xi32>
  return %r : tensor<?x3xi32>
}
