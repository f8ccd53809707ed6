// RUN: peermla-opt %s -split-input-file -verify-diagnostics

// Extents of a schedule are not negative.

// expected-error @below {{expects extents of 'block' to be at least 0, got -3}}
func.func private @block() attributes {s = #tile.schedule<block = [2, -3]>}

// -----

// expected-error @below {{expects extents of 'inner' to be at least 0, got -7}}
func.func private @inner() attributes {s = #tile.schedule<inner = [-7]>}

// -----

// expected-error @below {{expects extents of 'registers' to be at least 0, got -1}}
func.func private @registers() attributes {s = #tile.schedule<registers = [4, -1]>}

// -----

// expected-error @below {{expects extents of 'split' to be at least 0, got -2}}
func.func private @split() attributes {s = #tile.schedule<split = -2>}

// -----

// expected-error @below {{expects 'parts' to be at least 0, got -2}}
func.func private @parts() attributes {s = #tile.schedule<parts = -2>}

// -----

gpu.module @k {
  func.func @k() { return }
}
func.func @launch_c1_blocks(%n: index) {
  // expected-error @below {{'tile.launch' op expects 'blocks' to have 1 to 3 extents, got 4}}
  tile.launch @k::@k blocks(%n, %n, %n, %n)
  return
}

// -----

gpu.module @k {
  func.func @k(%x: vector<4xf32>) { return }
}
func.func @launch_c2_inputs(%n: index, %x: vector<4xf32>) {
  // expected-error @below {{'tile.launch' op expects 'inputs' to be ranked tensors, memrefs, integers or floats, got 'vector<4xf32>'}}
  tile.launch @k::@k blocks(%n) ins(%x : vector<4xf32>)
  return
}

// -----

gpu.module @k {
  func.func @k(%x: f32) { return }
}
func.func @launch_c2_outputs(%n: index, %x: f32) {
  // expected-error @below {{'tile.launch' op expects 'outputs' to be ranked tensors or memrefs, got 'f32'}}
  tile.launch @k::@k blocks(%n) outs(%x : f32)
  return
}

// -----

func.func @launch_c3_kernel(%n: index) {
  // expected-error @below {{'tile.launch' op expects 'kernel' to name a function in a gpu.module, got @launch_c3_kernel}}
  tile.launch @launch_c3_kernel blocks(%n)
  return
}

// -----

gpu.module @k {
  func.func @k(%x: f32) { return }
}
func.func @launch_c4_parameters(%n: index) {
  // expected-error @below {{'tile.launch' op expects the kernel @k::@k to have 0 parameters, got 1}}
  tile.launch @k::@k blocks(%n)
  return
}

// -----

gpu.module @k {
  llvm.func @k(%x: !llvm.ptr) { llvm.return }
}
func.func @launch_c4_lowered_parameters(%n: index, %x: memref<?x?xf32>) {
  // expected-error @below {{'tile.launch' op expects the kernel @k::@k to have 4 parameters, got 1}}
  tile.launch @k::@k blocks(%n) outs(%x : memref<?x?xf32>)
  return
}

// -----

gpu.module @k {
  func.func @k(%x: memref<3xf32>, %y: memref<3xf32>) { return }
}
func.func @launch_c5_mixed(%n: index, %x: tensor<3xf32>, %y: memref<3xf32>) {
  // expected-error @below {{'tile.launch' op expects either tensors or memrefs, got both}}
  tile.launch @k::@k blocks(%n) ins(%x : tensor<3xf32>) outs(%y : memref<3xf32>)
  return
}

// -----

gpu.module @k {
  func.func @k(%y: memref<3xf32>) { return }
}
func.func @launch_c5_results(%n: index, %y: tensor<3xf32>) {
  // expected-error @below {{'tile.launch' op expects one result per destination, got 0 results and 1 destinations}}
  tile.launch @k::@k blocks(%n) outs(%y : tensor<3xf32>)
  return
}

// -----

// expected-error @below {{expects rows of 'warps' to be a multiple of 4 for 'wgmma', got [6, 1]}}
func.func private @instructions_rows() attributes {s = #tile.schedule<warps = [6, 1], instructions = wgmma>}

// -----

// expected-error @below {{expects rows of 'warps' to be a multiple of 4 for 'wgmma', got []}}
func.func private @instructions_without_warps() attributes {s = #tile.schedule<instructions = wgmma>}

// -----

// expected-error @below {{expects 'roles' to have 2 extents, got 1}}
func.func private @roles_count() attributes {s = #tile.schedule<warps = [4, 1], instructions = wgmma, roles = [24]>}

// -----

// expected-error @below {{expects registers of 'roles' to be 0 or multiples of 8 from 24 to 256, got 30}}
func.func private @roles_registers() attributes {s = #tile.schedule<warps = [4, 1], instructions = wgmma, roles = [24, 30]>}

// -----

// expected-error @below {{expects 'warps' where there are 'roles'}}
func.func private @roles_of_warps() attributes {s = #tile.schedule<block = [4, 1], roles = [24, 240]>}
