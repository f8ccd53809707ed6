// REQUIRES: x86-64-v3
// RUN: peermla-opt %s --pass-pipeline="builtin.module(peermla-emulate-amx,expand-strided-metadata,convert-scf-to-cf,convert-vector-to-llvm{enable-x86vector=true enable-amx=true},convert-to-llvm,reconcile-unrealized-casts,peermla-legalize-bf16)" | mlir-runner -O3 -e main -entry-point-result=i64 | FileCheck %s
// RUN: %if x86-64-v4-bf16 %{ peermla-opt %s --pass-pipeline="builtin.module(expand-strided-metadata,convert-scf-to-cf,convert-vector-to-llvm{enable-x86vector=true enable-amx=true},convert-to-llvm,reconcile-unrealized-casts,peermla-legalize-bf16)" | mlir-runner -O3 -e main -entry-point-result=i64 | FileCheck %s %}

// A hash of pair products of random numbers: the emulation is right to the bit if
// it is that of the instruction, on machines that have it.

// CHECK: {{^}}-6892025700502767463{{$}}

module attributes {peermla.level = "amx"} {
  // Bits whose exponents begin at `low`: 0x3e00 (times 2^16 for f32) makes numbers
  // from 1/8 to 2, 0 makes the least normal numbers and those below.
  func.func @bf16s(%random: i64, %low: i16) -> vector<8xbf16> {
    %mask = arith.constant dense<0x81ff> : vector<8xi16>
    %other = arith.constant 0x2545f4914f6cdd1d : i64
    %more = arith.muli %random, %other : i64
    %parts = vector.from_elements %random, %more : vector<2xi64>
    %bits = vector.bitcast %parts : vector<2xi64> to vector<8xi16>
    %kept = arith.andi %bits, %mask : vector<8xi16>
    %base = vector.broadcast %low : i16 to vector<8xi16>
    %number = arith.ori %kept, %base : vector<8xi16>
    %result = vector.bitcast %number : vector<8xi16> to vector<8xbf16>
    return %result : vector<8xbf16>
  }

  func.func @floats(%random: i64, %low: i32) -> vector<4xf32> {
    %mask = arith.constant dense<0x81ffffff> : vector<4xi32>
    %other = arith.constant 0x2545f4914f6cdd1d : i64
    %more = arith.muli %random, %other : i64
    %parts = vector.from_elements %random, %more : vector<2xi64>
    %bits = vector.bitcast %parts : vector<2xi64> to vector<4xi32>
    %kept = arith.andi %bits, %mask : vector<4xi32>
    %base = vector.broadcast %low : i32 to vector<4xi32>
    %number = arith.ori %kept, %base : vector<4xi32>
    %result = vector.bitcast %number : vector<4xi32> to vector<4xf32>
    return %result : vector<4xf32>
  }

  func.func @next(%random: i64) -> i64 {
    %factor = arith.constant 6364136223846793005 : i64
    %step = arith.constant 1442695040888963407 : i64
    %0 = arith.muli %random, %factor : i64
    %1 = arith.addi %0, %step : i64
    return %1 : i64
  }

  func.func @main() -> i64 {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c10000 = arith.constant 10000 : index
    %c2 = arith.constant 2 : index
    %seed = arith.constant 1 : i64
    %zero = arith.constant 0 : i64
    %c33 = arith.constant 33 : i64
    %prime = arith.constant 1099511628211 : i64
    %none16 = arith.constant 0 : i16
    %none32 = arith.constant 0 : i32
    %low16 = arith.constant 0x3e00 : i16
    %low32 = arith.constant 0x3e000000 : i32
    %result:2 = scf.for %i = %c0 to %c10000 step %c1 iter_args(%random = %seed, %hash = %zero) -> (i64, i64) {
      %half = arith.remui %i, %c2 : index
      %tiny = arith.cmpi eq, %half, %c0 : index
      %lowa = arith.select %tiny, %none16, %low16 : i16
      %lowc = arith.select %tiny, %none32, %low32 : i32
      %0 = func.call @next(%random) : (i64) -> i64
      %1 = func.call @next(%0) : (i64) -> i64
      %2 = func.call @next(%1) : (i64) -> i64
      %a = func.call @bf16s(%0, %lowa) : (i64, i16) -> vector<8xbf16>
      %b = func.call @bf16s(%1, %low16) : (i64, i16) -> vector<8xbf16>
      %c = func.call @floats(%2, %lowc) : (i64, i32) -> vector<4xf32>
      %d = x86vector.avx512.dot %c, %a, %b : vector<8xbf16> -> vector<4xf32>
      %bits = vector.bitcast %d : vector<4xf32> to vector<2xi64>
      %3 = vector.extract %bits[0] : i64 from vector<2xi64>
      %4 = vector.extract %bits[1] : i64 from vector<2xi64>
      %5 = arith.xori %hash, %3 : i64
      %6 = arith.muli %5, %prime : i64
      %7 = arith.xori %6, %4 : i64
      %8 = arith.muli %7, %prime : i64
      %9 = arith.shrui %8, %c33 : i64
      %mixed = arith.xori %8, %9 : i64
      scf.yield %2, %mixed : i64, i64
    }
    return %result#1 : i64
  }
}
