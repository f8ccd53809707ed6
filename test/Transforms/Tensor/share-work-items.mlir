// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-share-work-items,cse))' | FileCheck %s

// The tables of both sides are chosen in front, and those of two layers are one. It
// is as long as the longer one.

#short = affine_map<()[T, B] -> (T ceildiv 128 + B)>
#long = affine_map<()[T, B] -> (T ceildiv 64 + B)>

// CHECK-LABEL: func.func @layers(
//  CHECK-SAME:     %[[T:.+]]: index, %[[B:.+]]: index, %[[FEW:.+]]: i1, %[[CU:.+]]: tensor<?xi32>
//   CHECK-DAG:   %[[LONG:.+]] = affine.apply #{{.+}}()[%[[T]], %[[B]]]
//   CHECK-DAG:   %[[SHORT:.+]] = affine.apply #{{.+}}()[%[[T]], %[[B]]]
//       CHECK:   %[[ROWS:.+]] = arith.maxui %[[LONG]], %[[SHORT]]
//       CHECK:   %[[INIT:.+]] = tensor.empty(%[[ROWS]])
//       CHECK:   %[[ITEMS:.+]] = scf.if %[[FEW]]
//       CHECK:     %[[A:.+]] = mla.work_items tokens(64 of %[[T]]) ins(%[[CU]] : tensor<?xi32>) outs(%[[INIT]] : tensor<?x3xi32>)
//       CHECK:     scf.yield %[[A]]
//       CHECK:   } else {
//       CHECK:     %[[B:.+]] = mla.work_items tokens(128 of %[[T]]) ins(%[[CU]] : tensor<?xi32>) outs(%[[INIT]] : tensor<?x3xi32>)
//       CHECK:     scf.yield %[[B]]
//   CHECK-NOT:   mla.work_items
//       CHECK:   scf.if %[[FEW]]
//       CHECK:     tensor.extract %[[ITEMS]]
//       CHECK:   } else {
//       CHECK:     tensor.extract %[[ITEMS]]
//       CHECK:   scf.if %[[FEW]]
//       CHECK:     tensor.extract %[[ITEMS]]
//       CHECK:   } else {
//       CHECK:     tensor.extract %[[ITEMS]]
func.func @layers(%T: index, %B: index, %few: i1, %cu: tensor<?xi32>, %i: index, %j: index) -> (i32, i32) {
  %c0 = arith.constant 0 : index
  %x = scf.if %few -> i32 {
    %rows = affine.apply #long()[%T, %B]
    %e = tensor.empty(%rows) : tensor<?x3xi32>
    %items = mla.work_items tokens(64 of %T) ins(%cu : tensor<?xi32>) outs(%e : tensor<?x3xi32>) -> tensor<?x3xi32>
    %row = tensor.extract %items[%i, %c0] : tensor<?x3xi32>
    scf.yield %row : i32
  } else {
    %rows = affine.apply #short()[%T, %B]
    %e = tensor.empty(%rows) : tensor<?x3xi32>
    %items = mla.work_items tokens(128 of %T) ins(%cu : tensor<?xi32>) outs(%e : tensor<?x3xi32>) -> tensor<?x3xi32>
    %row = tensor.extract %items[%j, %c0] : tensor<?x3xi32>
    scf.yield %row : i32
  }
  %y = scf.if %few -> i32 {
    %rows = affine.apply #long()[%T, %B]
    %e = tensor.empty(%rows) : tensor<?x3xi32>
    %items = mla.work_items tokens(64 of %T) ins(%cu : tensor<?xi32>) outs(%e : tensor<?x3xi32>) -> tensor<?x3xi32>
    %row = tensor.extract %items[%j, %c0] : tensor<?x3xi32>
    scf.yield %row : i32
  } else {
    %rows = affine.apply #short()[%T, %B]
    %e = tensor.empty(%rows) : tensor<?x3xi32>
    %items = mla.work_items tokens(128 of %T) ins(%cu : tensor<?xi32>) outs(%e : tensor<?x3xi32>) -> tensor<?x3xi32>
    %row = tensor.extract %items[%i, %c0] : tensor<?x3xi32>
    scf.yield %row : i32
  }
  return %x, %y : i32, i32
}

// A choice inside of a choice moves on to the front, with its condition.

// CHECK-LABEL: func.func @nested(
//  CHECK-SAME:     %{{.+}}: index, %{{.+}}: index, %[[FEW:.+]]: i1,
//       CHECK:   %[[FEWER:.+]] = arith.cmpi ule
//       CHECK:   tensor.empty
//   CHECK-NOT:   tensor.empty
//       CHECK:   scf.if %[[FEW]] -> (tensor<?x3xi32>)
//       CHECK:     scf.if %[[FEWER]] -> (tensor<?x3xi32>)
//       CHECK:       tokens(32 of
//       CHECK:       tokens(64 of
//       CHECK:     tokens(128 of
//       CHECK:   scf.if %[[FEW]] -> (i32)
func.func @nested(%T: index, %B: index, %few: i1, %cu: tensor<?xi32>, %i: index) -> i32 {
  %c0 = arith.constant 0 : index
  %x = scf.if %few -> i32 {
    %fewer = arith.cmpi ule, %T, %B : index
    %y = scf.if %fewer -> i32 {
      %e = tensor.empty(%T) : tensor<?x3xi32>
      %items = mla.work_items tokens(32 of %T) ins(%cu : tensor<?xi32>) outs(%e : tensor<?x3xi32>) -> tensor<?x3xi32>
      %row = tensor.extract %items[%i, %c0] : tensor<?x3xi32>
      scf.yield %row : i32
    } else {
      %e = tensor.empty(%B) : tensor<?x3xi32>
      %items = mla.work_items tokens(64 of %T) ins(%cu : tensor<?xi32>) outs(%e : tensor<?x3xi32>) -> tensor<?x3xi32>
      %row = tensor.extract %items[%i, %c0] : tensor<?x3xi32>
      scf.yield %row : i32
    }
    scf.yield %y : i32
  } else {
    %e = tensor.empty(%B) : tensor<?x3xi32>
    %items = mla.work_items tokens(128 of %T) ins(%cu : tensor<?xi32>) outs(%e : tensor<?x3xi32>) -> tensor<?x3xi32>
    %row = tensor.extract %items[%i, %c0] : tensor<?x3xi32>
    scf.yield %row : i32
  }
  return %x : i32
}

// Where one side has none, nothing is chosen in front.

// CHECK-LABEL: func.func @one_side(
//       CHECK:   scf.if %{{.+}} -> (i32)
//       CHECK:     mla.work_items
func.func @one_side(%T: index, %few: i1, %cu: tensor<?xi32>, %i: index, %other: i32) -> i32 {
  %c0 = arith.constant 0 : index
  %x = scf.if %few -> i32 {
    %e = tensor.empty(%T) : tensor<?x3xi32>
    %items = mla.work_items tokens(32 of %T) ins(%cu : tensor<?xi32>) outs(%e : tensor<?x3xi32>) -> tensor<?x3xi32>
    %row = tensor.extract %items[%i, %c0] : tensor<?x3xi32>
    scf.yield %row : i32
  } else {
    scf.yield %other : i32
  }
  return %x : i32
}

// What is known on one side only cannot be used in front of it.

// CHECK-LABEL: func.func @computed_inside(
//       CHECK:   scf.if %{{.+}} -> (i32)
//       CHECK:     scf.for
//       CHECK:     mla.work_items
//       CHECK:   } else {
//       CHECK:     mla.work_items
func.func @computed_inside(%T: index, %few: i1, %cu: tensor<?xi32>, %i: index) -> i32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %x = scf.if %few -> i32 {
    %rows = scf.for %k = %c0 to %T step %c1 iter_args(%sum = %c0) -> index {
      %next = arith.addi %sum, %k : index
      scf.yield %next : index
    }
    %e = tensor.empty(%rows) : tensor<?x3xi32>
    %items = mla.work_items tokens(32 of %T) ins(%cu : tensor<?xi32>) outs(%e : tensor<?x3xi32>) -> tensor<?x3xi32>
    %row = tensor.extract %items[%i, %c0] : tensor<?x3xi32>
    scf.yield %row : i32
  } else {
    %e = tensor.empty(%T) : tensor<?x3xi32>
    %items = mla.work_items tokens(64 of %T) ins(%cu : tensor<?xi32>) outs(%e : tensor<?x3xi32>) -> tensor<?x3xi32>
    %row = tensor.extract %items[%i, %c0] : tensor<?x3xi32>
    scf.yield %row : i32
  }
  return %x : i32
}
