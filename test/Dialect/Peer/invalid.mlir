// RUN: peermla-opt %s -split-input-file -verify-diagnostics

// One case per constraint of the op documentation.

func.func @expert_mlp_c1_gates(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x3xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x2x5xf32>, %y: memref<3x5xf32>) {
  // expected-error @below {{expects 'indices' and 'gates' to have one shape, got 'memref<3x2x4xi32>' and 'memref<3x2x3xf32>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x3xf32>, memref<35x2x6xf32>, memref<35x2x5xf32>)
      outs(%y : memref<3x5xf32>)
  return
}

// -----

func.func @expert_mlp_c1_tokens_of_indices(
    %x: memref<3x6xf32>, %i: memref<4x2x4xi32>, %g: memref<4x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x2x5xf32>, %y: memref<3x5xf32>) {
  // expected-error @below {{expects 'x' and 'indices' to agree in T, got 3 in 'memref<3x6xf32>' and 4 in 'memref<4x2x4xi32>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<4x2x4xi32>,
          memref<4x2x4xf32>, memref<35x2x6xf32>, memref<35x2x5xf32>)
      outs(%y : memref<3x5xf32>)
  return
}

// -----

func.func @expert_mlp_c1_tokens_of_y(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x2x5xf32>, %y: memref<4x5xf32>) {
  // expected-error @below {{expects 'x' and 'y' to agree in T, got 3 in 'memref<3x6xf32>' and 4 in 'memref<4x5xf32>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<35x2x5xf32>)
      outs(%y : memref<4x5xf32>)
  return
}

// -----

func.func @expert_mlp_c2_width(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x8xf32>, %up: memref<35x2x5xf32>, %y: memref<3x5xf32>) {
  // expected-error @below {{expects 'x' and 'down' to agree in d, got 6 in 'memref<3x6xf32>' and 8 in 'memref<35x2x8xf32>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x8xf32>, memref<35x2x5xf32>)
      outs(%y : memref<3x5xf32>)
  return
}

// -----

func.func @expert_mlp_c3_experts(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<36x2x5xf32>, %y: memref<3x5xf32>) {
  // expected-error @below {{expects 'down' and 'up' to agree in N, got 35 in 'memref<35x2x6xf32>' and 36 in 'memref<36x2x5xf32>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<36x2x5xf32>)
      outs(%y : memref<3x5xf32>)
  return
}

// -----

func.func @expert_mlp_c3_gate_element(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x2x5xf32>,
    %gate: memref<35x2x6xbf16>, %y: memref<3x5xf32>) {
  // expected-error @below {{expects 'down' and 'gate' to have one element type, got 'memref<35x2x6xf32>' and 'memref<35x2x6xbf16>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<35x2x5xf32>)
      gate(%gate : memref<35x2x6xbf16>)
      outs(%y : memref<3x5xf32>)
  return
}

// -----

func.func @expert_mlp_c3_gate_shape(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x2x5xf32>,
    %gate: memref<35x1x6xf32>, %y: memref<3x5xf32>) {
  // expected-error @below {{expects 'down' and 'gate' to have one shape, got 'memref<35x2x6xf32>' and 'memref<35x1x6xf32>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<35x2x5xf32>)
      gate(%gate : memref<35x1x6xf32>)
      outs(%y : memref<3x5xf32>)
  return
}

// -----

func.func @expert_mlp_c3_neurons(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x3x5xf32>, %y: memref<3x5xf32>) {
  // expected-error @below {{expects 'down' and 'up' to agree in e, got 2 in 'memref<35x2x6xf32>' and 3 in 'memref<35x3x5xf32>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<35x3x5xf32>)
      outs(%y : memref<3x5xf32>)
  return
}

// -----

func.func @expert_mlp_c3_neurons_of_output_major(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x5x3xf32>, %y: memref<3x5xf32>) {
  // expected-error @below {{expects 'down' and 'up' to agree in e, got 2 in 'memref<35x2x6xf32>' and 3 in 'memref<35x5x3xf32>'}}
  peer.expert_mlp gelu up_layout(output_major)
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<35x5x3xf32>)
      outs(%y : memref<3x5xf32>)
  return
}

// -----

func.func @expert_mlp_c4_element(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x2x5xbf16>, %y: memref<3x5xf32>) {
  // expected-error @below {{expects 'x' and 'up' to have one element type, got 'memref<3x6xf32>' and 'memref<35x2x5xbf16>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<35x2x5xbf16>)
      outs(%y : memref<3x5xf32>)
  return
}

// -----

func.func @expert_mlp_c4_element_of_down(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf16>, %up: memref<35x2x5xf32>, %y: memref<3x5xf32>) {
  // expected-error @below {{expects 'x' and 'down' to have one element type, got 'memref<3x6xf32>' and 'memref<35x2x6xf16>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf16>, memref<35x2x5xf32>)
      outs(%y : memref<3x5xf32>)
  return
}

// -----

func.func @expert_mlp_c4_element_of_y(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x2x5xf32>, %y: memref<3x5xbf16>) {
  // expected-error @below {{expects 'x' and 'y' to have one element type, got 'memref<3x6xf32>' and 'memref<3x5xbf16>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<35x2x5xf32>)
      outs(%y : memref<3x5xbf16>)
  return
}

// -----

func.func @expert_mlp_c4_output_width(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x2x5xf32>, %y: memref<3x7xf32>) {
  // expected-error @below {{expects 'up' and 'y' to agree in d_out, got 5 in 'memref<35x2x5xf32>' and 7 in 'memref<3x7xf32>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<35x2x5xf32>)
      outs(%y : memref<3x7xf32>)
  return
}

// -----

func.func @expert_mlp_c5_count(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x2x5xf32>, %y: memref<3x5xf32>,
    %u: memref<3x2x4x2xf32>, %z: memref<3x5xf32>) {
  // expected-error @below {{expects 1 to 2 destinations ('y', 'neurons'), got 3}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<35x2x5xf32>)
      outs(%y, %u, %z : memref<3x5xf32>, memref<3x2x4x2xf32>, memref<3x5xf32>)
  return
}

// -----

func.func @expert_mlp_c5_neurons(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x2x5xf32>, %y: memref<3x5xf32>,
    %u: memref<3x2x4x1xf32>) {
  // expected-error @below {{expects 'down' and 'neurons' to agree in e, got 2 in 'memref<35x2x6xf32>' and 1 in 'memref<3x2x4x1xf32>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<35x2x5xf32>)
      outs(%y, %u : memref<3x5xf32>, memref<3x2x4x1xf32>)
  return
}

// -----

func.func @expert_mlp_c5_neurons_element(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x2x5xf32>, %y: memref<3x5xf32>,
    %u: memref<3x2x4x2xbf16>) {
  // expected-error @below {{expects 'neurons' to have rank 4 and f32 or f64 elements, got 'memref<3x2x4x2xbf16>'}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<35x2x5xf32>)
      outs(%y, %u : memref<3x5xf32>, memref<3x2x4x2xbf16>)
  return
}

// -----

func.func @expert_mlp_c6_no_result(
    %x: tensor<3x6xf32>, %i: tensor<3x2x4xi32>, %g: tensor<3x2x4xf32>,
    %down: tensor<35x2x6xf32>, %up: tensor<35x2x5xf32>, %y: tensor<3x5xf32>) {
  // expected-error @below {{expects one result per destination, got 0 results and 1 destinations}}
  peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : tensor<3x6xf32>, tensor<3x2x4xi32>,
          tensor<3x2x4xf32>, tensor<35x2x6xf32>, tensor<35x2x5xf32>)
      outs(%y : tensor<3x5xf32>)
  return
}

// -----

func.func @expert_mlp_c6_result_on_memrefs(
    %x: memref<3x6xf32>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xf32>, %up: memref<35x2x5xf32>, %y: memref<3x5xf32>) {
  // expected-error @below {{expects no result on memrefs, got 1}}
  %0 = peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : memref<3x6xf32>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xf32>, memref<35x2x5xf32>)
      outs(%y : memref<3x5xf32>)
      -> tensor<3x5xf32>
  return
}

// -----

func.func @retrieve_c1_columns(
    %q: memref<3x2x6xf32>, %k0: memref<5x3xf32>, %k1: memref<7x4xf32>,
    %g: memref<3x2x4xf32>, %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects 'keys_1' to have dq/D = 3, from 6 columns of 'query' and D = 2, got 4 in 'memref<7x4xf32>'}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf32>, memref<5x3xf32>, memref<7x4xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// -----

func.func @retrieve_c1_columns_of_each(
    %q: memref<3x2x?xf32>, %k0: memref<5x4xf32>, %k1: memref<7x6xf32>,
    %g: memref<3x2x4xf32>, %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects 'keys_0' and 'keys_1' to agree in dq/D, got 4 in 'memref<5x4xf32>' and 6 in 'memref<7x6xf32>'}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x?xf32>, memref<5x4xf32>, memref<7x6xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// -----

func.func @retrieve_c1_divisible(
    %q: memref<3x2x7xf32>, %k0: memref<5x3xf32>, %k1: memref<7x3xf32>,
    %g: memref<3x2x4xf32>, %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects dq to be divisible by D, got 7 in 'memref<3x2x7xf32>' and D = 2}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x7xf32>, memref<5x3xf32>, memref<7x3xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// -----

func.func @retrieve_c1_no_keys(%q: memref<3x2x6xf32>, %g: memref<3x2x4xf32>,
                               %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects at least one operand of 'keys', got 0}}
  "peer.retrieve"(%q, %g, %i) <{
      operandSegmentSizes = array<i32: 1, 0, 2>, score_function = 0 : i32,
      query_norm = 0 : i32, key_norm = 0 : i32}>
      : (memref<3x2x6xf32>, memref<3x2x4xf32>, memref<3x2x4xi32>) -> ()
  return
}

// -----

func.func @retrieve_c2_heads(
    %q: memref<3x2x6xf32>, %k0: memref<4x5x3xf32>, %k1: memref<7x3xf32>,
    %g: memref<3x2x4xf32>, %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects 'query' and 'keys_0' to agree in h, got 2 in 'memref<3x2x6xf32>' and 4 in 'memref<4x5x3xf32>'}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf32>, memref<4x5x3xf32>, memref<7x3xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// -----

func.func @retrieve_c3_element(
    %q: memref<3x2x6xf32>, %k0: memref<5x3xf32>, %k1: memref<7x3xbf16>,
    %g: memref<3x2x4xf32>, %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects 'query' and 'keys_1' to have one element type, got 'memref<3x2x6xf32>' and 'memref<7x3xbf16>'}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf32>, memref<5x3xf32>, memref<7x3xbf16>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// -----

func.func @retrieve_c4_count(
    %q: memref<3x2x6xf32>, %k0: memref<5x3xf32>, %k1: memref<7x3xf32>,
    %g: memref<3x2x4xf32>) {
  // expected-error @below {{expects 2 to 3 destinations ('gates', 'indices', 'scores'), got 1}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf32>, memref<5x3xf32>, memref<7x3xf32>)
      outs(%g : memref<3x2x4xf32>)
  return
}

// -----

func.func @retrieve_c4_heads(
    %q: memref<3x2x6xf32>, %k0: memref<5x3xf32>, %k1: memref<7x3xf32>,
    %g: memref<3x5x4xf32>, %i: memref<3x5x4xi32>) {
  // expected-error @below {{expects 'query' and 'gates' to agree in h, got 2 in 'memref<3x2x6xf32>' and 5 in 'memref<3x5x4xf32>'}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf32>, memref<5x3xf32>, memref<7x3xf32>)
      outs(%g, %i : memref<3x5x4xf32>, memref<3x5x4xi32>)
  return
}

// -----

func.func @retrieve_c4_indices_element(
    %q: memref<3x2x6xf32>, %k0: memref<5x3xf32>, %k1: memref<7x3xf32>,
    %g: memref<3x2x4xf32>, %i: memref<3x2x4xf32>) {
  // expected-error @below {{expects 'indices' to have rank 3 and i32 elements, got 'memref<3x2x4xf32>'}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf32>, memref<5x3xf32>, memref<7x3xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xf32>)
  return
}

// -----

func.func @retrieve_c4_scores_shape(
    %q: memref<3x2x6xf32>, %k0: memref<5x3xf32>, %k1: memref<7x3xf32>,
    %g: memref<3x2x4xf32>, %i: memref<3x2x4xi32>, %s: memref<3x2x5xf32>) {
  // expected-error @below {{expects 'gates' and 'scores' to have one shape, got 'memref<3x2x4xf32>' and 'memref<3x2x5xf32>'}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf32>, memref<5x3xf32>, memref<7x3xf32>)
      outs(%g, %i, %s : memref<3x2x4xf32>, memref<3x2x4xi32>, memref<3x2x5xf32>)
  return
}

// -----

func.func @retrieve_c4_shape(
    %q: memref<3x2x6xf32>, %k0: memref<5x3xf32>, %k1: memref<7x3xf32>,
    %g: memref<3x2x4xf32>, %i: memref<3x2x5xi32>) {
  // expected-error @below {{expects 'gates' and 'indices' to have one shape, got 'memref<3x2x4xf32>' and 'memref<3x2x5xi32>'}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf32>, memref<5x3xf32>, memref<7x3xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x5xi32>)
  return
}

// -----

func.func @retrieve_c4_tokens(
    %q: memref<3x2x6xf32>, %k0: memref<5x3xf32>, %k1: memref<7x3xf32>,
    %g: memref<5x2x4xf32>, %i: memref<5x2x4xi32>) {
  // expected-error @below {{expects 'query' and 'gates' to agree in T, got 3 in 'memref<3x2x6xf32>' and 5 in 'memref<5x2x4xf32>'}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf32>, memref<5x3xf32>, memref<7x3xf32>)
      outs(%g, %i : memref<5x2x4xf32>, memref<5x2x4xi32>)
  return
}

// -----

func.func @retrieve_c5_index_range(
    %q: memref<3x2x6xf32>, %k0: memref<65536x3xf32>, %k1: memref<65536x3xf32>,
    %g: memref<3x2x4xf32>, %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects indices to fit i32, got more than 2147483648 experts}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf32>, memref<65536x3xf32>,
          memref<65536x3xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// -----

func.func @retrieve_c5_k_above_n(
    %q: memref<3x2x6xf32>, %k0: memref<2x3xf32>, %k1: memref<3x3xf32>,
    %g: memref<3x2x7xf32>, %i: memref<3x2x7xi32>) {
  // expected-error @below {{expects k to be at most N, got k = 7 and N = 6}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf32>, memref<2x3xf32>, memref<3x3xf32>)
      outs(%g, %i : memref<3x2x7xf32>, memref<3x2x7xi32>)
  return
}

// -----

func.func @retrieve_c5_k_zero(
    %q: memref<3x2x6xf32>, %k0: memref<5x3xf32>, %k1: memref<7x3xf32>,
    %g: memref<3x2x0xf32>, %i: memref<3x2x0xi32>) {
  // expected-error @below {{expects k to be at least 1, got 0}}
  peer.retrieve softmax
      ins(%q, %k0, %k1 : memref<3x2x6xf32>, memref<5x3xf32>, memref<7x3xf32>)
      outs(%g, %i : memref<3x2x0xf32>, memref<3x2x0xi32>)
  return
}

// -----

func.func @retrieve_c6_result_count(
    %q: tensor<3x2x6xf32>, %k0: tensor<5x3xf32>, %k1: tensor<7x3xf32>,
    %g: tensor<3x2x4xf32>, %i: tensor<3x2x4xi32>) {
  // expected-error @below {{expects one result per destination, got 1 results and 2 destinations}}
  %0 = peer.retrieve softmax
      ins(%q, %k0, %k1 : tensor<3x2x6xf32>, tensor<5x3xf32>, tensor<7x3xf32>)
      outs(%g, %i : tensor<3x2x4xf32>, tensor<3x2x4xi32>)
      -> tensor<3x2x4xf32>
  return
}

// -----

func.func @retrieve_c6_tensors_and_memrefs(
    %q: tensor<3x2x8xf32>, %k: memref<5x8xf32>,
    %g: memref<3x2x4xf32>, %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects either tensors or memrefs, got both}}
  peer.retrieve softmax
      ins(%q, %k : tensor<3x2x8xf32>, memref<5x8xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// -----

func.func @select_c1_columns(
    %s0: memref<3x2x5xf32>, %s1: memref<3x2x7xf32>, %g: memref<3x2x4xf32>,
    %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects 'scores_1' to have num_keys = 8 columns, got 'memref<3x2x7xf32>'}}
  peer.select softmax num_keys([5, 8])
      ins(%s0, %s1 : memref<3x2x5xf32>, memref<3x2x7xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// -----

func.func @select_c1_heads(
    %s0: memref<3x2x5xf32>, %s1: memref<3x4x7xf32>, %g: memref<3x2x4xf32>,
    %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects 'scores_1' and 'gates' to agree in h, got 4 in 'memref<3x4x7xf32>' and 2 in 'memref<3x2x4xf32>'}}
  peer.select softmax num_keys([5, 7])
      ins(%s0, %s1 : memref<3x2x5xf32>, memref<3x4x7xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// -----

func.func @select_c1_no_scores(
    %g: memref<3x2x4xf32>, %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects at least one operand of 'scores', got 0}}
  "peer.select"(%g, %i) <{num_keys = array<i64>, operandSegmentSizes = array<i32: 0, 2>,
                           score_function = 0 : i32}>
      : (memref<3x2x4xf32>, memref<3x2x4xi32>) -> ()
  return
}

// -----

func.func @select_c1_num_keys(
    %s0: memref<3x2x5xf32>, %s1: memref<3x2x7xf32>, %g: memref<3x2x4xf32>,
    %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects 'num_keys' to have one element per operand of 'scores', got 1 for 2}}
  peer.select softmax num_keys([5])
      ins(%s0, %s1 : memref<3x2x5xf32>, memref<3x2x7xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// -----

func.func @select_c1_tokens(
    %s0: memref<5x2x5xf32>, %s1: memref<3x2x7xf32>, %g: memref<3x2x4xf32>,
    %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects 'scores_0' and 'gates' to agree in T, got 5 in 'memref<5x2x5xf32>' and 3 in 'memref<3x2x4xf32>'}}
  peer.select softmax num_keys([5, 7])
      ins(%s0, %s1 : memref<5x2x5xf32>, memref<3x2x7xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// -----

func.func @select_c2_count(
    %s0: memref<3x2x5xf32>, %g: memref<3x2x4xf32>) {
  // expected-error @below {{expects 2 to 3 destinations ('gates', 'indices', 'scores'), got 1}}
  peer.select softmax num_keys([5])
      ins(%s0 : memref<3x2x5xf32>)
      outs(%g : memref<3x2x4xf32>)
  return
}

// -----

func.func @select_c2_shape(
    %s0: memref<3x2x5xf32>, %s1: memref<3x2x7xf32>, %g: memref<3x2x4xf32>,
    %i: memref<3x2x1xi32>) {
  // expected-error @below {{expects 'gates' and 'indices' to have one shape, got 'memref<3x2x4xf32>' and 'memref<3x2x1xi32>'}}
  peer.select softmax num_keys([5, 7])
      ins(%s0, %s1 : memref<3x2x5xf32>, memref<3x2x7xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x1xi32>)
  return
}

// -----

func.func @select_c3_index_range(
    %s0: memref<3x2x65536xf32>, %g: memref<3x2x4xf32>, %i: memref<3x2x4xi32>) {
  // expected-error @below {{expects indices to fit i32, got more than 2147483648 experts}}
  peer.select softmax num_keys([65536, 65536])
      ins(%s0, %s0 : memref<3x2x65536xf32>, memref<3x2x65536xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// -----

func.func @select_c3_k_above_n(
    %s0: memref<3x2x2xf32>, %s1: memref<3x2x3xf32>, %g: memref<3x2x9xf32>,
    %i: memref<3x2x9xi32>) {
  // expected-error @below {{expects k to be at most N, got k = 9 and N = 6}}
  peer.select softmax num_keys([2, 3])
      ins(%s0, %s1 : memref<3x2x2xf32>, memref<3x2x3xf32>)
      outs(%g, %i : memref<3x2x9xf32>, memref<3x2x9xi32>)
  return
}

// -----

func.func @select_c4_result_type(
    %s0: tensor<3x2x5xf32>, %s1: tensor<3x2x7xf32>, %g: tensor<3x2x4xf32>,
    %i: tensor<3x2x4xi32>) {
  // expected-error @below {{expects results to have the types of their destinations, got 'tensor<3x2x5xf32>' for 'tensor<3x2x4xf32>'}}
  %0:2 = peer.select softmax num_keys([5, 7])
      ins(%s0, %s1 : tensor<3x2x5xf32>, tensor<3x2x7xf32>)
      outs(%g, %i : tensor<3x2x4xf32>, tensor<3x2x4xi32>)
      -> tensor<3x2x5xf32>, tensor<3x2x4xi32>
  return
}
