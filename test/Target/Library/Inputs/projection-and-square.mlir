#x = affine_map<(t, n, k) -> (t, k)>
#w = affine_map<(t, n, k) -> (n, k)>
#y = affine_map<(t, n, k) -> (t, n)>
#both = affine_map<(t, j) -> (t, j)>
module @Two {
  ml_program.global private @a(#ml_program.extern : tensor<32x5xf32>) : tensor<32x5xf32>
  func.func @forward(%x: tensor<?x5xf32> {peermla.name = "x", peermla.dims = ["T", ""]})
      -> (tensor<?x32xf32> {peermla.name = "y", peermla.dims = ["T", ""]},
          tensor<?x5xf32> {peermla.name = "z", peermla.dims = ["T", ""]})
      attributes {peermla.entry} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %T = tensor.dim %x, %c0 : tensor<?x5xf32>
    %a = ml_program.global_load_const @a : tensor<32x5xf32>
    %e = tensor.empty(%T) : tensor<?x32xf32>
    %i = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
    %y = linalg.matmul indexing_maps = [#x, #w, #y] {peermla.id = "proj"}
        ins(%x, %a : tensor<?x5xf32>, tensor<32x5xf32>) outs(%i : tensor<?x32xf32>) -> tensor<?x32xf32>
    %f = tensor.empty(%T) : tensor<?x5xf32>
    %z = linalg.generic {indexing_maps = [#both, #both], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<?x5xf32>) outs(%f : tensor<?x5xf32>) attrs = {peermla.id = "square"} {
    ^bb0(%in: f32, %out: f32):
      %square = arith.mulf %in, %in : f32
      linalg.yield %square : f32
    } -> tensor<?x5xf32>
    return %y, %z : tensor<?x32xf32>, tensor<?x5xf32>
  }
}
