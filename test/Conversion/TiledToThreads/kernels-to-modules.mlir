// RUN: peermla-opt %s -peermla-kernels-to-modules -canonicalize | FileCheck %s
// RUN: peermla-opt %s -peermla-kernels-to-modules --remarks-filter=schedule --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Blocks are numbered in row-major order; memory that is only read and scalars
// come first, then memory that is written, through views of it, too. Constants
// are no parameters.

// CHECK-LABEL: func.func @a.b(
//  CHECK-SAME:   %[[X:.+]]: memref<?x70xf32>, %[[Y:.+]]: memref<?x70xf32>, %[[F:.+]]: f32
//   CHECK-DAG:   %[[N:.+]] = memref.dim %[[X]]
//       CHECK:   %[[ROWS:.+]] = affine.apply
//       CHECK:   %[[ITEMS:.+]] = arith.muli %[[ROWS]],
//       CHECK:   tile.launch @a_b_0_scale_1::@a_b_0_scale_1 blocks(%[[ITEMS]])
//  CHECK-SAME:     ins({{.*}}%[[X]]{{.*}}%[[F]]{{.*}}) outs(%[[Y]] : memref<?x70xf32>)
//  CHECK-SAME:     {peermla.plan = {peermla.steps = "it sorts", why = "rows"}}
//       CHECK:   tile.launch @a_b_1::@a_b_1 blocks(%{{.+}}) outs(%[[Y]] : memref<?x70xf32>)

//       CHECK: gpu.module @a_b_0_scale_1 {
//       CHECK:   func.func @a_b_0_scale_1({{.+}}) attributes {peermla.id = "scale/1", peermla.threads} {
//   CHECK-DAG:     %[[BLOCK:.+]] = gpu.block_id x
//   CHECK-DAG:     %[[COLUMNS:.+]] = arith.constant 3 : index
//   CHECK-DAG:     %[[J:.+]] = arith.remui %[[BLOCK]], %[[COLUMNS]]
//   CHECK-DAG:     %[[I:.+]] = arith.divui %[[BLOCK]], %[[COLUMNS]]
//       CHECK:     memref.subview %{{.+}}[%{{.+}}, %{{.+}}]
//       CHECK:     linalg.generic
//       CHECK: gpu.module @a_b_1 {

// Which tier a kernel is, and why.

// REMARK: Category:schedule | Remark="is a kernel of steps, no tile program: it sorts"
// REMARK: Category:schedule | Remark="is a kernel of steps, no tile program: its schedule asks for no warps"
#id = affine_map<(i, j) -> (i, j)>
func.func @a.b(%x: memref<?x70xf32>, %y: memref<?x70xf32>, %f: f32) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = memref.dim %x, %c0 : memref<?x70xf32>
  scf.forall (%i, %j) = (0, 0) to (%n, 70) step (8, 32) {
    %rows = affine.min affine_map<(i)[n] -> (8, n - i)>(%i)[%n]
    %columns = affine.min affine_map<(j) -> (32, 70 - j)>(%j)
    %xs = memref.subview %x[%i, %j] [%rows, %columns] [1, 1]
        : memref<?x70xf32> to memref<?x?xf32, strided<[70, 1], offset: ?>>
    %ys = memref.subview %y[%i, %j] [%rows, %columns] [1, 1]
        : memref<?x70xf32> to memref<?x?xf32, strided<[70, 1], offset: ?>>
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%xs : memref<?x?xf32, strided<[70, 1], offset: ?>>)
        outs(%ys : memref<?x?xf32, strided<[70, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32):
      %r = arith.mulf %a, %f : f32
      linalg.yield %r : f32
    }
  } {peermla.id = "scale/1", peermla.plan = {why = "rows"}, peermla.steps = "it sorts"}
  scf.forall (%i) in (1) {
    memref.store %zero, %y[%c0, %c0] : memref<?x70xf32>
  }
  return
}
