// RUN: peermla-opt %s -o /dev/null

// A PEER layer written by hand, in f32: 3 retrieval heads choose 4 of 40 experts
// each, and every expert is a tiny MLP with 2 neurons.
//
//   q              = W_q x                         one query per head
//   gates, indices = softmax of the 4 best of s_0[j_0] + s_1[j_1]
//   y              = sum of gates * W_up[index] gelu(W_down[index] x)
//
// The 40 experts are the pairs of 8 sub-keys and 5 sub-keys: scoring 13 sub-keys
// is enough to find the exact best of 40.

#x_rows = affine_map<(t, n, k) -> (t, k)>
#w_rows = affine_map<(t, n, k) -> (n, k)>
#y_rows = affine_map<(t, n, k) -> (t, n)>

module @PeerLayer {
  // Weights live in a safetensors file; a symbol is a tensor's name there.
  ml_program.global private @query_proj.weight(#ml_program.extern : tensor<96x24xf32>) : tensor<96x24xf32>
  ml_program.global private @sub_keys.0(#ml_program.extern : tensor<8x16xf32>) : tensor<8x16xf32>
  ml_program.global private @sub_keys.1(#ml_program.extern : tensor<5x16xf32>) : tensor<5x16xf32>
  // One row per expert: 2 neurons of 24 columns.
  ml_program.global private @expert_down.weight(#ml_program.extern : tensor<40x48xf32>) : tensor<40x48xf32>
  ml_program.global private @expert_up.weight(#ml_program.extern : tensor<40x48xf32>) : tensor<40x48xf32>

  // An entry is a function that callers see. Its arguments have names, and T is
  // whatever the caller brings.
  func.func @forward(%x: tensor<?x24xf32> {peermla.name = "x", peermla.dims = ["T", ""]})
      -> (tensor<?x24xf32> {peermla.name = "y", peermla.dims = ["T", ""]})
      attributes {peermla.entry} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %T = tensor.dim %x, %c0 : tensor<?x24xf32>

    // q = x W_q^T, as 3 heads of 32 columns.
    %w_q = ml_program.global_load_const @query_proj.weight : tensor<96x24xf32>
    %q_empty = tensor.empty(%T) : tensor<?x96xf32>
    %q_zero = linalg.fill ins(%zero : f32) outs(%q_empty : tensor<?x96xf32>) -> tensor<?x96xf32>
    %q_flat = linalg.matmul indexing_maps = [#x_rows, #w_rows, #y_rows]
        {peermla.id = "query_proj"}
        ins(%x, %w_q : tensor<?x24xf32>, tensor<96x24xf32>)
        outs(%q_zero : tensor<?x96xf32>) -> tensor<?x96xf32>
    %q = tensor.expand_shape %q_flat [[0], [1, 2]] output_shape [%T, 3, 32]
        : tensor<?x96xf32> into tensor<?x3x32xf32>

    // The first 16 columns of a query meet sub_keys.0, the others sub_keys.1.
    %keys0 = ml_program.global_load_const @sub_keys.0 : tensor<8x16xf32>
    %keys1 = ml_program.global_load_const @sub_keys.1 : tensor<5x16xf32>
    %gates_empty = tensor.empty(%T) : tensor<?x3x4xf32>
    %indices_empty = tensor.empty(%T) : tensor<?x3x4xi32>
    %gates, %indices = peer.retrieve softmax {peermla.id = "retrieve"}
        ins(%q, %keys0, %keys1 : tensor<?x3x32xf32>, tensor<8x16xf32>, tensor<5x16xf32>)
        outs(%gates_empty, %indices_empty : tensor<?x3x4xf32>, tensor<?x3x4xi32>)
        -> tensor<?x3x4xf32>, tensor<?x3x4xi32>

    %down_rows = ml_program.global_load_const @expert_down.weight : tensor<40x48xf32>
    %down = tensor.expand_shape %down_rows [[0], [1, 2]] output_shape [40, 2, 24]
        : tensor<40x48xf32> into tensor<40x2x24xf32>
    %up_rows = ml_program.global_load_const @expert_up.weight : tensor<40x48xf32>
    %up = tensor.expand_shape %up_rows [[0], [1, 2]] output_shape [40, 2, 24]
        : tensor<40x48xf32> into tensor<40x2x24xf32>
    %y_empty = tensor.empty(%T) : tensor<?x24xf32>
    %y = peer.expert_mlp gelu {peermla.id = "experts"}
        ins(%x, %indices, %gates, %down, %up : tensor<?x24xf32>, tensor<?x3x4xi32>,
            tensor<?x3x4xf32>, tensor<40x2x24xf32>, tensor<40x2x24xf32>)
        outs(%y_empty : tensor<?x24xf32>) -> tensor<?x24xf32>
    return %y : tensor<?x24xf32>
  }
}
