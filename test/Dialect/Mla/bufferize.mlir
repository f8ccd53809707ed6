// RUN: peermla-opt %s -split-input-file --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" | FileCheck %s

// An op on tensors becomes the op on memrefs. A destination is written in place;
// what it held before survives only in a cache.

// CHECK-LABEL: func.func @cache_is_appended_in_place(
//  CHECK-SAME:     %[[CACHE:.+]]: memref<?x?x20xf32>
//   CHECK-NOT:   memref.copy
//       CHECK:   mla.cache_append
//  CHECK-SAME:     outs(%[[CACHE]] : memref<?x?x20xf32>)
//  CHECK-NEXT:   return %[[CACHE]]
func.func @cache_is_appended_in_place(
    %cache: tensor<?x?x20xf32>, %rows: tensor<?x20xf32>, %cu: tensor<?xi32>,
    %past: tensor<?xi32>, %blocks: tensor<?x?xi32>) -> tensor<?x?x20xf32> {
  %0 = mla.cache_append
      ins(%rows, %cu, %past, %blocks : tensor<?x20xf32>, tensor<?xi32>,
          tensor<?xi32>, tensor<?x?xi32>)
      outs(%cache : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  return %0 : tensor<?x?x20xf32>
}

// -----

// Another reader of the old cache makes a copy, which carries its rows over.

// CHECK-LABEL: func.func @cache_is_copied_for_another_reader(
//  CHECK-SAME:     %[[CACHE:.+]]: memref<3x2x20xf32>
//       CHECK:   %[[NEW:.+]] = memref.alloc() {{.*}}: memref<3x2x20xf32>
//       CHECK:   memref.copy %[[CACHE]], %[[NEW]]
//       CHECK:   mla.cache_append
//  CHECK-SAME:     outs(%[[NEW]] : memref<3x2x20xf32>)
//       CHECK:   return %[[CACHE]], %[[NEW]]
func.func @cache_is_copied_for_another_reader(
    %cache: tensor<3x2x20xf32>, %rows: tensor<?x20xf32>, %cu: tensor<?xi32>,
    %past: tensor<?xi32>, %blocks: tensor<?x?xi32>)
    -> (tensor<3x2x20xf32>, tensor<3x2x20xf32>) {
  %0 = mla.cache_append
      ins(%rows, %cu, %past, %blocks : tensor<?x20xf32>, tensor<?xi32>,
          tensor<?xi32>, tensor<?x?xi32>)
      outs(%cache : tensor<3x2x20xf32>) -> tensor<3x2x20xf32>
  return %cache, %0 : tensor<3x2x20xf32>, tensor<3x2x20xf32>
}

// -----

// A rotation reads its input while it writes: not in place, and nothing is
// copied into the destination.

// CHECK-LABEL: func.func @rotation_has_a_buffer_of_its_own(
//  CHECK-SAME:     %[[X:.+]]: memref<5x3x12xf32>
//       CHECK:   %[[Y:.+]] = memref.alloc() {{.*}}: memref<5x3x12xf32>
//   CHECK-NOT:   memref.copy
//       CHECK:   mla.rope ins(%[[X]], %{{.+}}) outs(%[[Y]] :
//       CHECK:   return %[[Y]]
func.func @rotation_has_a_buffer_of_its_own(
    %x: tensor<5x3x12xf32>, %t: tensor<5x4xf32>) -> tensor<5x3x12xf32> {
  %0 = mla.rope ins(%x, %t : tensor<5x3x12xf32>, tensor<5x4xf32>)
      outs(%x : tensor<5x3x12xf32>) -> tensor<5x3x12xf32>
  return %0 : tensor<5x3x12xf32>
}

// -----

// Tiles of an append hand the cache on as a whole, and nothing of it is copied.

// CHECK-LABEL: func.func @tiles_append_in_place(
//  CHECK-SAME:     %{{.+}}: memref<?x20xf32>, {{.+}}, %[[CACHE:[a-z0-9]+]]: memref<?x?x20xf32>
//   CHECK-NOT:   memref.alloc
//       CHECK:   scf.forall
//       CHECK:     %[[WHOLE:.+]] = memref.subview %[[CACHE]][0, 0, 0]
//       CHECK:     mla.cache_append {{.+}} outs(%[[WHOLE]] :
//   CHECK-NOT:   memref.alloc
//       CHECK:   return %[[CACHE]]
func.func @tiles_append_in_place(
    %rows: tensor<?x20xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>,
    %blocks: tensor<?x?xi32>, %n: index, %m: index, %cache: tensor<?x?x20xf32>) -> tensor<?x?x20xf32> {
  %0 = scf.forall (%t) in (7) shared_outs(%out = %cache) -> (tensor<?x?x20xf32>) {
    %row = tensor.extract_slice %rows[%t, 0] [1, 20] [1, 1] : tensor<?x20xf32> to tensor<1x20xf32>
    %whole = tensor.extract_slice %out[0, 0, 0] [%n, %m, 20] [1, 1, 1] : tensor<?x?x20xf32> to tensor<?x?x20xf32>
    %new = mla.cache_append
        ins(%row, %cu, %past, %blocks : tensor<1x20xf32>, tensor<?xi32>,
            tensor<?xi32>, tensor<?x?xi32>) first(%t)
        outs(%whole : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %new into %out[0, 0, 0] [%n, %m, 20] [1, 1, 1] : tensor<?x?x20xf32> into tensor<?x?x20xf32>
    }
  }
  return %0 : tensor<?x?x20xf32>
}
