// RUN: peermla-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(func.func(peermla-lower-experts))"

func.func @in_f64(%x: memref<?x8xf64>, %i: memref<?x2x3xi32>, %g: memref<?x2x3xf32>, %t: memref<9x1x8xf64>, %y: memref<?x8xf64>) {
  // expected-error@+1 {{'peer.expert_mlp' op expects 'x' to have element type f32, f16 or bf16, got 'memref<?x8xf64>'}}
  peer.expert_mlp relu ins(%x, %i, %g, %t, %t : memref<?x8xf64>, memref<?x2x3xi32>, memref<?x2x3xf32>, memref<9x1x8xf64>, memref<9x1x8xf64>)
      outs(%y : memref<?x8xf64>)
  return
}

// -----

func.func @unknown_width(%x: memref<?x?xf32>, %i: memref<?x2x3xi32>, %g: memref<?x2x3xf32>, %t: memref<9x1x?xf32>, %y: memref<?x?xf32>) {
  // expected-error@+1 {{'peer.expert_mlp' op expects 'x' to be dynamic in T only, got 'memref<?x?xf32>'}}
  peer.expert_mlp relu ins(%x, %i, %g, %t, %t : memref<?x?xf32>, memref<?x2x3xi32>, memref<?x2x3xf32>, memref<9x1x?xf32>, memref<9x1x?xf32>)
      outs(%y : memref<?x?xf32>)
  return
}

// -----

func.func @parts_across_heads(%x: memref<?x8xf32>, %i: memref<?x2x3xi32>, %g: memref<?x2x3xf32>, %t: memref<9x1x8xf32>, %y: memref<?x8xf32>) {
  // expected-error@+1 {{'peer.expert_mlp' op expects parts of whole heads or of ranks of one head, got #tile.schedule<inner = [0, 2, 2]> for 'memref<?x2x3xi32>'}}
  peer.expert_mlp relu {peermla.schedule = #tile.schedule<inner = [0, 2, 2]>} ins(%x, %i, %g, %t, %t : memref<?x8xf32>, memref<?x2x3xi32>, memref<?x2x3xf32>, memref<9x1x8xf32>, memref<9x1x8xf32>)
      outs(%y : memref<?x8xf32>)
  return
}

// -----

func.func @extents_of_inner(%x: memref<?x8xf32>, %i: memref<?x2x3xi32>, %g: memref<?x2x3xf32>, %t: memref<9x1x8xf32>, %y: memref<?x8xf32>) {
  // expected-error@+1 {{'peer.expert_mlp' op expects 'inner' to have one extent per loop, got 1 extents and 3 loops}}
  peer.expert_mlp relu {peermla.schedule = #tile.schedule<inner = [2]>} ins(%x, %i, %g, %t, %t : memref<?x8xf32>, memref<?x2x3xi32>, memref<?x2x3xf32>, memref<9x1x8xf32>, memref<9x1x8xf32>)
      outs(%y : memref<?x8xf32>)
  return
}

// -----

func.func @rows_without_lines(%x: memref<?x8xf32>, %i: memref<?x2x3xi32>, %g: memref<?x2x3xf32>, %t: memref<9x1x8xf32>, %y: memref<?x8xf32>) {
  // expected-error@+1 {{'peer.expert_mlp' op expects 'registers' to be rows read together and lines asked for ahead, got 1 numbers}}
  peer.expert_mlp relu {peermla.schedule = #tile.schedule<registers = [2]>} ins(%x, %i, %g, %t, %t : memref<?x8xf32>, memref<?x2x3xi32>, memref<?x2x3xf32>, memref<9x1x8xf32>, memref<9x1x8xf32>)
      outs(%y : memref<?x8xf32>)
  return
}
