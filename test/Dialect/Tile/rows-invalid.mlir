// RUN: peermla-opt %s -split-input-file -verify-diagnostics

// One case per constraint of rows, gathers and scratch, named after it.

// expected-error @below {{expects 'vector' to be at least 1, got 0}}
func.func @rows_c1_vector(%t: tensor<4x64xf32, #tile.rows<threads = 32, lanes = 32, vector = 0>>) { return }

// -----

// expected-error @below {{expects 'lanes' to divide 32 or be a multiple of it, and to divide 'threads', got 48 of 96}}
func.func @rows_c1_lanes(%t: tensor<4x96xf32, #tile.rows<threads = 96, lanes = 48, vector = 1>>) { return }

// -----

// expected-error @below {{expects 'lanes' to divide 32 or be a multiple of it, and to divide 'threads', got 64 of 96}}
func.func @rows_c1_threads(%t: tensor<4x64xf32, #tile.rows<threads = 96, lanes = 64, vector = 1>>) { return }

// -----

// expected-error @below {{expects R of a tile in #tile.rows<threads = 64, lanes = 16, vector = 2> to be a multiple of 4, got 6}}
func.func @rows_c2_rows(%t: tensor<6x32xf32, #tile.rows<threads = 64, lanes = 16, vector = 2>>) { return }

// -----

// expected-error @below {{expects C of a tile in #tile.rows<threads = 64, lanes = 16, vector = 2> to be a multiple of 32, got 48}}
func.func @rows_c2_columns(%t: tensor<4x48xf32, #tile.rows<threads = 64, lanes = 16, vector = 2>>) { return }

// -----

// expected-error @below {{expects 'warps' to be at least 1, got 0}}
func.func @parts_c1(%t: tensor<8x2xf32, #tile.parts<warps = 0>>) { return }

// -----

// expected-error @below {{expects a tile in #tile.parts<warps = 2> to have a divisor of 32 of rows and one column per warp, got 12 x 2}}
func.func @parts_c2_rows(%t: tensor<12x2xf32, #tile.parts<warps = 2>>) { return }

// -----

// expected-error @below {{expects a tile in #tile.parts<warps = 2> to have a divisor of 32 of rows and one column per warp, got 8 x 3}}
func.func @parts_c2_columns(%t: tensor<8x3xf32, #tile.parts<warps = 2>>) { return }

// -----

// expected-error @below {{expects 'parent' to be #tile.mma or #tile.rows, got #tile.shared}}
func.func @slice_c1(%t: tensor<48xf32, #tile.slice<0, #tile.shared>>) { return }

// -----

// expected-error @below {{to be a multiple of 512, got 256}}
func.func @slice_c2(%t: tensor<256xf32, #tile.slice<0, #tile.rows<threads = 64, lanes = 64, vector = 8>>>) { return }

// -----

func.func @gather_c1(%w: memref<?x96xf32>, %r: tensor<4xi32>, %n: index) {
  // expected-error @below {{'tile.gather' op expects one offset per dimension of 'source', got 1 for 'memref<?x96xf32>'}}
  %a = tile.gather %w[%n] at(%r) sizes(%n, %n) along [0, 1] : memref<?x96xf32>, tensor<4xi32> -> tensor<4x128xf32>
  return
}

// -----

func.func @gather_c2_count(%w: memref<?x96xf32>, %r: tensor<4xi32>, %n: index) {
  // expected-error @below {{'tile.gather' op expects an entry of 'dims' and a size per tile of coordinates and for columns, got 1 entries and 1 sizes instead of 2}}
  %a = tile.gather %w[%n, %n] at(%r) sizes(%n) along [0] : memref<?x96xf32>, tensor<4xi32> -> tensor<4x128xf32>
  return
}

// -----

func.func @gather_c2_dims(%w: memref<?x96xf32>, %r: tensor<4xi32>, %n: index) {
  // expected-error @below {{'tile.gather' op expects 'dims' to be different dimensions of 'source', got [1, 1] for 'memref<?x96xf32>'}}
  %a = tile.gather %w[%n, %n] at(%r) sizes(%n, %n) along [1, 1] : memref<?x96xf32>, tensor<4xi32> -> tensor<4x128xf32>
  return
}

// -----

func.func @gather_c3(%w: memref<?x96xf32>, %r: tensor<4xi32>, %n: index) {
  // expected-error @below {{'tile.gather' op expects a static tile of rank 1 or 2 of elements of 'source', got 'tensor<4x128xf16>' for 'memref<?x96xf32>'}}
  %a = tile.gather %w[%n, %n] at(%r) sizes(%n, %n) along [0, 1] : memref<?x96xf32>, tensor<4xi32> -> tensor<4x128xf16>
  return
}

// -----

func.func @gather_c4_none(%w: memref<96xf32>, %n: index) {
  // expected-error @below {{'tile.gather' op expects at least one tile of coordinates}}
  %a = "tile.gather"(%w, %n) <{dims = array<i64>, operandSegmentSizes = array<i32: 1, 1, 0, 0>}> : (memref<96xf32>, index) -> tensor<4xf32>
  return
}

// -----

func.func @gather_c4_extent(%w: memref<?x96xf32>, %r: tensor<8xi32>, %n: index) {
  // expected-error @below {{'tile.gather' op expects one i32 per row of the result in each tile of coordinates, got 'tensor<8xi32>' for 'tensor<4x128xf32>'}}
  %a = tile.gather %w[%n, %n] at(%r) sizes(%n, %n) along [0, 1] : memref<?x96xf32>, tensor<8xi32> -> tensor<4x128xf32>
  return
}

// -----

#rows = #tile.rows<threads = 32, lanes = 32, vector = 4>
func.func @gather_c5_rows(%w: memref<?x96xf32>, %r: tensor<4xi32, #tile.slice<0, #tile.rows<threads = 4, lanes = 1, vector = 1>>>, %n: index) {
  // expected-error @below {{'tile.gather' op expects rows in #tile.rows and coordinates in their slice, got}}
  %a = tile.gather %w[%n, %n] at(%r) sizes(%n, %n) along [0, 1] : memref<?x96xf32>, tensor<4xi32, #tile.slice<0, #tile.rows<threads = 4, lanes = 1, vector = 1>>> -> tensor<4x128xf32, #rows>
  return
}

// -----

#one = #tile.rows<threads = 32, lanes = 1, vector = 1>
func.func @gather_c5_elements(%w: memref<96xf32>, %r: tensor<32xi32, #tile.slice<0, #one>>, %n: index) {
  // expected-error @below {{'tile.gather' op expects coordinates in the layout of the result, got}}
  %a = tile.gather %w[%n] at(%r) sizes(%n) along [0] : memref<96xf32>, tensor<32xi32, #tile.slice<0, #one>> -> tensor<32xf32, #tile.slice<1, #one>>
  return
}

// -----

func.func @scratch_c1() {
  // expected-error @below {{'tile.scratch' op expects static, contiguous memory in #gpu.address_space<workgroup>, got 'memref<8x2xf32>'}}
  %s = tile.scratch : memref<8x2xf32>
  return
}

// -----

func.func @reduce_c1_parts(%a: tensor<8x10xf32>) {
  // expected-error @below {{'tile.reduce' op expects 'parts' to divide the last of two dimensions of 'source', got 4 along 1 of 'tensor<8x10xf32>'}}
  %d = tile.reduce add %a along 1 parts 4 : tensor<8x10xf32> -> tensor<8x4xf32>
  return
}

// -----

func.func @reduce_c1_parts_shape(%a: tensor<8x12xf32>) {
  // expected-error @below {{'tile.reduce' op expects the result to be 'source' with parts for dimension 1, got 'tensor<8x3xf32>' for 'tensor<8x12xf32>'}}
  %d = tile.reduce add %a along 1 parts 4 : tensor<8x12xf32> -> tensor<8x3xf32>
  return
}

// -----

func.func @reduce_c2_init(%a: tensor<8x12xf32>, %i: tensor<8xf32>) {
  // expected-error @below {{'tile.reduce' op expects 'init' to have the type of the result, got 'tensor<8xf32>' and 'tensor<12xf32>'}}
  %d = "tile.reduce"(%a, %i) <{combine = 1 : i32, dim = 0 : i64}> : (tensor<8x12xf32>, tensor<8xf32>) -> tensor<12xf32>
  return
}

// -----

#rows = #tile.rows<threads = 64, lanes = 64, vector = 4>
func.func @reduce_c4_parts(%a: tensor<8x256xf32, #rows>) {
  // expected-error @below {{'tile.reduce' op expects a warp for each of 4 parts of a row, got #tile.rows<threads = 64, lanes = 64, vector = 4>}}
  %d = tile.reduce add %a along 1 parts 4 : tensor<8x256xf32, #rows> -> tensor<8x4xf32, #tile.parts<warps = 4>>
  return
}

// -----

#rows = #tile.rows<threads = 64, lanes = 64, vector = 4>
func.func @reduce_c4_meet(%a: tensor<8x256xf32, #rows>) {
  // expected-error @below {{'tile.reduce' op expects elements that meet in one thread, got 'tensor<8x256xf32, #tile.rows<threads = 64, lanes = 64, vector = 4>>' along 1}}
  %d = tile.reduce add %a along 1 : tensor<8x256xf32, #rows> -> tensor<8xf32, #tile.slice<1, #rows>>
  return
}

// -----

#rows = #tile.rows<threads = 64, lanes = 8, vector = 4>
func.func @reduce_c4_init_of_lanes(%a: tensor<8x256xf32, #rows>, %i: tensor<8xf32, #tile.slice<1, #rows>>) {
  // expected-error @below {{'tile.reduce' op expects elements that meet in one thread, got 'tensor<8x256xf32, #tile.rows<threads = 64, lanes = 8, vector = 4>>' along 1}}
  %d = tile.reduce add %a along 1 init %i : tensor<8x256xf32, #rows> -> tensor<8xf32, #tile.slice<1, #rows>>
  return
}

// -----

#rows = #tile.rows<threads = 64, lanes = 64, vector = 4>
func.func @reduce_c4_result(%a: tensor<8x256xf32, #rows>) {
  // expected-error @below {{'tile.reduce' op expects a result in #tile.slice<0, #tile.rows<threads = 64, lanes = 64, vector = 4>>, got}}
  %d = tile.reduce add %a along 0 : tensor<8x256xf32, #rows> -> tensor<256xf32, #tile.slice<0, <warps = [1, 1]>>>
  return
}
