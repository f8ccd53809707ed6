module @Norms {
  ml_program.global private @w(#ml_program.extern : tensor<300xf32>) : tensor<300xf32>
  ml_program.global private @p(#ml_program.extern : tensor<72x300xf32>) : tensor<72x300xf32>
  func.func @forward(%x: tensor<?x300xf32> {peermla.name = "x", peermla.dims = ["T", ""]}) -> (tensor<?x72xf32> {peermla.name = "y", peermla.dims = ["T", ""]}) attributes {peermla.entry} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = arith.constant 300.0 : f32
    %eps = arith.constant 1.0e-5 : f32
    %T = tensor.dim %x, %c0 : tensor<?x300xf32>
    %w = ml_program.global_load_const @w : tensor<300xf32>
    %p = ml_program.global_load_const @p : tensor<72x300xf32>
    %se = tensor.empty(%T) : tensor<?xf32>
    %s0 = linalg.fill ins(%zero : f32) outs(%se : tensor<?xf32>) -> tensor<?xf32>
    %sum = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?x300xf32>) outs(%s0 : tensor<?xf32>) {
    ^bb0(%a: f32, %s: f32):
      %q = arith.mulf %a, %a : f32
      %r = arith.addf %s, %q : f32
      linalg.yield %r : f32
    } -> tensor<?xf32>
    %ne = tensor.empty(%T) : tensor<?x300xf32>
    %norm = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x, %sum, %w : tensor<?x300xf32>, tensor<?xf32>, tensor<300xf32>) outs(%ne : tensor<?x300xf32>) {
    ^bb0(%a: f32, %s: f32, %g: f32, %o: f32):
      %m = arith.divf %s, %n : f32
      %e = arith.addf %m, %eps : f32
      %r = math.rsqrt %e : f32
      %v = arith.mulf %a, %r : f32
      %y = arith.mulf %v, %g : f32
      linalg.yield %y : f32
    } -> tensor<?x300xf32>
    %ye = tensor.empty(%T) : tensor<?x72xf32>
    %y0 = linalg.fill ins(%zero : f32) outs(%ye : tensor<?x72xf32>) -> tensor<?x72xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%norm, %p : tensor<?x300xf32>, tensor<72x300xf32>) outs(%y0 : tensor<?x72xf32>) {
    ^bb0(%a: f32, %b: f32, %s: f32):
      %q = arith.mulf %a, %b : f32
      %r = arith.addf %s, %q : f32
      linalg.yield %r : f32
    } -> tensor<?x72xf32>
    %ge = tensor.empty(%T) : tensor<?x72xf32>
    %g = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<?x72xf32>) outs(%ge : tensor<?x72xf32>) {
    ^bb0(%a: f32, %o: f32):
      %q = math.tanh %a : f32
      linalg.yield %q : f32
    } -> tensor<?x72xf32>
    return %g : tensor<?x72xf32>
  }
}
