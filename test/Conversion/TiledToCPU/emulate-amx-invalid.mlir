// RUN: peermla-opt %s -split-input-file -verify-diagnostics -peermla-emulate-amx
// RUN: not peermla-opt %s -split-input-file -peermla-emulate-amx=level=amx 2>&1 | FileCheck %s --check-prefix=TILES
// RUN: not peermla-opt %s -split-input-file -peermla-emulate-amx=level=sse 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// TILES: error: expects 'level' to be a CPU level without tiles, got 'amx'
// UNKNOWN: error: expects 'level' to be a CPU level without tiles, got 'sse'

module attributes {peermla.level = "amx"} {
  func.func @integers(%a: !amx.tile<16x64xi8>, %b: !amx.tile<16x64xi8>, %c: !amx.tile<16x16xi32>) -> !amx.tile<16x16xi32> {
    // expected-error @below {{expects tiles of floats and products of bf16 pairs, got 'amx.tile_muli'}}
    %0 = amx.tile_muli %a, %b, %c : !amx.tile<16x64xi8>, !amx.tile<16x64xi8>, !amx.tile<16x16xi32>
    return %0 : !amx.tile<16x16xi32>
  }
}

// -----

module attributes {peermla.level = "amx"} {
  func.func @halves(%a: !amx.tile<16x32xf16>, %b: !amx.tile<16x32xf16>, %c: !amx.tile<16x16xf32>) -> !amx.tile<16x16xf32> {
    // expected-error @below {{expects a product of tiles of bf16, got '!amx.tile<16x32xf16>'}}
    %0 = amx.tile_mulf %a, %b, %c : !amx.tile<16x32xf16>, !amx.tile<16x32xf16>, !amx.tile<16x16xf32>
    return %0 : !amx.tile<16x16xf32>
  }
}
