// REQUIRES: libraries, x86-64-v3
// RUN: rm -rf %t && mkdir %t
// RUN: peermla-compile %s --cpu-levels=x86-64-v3 -o %t/model.so
// RUN: %python %peermla_src_root/test/Tools/Inputs/tensors.py write %t/inputs a:F32:2x3:1,2,3,4,5,6 b:F32:2x3:7,8,9,10,11,12 s:F32:3x3:1,2,3,4,5,6,7,8,9 x:F32:4x3x2:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24
// RUN: peermla-run %t/model.so --entry=run --inputs=%t/inputs --outputs=%t/outputs
// RUN: %python %peermla_src_root/test/Tools/Inputs/tensors.py print %t/outputs | FileCheck %s

// Updated values that read the memory they are written to: two arguments change
// places, a square is transposed, and its old value is a result too. Rows of a
// reshaped result lie where they belong.

// CHECK-DAG: a F32 [2, 3] 7.0 8.0 9.0 10.0 11.0 12.0
// CHECK-DAG: b F32 [2, 3] 1.0 2.0 3.0 4.0 5.0 6.0
// CHECK-DAG: s F32 [3, 3] 1.0 4.0 7.0 2.0 5.0 8.0 3.0 6.0 9.0
// CHECK-DAG: old F32 [3, 3] 1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0
// CHECK-DAG: rows F32 [12, 2] 1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0 10.0 11.0 12.0 13.0 14.0 15.0 16.0 17.0 18.0 19.0 20.0 21.0 22.0 23.0 24.0
module @Updates {
  func.func @run(%a: tensor<2x3xf32> {peermla.name = "a"}, %b: tensor<2x3xf32> {peermla.name = "b"},
                 %s: tensor<3x3xf32> {peermla.name = "s"}, %x: tensor<4x3x2xf32> {peermla.name = "x"})
      -> (tensor<2x3xf32> {peermla.inout = "a"}, tensor<2x3xf32> {peermla.inout = "b"},
          tensor<3x3xf32> {peermla.inout = "s"}, tensor<3x3xf32> {peermla.name = "old"},
          tensor<12x2xf32> {peermla.name = "rows"}) attributes {peermla.entry} {
    %e = tensor.empty() : tensor<3x3xf32>
    %t = linalg.transpose ins(%s : tensor<3x3xf32>) outs(%e : tensor<3x3xf32>) permutation = [1, 0]
    %r = tensor.collapse_shape %x [[0, 1], [2]] : tensor<4x3x2xf32> into tensor<12x2xf32>
    return %b, %a, %t, %s, %r : tensor<2x3xf32>, tensor<2x3xf32>, tensor<3x3xf32>, tensor<3x3xf32>, tensor<12x2xf32>
  }
}
