// RUN: peermla-opt %s -peermla-prepare-weights -split-input-file -verify-diagnostics

// An entry without a body is no entry.

// expected-error @below {{'func.func' op expects an entry to have a body}}
func.func private @declaration(tensor<3xf32>) attributes {peermla.entry}

// -----

// A block of columns cannot end inside a panel.

#x = affine_map<(t, n, k) -> (t, k)>
#w = affine_map<(t, n, k) -> (n, k)>
#y = affine_map<(t, n, k) -> (t, n)>
module @part_of_a_panel attributes {peermla.level = "x86-64-v4-bf16"} {
  ml_program.global private @w(#ml_program.extern : tensor<96x20xbf16>) : tensor<96x20xbf16>
  func.func @forward(%x: tensor<?x20xbf16>, %e: tensor<?x96xf32>) -> tensor<?x96xf32> attributes {peermla.entry} {
    %weight = ml_program.global_load_const @w : tensor<96x20xbf16>
    // expected-error @below {{expects blocks of columns to be whole panels of 48 on level 'x86-64-v4-bf16', got #tile.schedule<block = [2, 32, 0]>}}
    %y = linalg.matmul indexing_maps = [#x, #w, #y] {peermla.schedule = #tile.schedule<block = [2, 32, 0]>}
        ins(%x, %weight : tensor<?x20xbf16>, tensor<96x20xbf16>) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
    return %y : tensor<?x96xf32>
  }
}

// -----

// A block of terms cannot end inside a pair.

#x = affine_map<(t, n, k) -> (t, k)>
#w = affine_map<(t, n, k) -> (n, k)>
#y = affine_map<(t, n, k) -> (t, n)>
module @part_of_a_pair attributes {peermla.level = "x86-64-v4-bf16"} {
  ml_program.global private @w(#ml_program.extern : tensor<96x20xbf16>) : tensor<96x20xbf16>
  func.func @forward(%x: tensor<?x20xbf16>, %e: tensor<?x96xf32>) -> tensor<?x96xf32> attributes {peermla.entry} {
    %weight = ml_program.global_load_const @w : tensor<96x20xbf16>
    // expected-error @below {{expects 'inner' of its schedule to be whole pairs of terms on level 'x86-64-v4-bf16', got #tile.schedule<inner = [7]>}}
    %y = linalg.matmul indexing_maps = [#x, #w, #y] {peermla.schedule = #tile.schedule<inner = [7]>}
        ins(%x, %weight : tensor<?x20xbf16>, tensor<96x20xbf16>) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
    return %y : tensor<?x96xf32>
  }
}

// -----

// The loops are those of the op as it is written.

#x = affine_map<(t, n, k) -> (t, k)>
#w = affine_map<(t, n, k) -> (n, k)>
#y = affine_map<(t, n, k) -> (t, n)>
module @missing_extents attributes {peermla.level = "x86-64-v4-bf16"} {
  ml_program.global private @w(#ml_program.extern : tensor<96x20xbf16>) : tensor<96x20xbf16>
  func.func @forward(%x: tensor<?x20xbf16>, %e: tensor<?x96xf32>) -> tensor<?x96xf32> attributes {peermla.entry} {
    %weight = ml_program.global_load_const @w : tensor<96x20xbf16>
    // expected-error @below {{expects one block extent per loop, got 2 extents and 3 loops}}
    %y = linalg.matmul indexing_maps = [#x, #w, #y] {peermla.schedule = #tile.schedule<block = [2, 48]>}
        ins(%x, %weight : tensor<?x20xbf16>, tensor<96x20xbf16>) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
    return %y : tensor<?x96xf32>
  }
}
