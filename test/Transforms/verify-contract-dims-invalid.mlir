// RUN: peermla-opt %s -peermla-verify-contract=stage=model -verify-diagnostics

// Dimensions that a tensor does not have have no extent.

func.func @dims(%x: tensor<?x4xf32>, %i: index) -> (index, index, index, index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %negative = arith.constant -1 : index
  %a = tensor.dim %x, %c0 : tensor<?x4xf32>
  %b = tensor.dim %x, %i : tensor<?x4xf32>
  // expected-error @below {{'tensor.dim' op expects a dimension of 'tensor<?x4xf32>' in [0, 2), got 2}}
  %c = tensor.dim %x, %c2 : tensor<?x4xf32>
  // expected-error @below {{'tensor.dim' op expects a dimension of 'tensor<?x4xf32>' in [0, 2), got -1}}
  %d = tensor.dim %x, %negative : tensor<?x4xf32>
  return %a, %b, %c, %d : index, index, index, index
}
