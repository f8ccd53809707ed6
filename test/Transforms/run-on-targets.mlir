// RUN: peermla-opt %s -pass-pipeline='builtin.module(builtin.module(peermla-run-on-targets{kind=gpu pipeline=builtin.module(canonicalize)}))' | FileCheck %s --check-prefixes=CHECK,GPU
// RUN: peermla-opt %s -pass-pipeline='builtin.module(builtin.module(peermla-run-on-targets{kind=cpu pipeline=builtin.module(canonicalize)}))' | FileCheck %s --check-prefixes=CHECK,CPU
// RUN: not peermla-opt %s -pass-pipeline='builtin.module(builtin.module(peermla-run-on-targets{kind=tpu pipeline=builtin.module(canonicalize)}))' 2>&1 | FileCheck %s --check-prefix=KIND

// A pipeline meets the modules of one kind of target; here it folds an addition.

// KIND: error: expects the kind of targets to be 'cpu' or 'gpu', got 'tpu'

// CHECK: module @cpu_amx
//   CPU:   arith.constant 5
//   GPU:   arith.addi
module @cpu_amx attributes {peermla.level = "amx"} {
  func.func @f() -> i32 {
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %sum = arith.addi %c2, %c3 : i32
    return %sum : i32
  }
}

// CHECK: module @gpu_sm_80
//   CPU:   arith.addi
//   GPU:   arith.constant 5
module @gpu_sm_80 attributes {peermla.gpu = "sm_80"} {
  func.func @f() -> i32 {
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %sum = arith.addi %c2, %c3 : i32
    return %sum : i32
  }
}

// CHECK: module @none
// CHECK:   arith.addi
module @none {
  func.func @f() -> i32 {
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %sum = arith.addi %c2, %c3 : i32
    return %sum : i32
  }
}
