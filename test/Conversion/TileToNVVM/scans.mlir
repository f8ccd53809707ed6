// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tile-to-nvvm,canonicalize,cse)' | FileCheck %s

// Four lanes have a row of 64 scores: each loads four times four, and has the maxima
// of as many groups. Of all lanes' groups, twice as many as the best, those of half the
// lanes are sorted: two below the lowest of the larger half is what few scores are above.

#four = #tile.rows<threads = 64, lanes = 4, vector = 2>
!scores = memref<16x72xf32, #gpu.address_space<workgroup>>
!best = tensor<16x8xi64, #four>
!top = tensor<16xf32, #tile.slice<1, #four>>
!list = memref<16x8xi32, #gpu.address_space<workgroup>>

// CHECK-LABEL: llvm.func @whole(
//       CHECK:   %[[LANE:.+]] = arith.remui %{{.+}}, %c4_i32
//       CHECK:   %[[ROW:.+]] = llvm.getelementptr %{{.+}}[%{{.+}}] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, i8
//       CHECK:   %[[LIST:.+]] = llvm.getelementptr %{{.+}}[%{{.+}}] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, i8
//       CHECK:   %[[FIRST:.+]] = arith.muli %[[LANE]], %c16_i32
// CHECK-COUNT-4: llvm.load %{{.+}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
// CHECK-COUNT-4: arith.maxnumf
//   CHECK-NOT:   llvm.load
// CHECK-COUNT-4: nvvm.shfl.sync bfly %c-1_i32, %{{.+}}, %c1_i32, %c31_i32 : i32 -> i32
// CHECK-COUNT-4: nvvm.shfl.sync bfly %c-1_i32, %{{.+}}, %c3_i32, %c31_i32 : i32 -> i32
//       CHECK:   %[[ONE:.+]] = nvvm.shfl.sync bfly %c-1_i32, %{{.+}}, %c1_i32
//       CHECK:   %[[OF_TWO:.+]] = arith.minui %{{.+}}, %[[ONE]]
//       CHECK:   %[[TWO:.+]] = nvvm.shfl.sync bfly %c-1_i32, %[[OF_TWO]], %c2_i32
//       CHECK:   %[[REACHED:.+]] = arith.minui %[[OF_TWO]], %[[TWO]]
//       CHECK:   %[[NUMBER:.+]] = arith.maxui %[[REACHED]], %c8388609_i32
//       CHECK:   arith.addi %[[NUMBER]], %c-2_i32
//       CHECK:   %[[BOUND:.+]] = arith.bitcast %{{.+}} : i32 to f32

// A bit for each score of the lane: the sign of the difference to the bound, or all
// where that is -inf. The first one is uppermost.

//       CHECK:   %[[EMPTY:.+]] = arith.cmpf oeq, %[[BOUND]], %{{.+}} : f32
//       CHECK:   %[[ALL:.+]] = arith.select %[[EMPTY]], %c-1_i32, %c0_i32
// CHECK-COUNT-16: llvm.intr.fshl
//   CHECK-NOT:   llvm.intr.fshl
//       CHECK:   %[[ABOVE:.+]] = arith.ori %{{.+}}, %[[ALL]] : i32
//  CHECK-NEXT:   %[[BITS:.+]] = arith.shli %[[ABOVE]], %c16_i32
//   CHECK-NOT:   arith.maxsi

// The warp goes on while one of its lanes has a bit. Lanes count theirs to know where
// they write their columns in the list, as long as it has room.

//       CHECK:   scf.while (%{{.+}} = %{{.+}}, %{{.+}} = %{{.+}}, %[[WORD:[a-z0-9]+]] = %[[BITS]]) : (i64, i64, i32) -> (i64, i64, i32)
//       CHECK:     %[[SOME:.+]] = arith.cmpi ne, %[[WORD]], %c0_i32
//       CHECK:     %[[ANY:.+]] = nvvm.vote.sync any %c-1_i32, %[[SOME]]
//       CHECK:     scf.condition(%[[ANY]])
//       CHECK:   ^bb0(%[[BEST:[a-z0-9]+]]: i64, %{{.+}}: i64, %[[LEFT:[a-z0-9]+]]: i32):
//       CHECK:     llvm.intr.ctpop(%[[LEFT]])
//       CHECK:     nvvm.bar.warp.sync
//       CHECK:     %[[COLLECTED:.+]]:2 = scf.while (%[[W:[a-z0-9]+]] = %[[LEFT]], %[[P:[a-z0-9]+]] = %{{.+}}) : (i32, i32) -> (i32, i32)
//       CHECK:       %[[HAS:.+]] = arith.cmpi ne, %[[W]], %c0_i32
//       CHECK:       %[[ROOM:.+]] = arith.cmpi slt, %[[P]], %c8_i32
//       CHECK:       %[[GOES:.+]] = arith.andi %[[HAS]], %[[ROOM]] : i1
//       CHECK:       nvvm.vote.sync any %c-1_i32, %[[GOES]]
//       CHECK:       %[[BIT:.+]] = "llvm.intr.ctlz"
//       CHECK:       scf.if
//       CHECK:         %[[ENTRY:.+]] = arith.addi %[[BIT]], %{{.+}} : i32
//       CHECK:         %[[PLACE:.+]] = llvm.getelementptr %[[LIST]]
//       CHECK:         llvm.store %[[ENTRY]], %[[PLACE]] : i32, !llvm.ptr<3>
//       CHECK:     nvvm.bar.warp.sync

// Each lane reads two entries, and the scores of their columns; what is not in the list
// is no key. Keys are sorted, and merged with the best where there are some.

// CHECK-COUNT-2:   llvm.load %{{.+}} : !llvm.ptr<3> -> f32
//   CHECK-NOT:     llvm.load
//       CHECK:     %[[KEPT:.+]] = arith.cmpi ne, %[[BEST]], %c0_i64
//       CHECK:     %[[FILLED:.+]] = nvvm.vote.sync any %c-1_i32, %[[KEPT]]
//       CHECK:     %[[MERGED:.+]]:2 = scf.if %[[FILLED]] -> (i64, i64)
//       CHECK:     scf.yield %[[MERGED]]#0, %[[MERGED]]#1, %[[COLLECTED]]#0
gpu.module @whole {
  func.func @whole(%y: memref<16x8xi64>) attributes {tile.schedule = #tile.schedule<warps = [2, 1]>, tile.shared_bytes = 6144 : i64} {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %c64 = arith.constant 64 : index
    %none = arith.constant dense<0> : !best
    %lowest = arith.constant dense<0xFF800000> : !top
    %scratch = tile.scratch {offset = 0 : i64} : !scores
    %list = tile.scratch {offset = 4608 : i64} : !list
    %r:2 = tile.scan %scratch first %c0 count %c64 columns 64 into %none, %lowest through %list : !scores, !best, !top, !list
    tile.store %r#0, %y[%c0, %c0] sizes(%c16, %c8) along [0, 1] : !best, memref<16x8xi64>
    return
  }
}

// What is not above the lowest of the best so far, which the last lane has, has no bit
// either; of lists that are not full that is -inf.

// CHECK-LABEL: llvm.func @blocks(
//       CHECK:   scf.for {{.+}} iter_args(%[[B:[a-z0-9]+]] = %{{.+}}) -> (vector<2xi64>
//       CHECK:     %[[KEYS:.+]]:2 = vector.to_elements %[[B]]
//       CHECK:     %[[REACHED:.+]] = arith.bitcast %{{.+}} : i32 to f32
//       CHECK:     %[[EMPTY:.+]] = arith.cmpi eq, %[[KEYS]]#1, %c0_i64
//       CHECK:     %[[SCORE:.+]] = arith.select %[[EMPTY]], %[[INF:.+]], %{{.+}} : f32
//       CHECK:     %[[LAST:.+]] = arith.addi %{{.+}}, %c3_i32
//       CHECK:     %[[LOWEST:.+]] = nvvm.shfl.sync idx %c-1_i32, %[[SCORE]], %[[LAST]]
//       CHECK:     %[[BOUND:.+]] = arith.maximumf %[[REACHED]], %[[LOWEST]]
//       CHECK:     arith.cmpf oeq, %[[BOUND]], %[[INF]]
gpu.module @blocks {
  func.func @blocks(%y: memref<16x8xi64>) attributes {tile.schedule = #tile.schedule<warps = [2, 1]>, tile.shared_bytes = 6144 : i64} {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %c64 = arith.constant 64 : index
    %c128 = arith.constant 128 : index
    %none = arith.constant dense<0> : !best
    %lowest = arith.constant dense<0xFF800000> : !top
    %scratch = tile.scratch {offset = 0 : i64} : !scores
    %list = tile.scratch {offset = 4608 : i64} : !list
    %r:2 = scf.for %i = %c0 to %c128 step %c64 iter_args(%b = %none, %t = %lowest) -> (!best, !top) {
      %0:2 = tile.scan %scratch first %i count %c64 columns 64 into %b, %t through %list : !scores, !best, !top, !list
      scf.yield %0#0, %0#1 : !best, !top
    }
    tile.store %r#0, %y[%c0, %c0] sizes(%c16, %c8) along [0, 1] : !best, memref<16x8xi64>
    return
  }
}

// Scores that are not there are -inf, and have no bits.

// CHECK-LABEL: llvm.func @part(
//       CHECK:   %[[COUNT:.+]] = arith.index_cast %{{.+}} : index to i32
//       CHECK:   llvm.load {{.+}} -> vector<4xf32>
//       CHECK:   %[[LEFT:.+]] = arith.subi %[[COUNT]], %{{.+}} : i32
//       CHECK:   %[[SOME:.+]] = arith.maxsi %[[LEFT]], %c0_i32
//       CHECK:   %[[PRESENT:.+]] = arith.minsi %[[SOME]], %c4_i32
// CHECK-COUNT-4: arith.select %{{.+}}, %{{.+}}, %{{.+}} : f32
// CHECK-COUNT-16: llvm.intr.fshl
//       CHECK:   %[[BITS:.+]] = arith.shli %{{.+}}, %c16_i32
//       CHECK:   %[[ABSENT:.+]] = arith.shrui %c15_i32, %[[PRESENT]]
//       CHECK:   %[[FIRST:.+]] = arith.shli %[[ABSENT]], %c28_i32
//       CHECK:   %[[ALL:.+]] = arith.xori %{{.+}}, %c-1_i32
//       CHECK:   arith.andi %[[BITS]], %[[ALL]]
//       CHECK:   scf.while
gpu.module @part {
  func.func @part(%n: index, %y: memref<16x8xi64>) attributes {tile.schedule = #tile.schedule<warps = [2, 1]>, tile.shared_bytes = 6144 : i64} {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %none = arith.constant dense<0> : !best
    %lowest = arith.constant dense<0xFF800000> : !top
    %scratch = tile.scratch {offset = 0 : i64} : !scores
    %list = tile.scratch {offset = 4608 : i64} : !list
    %r:2 = tile.scan %scratch first %c0 count %n columns 64 into %none, %lowest through %list : !scores, !best, !top, !list
    tile.store %r#0, %y[%c0, %c0] sizes(%c16, %c8) along [0, 1] : !best, memref<16x8xi64>
    return
  }
}

// Where the best are more than groups, all scores go to the list: two loads of a lane
// are eight bits.

#long = #tile.rows<threads = 64, lanes = 4, vector = 4>
!long = tensor<16x16xi64, #long>
!long_top = tensor<16xf32, #tile.slice<1, #long>>
!long_list = memref<16x16xi32, #gpu.address_space<workgroup>>

// CHECK-LABEL: llvm.func @few(
//   CHECK-NOT:   llvm.intr.fshl
//       CHECK:   scf.while ({{.+}} = %c-16777216_i32)
gpu.module @few {
  func.func @few(%y: memref<16x16xi64>) attributes {tile.schedule = #tile.schedule<warps = [2, 1]>, tile.shared_bytes = 6144 : i64} {
    %c0 = arith.constant 0 : index
    %c16 = arith.constant 16 : index
    %c32 = arith.constant 32 : index
    %none = arith.constant dense<0> : !long
    %lowest = arith.constant dense<0xFF800000> : !long_top
    %scratch = tile.scratch {offset = 0 : i64} : !scores
    %list = tile.scratch {offset = 4608 : i64} : !long_list
    %r:2 = tile.scan %scratch first %c0 count %c32 columns 32 into %none, %lowest through %list : !scores, !long, !long_top, !long_list
    tile.store %r#0, %y[%c0, %c0] sizes(%c16, %c16) along [0, 1] : !long, memref<16x16xi64>
    return
  }
}
