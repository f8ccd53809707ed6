// RUN: peermla-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(func.func(peermla-lower-contractions))"

// A schedule that makes no sense for a matrix product is the user's error.

func.func @three_extents_of_a_tile(%a: memref<6x64xf32>, %b: memref<64x8xf32>, %c: memref<6x8xf32>) {
  // expected-error@+1 {{expects 'registers' of its schedule to be rows and columns of a register tile, got #tile.schedule<registers = [3, 8, 2]>}}
  linalg.matmul {peermla.schedule = #tile.schedule<registers = [3, 8, 2]>}
      ins(%a, %b : memref<6x64xf32>, memref<64x8xf32>) outs(%c : memref<6x8xf32>)
  return
}

// -----

func.func @no_rows(%a: memref<6x64xf32>, %b: memref<64x8xf32>, %c: memref<6x8xf32>) {
  // expected-error@+1 {{expects 'registers' of its schedule to be rows and columns of a register tile, got #tile.schedule<registers = [0, 8]>}}
  linalg.matmul {peermla.schedule = #tile.schedule<registers = [0, 8]>}
      ins(%a, %b : memref<6x64xf32>, memref<64x8xf32>) outs(%c : memref<6x8xf32>)
  return
}

// -----

func.func @no_terms(%a: memref<6x64xf32>, %b: memref<64x8xf32>, %c: memref<6x8xf32>) {
  // expected-error@+1 {{expects 'inner' of its schedule to be the terms of a block, got #tile.schedule<inner = [0]>}}
  linalg.matmul {peermla.schedule = #tile.schedule<inner = [0]>}
      ins(%a, %b : memref<6x64xf32>, memref<64x8xf32>) outs(%c : memref<6x8xf32>)
  return
}
