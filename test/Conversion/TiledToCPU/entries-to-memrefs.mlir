// RUN: peermla-opt %s -split-input-file -peermla-entries-to-memrefs | FileCheck %s

// Arguments are inputs, results, weights, in this order, and say what they are.

// CHECK-LABEL: module @inputs_results_weights
//   CHECK-NOT:   ml_program
//       CHECK:   func.func @forward(
//  CHECK-SAME:     %[[X:[^:]+]]: memref<?x4xf32> {peermla.check = "finite", peermla.dims = ["T", ""], peermla.kind = "in", peermla.name = "x"},
//  CHECK-SAME:     %[[Y:[^:]+]]: memref<?x4xf32> {peermla.kind = "out", peermla.name = "y"},
//  CHECK-SAME:     %[[W:[^:]+]]: memref<3x4xf32> {peermla.kind = "weight", peermla.weight = "w"})
//       CHECK:     bufferization.to_tensor %[[W]] restrict : memref<3x4xf32>
//   CHECK-NOT:     memref<3x4xf32>
//       CHECK:     %[[TENSOR:.+]] = bufferization.to_tensor %[[X]] restrict :
//       CHECK:     bufferization.materialize_in_destination %[[TENSOR]] in restrict writable %[[Y]]
//       CHECK:     return{{$}}
module @inputs_results_weights {
  ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
  func.func @forward(%x: tensor<?x4xf32> {peermla.name = "x", peermla.dims = ["T", ""], peermla.check = "finite"})
      -> (tensor<?x4xf32> {peermla.name = "y"}) attributes {peermla.entry} {
    %w = ml_program.global_load_const @w : tensor<3x4xf32>
    %again = ml_program.global_load_const @w : tensor<3x4xf32>
    return %x : tensor<?x4xf32>
  }
}

// -----

// An in-and-out argument is updated in place and written after all results that
// may still be read from it.

// CHECK-LABEL: module @updates_in_place
//       CHECK:   func.func @forward(
//  CHECK-SAME:     %[[S:[^:]+]]: memref<3x4xf32> {peermla.kind = "inout", peermla.name = "state"}, %{{[^:]+}}: memref<1x4xf32> {{{.+}}},
//  CHECK-SAME:     %[[OLD:[^:]+]]: memref<3x4xf32> {peermla.kind = "out"})
//       CHECK:     %[[STATE:.+]] = bufferization.to_tensor %[[S]] restrict writable
//       CHECK:     %[[NEW:.+]] = tensor.insert_slice %{{.+}} into %[[STATE]]
//   CHECK-NOT:     alloc_tensor
//       CHECK:     bufferization.materialize_in_destination %[[STATE]] in restrict writable %[[OLD]]
//       CHECK:     bufferization.materialize_in_destination %[[NEW]] in restrict writable %[[S]]
module @updates_in_place {
  func.func @forward(%s: tensor<3x4xf32> {peermla.name = "state"}, %x: tensor<1x4xf32>)
      -> (tensor<3x4xf32> {peermla.inout = "state"}, tensor<3x4xf32>) attributes {peermla.entry} {
    %new = tensor.insert_slice %x into %s[1, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<3x4xf32>
    return %new, %s : tensor<3x4xf32>, tensor<3x4xf32>
  }
}

// -----

// A new value that is no update in place is computed apart: the old one may be
// read until the end. Here two arguments change places.

// CHECK-LABEL: module @computes_new_values_apart
//       CHECK:   func.func @swap(%[[A:[^:]+]]: memref<3xf32> {{{.+}}}, %[[B:[^:]+]]: memref<3xf32>
//   CHECK-DAG:     %[[TA:.+]] = bufferization.to_tensor %[[A]] restrict writable
//   CHECK-DAG:     %[[TB:.+]] = bufferization.to_tensor %[[B]] restrict writable
//       CHECK:     %[[NEW_A:.+]] = bufferization.alloc_tensor() copy(%[[TB]])
//       CHECK:     %[[NEW_B:.+]] = bufferization.alloc_tensor() copy(%[[TA]])
//       CHECK:     materialize_in_destination %[[NEW_A]] in restrict writable %[[A]]
//       CHECK:     materialize_in_destination %[[NEW_B]] in restrict writable %[[B]]
module @computes_new_values_apart {
  func.func @swap(%a: tensor<3xf32> {peermla.name = "a"}, %b: tensor<3xf32> {peermla.name = "b"})
      -> (tensor<3xf32> {peermla.inout = "a"}, tensor<3xf32> {peermla.inout = "b"}) attributes {peermla.entry} {
    return %b, %a : tensor<3xf32>, tensor<3xf32>
  }
}

// -----

// A reshaped result is written where the caller wants it; the same value may be
// two results.

// CHECK-LABEL: module @reshapes_destinations
//       CHECK:   func.func @forward(%[[X:[^:]+]]: memref<?x3x2xf32> {{{.+}}}, %[[Y:[^:]+]]: memref<?x6xf32> {{{.+}}}, %[[Z:[^:]+]]: memref<?x6xf32>
//       CHECK:     %[[SPLIT:.+]] = memref.expand_shape %[[Y]] {{\[\[}}0], [1, 2]] output_shape [%{{.+}}, 3, 2]
//       CHECK:     materialize_in_destination %[[T:.+]] in restrict writable %[[SPLIT]]
//       CHECK:     materialize_in_destination %[[T]] in restrict writable %{{.+}} : (tensor<?x3x2xf32>
module @reshapes_destinations {
  func.func @forward(%x: tensor<?x3x2xf32>) -> (tensor<?x6xf32>, tensor<?x6xf32>) attributes {peermla.entry} {
    %y = tensor.collapse_shape %x [[0], [1, 2]] : tensor<?x3x2xf32> into tensor<?x6xf32>
    return %y, %y : tensor<?x6xf32>, tensor<?x6xf32>
  }
}

// -----

// But not where an extent of the source is a fraction of the result's.

// CHECK-LABEL: module @copies_merged_rows
//   CHECK-NOT:   memref.expand_shape
//       CHECK:   materialize_in_destination %{{.+}} in restrict writable %{{.+}} : (tensor<?x2xf32>, memref<?x2xf32>)
module @copies_merged_rows {
  func.func @forward(%x: tensor<?x3x2xf32>) -> tensor<?x2xf32> attributes {peermla.entry} {
    %y = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x3x2xf32> into tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}

// -----

// CHECK-LABEL: module @preparation
//       CHECK:   func.func @prepare(%{{[^:]+}}: memref<3xf32> {peermla.kind = "weight", peermla.weight = "w"}, %{{[^:]+}}: memref<3xf32> {peermla.kind = "out"})
//  CHECK-SAME:     attributes {peermla.prepare, peermla.prepares = "prepared.w"}
module @preparation {
  ml_program.global private @prepared.w(#ml_program.extern : tensor<3xf32>) : tensor<3xf32> {peermla.prepared_by = @prepare}
  func.func @prepare(%w: tensor<3xf32> {peermla.weight = "w"}) -> tensor<3xf32> attributes {peermla.prepare} {
    %y = linalg.exp ins(%w : tensor<3xf32>) outs(%w : tensor<3xf32>) -> tensor<3xf32>
    return %y : tensor<3xf32>
  }
}

// -----

// A weight made of rows of others says which, as their globals go away.

// CHECK-LABEL: module @names_sources_of_rows
//       CHECK:   func.func @forward(
//  CHECK-SAME:     memref<3x9xf32> {peermla.kind = "weight", peermla.rows_of = [{name = "b", type = tensor<3x5xf32>}, {name = "a", type = tensor<12xf32>}], peermla.weight = "ba"})
module @names_sources_of_rows {
  ml_program.global private @a(#ml_program.extern : tensor<12xf32>) : tensor<12xf32>
  ml_program.global private @b(#ml_program.extern : tensor<3x5xf32>) : tensor<3x5xf32>
  ml_program.global private @ba(#ml_program.extern : tensor<3x9xf32>) : tensor<3x9xf32> {peermla.rows_of = [@b, @a]}
  func.func @forward() -> tensor<3x9xf32> attributes {peermla.entry} {
    %w = ml_program.global_load_const @ba : tensor<3x9xf32>
    return %w : tensor<3x9xf32>
  }
}

// -----

// Both sides of a choice write the result's memory.

// CHECK-LABEL: module @choice_in_place
//       CHECK:   func.func @forward(%{{[^:]+}}: memref<?xf32> {{{.+}}}, %[[Y:[^:]+]]: memref<?xf32>
//   CHECK-NOT:     tensor.empty
//       CHECK:     %[[TO:.+]] = bufferization.to_tensor %[[Y]] restrict writable
//       CHECK:     %[[RESULT:.+]] = scf.if
//       CHECK:       linalg.exp {{.+}} outs(%[[TO]] :
//       CHECK:       linalg.sqrt {{.+}} outs(%[[TO]] :
//       CHECK:     bufferization.materialize_in_destination %[[RESULT]] in restrict writable %[[Y]]
module @choice_in_place {
  func.func @forward(%x: tensor<?xf32>) -> tensor<?xf32> attributes {peermla.entry} {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %T = tensor.dim %x, %c0 : tensor<?xf32>
    %e = tensor.empty(%T) : tensor<?xf32>
    %few = arith.cmpi ule, %T, %c8 : index
    %y = scf.if %few -> tensor<?xf32> {
      %a = linalg.exp ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
      scf.yield %a : tensor<?xf32>
    } else {
      %a = linalg.sqrt ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
      scf.yield %a : tensor<?xf32>
    }
    return %y : tensor<?xf32>
  }
}

// -----

// Each result of a choice has memory of its own, even if sizes agree.

// CHECK-LABEL: module @choice_of_two
//       CHECK:   func.func @forward(%{{[^:]+}}: memref<?xf32> {{{.+}}}, %[[Y:[^:]+]]: memref<?xf32> {{{.+}}}, %[[Z:[^:]+]]: memref<?xf32>
//   CHECK-DAG:     %[[TO_Y:.+]] = bufferization.to_tensor %[[Y]] restrict writable
//   CHECK-DAG:     %[[TO_Z:.+]] = bufferization.to_tensor %[[Z]] restrict writable
//       CHECK:     %[[RESULT:.+]]:2 = scf.if
//       CHECK:       linalg.exp {{.+}} outs(%[[TO_Y]] :
//       CHECK:       linalg.log {{.+}} outs(%[[TO_Z]] :
//       CHECK:       linalg.sqrt {{.+}} outs(%[[TO_Z]] :
//       CHECK:       linalg.abs {{.+}} outs(%[[TO_Y]] :
//       CHECK:     bufferization.materialize_in_destination %[[RESULT]]#0 in restrict writable %[[Y]]
//       CHECK:     bufferization.materialize_in_destination %[[RESULT]]#1 in restrict writable %[[Z]]
module @choice_of_two {
  func.func @forward(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) attributes {peermla.entry} {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %T = tensor.dim %x, %c0 : tensor<?xf32>
    %e = tensor.empty(%T) : tensor<?xf32>
    %few = arith.cmpi ule, %T, %c8 : index
    %y:2 = scf.if %few -> (tensor<?xf32>, tensor<?xf32>) {
      %a = linalg.exp ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
      %b = linalg.log ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
      scf.yield %a, %b : tensor<?xf32>, tensor<?xf32>
    } else {
      %b = linalg.sqrt ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
      %a = linalg.abs ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
      scf.yield %a, %b : tensor<?xf32>, tensor<?xf32>
    }
    return %y#0, %y#1 : tensor<?xf32>, tensor<?xf32>
  }
}

// -----

// Both sides of a choice write where its result is inserted.

// CHECK-LABEL: module @choice_inserted
//       CHECK:     %[[ALL:.+]] = tensor.empty(%{{.+}}) : tensor<?x5xf32>
//       CHECK:     %[[PART:.+]] = tensor.extract_slice %[[ALL]][0, 2] [%[[T:.+]], 3] [1, 1]
//       CHECK:     %[[RESULT:.+]] = scf.if
//       CHECK:       linalg.exp {{.+}} outs(%[[PART]] :
//       CHECK:       linalg.sqrt {{.+}} outs(%[[PART]] :
//       CHECK:     tensor.insert_slice %[[RESULT]] into %[[ALL]][0, 2] [%[[T]], 3] [1, 1]
module @choice_inserted {
  func.func @forward(%x: tensor<?x3xf32>) -> tensor<?x5xf32> attributes {peermla.entry} {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %T = tensor.dim %x, %c0 : tensor<?x3xf32>
    %e = tensor.empty(%T) : tensor<?x3xf32>
    %few = arith.cmpi ule, %T, %c8 : index
    %y = scf.if %few -> tensor<?x3xf32> {
      %a = linalg.exp ins(%x : tensor<?x3xf32>) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
      scf.yield %a : tensor<?x3xf32>
    } else {
      %a = linalg.sqrt ins(%x : tensor<?x3xf32>) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
      scf.yield %a : tensor<?x3xf32>
    }
    %all = tensor.empty(%T) : tensor<?x5xf32>
    %r = tensor.insert_slice %y into %all[0, 2] [%T, 3] [1, 1] : tensor<?x3xf32> into tensor<?x5xf32>
    return %r : tensor<?x5xf32>
  }
}
