// RUN: peermla-opt %s -peermla-verify-contract=stage=model -o /dev/null
// RUN: not peermla-opt %s -peermla-verify-contract=stage=tiled 2>&1 | FileCheck %s --check-prefix=TILED
// RUN: not peermla-opt %s -peermla-verify-contract=stage=buffers 2>&1 | FileCheck %s --check-prefix=BUFFERS
// RUN: not peermla-opt %s -peermla-verify-contract=stage=cpu 2>&1 | FileCheck %s --check-prefix=CPU
// RUN: not peermla-opt %s -peermla-verify-contract=stage=fast 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not peermla-opt %s -peermla-verify-contract 2>&1 | FileCheck %s --check-prefix=MISSING

// What may exist at a stage; every op that may not is named, at its place.

// TILED: verify-contract.mlir:{{[0-9]+}}:8: error: 'mla.attention' may not exist {{.*}}at the stage 'tiled'
// TILED-NOT: error

// BUFFERS: error: 'ml_program.global' may not exist at the stage 'buffers'
// BUFFERS: error: 'tensor.empty' may not exist at the stage 'buffers'
// BUFFERS: error: 'mla.attention' may not exist {{.*}}at the stage 'buffers'

// CPU: error: 'linalg.exp' may not exist at the stage 'cpu'

// UNKNOWN: error: expects the stage to be 'model', 'tiled', 'buffers', 'tile', 'frag', 'nvvm' or 'cpu', got 'fast'
// MISSING: error: expects the stage to be 'model', 'tiled', 'buffers', 'tile', 'frag', 'nvvm' or 'cpu', got ''

ml_program.global private @w(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
func.func @model(%q: tensor<?x3x12xf32>, %kv: tensor<?x20xf32>, %uk: tensor<3x8x16xf32>, %uv: tensor<3x6x16xf32>, %cu: tensor<?xi32>, %T: index)
    -> tensor<?x3x6xf32> {
  %i = tensor.empty(%T) : tensor<?x3x6xf32>
  %o = mla.attention causal scale(0.25)
      ins(%q, %kv, %uk, %uv : tensor<?x3x12xf32>, tensor<?x20xf32>, tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  %e = linalg.exp ins(%o : tensor<?x3x6xf32>) outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %e : tensor<?x3x6xf32>
}
