// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(gpu.module(peermla-distribute-to-threads,canonicalize,cse))' | FileCheck %s

// Elements are numbered as they lie in the result, so that neighbours write
// neighbours; there are as many threads as elements, in whole warps.

// CHECK-LABEL: func.func @elementwise(
//  CHECK-SAME:   %[[X:.+]]: memref<5x7xf32>, %[[Y:.+]]: memref<7x5xf32>) attributes {nvvm.reqntid = array<i32: 64>
//   CHECK-DAG:   %[[THREAD:.+]] = gpu.thread_id x
//   CHECK-DAG:   %[[C5:.+]] = arith.constant 5 : index
//   CHECK-DAG:   %[[C64:.+]] = arith.constant 64 : index
//   CHECK-DAG:   %[[C35:.+]] = arith.constant 35 : index
//       CHECK:   scf.for %[[E:.+]] = %[[THREAD]] to %[[C35]] step %[[C64]] {
//   CHECK-DAG:     %[[I:.+]] = arith.remui %[[E]], %[[C5]]
//   CHECK-DAG:     %[[J:.+]] = arith.divui %[[E]], %[[C5]]
//       CHECK:     %[[V:.+]] = memref.load %[[X]][%[[I]], %[[J]]]
//       CHECK:     %[[R:.+]] = math.exp %[[V]]
//       CHECK:     memref.store %[[R]], %[[Y]][%[[J]], %[[I]]]
//   CHECK-NOT:   gpu.barrier
gpu.module @m {
  func.func @elementwise(%x: memref<5x7xf32>, %y: memref<7x5xf32>) attributes {peermla.threads} {
    linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j, i)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : memref<5x7xf32>) outs(%y : memref<7x5xf32>) {
    ^bb0(%a: f32, %b: f32):
      %r = math.exp %a : f32
      linalg.yield %r : f32
    }
    return
  }
}

// -----

// With many results, a thread sums the terms of its own in their order.

// CHECK-LABEL: func.func @sums_of_threads(
//       CHECK:   scf.for
//       CHECK:     %[[START:.+]] = memref.load %[[Y:.+]][
//       CHECK:     %[[SUM:.+]] = scf.for {{.+}} iter_args(%[[S:.+]] = %[[START]]) -> (f32) {
//       CHECK:       arith.addf %[[S]],
//       CHECK:     memref.store %[[SUM]], %[[Y]][
//   CHECK-NOT:   gpu.shuffle
gpu.module @m {
  func.func @sums_of_threads(%x: memref<300x100xf32>, %y: memref<300xf32>) attributes {peermla.threads} {
    linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
        ins(%x : memref<300x100xf32>) outs(%y : memref<300xf32>) {
    ^bb0(%a: f32, %b: f32):
      %r = arith.addf %b, %a : f32
      linalg.yield %r : f32
    }
    return
  }
}

// -----

// With few, a warp has a sum, and its lanes add up; the first one stores.

// CHECK-LABEL: func.func @sums_of_warps(
//  CHECK-SAME:   attributes {nvvm.reqntid = array<i32: 96>
//   CHECK-DAG:   %[[C32:.+]] = arith.constant 32 : index
//   CHECK-DAG:   %[[C3:.+]] = arith.constant 3 : index
//   CHECK-DAG:   %[[C100:.+]] = arith.constant 100 : index
//   CHECK-DAG:   %[[LOWEST:.+]] = arith.constant 0xFF800000 : f32
//   CHECK-DAG:   %[[WARP:.+]] = arith.divui %[[THREAD:.+]], %[[C32]]
//   CHECK-DAG:   %[[LANE:.+]] = arith.remui %[[THREAD]], %[[C32]]
//       CHECK:   scf.for %{{.+}} = %[[WARP]] to %[[C3]] step %[[C3]] {
//       CHECK:     %[[MAX:.+]] = scf.for %{{.+}} = %[[LANE]] to %[[C100]] step %[[C32]] iter_args(%{{.+}} = %[[LOWEST]])
//       CHECK:     %[[OTHER:.+]], %{{.+}} = gpu.shuffle xor %[[MAX]], %{{.+}}, %{{.+}} : f32
//       CHECK:     arith.maximumf %[[MAX]], %[[OTHER]]
// CHECK-COUNT-4:     gpu.shuffle
//       CHECK:     %[[FIRST:.+]] = arith.cmpi eq, %[[LANE]]
//       CHECK:     scf.if %[[FIRST]] {
//       CHECK:       memref.load
//       CHECK:       arith.maximumf
//       CHECK:       memref.store
gpu.module @m {
  func.func @sums_of_warps(%x: memref<3x100xf32>, %y: memref<3xf32>) attributes {peermla.threads} {
    linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
        ins(%x : memref<3x100xf32>) outs(%y : memref<3xf32>) {
    ^bb0(%a: f32, %b: f32):
      %r = arith.maximumf %b, %a : f32
      linalg.yield %r : f32
    }
    return
  }
}

// -----

// A barrier stands where one op reads what the one before wrote, or writes what
// it read; not between ops that have nothing in common.

// CHECK-LABEL: func.func @barriers(
//       CHECK:   %[[A:.+]] = memref.alloc
//       CHECK:   %[[B:.+]] = memref.alloc
//       CHECK:   memref.store %{{.+}}, %[[A]]
//   CHECK-NOT:   gpu.barrier
//       CHECK:   memref.store %{{.+}}, %[[B]]
//       CHECK:   gpu.barrier
//       CHECK:   memref.load %[[A]]
//       CHECK:   gpu.barrier
//       CHECK:   memref.store %{{.+}}, %[[A]]
//   CHECK-NOT:   gpu.barrier
gpu.module @m {
  func.func @barriers(%y: memref<9xf32>) attributes {peermla.threads} {
    %zero = arith.constant 0.0 : f32
    %a = memref.alloc() : memref<9xf32>
    %b = memref.alloc() : memref<9xf32>
    linalg.fill ins(%zero : f32) outs(%a : memref<9xf32>)
    linalg.fill ins(%zero : f32) outs(%b : memref<9xf32>)
    memref.copy %a, %y : memref<9xf32> to memref<9xf32>
    linalg.fill ins(%zero : f32) outs(%a : memref<9xf32>)
    memref.copy %b, %y : memref<9xf32> to memref<9xf32>
    return
  }
}

// -----

// All threads run the loop around ops; its iterations are apart.

// CHECK-LABEL: func.func @loop(
//       CHECK:   scf.for %[[I:.+]] = %c0 to %{{.+}} step
//       CHECK:     scf.for
//       CHECK:       memref.store
//       CHECK:     gpu.barrier
//  CHECK-NEXT:   }
gpu.module @m {
  func.func @loop(%x: memref<4x9xf32>, %y: memref<9xf32>) attributes {peermla.threads} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    scf.for %i = %c0 to %c4 step %c1 {
      %row = memref.subview %x[%i, 0] [1, 9] [1, 1] : memref<4x9xf32> to memref<9xf32, strided<[1], offset: ?>>
      memref.copy %row, %y : memref<9xf32, strided<[1], offset: ?>> to memref<9xf32>
    }
    return
  }
}

// -----

// Stores outside of ops are the first thread's.

// CHECK-LABEL: func.func @store(
//       CHECK:   %[[FIRST:.+]] = arith.cmpi eq, %thread_id_x, %c0
//       CHECK:   scf.if %[[FIRST]] {
//       CHECK:     memref.store
//       CHECK:   }
//       CHECK:   gpu.barrier
//       CHECK:   memref.load
gpu.module @m {
  func.func @store(%y: memref<9xf32>) attributes {peermla.threads} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %a = memref.alloc() : memref<1xf32>
    memref.store %zero, %a[%c0] : memref<1xf32>
    linalg.generic {indexing_maps = [affine_map<(i) -> (0)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%a : memref<1xf32>) outs(%y : memref<9xf32>) {
    ^bb0(%v: f32, %b: f32):
      linalg.yield %v : f32
    }
    return
  }
}

// -----

// The iterations of a loop inside a kernel belong to one thread each, with
// memory of its own.

// CHECK-LABEL: func.func @loop_of_threads(
//       CHECK:   %[[OWN:.+]] = memref.alloca() : memref<3xf32>
//       CHECK:   scf.for %[[I:.+]] = %thread_id_x to %{{.+}} step %c256 {
//       CHECK:     scf.for %[[J:.+]] = %c0 to %c3 step %c1 {
//       CHECK:       memref.store %{{.+}}, %[[OWN]][%[[J]]]
//       CHECK:     memref.load %[[OWN]]
//       CHECK:     memref.store
//   CHECK-NOT:   gpu.barrier
gpu.module @m {
  func.func @loop_of_threads(%y: memref<?xf32>, %n: index) attributes {peermla.threads} {
    %c1 = arith.constant 1 : index
    %zero = arith.constant 0.0 : f32
    scf.forall (%i) in (%n) {
      %own = memref.alloc() : memref<3xf32>
      linalg.fill ins(%zero : f32) outs(%own : memref<3xf32>)
      %v = memref.load %own[%c1] : memref<3xf32>
      memref.store %v, %y[%i] : memref<?xf32>
    }
    return
  }
}

// -----

// What iterations with a long list have is in shared memory, a place per thread;
// not where there is no room for all of them.

// CHECK-LABEL: func.func @long_lists(
//   CHECK-NOT:   memref.alloca
//   CHECK-DAG:   %[[LIST:.+]] = memref.alloc() : memref<9600xi8>
//   CHECK-DAG:   %[[PLACE:.+]] = arith.muli %thread_id_x, %c2400
//   CHECK-DAG:   %[[SHORT:.+]] = memref.alloc() : memref<64xi8>
//   CHECK-DAG:   %[[SHORT_PLACE:.+]] = arith.muli %thread_id_x, %c16
//       CHECK:   scf.for %{{.+}} = %thread_id_x to
//   CHECK-DAG:     memref.view %[[LIST]][%[[PLACE]]][] : memref<9600xi8> to memref<600xf32>
//   CHECK-DAG:     memref.view %[[SHORT]][%[[SHORT_PLACE]]][] : memref<64xi8> to memref<3xf32>

// CHECK-LABEL: func.func @longest_lists(
//       CHECK:   memref.alloca() : memref<60000xf32>
gpu.module @m {
  func.func @long_lists(%y: memref<?xf32>, %n: index) attributes {peermla.threads} {
    %c1 = arith.constant 1 : index
    %zero = arith.constant 0.0 : f32
    %few = affine.min affine_map<(n) -> (n, 4)>(%n)
    scf.forall (%i) in (%few) {
      %own = memref.alloc() : memref<600xf32>
      %short = memref.alloc() : memref<3xf32>
      linalg.fill ins(%zero : f32) outs(%own : memref<600xf32>)
      linalg.fill ins(%zero : f32) outs(%short : memref<3xf32>)
      %v = memref.load %own[%c1] : memref<600xf32>
      %w = memref.load %short[%c1] : memref<3xf32>
      %s = arith.addf %v, %w : f32
      memref.store %s, %y[%i] : memref<?xf32>
    }
    return
  }

  func.func @longest_lists(%y: memref<?xf32>, %n: index) attributes {peermla.threads} {
    %c1 = arith.constant 1 : index
    %zero = arith.constant 0.0 : f32
    %few = affine.min affine_map<(n) -> (n, 4)>(%n)
    scf.forall (%i) in (%few) {
      %own = memref.alloc() : memref<60000xf32>
      linalg.fill ins(%zero : f32) outs(%own : memref<60000xf32>)
      %v = memref.load %own[%c1] : memref<60000xf32>
      memref.store %v, %y[%i] : memref<?xf32>
    }
    return
  }
}
