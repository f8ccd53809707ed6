// RUN: peermla-opt %s -o /dev/null

// Multi-head Latent Attention written by hand, in f32: 3 heads, keys and values
// of all heads come from one latent of 16 columns, and 4 rotated columns carry
// the position.
//
//   q  = rope(x W_q^T)                            [T, 3, 8 + 4]
//   kv = rope([rms_norm(ckv) | k_pe])             [T, 16 + 4], ckv | k_pe = x W_kva^T
//   o  = softmax(q k^T / sqrt(12)) v              k and v from kv by W_kvb
//   y  = o W_o^T
//
// `decode` appends the new rows to a paged cache and attends to all of them.
// Only 20 numbers per token are kept, for all heads together.

#x_rows = affine_map<(t, n, k) -> (t, k)>
#w_rows = affine_map<(t, n, k) -> (n, k)>
#y_rows = affine_map<(t, n, k) -> (t, n)>
#both = affine_map<(t, j) -> (t, j)>
#token = affine_map<(t, j) -> (t)>
#column = affine_map<(t, j) -> (j)>
#sequence = affine_map<(b) -> (b)>

module @MlaLayer {
  ml_program.global private @q_proj.weight(#ml_program.extern : tensor<36x24xf32>) : tensor<36x24xf32>
  ml_program.global private @kv_a_proj_with_mqa.weight(#ml_program.extern : tensor<20x24xf32>) : tensor<20x24xf32>
  ml_program.global private @kv_a_layernorm.weight(#ml_program.extern : tensor<16xf32>) : tensor<16xf32>
  // Per head 8 rows that make keys, then 6 that make values.
  ml_program.global private @kv_b_proj.weight(#ml_program.extern : tensor<42x16xf32>) : tensor<42x16xf32>
  ml_program.global private @o_proj.weight(#ml_program.extern : tensor<24x18xf32>) : tensor<24x18xf32>

  // B sequences with T / B new tokens each; seq_lens are the lengths before.
  func.func @decode(
      %x: tensor<?x24xf32> {peermla.name = "x", peermla.dims = ["T", ""]},
      %cache: tensor<?x?x20xf32> {peermla.name = "cache", peermla.dims = ["num_blocks", "page", ""]},
      %block_table: tensor<?x?xi32> {peermla.name = "block_table", peermla.dims = ["B", "max_blocks"],
                                     peermla.check = "block_table"},
      %seq_lens: tensor<?xi32> {peermla.name = "seq_lens", peermla.dims = ["B"], peermla.check = "lengths"})
      -> (tensor<?x24xf32> {peermla.name = "y", peermla.dims = ["T", ""]},
          tensor<?x?x20xf32> {peermla.inout = "cache", peermla.dims = ["num_blocks", "page", ""]})
      attributes {peermla.entry} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %zero = arith.constant 0.0 : f32
    %width = arith.constant 16.0 : f32
    %eps = arith.constant 1.0e-6 : f32
    %T = tensor.dim %x, %c0 : tensor<?x24xf32>
    %B = tensor.dim %seq_lens, %c0 : tensor<?xi32>

    // The first row of each sequence, and the end of the last.
    %divisor = arith.maxsi %B, %c1 : index
    %new = arith.divsi %T, %divisor : index
    %B1 = arith.addi %B, %c1 : index
    %cu_empty = tensor.empty(%B1) : tensor<?xi32>
    %cu_seqlens = linalg.generic {indexing_maps = [#sequence], iterator_types = ["parallel"]}
        outs(%cu_empty : tensor<?xi32>) {
    ^bb0(%out: i32):
      %b = linalg.index 0 : index
      %row = arith.muli %b, %new : index
      %row_i32 = arith.index_cast %row : index to i32
      linalg.yield %row_i32 : i32
    } -> tensor<?xi32>

    // Rotation: two pairs of columns, with frequencies 1 and 0.01.
    %p_empty = tensor.empty(%T) : tensor<?xi32>
    %positions = mla.positions ins(%cu_seqlens, %seq_lens : tensor<?xi32>, tensor<?xi32>)
        outs(%p_empty : tensor<?xi32>) -> tensor<?xi32>
    %table_empty = tensor.empty(%T) : tensor<?x4xf32>
    %table = mla.rope_table {inv_freq = array<f64: 1.0, 0.01>, multiplier = 1.0 : f64}
        ins(%positions : tensor<?xi32>) outs(%table_empty : tensor<?x4xf32>) -> tensor<?x4xf32>

    // Queries.
    %w_q = ml_program.global_load_const @q_proj.weight : tensor<36x24xf32>
    %q_empty = tensor.empty(%T) : tensor<?x36xf32>
    %q_zero = linalg.fill ins(%zero : f32) outs(%q_empty : tensor<?x36xf32>) -> tensor<?x36xf32>
    %q_flat = linalg.matmul indexing_maps = [#x_rows, #w_rows, #y_rows] {peermla.id = "q_proj"}
        ins(%x, %w_q : tensor<?x24xf32>, tensor<36x24xf32>)
        outs(%q_zero : tensor<?x36xf32>) -> tensor<?x36xf32>
    %q = tensor.expand_shape %q_flat [[0], [1, 2]] output_shape [%T, 3, 12]
        : tensor<?x36xf32> into tensor<?x3x12xf32>
    %qr_empty = tensor.empty(%T) : tensor<?x3x12xf32>
    %q_rotated = mla.rope ins(%q, %table : tensor<?x3x12xf32>, tensor<?x4xf32>)
        outs(%qr_empty : tensor<?x3x12xf32>) -> tensor<?x3x12xf32>

    // The latent, normed, and beside it the columns that are rotated as they are.
    %w_kva = ml_program.global_load_const @kv_a_proj_with_mqa.weight : tensor<20x24xf32>
    %ckv_empty = tensor.empty(%T) : tensor<?x20xf32>
    %ckv_zero = linalg.fill ins(%zero : f32) outs(%ckv_empty : tensor<?x20xf32>) -> tensor<?x20xf32>
    %ckv = linalg.matmul indexing_maps = [#x_rows, #w_rows, #y_rows] {peermla.id = "kv_a_proj_with_mqa"}
        ins(%x, %w_kva : tensor<?x24xf32>, tensor<20x24xf32>)
        outs(%ckv_zero : tensor<?x20xf32>) -> tensor<?x20xf32>
    %latent = tensor.extract_slice %ckv[0, 0] [%T, 16] [1, 1] : tensor<?x20xf32> to tensor<?x16xf32>
    %squares_empty = tensor.empty(%T) : tensor<?xf32>
    %squares_zero = linalg.fill ins(%zero : f32) outs(%squares_empty : tensor<?xf32>) -> tensor<?xf32>
    %squares = linalg.generic {indexing_maps = [#both, #token], iterator_types = ["parallel", "reduction"]}
        ins(%latent : tensor<?x16xf32>) outs(%squares_zero : tensor<?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %square = arith.mulf %in, %in : f32
      %sum = arith.addf %out, %square : f32
      linalg.yield %sum : f32
    } -> tensor<?xf32>
    %norm = ml_program.global_load_const @kv_a_layernorm.weight : tensor<16xf32>
    %c_empty = tensor.empty(%T) : tensor<?x16xf32>
    %c = linalg.generic {indexing_maps = [#both, #token, #column, #both], iterator_types = ["parallel", "parallel"]}
        ins(%latent, %squares, %norm : tensor<?x16xf32>, tensor<?xf32>, tensor<16xf32>)
        outs(%c_empty : tensor<?x16xf32>) {
    ^bb0(%in: f32, %square: f32, %weight: f32, %out: f32):
      %mean = arith.divf %square, %width : f32
      %shifted = arith.addf %mean, %eps : f32
      %inverse = math.rsqrt %shifted : f32
      %normed = arith.mulf %in, %inverse : f32
      %scaled = arith.mulf %normed, %weight : f32
      linalg.yield %scaled : f32
    } -> tensor<?x16xf32>
    %k_pe = tensor.extract_slice %ckv[0, 16] [%T, 4] [1, 1] : tensor<?x20xf32> to tensor<?x4xf32>
    %row_empty = tensor.empty(%T) : tensor<?x20xf32>
    %row_c = tensor.insert_slice %c into %row_empty[0, 0] [%T, 16] [1, 1] : tensor<?x16xf32> into tensor<?x20xf32>
    %row = tensor.insert_slice %k_pe into %row_c[0, 16] [%T, 4] [1, 1] : tensor<?x4xf32> into tensor<?x20xf32>
    %kv_empty = tensor.empty(%T) : tensor<?x20xf32>
    %kv = mla.rope ins(%row, %table : tensor<?x20xf32>, tensor<?x4xf32>)
        outs(%kv_empty : tensor<?x20xf32>) -> tensor<?x20xf32>

    // The new rows are in the cache before any query looks at it.
    %cache_new = mla.cache_append
        ins(%kv, %cu_seqlens, %seq_lens, %block_table : tensor<?x20xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        outs(%cache : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>

    // Attention in no particular form: the compiler multiplies W_UK into the
    // queries, or expands keys and values, whichever costs less.
    %w_kvb_flat = ml_program.global_load_const @kv_b_proj.weight : tensor<42x16xf32>
    %w_kvb = tensor.expand_shape %w_kvb_flat [[0, 1], [2]] output_shape [3, 14, 16]
        : tensor<42x16xf32> into tensor<3x14x16xf32>
    %w_uk = tensor.extract_slice %w_kvb[0, 0, 0] [3, 8, 16] [1, 1, 1] : tensor<3x14x16xf32> to tensor<3x8x16xf32>
    %w_uv = tensor.extract_slice %w_kvb[0, 8, 0] [3, 6, 16] [1, 1, 1] : tensor<3x14x16xf32> to tensor<3x6x16xf32>
    %o_empty = tensor.empty(%T) : tensor<?x3x6xf32>
    %o = mla.attention causal scale(0.28867513459481287) {peermla.id = "attention"}
        ins(%q_rotated, %cache_new, %w_uk, %w_uv : tensor<?x3x12xf32>, tensor<?x?x20xf32>,
            tensor<3x8x16xf32>, tensor<3x6x16xf32>)
        ragged(%cu_seqlens : tensor<?xi32>)
        paged(%seq_lens, %block_table : tensor<?xi32>, tensor<?x?xi32>)
        outs(%o_empty : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>

    %o_heads = tensor.collapse_shape %o [[0], [1, 2]] : tensor<?x3x6xf32> into tensor<?x18xf32>
    %w_o = ml_program.global_load_const @o_proj.weight : tensor<24x18xf32>
    %y_empty = tensor.empty(%T) : tensor<?x24xf32>
    %y_zero = linalg.fill ins(%zero : f32) outs(%y_empty : tensor<?x24xf32>) -> tensor<?x24xf32>
    %y = linalg.matmul indexing_maps = [#x_rows, #w_rows, #y_rows] {peermla.id = "o_proj"}
        ins(%o_heads, %w_o : tensor<?x18xf32>, tensor<24x18xf32>)
        outs(%y_zero : tensor<?x24xf32>) -> tensor<?x24xf32>
    return %y, %cache_new : tensor<?x24xf32>, tensor<?x?x20xf32>
  }
}
