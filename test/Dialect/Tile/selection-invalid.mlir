// RUN: peermla-opt %s -split-input-file -verify-diagnostics

// One case per constraint of selections, named after it.

func.func @topk_c1_element(%k: tensor<64x24xi32>, %b: tensor<64x8xi32>) {
  // expected-error @below {{'tile.topk' op expects static tiles of i64 with as many rows, got 'tensor<64x24xi32>' and 'tensor<64x8xi32>'}}
  %0 = tile.topk %k into %b : tensor<64x24xi32>, tensor<64x8xi32>
  return
}

// -----

func.func @topk_c1_rows(%k: tensor<32x24xi64>, %b: tensor<64x8xi64>) {
  // expected-error @below {{'tile.topk' op expects static tiles of i64 with as many rows, got 'tensor<32x24xi64>' and 'tensor<64x8xi64>'}}
  %0 = tile.topk %k into %b : tensor<32x24xi64>, tensor<64x8xi64>
  return
}

// -----

func.func @topk_c2(%k: tensor<64x24xi64>, %b: tensor<64x6xi64>) {
  // expected-error @below {{'tile.topk' op expects 'best' to have a power of two of columns, got 'tensor<64x6xi64>'}}
  %0 = tile.topk %k into %b : tensor<64x24xi64>, tensor<64x6xi64>
  return
}

// -----

func.func @topk_c2_sorted(%k: tensor<64x24xi64>, %b: tensor<64x8xi64>) {
  // expected-error @below {{'tile.topk' op expects sorted 'keys' to have the columns of 'best', got 'tensor<64x24xi64>' and 'tensor<64x8xi64>'}}
  %0 = tile.topk sorted %k into %b : tensor<64x24xi64>, tensor<64x8xi64>
  return
}

// -----

#one = #tile.rows<threads = 64, lanes = 1, vector = 1>
#two = #tile.rows<threads = 128, lanes = 2, vector = 4>
func.func @topk_c3_same(%k: tensor<64x24xi64, #one>, %b: tensor<64x8xi64, #two>) {
  // expected-error @below {{'tile.topk' op expects both tiles in one #tile.rows of at most 32 lanes with neighbouring columns of 'best', got 'tensor<64x24xi64, #tile.rows<threads = 64}}
  %0 = tile.topk %k into %b : tensor<64x24xi64, #one>, tensor<64x8xi64, #two>
  return
}

// -----

#many = #tile.rows<threads = 64, lanes = 64, vector = 1>
func.func @topk_c3_warps(%k: tensor<1x64xi64, #many>, %b: tensor<1x64xi64, #many>) {
  // expected-error @below {{'tile.topk' op expects both tiles in one #tile.rows of at most 32 lanes}}
  %0 = tile.topk %k into %b : tensor<1x64xi64, #many>, tensor<1x64xi64, #many>
  return
}

// -----

#two = #tile.rows<threads = 64, lanes = 2, vector = 1>
func.func @topk_c3(%k: tensor<64x24xi64, #two>, %b: tensor<64x8xi64, #two>) {
  // expected-error @below {{'tile.topk' op expects both tiles in one #tile.rows of at most 32 lanes with neighbouring columns of 'best', got}}
  %0 = tile.topk %k into %b : tensor<64x24xi64, #two>, tensor<64x8xi64, #two>
  return
}

// -----

func.func @columns_c1(%s: tensor<64x8xf32>) {
  // expected-error @below {{'tile.columns' op expects a result with the rows of 'source' and 2 columns, got 'tensor<64x3xf32>' for 'tensor<64x8xf32>'}}
  %0 = tile.columns %s [1, 2] : tensor<64x8xf32> -> tensor<64x3xf32>
  return
}

// -----

func.func @columns_c2(%s: tensor<64x8xf32>) {
  // expected-error @below {{'tile.columns' op expects columns of 'source', got 8 for 'tensor<64x8xf32>'}}
  %0 = tile.columns %s [1, 8] : tensor<64x8xf32> -> tensor<64x2xf32>
  return
}

// -----

#one = #tile.rows<threads = 64, lanes = 1, vector = 1>
#mma = #tile.mma<warps = [4, 1]>
func.func @columns_c3(%s: tensor<64x8xf32, #one>) {
  // expected-error @below {{'tile.columns' op expects both tiles in one #tile.rows of single threads, got}}
  %0 = tile.columns %s [0, 1, 2, 3, 4, 5, 6, 7] : tensor<64x8xf32, #one> -> tensor<64x8xf32, #mma>
  return
}

// -----

func.func @scan_c1_columns(%s: memref<64x68xf32>, %i: index, %b: tensor<64x8xi64>, %t: tensor<64xf32>) {
  // expected-error @below {{'tile.scan' op expects rows of f32 with 'columns', a multiple of 32, got 'memref<64x68xf32>' and 96}}
  %0:2 = tile.scan %s first %i count %i columns 96 into %b, %t : memref<64x68xf32>, tensor<64x8xi64>, tensor<64xf32>
  return
}

// -----

func.func @scan_c1_element(%s: memref<64x68xf16>, %i: index, %b: tensor<64x8xi64>, %t: tensor<64xf32>) {
  // expected-error @below {{'tile.scan' op expects rows of f32 with 'columns', a multiple of 32, got 'memref<64x68xf16>' and 64}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t : memref<64x68xf16>, tensor<64x8xi64>, tensor<64xf32>
  return
}

// -----

func.func @scan_c2_best(%s: memref<64x68xf32>, %i: index, %b: tensor<64x6xi64>, %t: tensor<64xf32>) {
  // expected-error @below {{'tile.scan' op expects 'best' of i64 with the rows of 'scores' and a power of two of columns, got 'tensor<64x6xi64>' for 'memref<64x68xf32>'}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t : memref<64x68xf32>, tensor<64x6xi64>, tensor<64xf32>
  return
}

// -----

func.func @scan_c2_rows(%s: memref<64x68xf32>, %i: index, %b: tensor<32x8xi64>, %t: tensor<32xf32>) {
  // expected-error @below {{'tile.scan' op expects 'best' of i64 with the rows of 'scores' and a power of two of columns, got 'tensor<32x8xi64>' for 'memref<64x68xf32>'}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t : memref<64x68xf32>, tensor<32x8xi64>, tensor<32xf32>
  return
}

// -----

func.func @scan_c2_top(%s: memref<64x68xf32>, %i: index, %b: tensor<64x8xi64>, %t: tensor<32xf32>) {
  // expected-error @below {{'tile.scan' op expects 'top' with an f32 per row, got 'tensor<32xf32>' for 'tensor<64x8xi64>'}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t : memref<64x68xf32>, tensor<64x8xi64>, tensor<32xf32>
  return
}

// -----

#two = #tile.rows<threads = 128, lanes = 2, vector = 1>
#row = #tile.slice<1, #two>
func.func @scan_c3(%s: memref<64x68xf32>, %i: index, %b: tensor<64x8xi64, #two>, %t: tensor<64xf32, #row>) {
  // expected-error @below {{'tile.scan' op expects 'best' in #tile.rows with a row per thread and 'top' in its slice, got}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t : memref<64x68xf32>, tensor<64x8xi64, #two>, tensor<64xf32, #row>
  return
}
