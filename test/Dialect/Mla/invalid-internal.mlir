// RUN: peermla-opt %s -split-input-file -verify-diagnostics

// One case per constraint of the op documentation.

func.func @merge_c1_heads(%p: memref<2x7x3x12xf32>, %l: memref<2x7x4xf32>, %o: memref<7x3x12xf32>) {
  // expected-error @below {{expects 'o_i' and 'lse_i' to agree in H, got 3 in 'memref<2x7x3x12xf32>' and 4 in 'memref<2x7x4xf32>'}}
  mla.merge ins(%p, %l : memref<2x7x3x12xf32>, memref<2x7x4xf32>) outs(%o : memref<7x3x12xf32>)
  return
}

// -----

func.func @merge_c1_parts(%p: memref<2x7x3x12xf32>, %l: memref<5x7x3xf32>, %o: memref<7x3x12xf32>) {
  // expected-error @below {{expects 'o_i' and 'lse_i' to agree in P, got 2 in 'memref<2x7x3x12xf32>' and 5 in 'memref<5x7x3xf32>'}}
  mla.merge ins(%p, %l : memref<2x7x3x12xf32>, memref<5x7x3xf32>) outs(%o : memref<7x3x12xf32>)
  return
}

// -----

func.func @merge_c1_tokens(
    %p: memref<2x7x3x12xf32>, %l: memref<2x5x3xf32>, %o: memref<7x3x12xf32>) {
  // expected-error @below {{expects 'o_i' and 'lse_i' to agree in T, got 7 in 'memref<2x7x3x12xf32>' and 5 in 'memref<2x5x3xf32>'}}
  mla.merge ins(%p, %l : memref<2x7x3x12xf32>, memref<2x5x3xf32>) outs(%o : memref<7x3x12xf32>)
  return
}

// -----

func.func @merge_c2_columns(%p: memref<2x7x3x12xf32>, %l: memref<2x7x3xf32>, %o: memref<7x3x10xf32>) {
  // expected-error @below {{expects 'o_i' and 'o' to agree in dv, got 12 in 'memref<2x7x3x12xf32>' and 10 in 'memref<7x3x10xf32>'}}
  mla.merge ins(%p, %l : memref<2x7x3x12xf32>, memref<2x7x3xf32>) outs(%o : memref<7x3x10xf32>)
  return
}

// -----

func.func @merge_c2_heads(
    %p: memref<2x7x3x12xf32>, %l: memref<2x7x3xf32>, %o: memref<7x4x12xf32>) {
  // expected-error @below {{expects 'o_i' and 'o' to agree in H, got 3 in 'memref<2x7x3x12xf32>' and 4 in 'memref<7x4x12xf32>'}}
  mla.merge ins(%p, %l : memref<2x7x3x12xf32>, memref<2x7x3xf32>) outs(%o : memref<7x4x12xf32>)
  return
}

// -----

func.func @merge_c2_tokens(%p: memref<2x7x3x12xf32>, %l: memref<2x7x3xf32>, %o: memref<6x3x12xf32>) {
  // expected-error @below {{expects 'o_i' and 'o' to agree in T, got 7 in 'memref<2x7x3x12xf32>' and 6 in 'memref<6x3x12xf32>'}}
  mla.merge ins(%p, %l : memref<2x7x3x12xf32>, memref<2x7x3xf32>) outs(%o : memref<6x3x12xf32>)
  return
}

// -----

func.func @merge_c3_no_result(
    %p: tensor<2x7x3x12xf32>, %l: tensor<2x7x3xf32>, %o: tensor<7x3x12xf32>) {
  // expected-error @below {{expects one result per destination, got 0 results and 1 destinations}}
  mla.merge ins(%p, %l : tensor<2x7x3x12xf32>, tensor<2x7x3xf32>) outs(%o : tensor<7x3x12xf32>)
  return
}

// -----

func.func @online_attention_c1_columns(
    %q: memref<7x3x12xf32>, %k: memref<7x3x10xf32>, %v: memref<7x3x6xf32>,
    %cu: memref<3xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'k' to agree in D, got 12 in 'memref<7x3x12xf32>' and 10 in 'memref<7x3x10xf32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x3x10xf32>)
      values(%v : memref<7x3x6xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c1_element_of_k(
    %q: memref<7x3x12xf32>, %k: memref<7x3x12xf16>, %v: memref<7x3x6xf32>,
    %cu: memref<3xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'k' to have one element type, got 'memref<7x3x12xf32>' and 'memref<7x3x12xf16>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x3x12xf16>)
      values(%v : memref<7x3x6xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c1_element_of_v(
    %q: memref<7x3x12xf32>, %k: memref<7x3x12xf32>, %v: memref<7x3x6xf16>,
    %cu: memref<3xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'v' to have one element type, got 'memref<7x3x12xf32>' and 'memref<7x3x6xf16>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x3x12xf32>)
      values(%v : memref<7x3x6xf16>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c1_heads_of_k(
    %q: memref<7x3x12xf32>, %k: memref<7x2x12xf32>, %v: memref<7x3x6xf32>,
    %cu: memref<3xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'k' to agree in H, got 3 in 'memref<7x3x12xf32>' and 2 in 'memref<7x2x12xf32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x2x12xf32>)
      values(%v : memref<7x3x6xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c1_heads_of_o(
    %q: memref<7x3x12xf32>, %k: memref<7x3x12xf32>, %v: memref<7x3x6xf32>,
    %cu: memref<3xi32>, %o: memref<7x2x6xf32>) {
  // expected-error @below {{expects 'q' and 'o' to agree in H, got 3 in 'memref<7x3x12xf32>' and 2 in 'memref<7x2x6xf32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x3x12xf32>)
      values(%v : memref<7x3x6xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x2x6xf32>)
  return
}

// -----

func.func @online_attention_c1_heads_of_v(
    %q: memref<7x3x12xf32>, %k: memref<7x3x12xf32>, %v: memref<7x2x6xf32>,
    %cu: memref<3xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'v' to agree in H, got 3 in 'memref<7x3x12xf32>' and 2 in 'memref<7x2x6xf32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x3x12xf32>)
      values(%v : memref<7x2x6xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c1_shared_keys(
    %q: memref<7x3x12xf32>, %k: memref<7x12xf32>, %v: memref<7x3x6xf32>,
    %cu: memref<3xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'k' to be S x H x D with 'v', got 'memref<7x12xf32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x12xf32>)
      values(%v : memref<7x3x6xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c2_rows_of_v(
    %q: memref<7x3x12xf32>, %k: memref<9x3x12xf32>, %v: memref<8x3x6xf32>,
    %cu: memref<3xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'k' and 'v' to agree in S, got 9 in 'memref<9x3x12xf32>' and 8 in 'memref<8x3x6xf32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<9x3x12xf32>)
      values(%v : memref<8x3x6xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c2_value_columns(
    %q: memref<7x3x12xf32>, %k: memref<7x3x12xf32>, %v: memref<7x3x6xf32>,
    %cu: memref<3xi32>, %o: memref<7x3x5xf32>) {
  // expected-error @below {{expects 'v' and 'o' to agree in dv, got 6 in 'memref<7x3x6xf32>' and 5 in 'memref<7x3x5xf32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x3x12xf32>)
      values(%v : memref<7x3x6xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x5xf32>)
  return
}

// -----

func.func @online_attention_c2_values_of_keys(
    %q: memref<7x3x12xf32>, %k: memref<7x12xf32>, %cu: memref<3xi32>,
    %o: memref<7x3x14xf32>) {
  // expected-error @below {{expects dv to be at most D without 'v', got 14 in 'memref<7x3x14xf32>' and 12 in 'memref<7x12xf32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x12xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x14xf32>)
  return
}

// -----

func.func @online_attention_c3_no_ends(
    %q: memref<7x3x12xf32>, %k: memref<7x3x12xf32>, %v: memref<7x3x6xf32>,
    %cu: memref<0xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'cu_seqlens' to have at least one element, got 'memref<0xi32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x3x12xf32>)
      values(%v : memref<7x3x6xf32>)
      ragged(%cu : memref<0xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c3_paged_values(
    %q: memref<7x3x12xf32>, %k: memref<7x3x12xf32>, %v: memref<7x3x6xf32>,
    %cu: memref<3xi32>, %past: memref<2xi32>, %blocks: memref<2x5xi32>,
    %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'past_lens' and 'block_table' if and only if 'k' is paged, got both with 'memref<7x3x12xf32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x3x12xf32>)
      values(%v : memref<7x3x6xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c3_sequences(
    %q: memref<7x3x12xf32>, %k: memref<9x4x12xf32>,
    %cu: memref<3xi32>, %past: memref<2xi32>, %blocks: memref<4x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'past_lens' and 'block_table' to agree in B, got 2 in 'memref<2xi32>' and 4 in 'memref<4x5xi32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<9x4x12xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<4x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c3_unpaged_cache(
    %q: memref<7x3x12xf32>, %k: memref<9x4x12xf32>, %cu: memref<3xi32>,
    %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'past_lens' and 'block_table' if and only if 'k' is paged, got neither with 'memref<9x4x12xf32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<9x4x12xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c4_element_of_o(
    %q: memref<7x3x12xf32>, %k: memref<7x3x12xf32>, %v: memref<7x3x6xf32>,
    %cu: memref<3xi32>, %o: memref<7x3x6xf16>) {
  // expected-error @below {{expects 'q' and 'o' to have one element type, got 'memref<7x3x12xf32>' and 'memref<7x3x6xf16>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x3x12xf32>)
      values(%v : memref<7x3x6xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x6xf16>)
  return
}

// -----

func.func @online_attention_c4_lse(
    %q: memref<7x3x12xf32>, %k: memref<7x3x12xf32>, %v: memref<7x3x6xf32>,
    %cu: memref<3xi32>, %o: memref<7x3x6xf32>, %lse: memref<5x3xf32>) {
  // expected-error @below {{expects 'q' and 'lse' to agree in T, got 7 in 'memref<7x3x12xf32>' and 5 in 'memref<5x3xf32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x3x12xf32>)
      values(%v : memref<7x3x6xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o, %lse : memref<7x3x6xf32>, memref<5x3xf32>)
  return
}

// -----

func.func @online_attention_c4_partial_lse(%q: memref<7x3x12xf32>, %k: memref<7x12xf32>, %cu: memref<3xi32>, %t: index, %o: memref<2x7x3x12xf32>) {
  // expected-error @below {{expects 2 destinations ('o', 'lse'), got 1}}
  mla.online_attention scale(0.25) parts(2 by 8) ins(%q, %k : memref<7x3x12xf32>, memref<7x12xf32>)
      ragged(%cu : memref<3xi32>) outs(%o : memref<2x7x3x12xf32>)
  return
}

// -----

func.func @online_attention_c4_partial_rank(%q: memref<7x3x12xf32>, %k: memref<7x12xf32>, %cu: memref<3xi32>, %t: index, %o: memref<7x3x12xf32>, %l: memref<7x3xf32>) {
  // expected-error @below {{expects 'o' to have rank 4 and f32 or f64 elements, got 'memref<7x3x12xf32>'}}
  mla.online_attention scale(0.25) parts(2 by 8) ins(%q, %k : memref<7x3x12xf32>, memref<7x12xf32>)
      ragged(%cu : memref<3xi32>) outs(%o, %l : memref<7x3x12xf32>, memref<7x3xf32>)
  return
}

// -----

func.func @online_attention_c4_parts_of_lse(%q: memref<7x3x12xf32>, %k: memref<7x12xf32>, %cu: memref<3xi32>, %t: index, %o: memref<2x7x3x12xf32>, %l: memref<3x7x3xf32>) {
  // expected-error @below {{expects 'o' and 'lse' to agree in P, got 2 in 'memref<2x7x3x12xf32>' and 3 in 'memref<3x7x3xf32>'}}
  mla.online_attention scale(0.25) parts(2 by 8) ins(%q, %k : memref<7x3x12xf32>, memref<7x12xf32>)
      ragged(%cu : memref<3xi32>) outs(%o, %l : memref<2x7x3x12xf32>, memref<3x7x3xf32>)
  return
}

// -----

func.func @online_attention_c4_tokens(
    %q: memref<7x3x12xf32>, %k: memref<7x3x12xf32>, %v: memref<7x3x6xf32>,
    %cu: memref<3xi32>, %o: memref<5x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'o' to agree in T, got 7 in 'memref<7x3x12xf32>' and 5 in 'memref<5x3x6xf32>'}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x3x12xf32>)
      values(%v : memref<7x3x6xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<5x3x6xf32>)
  return
}

// -----

func.func @online_attention_c5_item(
    %q: memref<7x3x12xf32>, %k: memref<7x3x12xf32>, %v: memref<7x3x6xf32>,
    %cu: memref<3xi32>, %b: index, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects no value or 2 in 'item', got 1}}
  mla.online_attention scale(0.25)
      ins(%q, %k : memref<7x3x12xf32>, memref<7x3x12xf32>)
      values(%v : memref<7x3x6xf32>)
      ragged(%cu : memref<3xi32>)
      item(%b)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c5_item_of_parts(%q: memref<7x3x12xf32>, %k: memref<7x12xf32>, %cu: memref<3xi32>, %t: index, %o: memref<2x7x3x12xf32>, %l: memref<2x7x3xf32>) {
  // expected-error @below {{expects no value or 3 in 'item', got 2}}
  mla.online_attention scale(0.25) parts(2 by 8) ins(%q, %k : memref<7x3x12xf32>, memref<7x12xf32>)
      ragged(%cu : memref<3xi32>) item(%t, %t) outs(%o, %l : memref<2x7x3x12xf32>, memref<2x7x3xf32>)
  return
}

// -----

func.func @online_attention_c6_no_result(
    %q: tensor<7x3x12xf32>, %k: tensor<7x3x12xf32>, %v: tensor<7x3x6xf32>,
    %cu: tensor<3xi32>, %o: tensor<7x3x6xf32>) {
  // expected-error @below {{expects one result per destination, got 0 results and 1 destinations}}
  mla.online_attention scale(0.25)
      ins(%q, %k : tensor<7x3x12xf32>, tensor<7x3x12xf32>)
      values(%v : tensor<7x3x6xf32>)
      ragged(%cu : tensor<3xi32>)
      outs(%o : tensor<7x3x6xf32>)
  return
}

// -----

func.func @online_attention_c7_number(%q: memref<7x3x12xf32>, %k: memref<7x12xf32>, %cu: memref<3xi32>, %t: index, %o: memref<2x7x3x12xf32>, %l: memref<2x7x3xf32>) {
  // expected-error @below {{expects 'o' to have P = 5, the number in 'parts', got 2 in 'memref<2x7x3x12xf32>'}}
  mla.online_attention scale(0.25) parts(5 by 8) ins(%q, %k : memref<7x3x12xf32>, memref<7x12xf32>)
      ragged(%cu : memref<3xi32>) outs(%o, %l : memref<2x7x3x12xf32>, memref<2x7x3xf32>)
  return
}

// -----

func.func @online_attention_c7_positive(%q: memref<7x3x12xf32>, %k: memref<7x12xf32>, %cu: memref<3xi32>, %t: index, %o: memref<2x7x3x12xf32>, %l: memref<2x7x3xf32>) {
  // expected-error @below {{expects positive numbers in 'parts', got 2 by 0}}
  mla.online_attention scale(0.25) parts(2 by 0) ins(%q, %k : memref<7x3x12xf32>, memref<7x12xf32>)
      ragged(%cu : memref<3xi32>) outs(%o, %l : memref<2x7x3x12xf32>, memref<2x7x3xf32>)
  return
}

// -----

func.func @work_items_c1_columns(%T: index, %cu: memref<3xi32>, %i: memref<5x2xi32>) {
  // expected-error @below {{expects 'items' to have columns = 3, sequence, first token and number of tokens, got 2 in 'memref<5x2xi32>'}}
  mla.work_items tokens(4 of %T) ins(%cu : memref<3xi32>) outs(%i : memref<5x2xi32>)
  return
}

// -----

func.func @work_items_c1_no_ends(
    %T: index, %cu: memref<0xi32>, %i: memref<5x3xi32>) {
  // expected-error @below {{expects 'cu_seqlens' to have at least one element, got 'memref<0xi32>'}}
  mla.work_items tokens(4 of %T) ins(%cu : memref<0xi32>) outs(%i : memref<5x3xi32>)
  return
}

// -----

func.func @work_items_c2_tokens(%T: index, %cu: memref<3xi32>, %i: memref<5x3xi32>) {
  // expected-error @below {{expects runs of at least 1 token, got 0}}
  mla.work_items tokens(0 of %T) ins(%cu : memref<3xi32>) outs(%i : memref<5x3xi32>)
  return
}

// -----

func.func @work_items_c3_no_result(
    %T: index, %cu: tensor<3xi32>, %i: tensor<5x3xi32>) {
  // expected-error @below {{expects one result per destination, got 0 results and 1 destinations}}
  mla.work_items tokens(4 of %T) ins(%cu : tensor<3xi32>) outs(%i : tensor<5x3xi32>)
  return
}
