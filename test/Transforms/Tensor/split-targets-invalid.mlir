// RUN: not peermla-opt %s -peermla-split-targets 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not peermla-opt %s -peermla-split-targets=cpu-levels=x86-64-v9 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not peermla-opt %s -peermla-split-targets=cpu-levels=amx,amx 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: not peermla-opt %s -peermla-split-targets=gpu-targets=sm_80,sm_70 2>&1 | FileCheck %s --check-prefix=GPU

// Targets are known, at least one, and given once.

// NONE: error: expects at least one target, got none
// UNKNOWN: error: expects a CPU level, got 'x86-64-v9'
// UNKNOWN: note: there are x86-64-v3, x86-64-v4, x86-64-v4-bf16, amx, aarch64
// TWICE: error: expects each CPU level once, got 'amx' twice
// GPU: error: expects a GPU target, got 'sm_70'
// GPU: note: there are sm_80, sm_90a
module @model {
}
