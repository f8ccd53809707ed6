// RUN: peermla-opt %s | peermla-opt | FileCheck %s
// RUN: peermla-opt %s --mlir-print-op-generic | peermla-opt | FileCheck %s
// RUN: peermla-opt %s --emit-bytecode | peermla-opt | FileCheck %s

// Schedules survive printing, the generic form and bytecode.

// CHECK-LABEL: func.func private @all_fields()
//  CHECK-SAME:   s = #tile.schedule<block = [64, 192], inner = [256], registers = [8, 48], split = 8>
func.func private @all_fields() attributes {s = #tile.schedule<block = [64, 192], inner = [256], registers = [8, 48], split = 8>}

// CHECK-LABEL: func.func private @any_order()
//  CHECK-SAME:   s = #tile.schedule<block = [3, 0, 5], registers = [2]>
func.func private @any_order() attributes {s = #tile.schedule<registers = [2], block = [3, 0, 5]>}

// CHECK-LABEL: func.func private @inner_alone()
//  CHECK-SAME:   s = #tile.schedule<inner = [7]>
func.func private @inner_alone() attributes {s = #tile.schedule<inner = [7]>}


// CHECK-LABEL: func.func private @parts()
//  CHECK-SAME:   s = #tile.schedule<block = [4, 16], inner = [128], parts = 8>
func.func private @parts() attributes {s = #tile.schedule<block = [4, 16], inner = [128], parts = 8>}

// CHECK-LABEL: func.func private @instructions()
//  CHECK-SAME:   s = #tile.schedule<warps = [8, 1], stages = 4, instructions = wgmma>
func.func private @instructions() attributes {s = #tile.schedule<warps = [8, 1], stages = 4, instructions = wgmma>}

// CHECK-LABEL: func.func private @roles()
//  CHECK-SAME:   s = #tile.schedule<warps = [8, 1], stages = 4, instructions = wgmma, roles = [24, 240]>
func.func private @roles() attributes {s = #tile.schedule<warps = [8, 1], stages = 4, instructions = wgmma, roles = [24, 240]>}

// CHECK-LABEL: func.func private @default_instructions()
//  CHECK-SAME:   s = #tile.schedule<warps = [2, 2]>
func.func private @default_instructions() attributes {s = #tile.schedule<warps = [2, 2], instructions = mma_sync>}
