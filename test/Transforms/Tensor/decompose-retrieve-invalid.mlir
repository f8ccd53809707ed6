// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-decompose-retrieve))' -split-input-file -verify-diagnostics

// What cannot be split says why.

func.func @dynamic_keys(%q: tensor<?x3x5xf32>, %k: tensor<?x5xf32>, %g: tensor<?x3x2xf32>, %i: tensor<?x3x2xi32>) {
  // expected-error @below {{'peer.retrieve' op expects all extents of keys to be static, got 'tensor<?x5xf32>'}}
  %0:2 = peer.retrieve softmax ins(%q, %k : tensor<?x3x5xf32>, tensor<?x5xf32>)
      outs(%g, %i : tensor<?x3x2xf32>, tensor<?x3x2xi32>) -> tensor<?x3x2xf32>, tensor<?x3x2xi32>
  return
}

// -----

func.func @dynamic_query(%q: tensor<?x3x?xf32>, %k: tensor<7x5xf32>, %g: tensor<?x3x2xf32>, %i: tensor<?x3x2xi32>) {
  // expected-error @below {{expects dq of 'query' to be static, got 'tensor<?x3x?xf32>'}}
  %0:2 = peer.retrieve softmax ins(%q, %k : tensor<?x3x?xf32>, tensor<7x5xf32>)
      outs(%g, %i : tensor<?x3x2xf32>, tensor<?x3x2xi32>) -> tensor<?x3x2xf32>, tensor<?x3x2xi32>
  return
}

// -----

func.func @memrefs(%q: memref<4x3x5xf32>, %k: memref<7x5xf32>, %g: memref<4x3x2xf32>, %i: memref<4x3x2xi32>) {
  // expected-error @below {{expects tensors, got memrefs}}
  peer.retrieve softmax ins(%q, %k : memref<4x3x5xf32>, memref<7x5xf32>)
      outs(%g, %i : memref<4x3x2xf32>, memref<4x3x2xi32>)
  return
}
