// RUN: peermla-opt %s --pass-pipeline="builtin.module(func.func(peermla-decompose-cache-append))" | FileCheck %s

// Rows without a place insert slices of no element.

// CHECK-LABEL: func @elements_are_scattered
// CHECK-SAME:    %[[ROWS:[a-z0-9]*]]: tensor<4x6xf32>, {{.*}}%[[BLOCKS:[a-z0-9]*]]: tensor<?x?xi32>, %[[CACHE:[a-z0-9]*]]: tensor<?x?x6xf32>
// CHECK:       bufferization.alloc_tensor() : tensor<4x2xi32>
// CHECK:       %[[PLACES:.*]] = linalg.generic
// CHECK:         scf.while
// CHECK:         tensor.extract %[[BLOCKS]]
// CHECK:       scf.forall (%[[T:.*]], %[[C:.*]]) in (4, 6) shared_outs(%[[OUT:.*]] = %[[CACHE]])
// CHECK:         %[[BLOCK:.*]] = arith.index_cast
// CHECK:         %[[EXISTS:.*]] = arith.cmpi sge, %[[BLOCK]]
// CHECK:         %[[COUNT:.*]] = arith.select %[[EXISTS]]
// CHECK:         %[[ELEMENT:.*]] = tensor.extract_slice %[[ROWS]][%[[T]], %[[C]]] [%[[COUNT]], 1]
// CHECK:         tensor.parallel_insert_slice %[[ELEMENT]] into %[[OUT]][%{{.*}}, %{{.*}}, %[[C]]] [%[[COUNT]], 1, 1]
func.func @elements_are_scattered(%rows: tensor<4x6xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>,
    %blocks: tensor<?x?xi32>, %cache: tensor<?x?x6xf32>) -> tensor<?x?x6xf32> {
  %r = mla.cache_append ins(%rows, %cu, %past, %blocks : tensor<4x6xf32>, tensor<?xi32>, tensor<?xi32>,
      tensor<?x?xi32>) outs(%cache : tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
  return %r : tensor<?x?x6xf32>
}
