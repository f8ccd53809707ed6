// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(builtin.module(peermla-prepare-weights))' | FileCheck %s

// What depends on weights alone is computed by functions of its own; weights of
// matrix products lie in panels. x86-64-v3 has 8 lanes and panels of 16 columns.

// CHECK-LABEL: module @packs_panels_of_columns
//       CHECK:   ml_program.global private @prepared.w(#{{.+}}) : tensor<2x5x16xf32> {peermla.prepared_by = @prepared.w.prepare}
//       CHECK:   func.func @forward(%[[X:.+]]: tensor<?x5xf32>)
//   CHECK-NOT:     global_load_const @w :
//       CHECK:     %[[W:.+]] = ml_program.global_load_const @prepared.w : tensor<2x5x16xf32>
//       CHECK:     %[[Y:.+]] = linalg.generic {{.+}} ins(%[[X]], %[[W]] : tensor<?x5xf32>, tensor<2x5x16xf32>) outs(%{{.+}} : tensor<?x2x16xf32>) attrs = {peermla.id = "proj"}
//       CHECK:     tensor.collapse_shape %[[Y]] {{\[\[}}0], [1, 2]] : tensor<?x2x16xf32> into tensor<?x32xf32>
//       CHECK:   func.func @prepared.w.prepare(%[[SOURCE:.+]]: tensor<32x5xf32> {peermla.weight = "w"}) -> tensor<2x5x16xf32> attributes {peermla.prepare}
//       CHECK:     %[[SPLIT:.+]] = tensor.expand_shape %[[SOURCE]] {{\[\[}}0, 1], [2]] output_shape [2, 16, 5]
//       CHECK:     linalg.transpose ins(%[[SPLIT]] : tensor<2x16x5xf32>) outs(%{{.+}} : tensor<2x5x16xf32>) permutation = [0, 2, 1]
#x = affine_map<(t, n, k) -> (t, k)>
#w = affine_map<(t, n, k) -> (n, k)>
#y = affine_map<(t, n, k) -> (t, n)>
module @packs_panels_of_columns {
  module attributes {peermla.level = "x86-64-v3"} {
    ml_program.global private @w(#ml_program.extern : tensor<32x5xf32>) : tensor<32x5xf32>
    func.func @forward(%x: tensor<?x5xf32>) -> tensor<?x32xf32> attributes {peermla.entry} {
      %c0 = arith.constant 0 : index
      %zero = arith.constant 0.0 : f32
      %T = tensor.dim %x, %c0 : tensor<?x5xf32>
      %weight = ml_program.global_load_const @w : tensor<32x5xf32>
      %e = tensor.empty(%T) : tensor<?x32xf32>
      %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
      %y = linalg.matmul indexing_maps = [#x, #w, #y] {peermla.id = "proj"}
          ins(%x, %weight : tensor<?x5xf32>, tensor<32x5xf32>) outs(%z : tensor<?x32xf32>) -> tensor<?x32xf32>
      return %y : tensor<?x32xf32>
    }
  }
}

// -----

// Columns are padded to a panel of 16; pairs of bf16 lie together where the level
// has a pair product.

// CHECK-LABEL: module @pads_columns_and_pairs_terms
//       CHECK:   func.func @forward(%[[X:.+]]: tensor<?x6xbf16>)
//       CHECK:     %[[W:.+]] = ml_program.global_load_const @prepared.w : tensor<1x3x16x2xbf16>
//       CHECK:     %[[PAIRS:.+]] = tensor.expand_shape %[[X]] {{\[\[}}0], [1, 2]] {{.+}} into tensor<?x3x2xbf16>
//       CHECK:     %[[Y:.+]] = linalg.generic {{.+}}iterator_types = ["parallel", "parallel", "reduction", "parallel", "reduction"]} ins(%[[PAIRS]], %[[W]] :
//       CHECK:     %[[FLAT:.+]] = tensor.collapse_shape %[[Y]] {{.+}} : tensor<?x1x16xf32> into tensor<?x16xf32>
//       CHECK:     tensor.extract_slice %[[FLAT]][0, 0] [%{{.+}}, 13] [1, 1]
//       CHECK:   func.func @prepared.w.prepare(%{{.+}}: tensor<13x6xbf16> {{.+}})
//       CHECK:     tensor.pad %{{.+}} low[0, 0] high[3, 0]
#x = affine_map<(t, n, k) -> (t, k)>
#w = affine_map<(t, n, k) -> (n, k)>
#y = affine_map<(t, n, k) -> (t, n)>
module @pads_columns_and_pairs_terms {
  module attributes {peermla.level = "x86-64-v4-bf16"} {
    ml_program.global private @w(#ml_program.extern : tensor<13x6xbf16>) : tensor<13x6xbf16>
    func.func @forward(%x: tensor<?x6xbf16>) -> tensor<?x13xf32> attributes {peermla.entry} {
      %c0 = arith.constant 0 : index
      %zero = arith.constant 0.0 : f32
      %T = tensor.dim %x, %c0 : tensor<?x6xbf16>
      %weight = ml_program.global_load_const @w : tensor<13x6xbf16>
      %e = tensor.empty(%T) : tensor<?x13xf32>
      %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x13xf32>) -> tensor<?x13xf32>
      %y = linalg.matmul indexing_maps = [#x, #w, #y]
          ins(%x, %weight : tensor<?x6xbf16>, tensor<13x6xbf16>) outs(%z : tensor<?x13xf32>) -> tensor<?x13xf32>
      return %y : tensor<?x13xf32>
    }
  }
}

// -----

// Without a level nothing is packed, but the elementwise op on the weight moves.
// Two entries share what they both need. A weight that is only read, reshaped or
// returned stays what it is.

// CHECK-LABEL: module @hoists_once_for_all_entries
//       CHECK:   ml_program.global private @prepared.w(#{{.+}}) : tensor<3x2xf32>
//   CHECK-NOT:   prepared.w.1
//       CHECK:   func.func @first
//       CHECK:     %[[P:.+]] = ml_program.global_load_const @prepared.w
//       CHECK:     return %[[P]]
//       CHECK:   func.func @second
//       CHECK:     %[[P:.+]] = ml_program.global_load_const @prepared.w
//       CHECK:     return %[[P]]
//       CHECK:   func.func @view
//       CHECK:     %[[V:.+]] = ml_program.global_load_const @w :
//       CHECK:     %[[R:.+]] = tensor.collapse_shape %[[V]]
//       CHECK:     return %[[V]], %[[R]]
//       CHECK:   func.func @prepared.w.prepare
//       CHECK:     math.exp
//   CHECK-NOT:   func.func
#id = affine_map<(i, j) -> (i, j)>
module @hoists_once_for_all_entries {
  module {
    ml_program.global private @w(#ml_program.extern : tensor<3x2xf32>) : tensor<3x2xf32>
    func.func @first() -> tensor<3x2xf32> attributes {peermla.entry} {
      %w = ml_program.global_load_const @w : tensor<3x2xf32>
      %e = tensor.empty() : tensor<3x2xf32>
      %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
          ins(%w : tensor<3x2xf32>) outs(%e : tensor<3x2xf32>) {
      ^bb0(%in: f32, %out: f32):
        %0 = math.exp %in : f32
        linalg.yield %0 : f32
      } -> tensor<3x2xf32>
      return %a : tensor<3x2xf32>
    }
    func.func @second() -> tensor<3x2xf32> attributes {peermla.entry} {
      %w = ml_program.global_load_const @w : tensor<3x2xf32>
      %e = tensor.empty() : tensor<3x2xf32>
      %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
          ins(%w : tensor<3x2xf32>) outs(%e : tensor<3x2xf32>) {
      ^bb0(%in: f32, %out: f32):
        %0 = math.exp %in : f32
        linalg.yield %0 : f32
      } -> tensor<3x2xf32>
      return %a : tensor<3x2xf32>
    }
    func.func @view() -> (tensor<3x2xf32>, tensor<6xf32>) attributes {peermla.entry} {
      %w = ml_program.global_load_const @w : tensor<3x2xf32>
      %r = tensor.collapse_shape %w [[0, 1]] : tensor<3x2xf32> into tensor<6xf32>
      return %w, %r : tensor<3x2xf32>, tensor<6xf32>
    }
  }
}

// -----

// The size of a prepared weight is known when the library is made.

// CHECK-LABEL: module @leaves_dynamic_shapes
//   CHECK-NOT:   peermla.prepare
//       CHECK:   tensor.cast
module @leaves_dynamic_shapes {
  module {
    ml_program.global private @w(#ml_program.extern : tensor<3x2xf32>) : tensor<3x2xf32>
    func.func @forward() -> tensor<?x2xf32> attributes {peermla.entry} {
      %w = ml_program.global_load_const @w : tensor<3x2xf32>
      %c = tensor.cast %w : tensor<3x2xf32> to tensor<?x2xf32>
      return %c : tensor<?x2xf32>
    }
  }
}

// -----

// A product without terms is left alone.

// CHECK-LABEL: module @leaves_no_terms
//   CHECK-NOT:   peermla.prepare
//       CHECK:   linalg.matmul
#x = affine_map<(t, n, k) -> (t, k)>
#w = affine_map<(t, n, k) -> (n, k)>
#y = affine_map<(t, n, k) -> (t, n)>
module @leaves_no_terms {
  module attributes {peermla.level = "x86-64-v3"} {
    ml_program.global private @w(#ml_program.extern : tensor<4x0xf32>) : tensor<4x0xf32>
    func.func @forward(%x: tensor<3x0xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> attributes {peermla.entry} {
      %weight = ml_program.global_load_const @w : tensor<4x0xf32>
      %y = linalg.matmul indexing_maps = [#x, #w, #y]
          ins(%x, %weight : tensor<3x0xf32>, tensor<4x0xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
      return %y : tensor<3x4xf32>
    }
  }
}

// -----

// A schedule follows its op: 192 columns are four panels of 48, ten terms five
// pairs.

// CHECK-LABEL: module @maps_schedules_to_panels
//       CHECK:     linalg.generic {{.+}} attrs = {peermla.id = "proj", peermla.schedule = #tile.schedule<block = [24, 4, 0, 0, 0], inner = [5], registers = [3, 32]>}
#x = affine_map<(t, n, k) -> (t, k)>
#w = affine_map<(t, n, k) -> (n, k)>
#y = affine_map<(t, n, k) -> (t, n)>
module @maps_schedules_to_panels {
  module attributes {peermla.level = "x86-64-v4-bf16"} {
    ml_program.global private @w(#ml_program.extern : tensor<288x20xbf16>) : tensor<288x20xbf16>
    func.func @forward(%x: tensor<?x20xbf16>, %e: tensor<?x288xf32>) -> tensor<?x288xf32> attributes {peermla.entry} {
      %weight = ml_program.global_load_const @w : tensor<288x20xbf16>
      %y = linalg.matmul indexing_maps = [#x, #w, #y] {peermla.id = "proj", peermla.schedule = #tile.schedule<block = [24, 192, 0], inner = [10], registers = [3, 32]>}
          ins(%x, %weight : tensor<?x20xbf16>, tensor<288x20xbf16>) outs(%e : tensor<?x288xf32>) -> tensor<?x288xf32>
      return %y : tensor<?x288xf32>
    }
  }
}
