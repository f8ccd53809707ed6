// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-select-schedules))' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-select-schedules))' --remarks-filter=schedule --remark-format=emitRemark 2>&1 | FileCheck %s --check-prefix=REMARK

// Which ops become kernels of their own, and their blocks.

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#x = affine_map<(t, n, k, c) -> (t, k)>
#w = affine_map<(t, n, k, c) -> (n, k, c)>
#y = affine_map<(t, n, k, c) -> (t, n, c)>
#id3 = affine_map<(i, j, k) -> (i, j, k)>

// The epilogue of a product is the root; the product and its fill join it.

// REMARK: chose blocks of [24, 6, 0] for 2 ops: 0.8 us per block, 10 KB of 256 KB

// CHECK-LABEL: func.func @product_with_epilogue(
//       CHECK:   linalg.fill
//   CHECK-NOT:   peermla.schedule
//       CHECK:   linalg.generic {{.+}}"reduction"
//   CHECK-NOT:   peermla.schedule
//       CHECK:   linalg.generic {{.+}}attrs = {peermla.schedule = #tile.schedule<block = [24, 6, 0]>}
//       CHECK:     math.exp
func.func @product_with_epilogue(%x: tensor<?x5xf32>, %w: tensor<6x5x16xf32>, %e: tensor<?x6x16xf32>) -> tensor<?x6x16xf32> {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x6x16xf32>) -> tensor<?x6x16xf32>
  %p = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "parallel"]}
      ins(%x, %w : tensor<?x5xf32>, tensor<6x5x16xf32>) outs(%z : tensor<?x6x16xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %out, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x6x16xf32>
  %y = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p : tensor<?x6x16xf32>) outs(%e : tensor<?x6x16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<?x6x16xf32>
  return %y : tensor<?x6x16xf32>
}

// A sum of rows is computed with the rows that read it. Rows so short are worth no
// launch below 128.

// REMARK: chose blocks of [128, 0] for 2 ops: 0.2 us per block, 5 KB of 256 KB

// CHECK-LABEL: func.func @norm(
//       CHECK:   linalg.generic {{.+}}"reduction"
//   CHECK-NOT:   peermla.schedule
//       CHECK:   linalg.generic {{.+}}attrs = {peermla.schedule = #tile.schedule<block = [128, 0]>}
func.func @norm(%x: tensor<?x5xf32>, %s: tensor<?xf32>, %e: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x5xf32>) outs(%s : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<?x5xf32>, tensor<?xf32>) outs(%e : tensor<?x5xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<?x5xf32>
  return %y : tensor<?x5xf32>
}

// A value with two users is stored.

// CHECK-LABEL: func.func @two_users(
//       CHECK:   linalg.generic {{.+}}attrs = {peermla.schedule
//       CHECK:     math.exp
//       CHECK:   linalg.generic {{.+}}attrs = {peermla.schedule
//       CHECK:     math.sqrt
func.func @two_users(%x: tensor<?x5xf32>, %e: tensor<?x5xf32>) -> (tensor<?x5xf32>, tensor<?x5xf32>) {
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<?x5xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.sqrt %in : f32
    linalg.yield %0 : f32
  } -> tensor<?x5xf32>
  return %a, %b : tensor<?x5xf32>, tensor<?x5xf32>
}

// REMARK: chose blocks of [16, 1] for 1 ops: 0.2 us per block, scores of one head 1 KB of 256 KB

// CHECK-LABEL: func.func @selection(
//       CHECK:   peer.select {{.+}}{peermla.schedule = #tile.schedule<block = [16, 1]>}
func.func @selection(%s: tensor<?x3x7xf32>, %g: tensor<?x3x2xf32>, %i: tensor<?x3x2xi32>) -> (tensor<?x3x2xf32>, tensor<?x3x2xi32>) {
  %0:2 = peer.select softmax num_keys([7]) ins(%s : tensor<?x3x7xf32>)
      outs(%g, %i : tensor<?x3x2xf32>, tensor<?x3x2xi32>) -> tensor<?x3x2xf32>, tensor<?x3x2xi32>
  return %0#0, %0#1 : tensor<?x3x2xf32>, tensor<?x3x2xi32>
}

// A product takes its schedule along to the epilogue, whatever it leaves open is
// chosen, and the kernel has the product's name.

// REMARK: was given blocks of [24, 3, 0] for 2 ops: would have chosen [{{.+}}]

// CHECK-LABEL: func.func @given_schedule_moves_to_the_epilogue(
//       CHECK:   linalg.generic {{.+}}"reduction"{{.+}}attrs = {peermla.id = "proj"}
//       CHECK:   linalg.generic {{.+}}attrs = {peermla.id = "proj", peermla.schedule = #tile.schedule<block = [24, 3, 0], inner = [4], warps = [2, 1], stages = 3>}
//       CHECK:     math.exp
func.func @given_schedule_moves_to_the_epilogue(%x: tensor<?x5xf32>, %w: tensor<6x5x16xf32>, %e: tensor<?x6x16xf32>) -> tensor<?x6x16xf32> {
  %p = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "parallel"]}
      ins(%x, %w : tensor<?x5xf32>, tensor<6x5x16xf32>) outs(%e : tensor<?x6x16xf32>)
      attrs = {peermla.id = "proj", peermla.schedule = #tile.schedule<block = [24, 3, 0, 0], inner = [4], warps = [2, 1], stages = 3>} {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %out, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x6x16xf32>
  %y = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p : tensor<?x6x16xf32>) outs(%e : tensor<?x6x16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<?x6x16xf32>
  return %y : tensor<?x6x16xf32>
}

// A schedule that cannot be followed stays where TileAndFuse says so.

// CHECK-LABEL: func.func @keeps_a_wrong_schedule(
//       CHECK:   linalg.generic {{.+}}"reduction"{{.+}}attrs = {peermla.schedule = #tile.schedule<block = [24, 3, 5, 0]>}
//       CHECK:   linalg.exp {peermla.schedule
func.func @keeps_a_wrong_schedule(%x: tensor<?x5xf32>, %w: tensor<6x5x16xf32>, %e: tensor<?x6x16xf32>) -> tensor<?x6x16xf32> {
  %p = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "parallel"]}
      ins(%x, %w : tensor<?x5xf32>, tensor<6x5x16xf32>) outs(%e : tensor<?x6x16xf32>)
      attrs = {peermla.schedule = #tile.schedule<block = [24, 3, 5, 0]>} {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %out, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x6x16xf32>
  %y = linalg.exp ins(%p : tensor<?x6x16xf32>) outs(%e : tensor<?x6x16xf32>) -> tensor<?x6x16xf32>
  return %y : tensor<?x6x16xf32>
}

// CHECK-LABEL: func.func @keeps_a_schedule(
//       CHECK:   linalg.exp {peermla.schedule = #tile.schedule<block = [2, 3]>}
func.func @keeps_a_schedule(%x: tensor<?x5xf32>, %e: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %y = linalg.exp {peermla.schedule = #tile.schedule<block = [2, 3]>} ins(%x : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) -> tensor<?x5xf32>
  return %y : tensor<?x5xf32>
}

// Long rows are work enough: items of few rows share out, as far as half of the
// cache goes.

// REMARK: chose blocks of [1, 0] for 1 ops: 6.2 us per block, 192 KB of 256 KB

// CHECK-LABEL: func.func @long_rows(
//       CHECK:   linalg.exp {peermla.schedule = #tile.schedule<block = [1, 0]>}
func.func @long_rows(%x: tensor<?x24576xf32>, %e: tensor<?x24576xf32>) -> tensor<?x24576xf32> {
  %y = linalg.exp ins(%x : tensor<?x24576xf32>) outs(%e : tensor<?x24576xf32>) -> tensor<?x24576xf32>
  return %y : tensor<?x24576xf32>
}

// Many scores are work enough for an item of one token.

// CHECK-LABEL: func.func @selection_among_many(
//       CHECK:   peer.select {{.+}}{peermla.schedule = #tile.schedule<block = [1, 1]>}
func.func @selection_among_many(%s: tensor<?x3x30000xf32>, %g: tensor<?x3x16xf32>, %i: tensor<?x3x16xi32>) -> (tensor<?x3x16xf32>, tensor<?x3x16xi32>) {
  %0:2 = peer.select softmax num_keys([30000]) ins(%s : tensor<?x3x30000xf32>)
      outs(%g, %i : tensor<?x3x16xf32>, tensor<?x3x16xi32>) -> tensor<?x3x16xf32>, tensor<?x3x16xi32>
  return %0#0, %0#1 : tensor<?x3x16xf32>, tensor<?x3x16xi32>
}

// A kernel over weights is cut into items for all units; small ones are few.

// REMARK: chose blocks of [1, 8, 0] for 1 ops: 264 items of 1.6 us

// CHECK-LABEL: func.func @weights(
//       CHECK:   linalg.exp {peermla.schedule = #tile.schedule<block = [1, 8, 0]>}
//       CHECK:   linalg.exp {peermla.schedule = #tile.schedule<block = [1, 0]>}
func.func @weights(%x: tensor<3x700x500xf32>, %e: tensor<3x700x500xf32>, %s: tensor<6x2xf32>) -> (tensor<3x700x500xf32>, tensor<6x2xf32>) {
  %y = linalg.exp ins(%x : tensor<3x700x500xf32>) outs(%e : tensor<3x700x500xf32>) -> tensor<3x700x500xf32>
  %z = linalg.exp ins(%s : tensor<6x2xf32>) outs(%s : tensor<6x2xf32>) -> tensor<6x2xf32>
  return %y, %z : tensor<3x700x500xf32>, tensor<6x2xf32>
}

// Loops that reduce are not cut.

// CHECK-LABEL: func.func @softmax_over_rows(
//       CHECK:   linalg.softmax {peermla.schedule = #tile.schedule<block = [0, 0]>} dimension(0)
func.func @softmax_over_rows(%x: tensor<70x50xf32>, %e: tensor<70x50xf32>) -> tensor<70x50xf32> {
  %y = linalg.softmax dimension(0) ins(%x : tensor<70x50xf32>) outs(%e : tensor<70x50xf32>) -> tensor<70x50xf32>
  return %y : tensor<70x50xf32>
}

// CHECK-LABEL: func.func @scalars_and_nothing(
//       CHECK:   linalg.exp ins(%{{.+}} : tensor<f32>)
//       CHECK:   linalg.exp {peermla.schedule = #tile.schedule<block = [1, 1]>} ins(%{{.+}} : tensor<0x3xf32>)
func.func @scalars_and_nothing(%x: tensor<f32>, %n: tensor<0x3xf32>) -> (tensor<f32>, tensor<0x3xf32>) {
  %y = linalg.exp ins(%x : tensor<f32>) outs(%x : tensor<f32>) -> tensor<f32>
  %z = linalg.exp ins(%n : tensor<0x3xf32>) outs(%n : tensor<0x3xf32>) -> tensor<0x3xf32>
  return %y, %z : tensor<f32>, tensor<0x3xf32>
}

// CHECK-LABEL: func.func private @declaration()
func.func private @declaration()

// Eight parts at most: heads where there are many, shares of their ranks where
// there are few. Rows of tables that lie apart are read together sixteen by
// sixteen, of a part that has as many.

// REMARK: chose blocks of [1, 0, 0] for 1 ops: 6 rows together, 1 lines ahead, as tables lie apart; parts of [2, 3] retrievals are work items up to 8 tokens

// CHECK-LABEL: func.func @experts_of_many_heads(
//       CHECK:   peer.expert_mlp gelu {peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [0, 2, 3], registers = [6, 1], split = 8>}
func.func @experts_of_many_heads(%x: tensor<?x5xf32>, %i: tensor<?x9x3xi32>, %g: tensor<?x9x3xf32>, %d: tensor<7x1x5xf32>, %u: tensor<7x1x6xf32>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %0 = peer.expert_mlp gelu ins(%x, %i, %g, %d, %u : tensor<?x5xf32>, tensor<?x9x3xi32>, tensor<?x9x3xf32>, tensor<7x1x5xf32>, tensor<7x1x6xf32>)
      outs(%y : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// Side by side: eight rows, whose starts are asked for.

// REMARK: 8 rows together, 4 lines ahead, as tables lie side by side; parts of [1, 16] retrievals are work items up to 8 tokens

// CHECK-LABEL: func.func @experts_side_by_side(
//       CHECK:   peer.expert_mlp gelu {peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [0, 1, 16], registers = [8, 4], split = 8>}
func.func @experts_side_by_side(%x: tensor<?x5xf32>, %i: tensor<?x3x32xi32>, %g: tensor<?x3x32xf32>, %rows: tensor<7x11xf32>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %down = tensor.extract_slice %rows[0, 0] [7, 5] [1, 1] : tensor<7x11xf32> to tensor<7x5xf32>
  %up = tensor.extract_slice %rows[0, 5] [7, 6] [1, 1] : tensor<7x11xf32> to tensor<7x6xf32>
  %d = tensor.expand_shape %down [[0], [1, 2]] output_shape [7, 1, 5] : tensor<7x5xf32> into tensor<7x1x5xf32>
  %u = tensor.expand_shape %up [[0], [1, 2]] output_shape [7, 1, 6] : tensor<7x6xf32> into tensor<7x1x6xf32>
  %0 = peer.expert_mlp gelu ins(%x, %i, %g, %d, %u : tensor<?x5xf32>, tensor<?x3x32xi32>, tensor<?x3x32xf32>, tensor<7x1x5xf32>, tensor<7x1x6xf32>)
      outs(%y : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// One retrieval is one part.

// CHECK-LABEL: func.func @one_retrieval(
//       CHECK:   peer.expert_mlp gelu {peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [0, 1, 1], registers = [1, 1]>}
func.func @one_retrieval(%x: tensor<?x5xf32>, %i: tensor<?x1x1xi32>, %g: tensor<?x1x1xf32>, %d: tensor<7x1x5xf32>, %u: tensor<7x1x6xf32>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %0 = peer.expert_mlp gelu ins(%x, %i, %g, %d, %u : tensor<?x5xf32>, tensor<?x1x1xi32>, tensor<?x1x1xf32>, tensor<7x1x5xf32>, tensor<7x1x6xf32>)
      outs(%y : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// The experts' outputs of one element are not split.

// CHECK-LABEL: func.func @experts_of_one_output(
//       CHECK:   peer.expert_mlp relu up_layout(output_major) {peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [0, 1, {{[0-9]+}}], registers = [{{[0-9, ]+}}]>}
func.func @experts_of_one_output(%x: tensor<?x5xf32>, %i: tensor<?x2x28xi32>, %g: tensor<?x2x28xf32>, %d: tensor<30x1x5xf32>, %up: tensor<30x1x1xf32>, %y: tensor<?x1xf32>) -> tensor<?x1xf32> {
  %0 = peer.expert_mlp relu up_layout(output_major) ins(%x, %i, %g, %d, %up : tensor<?x5xf32>, tensor<?x2x28xi32>, tensor<?x2x28xf32>, tensor<30x1x5xf32>, tensor<30x1x1xf32>)
      outs(%y : tensor<?x1xf32>) -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}
