// RUN: peermla-opt %s -split-input-file -verify-diagnostics

// One case per constraint of the op documentation.

func.func @attention_c1_heads(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<4x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'w_uk' to agree in H, got 3 in 'memref<7x3x12xf32>' and 4 in 'memref<4x8x16xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<4x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c1_heads_of_o(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x2x6xf32>) {
  // expected-error @below {{expects 'q' and 'o' to agree in H, got 3 in 'memref<7x3x12xf32>' and 2 in 'memref<7x2x6xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x2x6xf32>)
  return
}

// -----

func.func @attention_c1_heads_of_w_uv(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<4x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'w_uv' to agree in H, got 3 in 'memref<7x3x12xf32>' and 4 in 'memref<4x6x16xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf32>, memref<4x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c1_values(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x5xf32>) {
  // expected-error @below {{expects 'w_uv' and 'o' to agree in dv, got 6 in 'memref<3x6x16xf32>' and 5 in 'memref<7x3x5xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x5xf32>)
  return
}

// -----

func.func @attention_c2_element(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xbf16>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'kv' to have one element type, got 'memref<7x3x12xf32>' and 'memref<9x4x20xbf16>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xbf16>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c2_element_of_w_uk(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf16>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'w_uk' to have one element type, got 'memref<7x3x12xf32>' and 'memref<3x8x16xf16>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf16>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c2_element_of_w_uv(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf16>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'w_uv' to have one element type, got 'memref<7x3x12xf32>' and 'memref<3x6x16xf16>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf16>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c2_latent(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x14xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'w_uk' and 'w_uv' to agree in dc, got 16 in 'memref<3x8x16xf32>' and 14 in 'memref<3x6x14xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf32>, memref<3x6x14xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c2_negative_rope(
    %q: memref<7x3x6xf32>, %kv: memref<9x4x14xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects dr to be even and at least 0, got -2 from 'q' in 'memref<7x3x6xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x6xf32>, memref<9x4x14xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c2_odd_rope(
    %q: memref<7x3x11xf32>, %kv: memref<9x4x19xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects dr to be even and at least 0, got 3 from 'q' in 'memref<7x3x11xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x11xf32>, memref<9x4x19xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c2_rope(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x22xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'kv' to agree in dr, got 4 in 'memref<7x3x12xf32>' with dn = 8 and 6 in 'memref<9x4x22xf32>' with dc = 16}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x22xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c3_no_ends(
    %q: memref<7x3x12xf32>, %kv: memref<7x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<0xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'cu_seqlens' to have at least one element, got 'memref<0xi32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<7x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<0xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c3_paged_rows(
    %q: memref<7x3x12xf32>, %kv: memref<7x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'past_lens' and 'block_table' if and only if 'kv' is paged, got both with 'memref<7x20xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<7x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c3_sequence_ends(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<2xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'cu_seqlens' to have one element more than 'past_lens' has per sequence, got 2 in 'memref<2xi32>' and 2 in 'memref<2xi32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<2xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c3_sequences(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<3x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'past_lens' and 'block_table' to agree in B, got 2 in 'memref<2xi32>' and 3 in 'memref<3x5xi32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<3x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c3_tokens(
    %q: memref<7x3x12xf32>, %kv: memref<9x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'kv' to agree in T, got 7 in 'memref<7x3x12xf32>' and 9 in 'memref<9x20xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c3_unpaged_cache(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'past_lens' and 'block_table' if and only if 'kv' is paged, got neither with 'memref<9x4x20xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c4_element_of_o(
    %q: memref<7x3x12xbf16>, %kv: memref<9x4x20xbf16>, %w_uk: memref<3x8x16xbf16>,
    %w_uv: memref<3x6x16xbf16>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'o' to have one element type, got 'memref<7x3x12xbf16>' and 'memref<7x3x6xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xbf16>, memref<9x4x20xbf16>,
          memref<3x8x16xbf16>, memref<3x6x16xbf16>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x6xf32>)
  return
}

// -----

func.func @attention_c4_heads_of_lse(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>, %lse: memref<7x5xf32>) {
  // expected-error @below {{expects 'q' and 'lse' to agree in H, got 3 in 'memref<7x3x12xf32>' and 5 in 'memref<7x5xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o, %lse : memref<7x3x6xf32>, memref<7x5xf32>)
  return
}

// -----

func.func @attention_c4_lse(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>, %lse: memref<7x2xf32>) {
  // expected-error @below {{expects 'q' and 'lse' to agree in H, got 3 in 'memref<7x3x12xf32>' and 2 in 'memref<7x2xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o, %lse : memref<7x3x6xf32>, memref<7x2xf32>)
  return
}

// -----

func.func @attention_c4_lse_element(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<7x3x6xf32>, %lse: memref<7x3xbf16>) {
  // expected-error @below {{expects 'lse' to have rank 2 and f32 or f64 elements, got 'memref<7x3xbf16>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o, %lse : memref<7x3x6xf32>, memref<7x3xbf16>)
  return
}

// -----

func.func @attention_c4_tokens(
    %q: memref<7x3x12xf32>, %kv: memref<9x4x20xf32>, %w_uk: memref<3x8x16xf32>,
    %w_uv: memref<3x6x16xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %o: memref<5x3x6xf32>) {
  // expected-error @below {{expects 'q' and 'o' to agree in T, got 7 in 'memref<7x3x12xf32>' and 5 in 'memref<5x3x6xf32>'}}
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x12xf32>, memref<9x4x20xf32>,
          memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<5x3x6xf32>)
  return
}

// -----

func.func @attention_c5_result_type(
    %q: tensor<7x3x12xf32>, %kv: tensor<9x4x20xf32>, %w_uk: tensor<3x8x16xf32>,
    %w_uv: tensor<3x6x16xf32>, %cu: tensor<3xi32>, %past: tensor<2xi32>,
    %blocks: tensor<2x5xi32>, %o: tensor<7x3x6xf32>) {
  // expected-error @below {{expects results to have the types of their destinations, got 'tensor<7x3x5xf32>' for 'tensor<7x3x6xf32>'}}
  %0 = mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : tensor<7x3x12xf32>, tensor<9x4x20xf32>,
          tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<3xi32>)
      paged(%past, %blocks : tensor<2xi32>, tensor<2x5xi32>)
      outs(%o : tensor<7x3x6xf32>)
      -> tensor<7x3x5xf32>
  return
}

// -----

func.func @cache_append_c1_columns(
    %rows: memref<7x18xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %cache: memref<9x4x20xf32>) {
  // expected-error @below {{expects 'rows' and 'cache' to agree in dc + dr, got 18 in 'memref<7x18xf32>' and 20 in 'memref<9x4x20xf32>'}}
  mla.cache_append
      ins(%rows, %cu, %past, %blocks : memref<7x18xf32>, memref<3xi32>,
          memref<2xi32>, memref<2x5xi32>)
      outs(%cache : memref<9x4x20xf32>)
  return
}

// -----

func.func @cache_append_c1_element(
    %rows: memref<7x20xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %cache: memref<9x4x20xf16>) {
  // expected-error @below {{expects 'rows' and 'cache' to have one element type, got 'memref<7x20xf32>' and 'memref<9x4x20xf16>'}}
  mla.cache_append
      ins(%rows, %cu, %past, %blocks : memref<7x20xf32>, memref<3xi32>,
          memref<2xi32>, memref<2x5xi32>)
      outs(%cache : memref<9x4x20xf16>)
  return
}

// -----

func.func @cache_append_c2_sequence_ends(
    %rows: memref<7x20xf32>, %cu: memref<4xi32>, %past: memref<2xi32>,
    %blocks: memref<2x5xi32>, %cache: memref<9x4x20xf32>) {
  // expected-error @below {{expects 'cu_seqlens' to have one element more than 'past_lens' has per sequence, got 4 in 'memref<4xi32>' and 2 in 'memref<2xi32>'}}
  mla.cache_append
      ins(%rows, %cu, %past, %blocks : memref<7x20xf32>, memref<4xi32>,
          memref<2xi32>, memref<2x5xi32>)
      outs(%cache : memref<9x4x20xf32>)
  return
}

// -----

func.func @cache_append_c2_sequences(
    %rows: memref<7x20xf32>, %cu: memref<3xi32>, %past: memref<2xi32>,
    %blocks: memref<1x5xi32>, %cache: memref<9x4x20xf32>) {
  // expected-error @below {{expects 'past_lens' and 'block_table' to agree in B, got 2 in 'memref<2xi32>' and 1 in 'memref<1x5xi32>'}}
  mla.cache_append
      ins(%rows, %cu, %past, %blocks : memref<7x20xf32>, memref<3xi32>,
          memref<2xi32>, memref<1x5xi32>)
      outs(%cache : memref<9x4x20xf32>)
  return
}

// -----

func.func @cache_append_c3_no_result(
    %rows: tensor<7x20xf32>, %cu: tensor<3xi32>, %past: tensor<2xi32>,
    %blocks: tensor<2x5xi32>, %cache: tensor<9x4x20xf32>) {
  // expected-error @below {{expects one result per destination, got 0 results and 1 destinations}}
  mla.cache_append
      ins(%rows, %cu, %past, %blocks : tensor<7x20xf32>, tensor<3xi32>,
          tensor<2xi32>, tensor<2x5xi32>)
      outs(%cache : tensor<9x4x20xf32>)
  return
}

// -----

func.func @positions_c1_no_ends(
    %cu: memref<0xi32>, %p: memref<7xi32>) {
  // expected-error @below {{expects 'cu_seqlens' to have at least one element, got 'memref<0xi32>'}}
  mla.positions ins(%cu : memref<0xi32>) outs(%p : memref<7xi32>)
  return
}

// -----

func.func @positions_c1_sequences(
    %cu: memref<3xi32>, %past: memref<3xi32>, %p: memref<7xi32>) {
  // expected-error @below {{expects 'cu_seqlens' to have one element more than 'past_lens' has per sequence, got 3 in 'memref<3xi32>' and 3 in 'memref<3xi32>'}}
  mla.positions
      ins(%cu, %past : memref<3xi32>, memref<3xi32>)
      outs(%p : memref<7xi32>)
  return
}

// -----

func.func @positions_c2_no_result(
    %cu: tensor<3xi32>, %p: tensor<7xi32>) {
  // expected-error @below {{expects one result per destination, got 0 results and 1 destinations}}
  mla.positions ins(%cu : tensor<3xi32>) outs(%p : tensor<7xi32>)
  return
}

// -----

func.func @rope_c1_tokens(
    %x: memref<7x3x12xf32>, %table: memref<5x4xf32>, %y: memref<7x3x12xf32>) {
  // expected-error @below {{expects 'x' and 'table' to agree in T, got 7 in 'memref<7x3x12xf32>' and 5 in 'memref<5x4xf32>'}}
  mla.rope
      ins(%x, %table : memref<7x3x12xf32>, memref<5x4xf32>)
      outs(%y : memref<7x3x12xf32>)
  return
}

// -----

func.func @rope_c2_element(
    %x: memref<7x3x12xf32>, %table: memref<7x4xf32>, %y: memref<7x3x12xbf16>) {
  // expected-error @below {{expects 'x' and 'y' to have one element type, got 'memref<7x3x12xf32>' and 'memref<7x3x12xbf16>'}}
  mla.rope
      ins(%x, %table : memref<7x3x12xf32>, memref<7x4xf32>)
      outs(%y : memref<7x3x12xbf16>)
  return
}

// -----

func.func @rope_c2_shape(
    %x: memref<7x3x12xf32>, %table: memref<7x4xf32>, %y: memref<7x36xf32>) {
  // expected-error @below {{expects 'x' and 'y' to have one shape, got 'memref<7x3x12xf32>' and 'memref<7x36xf32>'}}
  mla.rope
      ins(%x, %table : memref<7x3x12xf32>, memref<7x4xf32>)
      outs(%y : memref<7x36xf32>)
  return
}

// -----

func.func @rope_c3_odd(
    %x: memref<7x3x12xf32>, %table: memref<7x5xf32>, %y: memref<7x3x12xf32>) {
  // expected-error @below {{expects dr to be even, got 5 in 'memref<7x5xf32>'}}
  mla.rope
      ins(%x, %table : memref<7x3x12xf32>, memref<7x5xf32>)
      outs(%y : memref<7x3x12xf32>)
  return
}

// -----

func.func @rope_c3_wide(
    %x: memref<7x3x12xf32>, %table: memref<7x14xf32>, %y: memref<7x3x12xf32>) {
  // expected-error @below {{expects dr to be at most D, got 14 in 'memref<7x14xf32>' and 12 in 'memref<7x3x12xf32>'}}
  mla.rope
      ins(%x, %table : memref<7x3x12xf32>, memref<7x14xf32>)
      outs(%y : memref<7x3x12xf32>)
  return
}

// -----

func.func @rope_c4_no_result(
    %x: tensor<7x3x12xf32>, %table: tensor<7x4xf32>, %y: tensor<7x3x12xf32>) {
  // expected-error @below {{expects one result per destination, got 0 results and 1 destinations}}
  mla.rope ins(%x, %table : tensor<7x3x12xf32>, tensor<7x4xf32>)
      outs(%y : tensor<7x3x12xf32>)
  return
}

// -----

func.func @rope_table_c1_tokens(%p: memref<7xi32>, %table: memref<5x4xf32>) {
  // expected-error @below {{expects 'positions' and 'table' to agree in T, got 7 in 'memref<7xi32>' and 5 in 'memref<5x4xf32>'}}
  mla.rope_table {inv_freq = array<f64: 1.0, 0.01>,
                  multiplier = 1.0 : f64}
      ins(%p : memref<7xi32>)
      outs(%table : memref<5x4xf32>)
  return
}

// -----

func.func @rope_table_c2_columns(%p: memref<7xi32>, %table: memref<7x6xf32>) {
  // expected-error @below {{expects 'table' to have dr = 4, from 2 elements of 'inv_freq', got 6 in 'memref<7x6xf32>'}}
  mla.rope_table {inv_freq = array<f64: 1.0, 0.01>,
                  multiplier = 1.0 : f64}
      ins(%p : memref<7xi32>)
      outs(%table : memref<7x6xf32>)
  return
}

// -----

func.func @rope_table_c3_no_result(
    %p: tensor<7xi32>, %t: tensor<7x4xf32>) {
  // expected-error @below {{expects one result per destination, got 0 results and 1 destinations}}
  mla.rope_table {inv_freq = array<f64: 1.0, 0.01>, multiplier = 1.0 : f64}
      ins(%p : tensor<7xi32>) outs(%t : tensor<7x4xf32>)
  return
}
