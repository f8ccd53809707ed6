// RUN: peermla-opt %s -peermla-describe-model=gpus | FileCheck %s

// GPU targets are described beside the levels, whose weights they share.

// CHECK-LABEL: module @Both attributes {peermla.metadata = "
//  CHECK-SAME:   \22programs\22:[{\22entries\22:[],\22level\22:\22amx\22,\22prepared\22:[]},
//  CHECK-SAME:     {\22entries\22:[{\22function\22:\22f.sm_80.packed\22,\22name\22:\22f\22,\22prepared\22:[0,1],\22workspace\22:\22f.workspace.sm_80.packed\22}],
//  CHECK-SAME:     \22prepared\22:[{\22dtype\22:\22f32\22,\22name\22:\22b\22,\22shape\22:[6],\22source\22:1},{\22dtype\22:\22f32\22,\22name\22:\22a\22,\22shape\22:[4],\22source\22:0}],\22target\22:\22sm_80\22}]
//  CHECK-SAME:   \22weights\22:[{\22name\22:\22a\22},{\22dtype\22:\22f32\22,\22name\22:\22b\22,\22shape\22:[6]}]
//       CHECK:   @g(
//       CHECK:   @f.sm_80(
module @Both attributes {peermla.metadata = "{\"programs\": [{\"level\": \"amx\", \"prepared\": [], \"entries\": []}], \"entries\": [], \"weights\": [{\"name\": \"a\"}]}"} {
  module attributes {peermla.level = "amx"} {
    func.func @g(%x: memref<4xf32>) {
      return
    }
  }
  module attributes {peermla.gpu = "sm_80"} {
    func.func @f(%b: memref<6xf32> {peermla.kind = "weight", peermla.weight = "b"},
                 %a: memref<4xf32> {peermla.kind = "weight", peermla.weight = "a"},
                 %workspace: memref<?xi8>, %workers: index) attributes {peermla.entry} {
      return
    }
  }
}
