// RUN: peermla-opt %s -split-input-file -verify-diagnostics

// One case per constraint of the ops of tile programs and of their layouts.

// expected-error @below {{expects 'warps' to have 2 extents, got 1}}
func.func @mma_layout_c1_rank(%t: tensor<64x64xf32, #tile.mma<warps = [4]>>) { return }

// -----

// expected-error @below {{expects extents of 'warps' to be at least 1, got 0}}
func.func @mma_layout_c1_extent(%t: tensor<64x64xf32, #tile.mma<warps = [4, 0]>>) { return }

// -----

// expected-error @below {{expects M of a tile in #tile.mma<warps = [4, 1]> to be a multiple of 64, got 48}}
func.func @mma_layout_c2(%t: tensor<48x64xf32, #tile.mma<warps = [4, 1]>>) { return }

// -----

// expected-error @below {{expects 'dim' to be 0 or 1, got 2}}
func.func @slice_c1(%t: tensor<48xf32, #tile.slice<2, <warps = [1, 1]>>>) { return }

// -----

// expected-error @below {{expects the extent of a tile in #tile.slice<0, <warps = [1, 3]>> to be a multiple of 24, got 32}}
func.func @slice_c2(%t: tensor<32xf32, #tile.slice<0, <warps = [1, 3]>>>) { return }

// -----

// expected-error @below {{expects columns of a tile in #tile.shared to be a multiple of 8, got 36}}
func.func @shared_c1(%t: tensor<8x36xbf16, #tile.shared>) { return }

// -----

// expected-error @below {{expects at least 1 slot, got 0}}
func.func @ring_c1(%r: !tile.ring<0 x tensor<8x64xbf16, #tile.shared>>) { return }

// -----

// expected-error @below {{expects tiles in #tile.shared, got 'tensor<8x64xbf16>'}}
func.func @ring_c2(%r: !tile.ring<1 x tensor<8x64xbf16>>) { return }

// -----

func.func @load_c1(%x: memref<8x8xf32>, %i: index) {
  // expected-error @below {{'tile.load' op expects one offset per dimension of 'source', got 1 for 'memref<8x8xf32>'}}
  %t = tile.load %x[%i] sizes(%i, %i) along [0, 1] : memref<8x8xf32> -> tensor<8x8xf32>
  return
}

// -----

func.func @load_c2_sizes(%x: memref<8x8xf32>, %i: index) {
  // expected-error @below {{'tile.load' op expects a size and an entry of 'dims' per dimension of the tile, got 1 sizes and 2 entries for 'tensor<8x8xf32>'}}
  %t = tile.load %x[%i, %i] sizes(%i) along [0, 1] : memref<8x8xf32> -> tensor<8x8xf32>
  return
}

// -----

func.func @load_c2_order(%x: memref<8x8xf32>, %i: index) {
  // expected-error @below {{'tile.load' op expects 'dims' to be increasing dimensions of 'source', got [1, 0] for 'memref<8x8xf32>'}}
  %t = tile.load %x[%i, %i] sizes(%i, %i) along [1, 0] : memref<8x8xf32> -> tensor<8x8xf32>
  return
}

// -----

func.func @load_c3(%x: memref<8x8xf32>, %i: index) {
  // expected-error @below {{'tile.load' op expects a static tile of elements of 'source', got 'tensor<8x8xbf16>' for 'memref<8x8xf32>'}}
  %t = tile.load %x[%i, %i] sizes(%i, %i) along [0, 1] : memref<8x8xf32> -> tensor<8x8xbf16>
  return
}

// -----

func.func @load_c4(%x: memref<8x64xbf16>, %i: index, %r: !tile.ring<1 x tensor<8x64xbf16, #tile.shared>>) {
  // expected-error @below {{'tile.load' op expects 'ring' to have tiles of the result's type 'tensor<8x64xbf16>', got '!tile.ring<1 x tensor<8x64xbf16, #tile.shared>>'}}
  %t = tile.load %x[%i, %i] sizes(%i, %i) along [0, 1] via %r[%i] : !tile.ring<1 x tensor<8x64xbf16, #tile.shared>>, memref<8x64xbf16> -> tensor<8x64xbf16>
  return
}

// -----

func.func @store_c1(%t: tensor<8x8xf32>, %x: memref<8x8xf32>, %i: index) {
  // expected-error @below {{'tile.store' op expects one offset per dimension of 'target', got 1 for 'memref<8x8xf32>'}}
  tile.store %t, %x[%i] sizes(%i, %i) along [0, 1] : tensor<8x8xf32>, memref<8x8xf32>
  return
}

// -----

func.func @fill_c3(%x: memref<8x64xf16>, %i: index, %r: !tile.ring<1 x tensor<8x64xbf16, #tile.shared>>) {
  // expected-error @below {{'tile.fill' op expects a static tile of elements of 'source', got 'tensor<8x64xbf16, #tile.shared>' for 'memref<8x64xf16>'}}
  tile.fill %r[%i], %x[%i, %i] sizes(%i, %i) along [0, 1] : !tile.ring<1 x tensor<8x64xbf16, #tile.shared>>, memref<8x64xf16>
  return
}

// -----

func.func @consume_c1(%i: index, %r: !tile.ring<1 x tensor<8x64xbf16, #tile.shared>>) {
  // expected-error @below {{'tile.consume' op expects a result of the type of the ring's tiles, got 'tensor<8x64xbf16>' for '!tile.ring<1 x tensor<8x64xbf16, #tile.shared>>'}}
  %t = tile.consume %r[%i] pending 0 : !tile.ring<1 x tensor<8x64xbf16, #tile.shared>> -> tensor<8x64xbf16>
  return
}

// -----

func.func @mma_c1_rank(%a: tensor<16xf16>, %b: tensor<16x8xf16>) {
  // expected-error @below {{'tile.mma' op expects 'a' to be a static tile of rank 2, got 'tensor<16xf16>'}}
  %d = tile.mma %a, %b : tensor<16xf16>, tensor<16x8xf16> -> tensor<16x8xf32>
  return
}

// -----

func.func @mma_c1_sum(%a: tensor<16x32xf16>, %b: tensor<16x8xf16>) {
  // expected-error @below {{'tile.mma' op expects 'a' and 'b' to agree in K, got 32 in 'tensor<16x32xf16>' and 16 in 'tensor<16x8xf16>'}}
  %d = tile.mma %a, %b : tensor<16x32xf16>, tensor<16x8xf16> -> tensor<16x8xf32>
  return
}

// -----

func.func @mma_c2_type(%a: tensor<16x16xf64>, %b: tensor<16x8xf64>) {
  // expected-error @below {{'tile.mma' op expects 'a' to have elements of f16, bf16 or f32, got 'tensor<16x16xf64>'}}
  %d = tile.mma %a, %b : tensor<16x16xf64>, tensor<16x8xf64> -> tensor<16x8xf32>
  return
}

// -----

func.func @mma_c3(%a: tensor<16x16xf16>, %b: tensor<16x8xf16>) {
  // expected-error @below {{'tile.mma' op expects 'd' to have elements of f32, got 'tensor<16x8xf16>'}}
  %d = tile.mma %a, %b : tensor<16x16xf16>, tensor<16x8xf16> -> tensor<16x8xf16>
  return
}

// -----

func.func @mma_c4(%a: tensor<16x64xf16, #tile.shared>, %b: tensor<64x8xf16, #tile.mma<warps = [1, 1]>>) {
  // expected-error @below {{'tile.mma' op expects 'b' in #tile.shared, got 'tensor<64x8xf16, #tile.mma<warps = [1, 1]>>'}}
  %d = tile.mma %a, %b : tensor<16x64xf16, #tile.shared>, tensor<64x8xf16, #tile.mma<warps = [1, 1]>> -> tensor<16x8xf32>
  return
}

// -----

func.func @broadcast_c1(%a: tensor<16xf32>) {
  // expected-error @below {{'tile.broadcast' op expects 'source' to be the result without dimension 1, got 'tensor<16xf32>' and 'tensor<8x16xf32>'}}
  %d = tile.broadcast %a along 1 : tensor<16xf32> -> tensor<8x16xf32>
  return
}

// -----

func.func @broadcast_c2(%a: tensor<16xf32, #tile.slice<0, <warps = [1, 1]>>>) {
  // expected-error @below {{'tile.broadcast' op expects the layout of 'source' to be the slice of the result's, got 'tensor<16xf32, #tile.slice<0, <warps = [1, 1]>>>' and 'tensor<16x8xf32, #tile.mma<warps = [1, 1]>>'}}
  %d = tile.broadcast %a along 1 : tensor<16xf32, #tile.slice<0, <warps = [1, 1]>>> -> tensor<16x8xf32, #tile.mma<warps = [1, 1]>>
  return
}

// -----

// expected-error @below {{expects 'warps' to have 2 extents, got 1}}
func.func private @schedule_warps() attributes {s = #tile.schedule<warps = [4]>}

// -----

// expected-error @below {{expects extents of 'stages' to be at least 0, got -1}}
func.func private @schedule_stages() attributes {s = #tile.schedule<stages = -1>}

// -----

func.func @reduce_c1_dim(%a: tensor<16x8xf32>) {
  // expected-error @below {{'tile.reduce' op expects 'dim' to be a dimension of 'source', got 2 for 'tensor<16x8xf32>'}}
  %d = tile.reduce max %a along 2 : tensor<16x8xf32> -> tensor<16xf32>
  return
}

// -----

func.func @reduce_c1_shape(%a: tensor<16x8xf32>) {
  // expected-error @below {{'tile.reduce' op expects the result to be 'source' without dimension 1, got 'tensor<8xf32>' for 'tensor<16x8xf32>'}}
  %d = tile.reduce max %a along 1 : tensor<16x8xf32> -> tensor<8xf32>
  return
}

// -----

func.func @reduce_c2(%a: tensor<16x8xf16>) {
  // expected-error @below {{'tile.reduce' op expects 'source' to have elements of f32, got 'tensor<16x8xf16>'}}
  %d = tile.reduce add %a along 1 : tensor<16x8xf16> -> tensor<16xf16>
  return
}

// -----

func.func @reduce_c3(%a: tensor<16x16xf32, #tile.mma<warps = [1, 2]>>) {
  // expected-error @below {{'tile.reduce' op expects a reduction of rows of #tile.mma, got 'tensor<16x16xf32, #tile.mma<warps = [1, 2]>>' along 0}}
  %d = tile.reduce add %a along 0 : tensor<16x16xf32, #tile.mma<warps = [1, 2]>> -> tensor<16xf32, #tile.slice<0, <warps = [1, 2]>>>
  return
}

// -----

func.func @index_c1() {
  // expected-error @below {{'tile.index' op expects a dimension of a tile of i32, got 0 for 'tensor<16x8xi64>'}}
  %d = tile.index 0 : tensor<16x8xi64>
  return
}

// -----

func.func @any_nonfinite_c1(%a: tensor<16x8xi32>) {
  // expected-error @below {{'tile.any_nonfinite' op expects 'source' to be a tile of f16, bf16 or f32 in #tile.shared, got 'tensor<16x8xi32>'}}
  %d = tile.any_nonfinite %a : tensor<16x8xi32>
  return
}

// -----

func.func @clear_nonfinite_c1_element(%a: tensor<16x8xi32>) {
  // expected-error @below {{'tile.clear_nonfinite' op expects 'source' to be a tile of f16, bf16 or f32 in #tile.shared, got 'tensor<16x8xi32>'}}
  %d = tile.clear_nonfinite %a : tensor<16x8xi32>
  return
}

// -----

func.func @clear_nonfinite_c1_layout(%a: tensor<16x8xf32, #tile.mma<warps = [1, 1]>>) {
  // expected-error @below {{'tile.clear_nonfinite' op expects 'source' to be a tile of f16, bf16 or f32 in #tile.shared, got 'tensor<16x8xf32, #tile.mma<warps = [1, 1]>>'}}
  %d = tile.clear_nonfinite %a : tensor<16x8xf32, #tile.mma<warps = [1, 1]>>
  return
}

// -----

func.func @load_c2_group(%x: memref<8x8x64xf32>, %i: index) {
  // expected-error @below {{'tile.load' op expects a size and an entry of 'dims' per dimension of the tile and one more, got 2 sizes and 2 entries for 'tensor<16x64xf32>'}}
  %t = tile.load %x[%i, %i, %i] sizes(%i, %i) along [0, 2] group 8 : memref<8x8x64xf32> -> tensor<16x64xf32>
  return
}

// -----

func.func @load_c5(%x: memref<8x8x64xf32>, %i: index) {
  // expected-error @below {{'tile.load' op expects 'group' to be at least 1, got 0}}
  %t = tile.load %x[%i, %i, %i] sizes(%i, %i, %i) along [0, 1, 2] group 0 : memref<8x8x64xf32> -> tensor<16x64xf32>
  return
}

// -----

func.func @load_c6_table(%x: memref<8x8x64xf32>, %t: memref<8xi32>, %i: index) {
  // expected-error @below {{'tile.load' op expects 'table' to be a memref of i32 of rank 2, got 'memref<8xi32>'}}
  %a = tile.load %x[%i, %i, %i] sizes(%i, %i) along [1, 2] pages(%t[%i] : memref<8xi32>) : memref<8x8x64xf32> -> tensor<16x64xf32>
  return
}

// -----

func.func @load_c6_rows(%x: memref<8x64xf32>, %t: memref<8x8xi32>, %i: index) {
  // expected-error @below {{'tile.load' op expects rows with a dimension of blocks before theirs and no 'group' with a table, got [0, 1]}}
  %a = tile.load %x[%i, %i] sizes(%i, %i) along [0, 1] pages(%t[%i] : memref<8x8xi32>) : memref<8x64xf32> -> tensor<16x64xf32>
  return
}

// -----

func.func @store_c4(%a: tensor<16x64xf32>, %x: memref<8x8x64xf32>, %i: index) {
  // expected-error @below {{'tile.store' op expects 'group' to be at least 1, got -2}}
  tile.store %a, %x[%i, %i, %i] sizes(%i, %i, %i) along [0, 1, 2] group -2 : tensor<16x64xf32>, memref<8x8x64xf32>
  return
}

// -----

func.func @fill_c5(%r: !tile.ring<1 x tensor<16x64xf32, #tile.shared>>, %x: memref<8x8x64xf32>, %t: memref<8x8xi64>, %i: index) {
  // expected-error @below {{'tile.fill' op expects 'table' to be a memref of i32 of rank 2, got 'memref<8x8xi64>'}}
  tile.fill %r[%i], %x[%i, %i, %i] sizes(%i, %i) along [1, 2] pages(%t[%i] : memref<8x8xi64>) : !tile.ring<1 x tensor<16x64xf32, #tile.shared>>, memref<8x8x64xf32>
  return
}

// -----

func.func @convert_c1(%a: tensor<16x64xf32>) {
  // expected-error @below {{'tile.convert' op expects a result of the shape and element type of 'source', got 'tensor<16x64xf32>' and 'tensor<16x64xbf16>'}}
  %b = tile.convert %a : tensor<16x64xf32> -> tensor<16x64xbf16>
  return
}

// -----

func.func @convert_c2_source(%a: tensor<16x64xf32, #tile.shared>) {
  // expected-error @below {{'tile.convert' op expects 'source' in #tile.mma, got 'tensor<16x64xf32, #tile.shared>'}}
  %b = tile.convert %a : tensor<16x64xf32, #tile.shared> -> tensor<16x64xf32, #tile.shared>
  return
}

// -----

func.func @convert_c2_result(%a: tensor<16x64xf32>) {
  // expected-error @below {{'tile.convert' op expects a result in #tile.shared, got 'tensor<16x64xf32, #tile.mma<warps = [1, 1]>>'}}
  %b = tile.convert %a : tensor<16x64xf32> -> tensor<16x64xf32, #tile.mma<warps = [1, 1]>>
  return
}

// -----

func.func @convert_c2_ring(%a: tensor<16x64xf32>, %r: !tile.ring<1 x tensor<16x32xf32, #tile.shared>>, %i: index) {
  // expected-error @below {{'tile.convert' op expects 'ring' to have tiles of the result's type 'tensor<16x64xf32, #tile.shared>', got '!tile.ring<1 x tensor<16x32xf32, #tile.shared>>'}}
  %b = tile.convert %a via %r[%i] : !tile.ring<1 x tensor<16x32xf32, #tile.shared>>, tensor<16x64xf32> -> tensor<16x64xf32, #tile.shared>
  return
}

// -----

func.func @ring_c1() {
  // expected-error @below {{'tile.ring' op expects 'barriers' to be a multiple of 8, got 12}}
  %r = tile.ring {barriers = 12, offset = 0} : !tile.ring<1 x tensor<16x64xf32, #tile.shared>>
  return
}

// -----

func.func @fill_box_c1_rank(%r: !tile.ring<1 x tensor<16x32xf32, #tile.shared>>, %x: memref<64xf32>, %i: index) {
  // expected-error @below {{'tile.fill_box' op expects 'source' to have rank 2 to 5, got 'memref<64xf32>'}}
  tile.fill_box %r[%i], %x[%i] along [0, 1] : !tile.ring<1 x tensor<16x32xf32, #tile.shared>>, memref<64xf32>
  return
}

// -----

func.func @fill_box_c1_offsets(%r: !tile.ring<1 x tensor<16x32xf32, #tile.shared>>, %x: memref<8x64xf32>, %i: index) {
  // expected-error @below {{'tile.fill_box' op expects one offset per dimension of 'source', got 1 for 'memref<8x64xf32>'}}
  tile.fill_box %r[%i], %x[%i] along [0, 1] : !tile.ring<1 x tensor<16x32xf32, #tile.shared>>, memref<8x64xf32>
  return
}

// -----

func.func @fill_box_c2(%r: !tile.ring<1 x tensor<16x32xf32, #tile.shared>>, %x: memref<8x8x64xf32>, %i: index) {
  // expected-error @below {{'tile.fill_box' op expects 'dims' to be a dimension of 'source' and its last, got [0, 1] for 'memref<8x8x64xf32>'}}
  tile.fill_box %r[%i], %x[%i, %i, %i] along [0, 1] : !tile.ring<1 x tensor<16x32xf32, #tile.shared>>, memref<8x8x64xf32>
  return
}

// -----

func.func @fill_box_c3(%r: !tile.ring<1 x tensor<16x32xf32, #tile.shared>>, %x: memref<8x64xbf16>, %i: index) {
  // expected-error @below {{'tile.fill_box' op expects tiles of elements of 'source', got 'tensor<16x32xf32, #tile.shared>' for 'memref<8x64xbf16>'}}
  tile.fill_box %r[%i], %x[%i, %i] along [0, 1] : !tile.ring<1 x tensor<16x32xf32, #tile.shared>>, memref<8x64xbf16>
  return
}

// -----

func.func @fill_box_c4(%r: !tile.ring<1 x tensor<272x32xf32, #tile.shared>>, %x: memref<8x64xf32>, %i: index) {
  // expected-error @below {{'tile.fill_box' op expects tiles of at most 256 rows, got 'tensor<272x32xf32, #tile.shared>'}}
  tile.fill_box %r[%i], %x[%i, %i] along [0, 1] : !tile.ring<1 x tensor<272x32xf32, #tile.shared>>, memref<8x64xf32>
  return
}

// -----

func.func @fill_box_c5(%x: memref<8x64xf32>, %i: index) {
  %r = tile.ring {offset = 0} : !tile.ring<1 x tensor<16x32xf32, #tile.shared>>
  // expected-error @below {{'tile.fill_box' op expects 'ring' to have 'barriers'}}
  tile.fill_box %r[%i], %x[%i, %i] along [0, 1] : !tile.ring<1 x tensor<16x32xf32, #tile.shared>>, memref<8x64xf32>
  return
}

// -----

func.func @clear_rows_c1(%a: tensor<16x64xf32, #tile.mma<warps = [1, 1]>>, %i: index) {
  // expected-error @below {{'tile.clear_rows' op expects 'source' to be a tile of rank 2 in #tile.shared, got 'tensor<16x64xf32, #tile.mma<warps = [1, 1]>>'}}
  %b = tile.clear_rows %a from %i : tensor<16x64xf32, #tile.mma<warps = [1, 1]>>
  return
}

// -----

func.func @ring_c2_count() {
  // expected-error @below {{'tile.ring' op expects 'consumers' to be at least 1, got 0}}
  %r = tile.ring {barriers = 16, consumers = 0, offset = 0} : !tile.ring<1 x tensor<16x64xf32, #tile.shared>>
  return
}

// -----

func.func @ring_c2_barriers() {
  // expected-error @below {{'tile.ring' op expects 'barriers' where there are 'consumers'}}
  %r = tile.ring {consumers = 4, offset = 0} : !tile.ring<1 x tensor<16x64xf32, #tile.shared>>
  return
}

// -----

func.func @ring_c3_count() {
  // expected-error @below {{'tile.ring' op expects 'producers' to be at least 1, got 0}}
  %r = tile.ring {barriers = 16, consumers = 4, offset = 0, producers = 0} : !tile.ring<1 x tensor<16x64xf32, #tile.shared>>
  return
}

// -----

func.func @ring_c3_consumers() {
  // expected-error @below {{'tile.ring' op expects 'consumers' where there are 'producers'}}
  %r = tile.ring {barriers = 16, offset = 0, producers = 128} : !tile.ring<1 x tensor<16x64xf32, #tile.shared>>
  return
}

// -----

func.func @fill_c6(%x: memref<?x64xf32>, %i: index) {
  %r = tile.ring {barriers = 16, consumers = 4, offset = 0} : !tile.ring<1 x tensor<16x64xf32, #tile.shared>>
  // expected-error @below {{'tile.fill' op expects 'ring' to have 'producers' beside 'barriers'}}
  tile.fill %r[%i], %x[%i, %i] sizes(%i, %i) along [0, 1] : !tile.ring<1 x tensor<16x64xf32, #tile.shared>>, memref<?x64xf32>
  return
}

// -----

func.func @release_c1(%i: index) {
  %r = tile.ring {barriers = 16, offset = 0} : !tile.ring<1 x tensor<16x64xf32, #tile.shared>>
  // expected-error @below {{'tile.release' op expects 'ring' to have 'consumers'}}
  tile.release %r[%i] : !tile.ring<1 x tensor<16x64xf32, #tile.shared>>
  return
}

// -----

func.func @specialize_registers() {
  // expected-error @below {{'tile.specialize' op expects two numbers of 'registers', got 1}}
  tile.specialize registers [24] {
  }, {
  }
  return
}

// -----

func.func @specialize_c1() {
  // expected-error @below {{'tile.specialize' op expects 'producer' to have no tiles, got 'tile.index'}}
  tile.specialize {
    %column = tile.index 1 : tensor<64x128xi32>
  }, {
  }
  return
}

// -----

func.func @specialize_c2() {
  // expected-error @below {{'tile.specialize' op expects to be the only one of its program}}
  tile.specialize {
  }, {
  }
  tile.specialize {
  }, {
  }
  return
}

// -----

#mma = #tile.mma<warps = [4, 1]>
func.func @mma_c5_use(%a: tensor<64x64xbf16, #tile.shared>, %b: tensor<64x64xbf16, #tile.shared>) -> tensor<64x64xf32, #mma> {
  // expected-error @below {{'tile.mma' op expects a product in flight to be waited for, but it goes to 'arith.negf'}}
  %d = tile.mma %a, %b flight : tensor<64x64xbf16, #tile.shared>, tensor<64x64xbf16, #tile.shared> -> tensor<64x64xf32, #mma>
  %e = arith.negf %d : tensor<64x64xf32, #mma>
  return %e : tensor<64x64xf32, #mma>
}

// -----

func.func @mma_c6_sum(%a: tensor<64x64xbf16>, %b: tensor<64x64xbf16>) {
  // expected-error @below {{'tile.mma' op expects 'until' beside 'sum'}}
  %d = tile.mma %a, %b sum : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
  return
}

// -----

func.func @mma_c6_group(%a: tensor<64x64xbf16>, %b: tensor<64x64xbf16>) {
  // expected-error @below {{'tile.mma' op expects 'until' beside 'group'}}
  %d = tile.mma %a, %b : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32> {group = 2 : i64}
  return
}

// -----

func.func @read_c1(%a: tensor<16x64xf32>) {
  // expected-error @below {{'tile.read' op expects a result of the shape and element type of 'source', got 'tensor<16x64xf32>' and 'tensor<16x32xf32>'}}
  %b = tile.read %a : tensor<16x64xf32> -> tensor<16x32xf32>
  return
}

// -----

func.func @read_c2_source(%a: tensor<16x64xf32, #tile.mma<warps = [1, 1]>>) {
  // expected-error @below {{'tile.read' op expects 'source' in #tile.shared, got 'tensor<16x64xf32, #tile.mma<warps = [1, 1]>>'}}
  %b = tile.read %a : tensor<16x64xf32, #tile.mma<warps = [1, 1]>> -> tensor<16x64xf32, #tile.mma<warps = [1, 1]>>
  return
}

// -----

func.func @read_c2_result(%a: tensor<16x64xf32, #tile.shared>) {
  // expected-error @below {{'tile.read' op expects a result in #tile.mma, got 'tensor<16x64xf32, #tile.shared>'}}
  %b = tile.read %a : tensor<16x64xf32, #tile.shared> -> tensor<16x64xf32, #tile.shared>
  return
}

// -----

func.func @rotate_c1(%a: tensor<16x64xbf16>, %t: memref<?x32xf32>, %i: index) {
  // expected-error @below {{'tile.rotate' op expects a tile of f32 of rank 2, got 'tensor<16x64xbf16>'}}
  %b = tile.rotate %a from 0 by %t[%i] rows %i : tensor<16x64xbf16>, memref<?x32xf32>
  return
}

// -----

func.func @rotate_c2(%a: tensor<16x64xf32>, %t: memref<?x33xf32>, %i: index) {
  // expected-error @below {{'tile.rotate' op expects a table of f32 of rank 2 with a known even number of columns, got 'memref<?x33xf32>'}}
  %b = tile.rotate %a from 0 by %t[%i] rows %i : tensor<16x64xf32>, memref<?x33xf32>
  return
}

// -----

func.func @rotate_c3(%a: tensor<16x64xf32>, %t: memref<?x32xf32>, %i: index) {
  // expected-error @below {{'tile.rotate' op expects to rotate columns of the tile from an even one on, got 32 from 34 on of 'tensor<16x64xf32>'}}
  %b = tile.rotate %a from 34 by %t[%i] rows %i : tensor<16x64xf32>, memref<?x32xf32>
  return
}
