// A product whose rows are no multiple of 16 bytes, which tensor copies do not take.

module @Quiet {
  ml_program.global private @w(#ml_program.extern : tensor<128x500xbf16>) : tensor<128x500xbf16>
  func.func @forward(%x: tensor<?x500xbf16> {peermla.dims = ["T", ""], peermla.name = "x"}) -> (tensor<?x128xf32> {peermla.dims = ["T", ""], peermla.name = "y"}) attributes {peermla.entry} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %w = ml_program.global_load_const @w : tensor<128x500xbf16>
    %T = tensor.dim %x, %c0 : tensor<?x500xbf16>
    %e = tensor.empty(%T) : tensor<?x128xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x128xf32>) -> tensor<?x128xf32>
    %y = linalg.matmul indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>]
        ins(%x, %w : tensor<?x500xbf16>, tensor<128x500xbf16>) outs(%z : tensor<?x128xf32>) -> tensor<?x128xf32>
    return %y : tensor<?x128xf32>
  }
}
