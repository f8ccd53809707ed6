// RUN: peermla-opt %s -o /dev/null

// A language model of one layer written by hand, in bf16: latent attention and a
// PEER layer of 40 experts around a residual stream of 24 columns.
//
//   x      = embed(tokens)
//   x     += attention(rms_norm(x))
//   x     += peer(rms_norm(x))
//   logits = rms_norm(x) W_embed^T              rows that the caller wants, f32
//
// Weights and activations are bf16, every sum is f32 and rounded once. The layer
// has no rotated columns and a latent of 16, so that a cache row is the latent.

#x_rows = affine_map<(t, n, k) -> (t, k)>
#w_rows = affine_map<(t, n, k) -> (n, k)>
#y_rows = affine_map<(t, n, k) -> (t, n)>
#both = affine_map<(t, j) -> (t, j)>
#token = affine_map<(t, j) -> (t)>
#column = affine_map<(t, j) -> (j)>

module @TinyPeerMla {
  ml_program.global private @model.embed_tokens.weight(#ml_program.extern : tensor<50x24xbf16>) : tensor<50x24xbf16>
  ml_program.global private @model.norm.weight(#ml_program.extern : tensor<24xbf16>) : tensor<24xbf16>
  ml_program.global private @model.layers.0.input_layernorm.weight(#ml_program.extern : tensor<24xbf16>) : tensor<24xbf16>
  ml_program.global private @model.layers.0.self_attn.q_proj.weight(#ml_program.extern : tensor<24x24xbf16>) : tensor<24x24xbf16>
  ml_program.global private @model.layers.0.self_attn.kv_a_proj_with_mqa.weight(#ml_program.extern : tensor<16x24xbf16>) : tensor<16x24xbf16>
  ml_program.global private @model.layers.0.self_attn.kv_a_layernorm.weight(#ml_program.extern : tensor<16xbf16>) : tensor<16xbf16>
  ml_program.global private @model.layers.0.self_attn.kv_b_proj.weight(#ml_program.extern : tensor<42x16xbf16>) : tensor<42x16xbf16>
  ml_program.global private @model.layers.0.self_attn.o_proj.weight(#ml_program.extern : tensor<24x18xbf16>) : tensor<24x18xbf16>
  ml_program.global private @model.layers.0.post_attention_layernorm.weight(#ml_program.extern : tensor<24xbf16>) : tensor<24xbf16>
  ml_program.global private @model.layers.0.mlp.query_proj.weight(#ml_program.extern : tensor<96x24xbf16>) : tensor<96x24xbf16>
  ml_program.global private @model.layers.0.mlp.sub_keys.0(#ml_program.extern : tensor<8x16xbf16>) : tensor<8x16xbf16>
  ml_program.global private @model.layers.0.mlp.sub_keys.1(#ml_program.extern : tensor<5x16xbf16>) : tensor<5x16xbf16>
  ml_program.global private @model.layers.0.mlp.expert_down.weight(#ml_program.extern : tensor<40x24xbf16>) : tensor<40x24xbf16>
  ml_program.global private @model.layers.0.mlp.expert_up.weight(#ml_program.extern : tensor<40x24xbf16>) : tensor<40x24xbf16>

  // T new tokens of B sequences, any number each, after past_lens[b] tokens that
  // are in the cache; logits of R of the T rows.
  func.func @step(
      %tokens: tensor<?xi32> {peermla.name = "tokens", peermla.dims = ["T"], peermla.check = "tokens:50"},
      %cu_seqlens: tensor<?xi32> {peermla.name = "cu_seqlens", peermla.dims = ["B+1"], peermla.check = "cu_seqlens:T"},
      %past_lens: tensor<?xi32> {peermla.name = "past_lens", peermla.dims = ["B"], peermla.check = "lengths"},
      %cache: tensor<1x?x?x16xbf16> {peermla.name = "cache", peermla.dims = ["", "num_blocks", "page", ""]},
      %block_table: tensor<?x?xi32> {peermla.name = "block_table", peermla.dims = ["B", "max_blocks"],
                                     peermla.check = "block_table"},
      %logit_rows: tensor<?xi32> {peermla.name = "logit_rows", peermla.dims = ["R"], peermla.check = "index:T"})
      -> (tensor<?x50xf32> {peermla.name = "logits", peermla.dims = ["R", ""]},
          tensor<1x?x?x16xbf16> {peermla.inout = "cache", peermla.dims = ["", "num_blocks", "page", ""]})
      attributes {peermla.entry} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %vocab = arith.constant 50 : index
    %zero = arith.constant 0.0 : f32
    %nothing = arith.constant 0.0 : bf16
    %width = arith.constant 24.0 : f32
    %latent_width = arith.constant 16.0 : f32
    %eps = arith.constant 1.0e-6 : f32
    %T = tensor.dim %tokens, %c0 : tensor<?xi32>
    %R = tensor.dim %logit_rows, %c0 : tensor<?xi32>
    %num_blocks = tensor.dim %cache, %c1 : tensor<1x?x?x16xbf16>
    %page = tensor.dim %cache, %c2 : tensor<1x?x?x16xbf16>

    // Embedding. A token out of range reads nothing and gives zeros.
    %embed = ml_program.global_load_const @model.embed_tokens.weight : tensor<50x24xbf16>
    %x0_empty = tensor.empty(%T) : tensor<?x24xbf16>
    %x0 = linalg.generic {indexing_maps = [#token, #both], iterator_types = ["parallel", "parallel"]}
        ins(%tokens : tensor<?xi32>) outs(%x0_empty : tensor<?x24xbf16>) {
    ^bb0(%id: i32, %out: bf16):
      %row = arith.index_castui %id : i32 to index
      %is_in_range = arith.cmpi ult, %row, %vocab : index
      %safe_row = arith.select %is_in_range, %row, %c0 : index
      %j = linalg.index 1 : index
      %element = tensor.extract %embed[%safe_row, %j] : tensor<50x24xbf16>
      %value = arith.select %is_in_range, %element, %nothing : bf16
      linalg.yield %value : bf16
    } -> tensor<?x24xbf16>

    // Attention. This layer's part of the cache is a slice; it goes back when
    // the new rows are in it.
    %attention_in_sum_empty = tensor.empty(%T) : tensor<?xf32>
    %attention_in_sum_zero = linalg.fill ins(%zero : f32) outs(%attention_in_sum_empty : tensor<?xf32>) -> tensor<?xf32>
    %attention_in_sum = linalg.generic {indexing_maps = [#both, #token], iterator_types = ["parallel", "reduction"]}
        ins(%x0 : tensor<?x24xbf16>) outs(%attention_in_sum_zero : tensor<?xf32>) {
    ^bb0(%in: bf16, %out: f32):
      %wide = arith.extf %in : bf16 to f32
      %square = arith.mulf %wide, %wide : f32
      %sum = arith.addf %out, %square : f32
      linalg.yield %sum : f32
    } -> tensor<?xf32>
    %attention_in_weight = ml_program.global_load_const @model.layers.0.input_layernorm.weight : tensor<24xbf16>
    %attention_in_empty = tensor.empty(%T) : tensor<?x24xbf16>
    %attention_in = linalg.generic {indexing_maps = [#both, #token, #column, #both], iterator_types = ["parallel", "parallel"]}
        ins(%x0, %attention_in_sum, %attention_in_weight : tensor<?x24xbf16>, tensor<?xf32>, tensor<24xbf16>)
        outs(%attention_in_empty : tensor<?x24xbf16>) {
    ^bb0(%in: bf16, %square: f32, %weight: bf16, %out: bf16):
      %wide = arith.extf %in : bf16 to f32
      %weight_wide = arith.extf %weight : bf16 to f32
      %mean = arith.divf %square, %width : f32
      %shifted = arith.addf %mean, %eps : f32
      %inverse = math.rsqrt %shifted : f32
      %normed = arith.mulf %wide, %inverse : f32
      %scaled = arith.mulf %normed, %weight_wide : f32
      %rounded = arith.truncf %scaled : f32 to bf16
      linalg.yield %rounded : bf16
    } -> tensor<?x24xbf16>
    %q_sum_w = ml_program.global_load_const @model.layers.0.self_attn.q_proj.weight : tensor<24x24xbf16>
    %q_sum_empty = tensor.empty(%T) : tensor<?x24xf32>
    %q_sum_zero = linalg.fill ins(%zero : f32) outs(%q_sum_empty : tensor<?x24xf32>) -> tensor<?x24xf32>
    %q_sum = linalg.matmul indexing_maps = [#x_rows, #w_rows, #y_rows] {peermla.id = "layers.0.self_attn.q_proj"}
        ins(%attention_in, %q_sum_w : tensor<?x24xbf16>, tensor<24x24xbf16>)
        outs(%q_sum_zero : tensor<?x24xf32>) -> tensor<?x24xf32>
    %q_flat_empty = tensor.empty(%T) : tensor<?x24xbf16>
    %q_flat = linalg.generic {indexing_maps = [#both, #both], iterator_types = ["parallel", "parallel"]}
        ins(%q_sum : tensor<?x24xf32>) outs(%q_flat_empty : tensor<?x24xbf16>) {
    ^bb0(%in: f32, %out: bf16):
      %rounded = arith.truncf %in : f32 to bf16
      linalg.yield %rounded : bf16
    } -> tensor<?x24xbf16>
    %q = tensor.expand_shape %q_flat [[0], [1, 2]] output_shape [%T, 3, 8]
        : tensor<?x24xbf16> into tensor<?x3x8xbf16>
    %ckv_w = ml_program.global_load_const @model.layers.0.self_attn.kv_a_proj_with_mqa.weight : tensor<16x24xbf16>
    %ckv_empty = tensor.empty(%T) : tensor<?x16xf32>
    %ckv_zero = linalg.fill ins(%zero : f32) outs(%ckv_empty : tensor<?x16xf32>) -> tensor<?x16xf32>
    %ckv = linalg.matmul indexing_maps = [#x_rows, #w_rows, #y_rows] {peermla.id = "layers.0.self_attn.kv_a_proj_with_mqa"}
        ins(%attention_in, %ckv_w : tensor<?x24xbf16>, tensor<16x24xbf16>)
        outs(%ckv_zero : tensor<?x16xf32>) -> tensor<?x16xf32>
    %c_sum_empty = tensor.empty(%T) : tensor<?xf32>
    %c_sum_zero = linalg.fill ins(%zero : f32) outs(%c_sum_empty : tensor<?xf32>) -> tensor<?xf32>
    %c_sum = linalg.generic {indexing_maps = [#both, #token], iterator_types = ["parallel", "reduction"]}
        ins(%ckv : tensor<?x16xf32>) outs(%c_sum_zero : tensor<?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %square = arith.mulf %in, %in : f32
      %sum = arith.addf %out, %square : f32
      linalg.yield %sum : f32
    } -> tensor<?xf32>
    %c_weight = ml_program.global_load_const @model.layers.0.self_attn.kv_a_layernorm.weight : tensor<16xbf16>
    %c_empty = tensor.empty(%T) : tensor<?x16xbf16>
    %c = linalg.generic {indexing_maps = [#both, #token, #column, #both], iterator_types = ["parallel", "parallel"]}
        ins(%ckv, %c_sum, %c_weight : tensor<?x16xf32>, tensor<?xf32>, tensor<16xbf16>)
        outs(%c_empty : tensor<?x16xbf16>) {
    ^bb0(%in: f32, %square: f32, %weight: bf16, %out: bf16):
      %weight_wide = arith.extf %weight : bf16 to f32
      %mean = arith.divf %square, %latent_width : f32
      %shifted = arith.addf %mean, %eps : f32
      %inverse = math.rsqrt %shifted : f32
      %normed = arith.mulf %in, %inverse : f32
      %scaled = arith.mulf %normed, %weight_wide : f32
      %rounded = arith.truncf %scaled : f32 to bf16
      linalg.yield %rounded : bf16
    } -> tensor<?x16xbf16>
    %layer_cache = tensor.extract_slice %cache[0, 0, 0, 0] [1, %num_blocks, %page, 16] [1, 1, 1, 1]
        : tensor<1x?x?x16xbf16> to tensor<?x?x16xbf16>
    %layer_cache_new = mla.cache_append
        ins(%c, %cu_seqlens, %past_lens, %block_table : tensor<?x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        outs(%layer_cache : tensor<?x?x16xbf16>) -> tensor<?x?x16xbf16>
    %w_kvb_flat = ml_program.global_load_const @model.layers.0.self_attn.kv_b_proj.weight : tensor<42x16xbf16>
    %w_kvb = tensor.expand_shape %w_kvb_flat [[0, 1], [2]] output_shape [3, 14, 16]
        : tensor<42x16xbf16> into tensor<3x14x16xbf16>
    %w_uk = tensor.extract_slice %w_kvb[0, 0, 0] [3, 8, 16] [1, 1, 1] : tensor<3x14x16xbf16> to tensor<3x8x16xbf16>
    %w_uv = tensor.extract_slice %w_kvb[0, 8, 0] [3, 6, 16] [1, 1, 1] : tensor<3x14x16xbf16> to tensor<3x6x16xbf16>
    %o_empty = tensor.empty(%T) : tensor<?x3x6xbf16>
    %o = mla.attention causal scale(0.35355339059327379) {peermla.id = "layers.0.self_attn.attention"}
        ins(%q, %layer_cache_new, %w_uk, %w_uv : tensor<?x3x8xbf16>, tensor<?x?x16xbf16>,
            tensor<3x8x16xbf16>, tensor<3x6x16xbf16>)
        ragged(%cu_seqlens : tensor<?xi32>)
        paged(%past_lens, %block_table : tensor<?xi32>, tensor<?x?xi32>)
        outs(%o_empty : tensor<?x3x6xbf16>) -> tensor<?x3x6xbf16>
    %cache_new = tensor.insert_slice %layer_cache_new into %cache[0, 0, 0, 0] [1, %num_blocks, %page, 16] [1, 1, 1, 1]
        : tensor<?x?x16xbf16> into tensor<1x?x?x16xbf16>
    %o_heads = tensor.collapse_shape %o [[0], [1, 2]] : tensor<?x3x6xbf16> into tensor<?x18xbf16>
    %o_sum_w = ml_program.global_load_const @model.layers.0.self_attn.o_proj.weight : tensor<24x18xbf16>
    %o_sum_empty = tensor.empty(%T) : tensor<?x24xf32>
    %o_sum_zero = linalg.fill ins(%zero : f32) outs(%o_sum_empty : tensor<?x24xf32>) -> tensor<?x24xf32>
    %o_sum = linalg.matmul indexing_maps = [#x_rows, #w_rows, #y_rows] {peermla.id = "layers.0.self_attn.o_proj"}
        ins(%o_heads, %o_sum_w : tensor<?x18xbf16>, tensor<24x18xbf16>)
        outs(%o_sum_zero : tensor<?x24xf32>) -> tensor<?x24xf32>
    // The f32 sum meets the residual stream and is rounded once.
    %x1_empty = tensor.empty(%T) : tensor<?x24xbf16>
    %x1 = linalg.generic {indexing_maps = [#both, #both, #both], iterator_types = ["parallel", "parallel"]}
        ins(%o_sum, %x0 : tensor<?x24xf32>, tensor<?x24xbf16>) outs(%x1_empty : tensor<?x24xbf16>) {
    ^bb0(%in: f32, %residual: bf16, %out: bf16):
      %wide = arith.extf %residual : bf16 to f32
      %sum = arith.addf %in, %wide : f32
      %rounded = arith.truncf %sum : f32 to bf16
      linalg.yield %rounded : bf16
    } -> tensor<?x24xbf16>

    // PEER: each of 3 heads chooses 4 of 40 experts with one neuron.
    %peer_in_sum_empty = tensor.empty(%T) : tensor<?xf32>
    %peer_in_sum_zero = linalg.fill ins(%zero : f32) outs(%peer_in_sum_empty : tensor<?xf32>) -> tensor<?xf32>
    %peer_in_sum = linalg.generic {indexing_maps = [#both, #token], iterator_types = ["parallel", "reduction"]}
        ins(%x1 : tensor<?x24xbf16>) outs(%peer_in_sum_zero : tensor<?xf32>) {
    ^bb0(%in: bf16, %out: f32):
      %wide = arith.extf %in : bf16 to f32
      %square = arith.mulf %wide, %wide : f32
      %sum = arith.addf %out, %square : f32
      linalg.yield %sum : f32
    } -> tensor<?xf32>
    %peer_in_weight = ml_program.global_load_const @model.layers.0.post_attention_layernorm.weight : tensor<24xbf16>
    %peer_in_empty = tensor.empty(%T) : tensor<?x24xbf16>
    %peer_in = linalg.generic {indexing_maps = [#both, #token, #column, #both], iterator_types = ["parallel", "parallel"]}
        ins(%x1, %peer_in_sum, %peer_in_weight : tensor<?x24xbf16>, tensor<?xf32>, tensor<24xbf16>)
        outs(%peer_in_empty : tensor<?x24xbf16>) {
    ^bb0(%in: bf16, %square: f32, %weight: bf16, %out: bf16):
      %wide = arith.extf %in : bf16 to f32
      %weight_wide = arith.extf %weight : bf16 to f32
      %mean = arith.divf %square, %width : f32
      %shifted = arith.addf %mean, %eps : f32
      %inverse = math.rsqrt %shifted : f32
      %normed = arith.mulf %wide, %inverse : f32
      %scaled = arith.mulf %normed, %weight_wide : f32
      %rounded = arith.truncf %scaled : f32 to bf16
      linalg.yield %rounded : bf16
    } -> tensor<?x24xbf16>
    %query_sum_w = ml_program.global_load_const @model.layers.0.mlp.query_proj.weight : tensor<96x24xbf16>
    %query_sum_empty = tensor.empty(%T) : tensor<?x96xf32>
    %query_sum_zero = linalg.fill ins(%zero : f32) outs(%query_sum_empty : tensor<?x96xf32>) -> tensor<?x96xf32>
    %query_sum = linalg.matmul indexing_maps = [#x_rows, #w_rows, #y_rows] {peermla.id = "layers.0.mlp.query_proj"}
        ins(%peer_in, %query_sum_w : tensor<?x24xbf16>, tensor<96x24xbf16>)
        outs(%query_sum_zero : tensor<?x96xf32>) -> tensor<?x96xf32>
    %query_flat_empty = tensor.empty(%T) : tensor<?x96xbf16>
    %query_flat = linalg.generic {indexing_maps = [#both, #both], iterator_types = ["parallel", "parallel"]}
        ins(%query_sum : tensor<?x96xf32>) outs(%query_flat_empty : tensor<?x96xbf16>) {
    ^bb0(%in: f32, %out: bf16):
      %rounded = arith.truncf %in : f32 to bf16
      linalg.yield %rounded : bf16
    } -> tensor<?x96xbf16>
    %query = tensor.expand_shape %query_flat [[0], [1, 2]] output_shape [%T, 3, 32]
        : tensor<?x96xbf16> into tensor<?x3x32xbf16>
    %keys0 = ml_program.global_load_const @model.layers.0.mlp.sub_keys.0 : tensor<8x16xbf16>
    %keys1 = ml_program.global_load_const @model.layers.0.mlp.sub_keys.1 : tensor<5x16xbf16>
    %gates_empty = tensor.empty(%T) : tensor<?x3x4xf32>
    %indices_empty = tensor.empty(%T) : tensor<?x3x4xi32>
    %gates, %indices = peer.retrieve softmax {peermla.id = "layers.0.mlp.retrieve"}
        ins(%query, %keys0, %keys1 : tensor<?x3x32xbf16>, tensor<8x16xbf16>, tensor<5x16xbf16>)
        outs(%gates_empty, %indices_empty : tensor<?x3x4xf32>, tensor<?x3x4xi32>)
        -> tensor<?x3x4xf32>, tensor<?x3x4xi32>
    %down_rows = ml_program.global_load_const @model.layers.0.mlp.expert_down.weight : tensor<40x24xbf16>
    %down = tensor.expand_shape %down_rows [[0], [1, 2]] output_shape [40, 1, 24]
        : tensor<40x24xbf16> into tensor<40x1x24xbf16>
    %up_rows = ml_program.global_load_const @model.layers.0.mlp.expert_up.weight : tensor<40x24xbf16>
    %up = tensor.expand_shape %up_rows [[0], [1, 2]] output_shape [40, 1, 24]
        : tensor<40x24xbf16> into tensor<40x1x24xbf16>
    %y_empty = tensor.empty(%T) : tensor<?x24xbf16>
    %y = peer.expert_mlp gelu {peermla.id = "layers.0.mlp.experts"}
        ins(%peer_in, %indices, %gates, %down, %up : tensor<?x24xbf16>, tensor<?x3x4xi32>,
            tensor<?x3x4xf32>, tensor<40x1x24xbf16>, tensor<40x1x24xbf16>)
        outs(%y_empty : tensor<?x24xbf16>) -> tensor<?x24xbf16>
    %x2_empty = tensor.empty(%T) : tensor<?x24xbf16>
    %x2 = linalg.generic {indexing_maps = [#both, #both, #both], iterator_types = ["parallel", "parallel"]}
        ins(%y, %x1 : tensor<?x24xbf16>, tensor<?x24xbf16>) outs(%x2_empty : tensor<?x24xbf16>) {
    ^bb0(%in: bf16, %residual: bf16, %out: bf16):
      %in_wide = arith.extf %in : bf16 to f32
      %wide = arith.extf %residual : bf16 to f32
      %sum = arith.addf %in_wide, %wide : f32
      %rounded = arith.truncf %sum : f32 to bf16
      linalg.yield %rounded : bf16
    } -> tensor<?x24xbf16>

    // Logits of the wanted rows only; the embedding is the last matrix too.
    %last_empty = tensor.empty(%R) : tensor<?x24xbf16>
    %last = linalg.generic {indexing_maps = [#token, #both], iterator_types = ["parallel", "parallel"]}
        ins(%logit_rows : tensor<?xi32>) outs(%last_empty : tensor<?x24xbf16>) {
    ^bb0(%id: i32, %out: bf16):
      %row = arith.index_castui %id : i32 to index
      %is_in_range = arith.cmpi ult, %row, %T : index
      %safe_row = arith.select %is_in_range, %row, %c0 : index
      %j = linalg.index 1 : index
      %element = tensor.extract %x2[%safe_row, %j] : tensor<?x24xbf16>
      %value = arith.select %is_in_range, %element, %nothing : bf16
      linalg.yield %value : bf16
    } -> tensor<?x24xbf16>
    %logits_in_sum_empty = tensor.empty(%R) : tensor<?xf32>
    %logits_in_sum_zero = linalg.fill ins(%zero : f32) outs(%logits_in_sum_empty : tensor<?xf32>) -> tensor<?xf32>
    %logits_in_sum = linalg.generic {indexing_maps = [#both, #token], iterator_types = ["parallel", "reduction"]}
        ins(%last : tensor<?x24xbf16>) outs(%logits_in_sum_zero : tensor<?xf32>) {
    ^bb0(%in: bf16, %out: f32):
      %wide = arith.extf %in : bf16 to f32
      %square = arith.mulf %wide, %wide : f32
      %sum = arith.addf %out, %square : f32
      linalg.yield %sum : f32
    } -> tensor<?xf32>
    %logits_in_weight = ml_program.global_load_const @model.norm.weight : tensor<24xbf16>
    %logits_in_empty = tensor.empty(%R) : tensor<?x24xbf16>
    %logits_in = linalg.generic {indexing_maps = [#both, #token, #column, #both], iterator_types = ["parallel", "parallel"]}
        ins(%last, %logits_in_sum, %logits_in_weight : tensor<?x24xbf16>, tensor<?xf32>, tensor<24xbf16>)
        outs(%logits_in_empty : tensor<?x24xbf16>) {
    ^bb0(%in: bf16, %square: f32, %weight: bf16, %out: bf16):
      %wide = arith.extf %in : bf16 to f32
      %weight_wide = arith.extf %weight : bf16 to f32
      %mean = arith.divf %square, %width : f32
      %shifted = arith.addf %mean, %eps : f32
      %inverse = math.rsqrt %shifted : f32
      %normed = arith.mulf %wide, %inverse : f32
      %scaled = arith.mulf %normed, %weight_wide : f32
      %rounded = arith.truncf %scaled : f32 to bf16
      linalg.yield %rounded : bf16
    } -> tensor<?x24xbf16>
    %logits_empty = tensor.empty(%R) : tensor<?x50xf32>
    %logits_zero = linalg.fill ins(%zero : f32) outs(%logits_empty : tensor<?x50xf32>) -> tensor<?x50xf32>
    %logits = linalg.matmul indexing_maps = [#x_rows, #w_rows, #y_rows] {peermla.id = "lm_head"}
        ins(%logits_in, %embed : tensor<?x24xbf16>, tensor<50x24xbf16>)
        outs(%logits_zero : tensor<?x50xf32>) -> tensor<?x50xf32>
    return %logits, %cache_new : tensor<?x50xf32>, tensor<1x?x?x16xbf16>
  }
}
