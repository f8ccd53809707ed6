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

func.func @scan_c1_columns(%s: memref<64x68xf32>, %i: index, %b: tensor<64x8xi64>, %t: tensor<64xf32>, %l: memref<64x8xi32>) {
  // expected-error @below {{'tile.scan' op expects rows of f32 with 'columns', a multiple of 32, got 'memref<64x68xf32>' and 96}}
  %0:2 = tile.scan %s first %i count %i columns 96 into %b, %t through %l : memref<64x68xf32>, tensor<64x8xi64>, tensor<64xf32>, memref<64x8xi32>
  return
}

// -----

func.func @scan_c1_multiple(%s: memref<64x68xf32>, %i: index, %b: tensor<64x8xi64>, %t: tensor<64xf32>, %l: memref<64x8xi32>) {
  // expected-error @below {{'tile.scan' op expects rows of f32 with 'columns', a multiple of 32, got 'memref<64x68xf32>' and 48}}
  %0:2 = tile.scan %s first %i count %i columns 48 into %b, %t through %l : memref<64x68xf32>, tensor<64x8xi64>, tensor<64xf32>, memref<64x8xi32>
  return
}

// -----

func.func @scan_c1_element(%s: memref<64x68xf16>, %i: index, %b: tensor<64x8xi64>, %t: tensor<64xf32>, %l: memref<64x8xi32>) {
  // expected-error @below {{'tile.scan' op expects rows of f32 with 'columns', a multiple of 32, got 'memref<64x68xf16>' and 64}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<64x68xf16>, tensor<64x8xi64>, tensor<64xf32>, memref<64x8xi32>
  return
}

// -----

func.func @scan_c1_rows(%s: memref<64x68xf32, strided<[80, 1]>>, %i: index, %b: tensor<64x8xi64>, %t: tensor<64xf32>, %l: memref<64x8xi32>) {
  // expected-error @below {{'tile.scan' op expects rows of f32 with 'columns', a multiple of 32, got 'memref<64x68xf32, strided<[80, 1]>>' and 64}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<64x68xf32, strided<[80, 1]>>, tensor<64x8xi64>, tensor<64xf32>, memref<64x8xi32>
  return
}

// -----

func.func @scan_c2_best(%s: memref<64x68xf32>, %i: index, %b: tensor<64x6xi64>, %t: tensor<64xf32>, %l: memref<64x6xi32>) {
  // expected-error @below {{'tile.scan' op expects 'best' of i64 with the rows of 'scores' and a power of two of columns, got 'tensor<64x6xi64>' for 'memref<64x68xf32>'}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<64x68xf32>, tensor<64x6xi64>, tensor<64xf32>, memref<64x6xi32>
  return
}

// -----

func.func @scan_c2_one(%s: memref<64x68xf32>, %i: index, %b: tensor<64x1xi64>, %t: tensor<64xf32>, %l: memref<64x1xi32>) {
  // expected-error @below {{'tile.scan' op expects 'best' of i64 with the rows of 'scores' and a power of two of columns, got 'tensor<64x1xi64>' for 'memref<64x68xf32>'}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<64x68xf32>, tensor<64x1xi64>, tensor<64xf32>, memref<64x1xi32>
  return
}

// -----

func.func @scan_c2_rows(%s: memref<64x68xf32>, %i: index, %b: tensor<32x8xi64>, %t: tensor<32xf32>, %l: memref<32x8xi32>) {
  // expected-error @below {{'tile.scan' op expects 'best' of i64 with the rows of 'scores' and a power of two of columns, got 'tensor<32x8xi64>' for 'memref<64x68xf32>'}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<64x68xf32>, tensor<32x8xi64>, tensor<32xf32>, memref<32x8xi32>
  return
}

// -----

func.func @scan_c2_top(%s: memref<64x68xf32>, %i: index, %b: tensor<64x8xi64>, %t: tensor<32xf32>, %l: memref<64x8xi32>) {
  // expected-error @below {{'tile.scan' op expects 'top' with an f32 per row, got 'tensor<32xf32>' for 'tensor<64x8xi64>'}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<64x68xf32>, tensor<64x8xi64>, tensor<32xf32>, memref<64x8xi32>
  return
}

// -----

func.func @scan_c2_list(%s: memref<64x68xf32>, %i: index, %b: tensor<64x8xi64>, %t: tensor<64xf32>, %l: memref<64x4xi32>) {
  // expected-error @below {{'tile.scan' op expects 'list' of i32 with the shape of 'best' or longer rows, got 'memref<64x4xi32>' for 'tensor<64x8xi64>'}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<64x68xf32>, tensor<64x8xi64>, tensor<64xf32>, memref<64x4xi32>
  return
}

// -----

func.func @scan_c2_list_element(%s: memref<64x68xf32>, %i: index, %b: tensor<64x8xi64>, %t: tensor<64xf32>, %l: memref<64x8xi64>) {
  // expected-error @below {{'tile.scan' op expects 'list' of i32 with the shape of 'best' or longer rows, got 'memref<64x8xi64>' for 'tensor<64x8xi64>'}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<64x68xf32>, tensor<64x8xi64>, tensor<64xf32>, memref<64x8xi64>
  return
}

// -----

func.func @scan_c2_list_rows(%s: memref<64x68xf32>, %i: index, %b: tensor<64x8xi64>, %t: tensor<64xf32>, %l: memref<64x8xi32, strided<[9, 1]>>) {
  // expected-error @below {{'tile.scan' op expects 'list' of i32 with the shape of 'best' or longer rows, got 'memref<64x8xi32, strided<[9, 1]>>' for 'tensor<64x8xi64>'}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<64x68xf32>, tensor<64x8xi64>, tensor<64xf32>, memref<64x8xi32, strided<[9, 1]>>
  return
}

// -----

#one = #tile.rows<threads = 64, lanes = 1, vector = 1>
#row = #tile.slice<1, #one>
func.func @scan_c3_thread(%s: memref<64x68xf32>, %i: index, %b: tensor<64x8xi64, #one>, %t: tensor<64xf32, #row>, %l: memref<64x8xi32>) {
  // expected-error @below {{'tile.scan' op expects 'best' in #tile.rows with neighbouring columns of a row per lane, 2 to 32 lanes with multiples of 4 of 'columns' each, and 'top' in its slice, got 'tensor<64x8xi64, #tile.rows<threads = 64, lanes = 1}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<64x68xf32>, tensor<64x8xi64, #one>, tensor<64xf32, #row>, memref<64x8xi32>
  return
}

// -----

#two = #tile.rows<threads = 128, lanes = 2, vector = 1>
#row = #tile.slice<1, #two>
func.func @scan_c3_neighbours(%s: memref<64x68xf32>, %i: index, %b: tensor<64x8xi64, #two>, %t: tensor<64xf32, #row>, %l: memref<64x8xi32>) {
  // expected-error @below {{'tile.scan' op expects 'best' in #tile.rows with neighbouring columns of a row per lane, 2 to 32 lanes with multiples of 4 of 'columns' each, and 'top' in its slice, got 'tensor<64x8xi64, #tile.rows<threads = 128, lanes = 2, vector = 1}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<64x68xf32>, tensor<64x8xi64, #two>, tensor<64xf32, #row>, memref<64x8xi32>
  return
}

// -----

#many = #tile.rows<threads = 128, lanes = 64, vector = 1>
#row = #tile.slice<1, #many>
func.func @scan_c3_warps(%s: memref<2x512xf32>, %i: index, %b: tensor<2x64xi64, #many>, %t: tensor<2xf32, #row>, %l: memref<2x64xi32>) {
  // expected-error @below {{'tile.scan' op expects 'best' in #tile.rows with neighbouring columns of a row per lane, 2 to 32 lanes with multiples of 4 of 'columns' each, and 'top' in its slice, got 'tensor<2x64xi64, #tile.rows<threads = 128, lanes = 64}}
  %0:2 = tile.scan %s first %i count %i columns 512 into %b, %t through %l : memref<2x512xf32>, tensor<2x64xi64, #many>, tensor<2xf32, #row>, memref<2x64xi32>
  return
}

// -----

#two = #tile.rows<threads = 128, lanes = 2, vector = 4>
#row = #tile.slice<1, #two>
func.func @scan_c3_threads(%s: memref<128x68xf32>, %i: index, %b: tensor<128x8xi64, #two>, %t: tensor<128xf32, #row>, %l: memref<128x8xi32>) {
  // expected-error @below {{'tile.scan' op expects 'best' in #tile.rows with neighbouring columns of a row per lane, 2 to 32 lanes with multiples of 4 of 'columns' each, and 'top' in its slice, got 'tensor<128x8xi64, #tile.rows<threads = 128, lanes = 2}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<128x68xf32>, tensor<128x8xi64, #two>, tensor<128xf32, #row>, memref<128x8xi32>
  return
}

// -----

#sixteen = #tile.rows<threads = 128, lanes = 16, vector = 1>
#row = #tile.slice<1, #sixteen>
func.func @scan_c3_columns(%s: memref<8x104xf32>, %i: index, %b: tensor<8x16xi64, #sixteen>, %t: tensor<8xf32, #row>, %l: memref<8x16xi32>) {
  // expected-error @below {{'tile.scan' op expects 'best' in #tile.rows with neighbouring columns of a row per lane, 2 to 32 lanes with multiples of 4 of 'columns' each, and 'top' in its slice, got 'tensor<8x16xi64, #tile.rows<threads = 128, lanes = 16}}
  %0:2 = tile.scan %s first %i count %i columns 96 into %b, %t through %l : memref<8x104xf32>, tensor<8x16xi64, #sixteen>, tensor<8xf32, #row>, memref<8x16xi32>
  return
}

// -----

#two = #tile.rows<threads = 128, lanes = 2, vector = 4>
#other = #tile.rows<threads = 128, lanes = 2, vector = 8>
#row = #tile.slice<1, #other>
func.func @scan_c3_slice(%s: memref<64x68xf32>, %i: index, %b: tensor<64x8xi64, #two>, %t: tensor<64xf32, #row>, %l: memref<64x8xi32>) {
  // expected-error @below {{'tile.scan' op expects 'best' in #tile.rows with neighbouring columns of a row per lane, 2 to 32 lanes with multiples of 4 of 'columns' each, and 'top' in its slice}}
  %0:2 = tile.scan %s first %i count %i columns 64 into %b, %t through %l : memref<64x68xf32>, tensor<64x8xi64, #two>, tensor<64xf32, #row>, memref<64x8xi32>
  return
}
