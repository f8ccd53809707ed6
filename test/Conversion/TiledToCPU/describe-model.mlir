// RUN: peermla-opt %s -split-input-file -peermla-describe-model | FileCheck %s

// The metadata name arguments, weights and functions of each level; names of
// functions become unique.

// CHECK-LABEL: module @Layer attributes {peermla.metadata = "
//  CHECK-SAME:   \22compiler\22:\22peermla 0.1.0\22
//  CHECK-SAME:   \22entries\22:[{\22arguments\22:[
//  CHECK-SAME:     {\22check\22:\22tokens:9\22,\22dtype\22:\22i32\22,\22kind\22:\22in\22,\22name\22:\22tokens\22,\22shape\22:[\22T\22]},
//  CHECK-SAME:     {\22dtype\22:\22f32\22,\22kind\22:\22out\22,\22name\22:\22out1\22,\22shape\22:[\22out1_0\22,3]}],\22name\22:\22forward\22}]
//  CHECK-SAME:   \22model\22:\22Layer\22
//  CHECK-SAME:   \22programs\22:[{\22entries\22:[{\22function\22:\22forward.x86_64_v3.packed\22,\22name\22:\22forward\22,\22prepared\22:[0,1],\22workspace\22:\22forward.workspace.x86_64_v3.packed\22}],\22level\22:\22x86-64-v3\22,
//  CHECK-SAME:     \22prepared\22:[{\22dtype\22:\22f32\22,\22name\22:\22a\22,\22shape\22:[4],\22source\22:0},
//  CHECK-SAME:       {\22dtype\22:\22f32\22,\22function\22:\22prepare.x86_64_v3.packed\22,\22name\22:\22prepared.b\22,\22shape\22:[2,3],\22sources\22:[1],\22workspace\22:\22prepare.workspace.x86_64_v3.packed\22}]}]
//  CHECK-SAME:   \22weights\22:[{\22dtype\22:\22f32\22,\22name\22:\22a\22,\22shape\22:[4]},{\22dtype\22:\22f32\22,\22name\22:\22b\22,\22shape\22:[6]}]
//       CHECK:   func.func @forward.x86_64_v3(
//  CHECK-SAME:     attributes {peermla.entry = "forward", peermla.packed}
//       CHECK:   func.func @prepare.x86_64_v3(
//  CHECK-SAME:     attributes {peermla.packed, peermla.prepares = "prepared.b"}
module @Layer {
  module attributes {peermla.level = "x86-64-v3"} {
    func.func @forward(%t: memref<?xi32> {peermla.kind = "in", peermla.name = "tokens", peermla.dims = ["T"], peermla.check = "tokens:9"},
                       %y: memref<?x3xf32> {peermla.kind = "out"},
                       %a: memref<4xf32> {peermla.kind = "weight", peermla.weight = "a"},
                       %b: memref<2x3xf32> {peermla.kind = "weight", peermla.weight = "prepared.b"},
                       %workspace: memref<?xi8>, %workers: index) attributes {peermla.entry} {
      return
    }
    func.func @prepare(%b: memref<6xf32> {peermla.kind = "weight", peermla.weight = "b"}, %o: memref<2x3xf32> {peermla.kind = "out"},
                       %workspace: memref<?xi8>, %workers: index) attributes {peermla.prepares = "prepared.b"} {
      return
    }
  }
}

// -----

// A level with the code of the one before runs that.

// CHECK-LABEL: module @Same attributes {peermla.metadata = "
//  CHECK-SAME:   {\22code\22:\22x86-64-v4\22,\22entries\22:[{\22function\22:\22f.x86_64_v4.packed\22,{{.+}}\22level\22:\22amx\22
//       CHECK:   @f.x86_64_v4
//   CHECK-NOT:   @f.amx
module @Same {
  module attributes {peermla.level = "x86-64-v4"} {
    func.func @f(%x: memref<4xf32> {peermla.kind = "in"}) attributes {peermla.entry} {
      return
    }
  }
  module attributes {peermla.level = "amx"} {
    func.func @f(%x: memref<4xf32> {peermla.kind = "in"}) attributes {peermla.entry} {
      return
    }
  }
}

// -----

// Rows of two weights alternate in a third.

// CHECK-LABEL: module @Rows attributes {peermla.metadata = "
//  CHECK-SAME:   \22prepared\22:[{\22dtype\22:\22f32\22,\22name\22:\22ba\22,\22rows\22:[0,1],\22shape\22:[3,9]}]
//  CHECK-SAME:   \22weights\22:[{\22dtype\22:\22f32\22,\22name\22:\22b\22,\22shape\22:[3,5]},{\22dtype\22:\22f32\22,\22name\22:\22a\22,\22shape\22:[12]}]
module @Rows {
  module attributes {peermla.level = "x86-64-v3"} {
    func.func @f(%w: memref<3x9xf32> {peermla.kind = "weight", peermla.weight = "ba", peermla.rows_of = [{name = "b", type = tensor<3x5xf32>}, {name = "a", type = tensor<12xf32>}]},
                 %workspace: memref<?xi8>, %workers: index) attributes {peermla.entry} {
      return
    }
  }
}
