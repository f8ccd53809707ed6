// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(gpu.module(peermla-place-in-shared-memory))' | FileCheck %s

// Buffers lie one after the other, the extents of a dynamic one at most.

// CHECK-LABEL: func.func @places(
//  CHECK-SAME:   attributes {tile.shared_bytes = 112 : i64}
//       CHECK:   %[[SHARED:.+]] = gpu.dynamic_shared_memory
//       CHECK:   %[[BYTES:.+]] = memref.memory_space_cast %[[SHARED]]
//       CHECK:   %[[N:.+]] = affine.min
//       CHECK:   %[[C0:.+]] = arith.constant 0 : index
//       CHECK:   memref.view %[[BYTES]][%[[C0]]][%[[N]]] : memref<?xi8> to memref<?x3xf32>
//       CHECK:   %[[C96:.+]] = arith.constant 96 : index
//       CHECK:   memref.view %[[BYTES]][%[[C96]]][] : memref<?xi8> to memref<5xbf16>
module attributes {peermla.gpu = "sm_80"} {
  gpu.module @m {
    func.func @places(%m: index, %y: memref<5xbf16>) attributes {peermla.threads} {
      %c0 = arith.constant 0 : index
      %zero = arith.constant 0.0 : f32
      %n = affine.min affine_map<()[m] -> (8, m)>()[%m]
      %a = memref.alloc(%n) : memref<?x3xf32>
      %b = memref.alloc() : memref<5xbf16>
      memref.store %zero, %a[%c0, %c0] : memref<?x3xf32>
      %v = memref.load %b[%c0] : memref<5xbf16>
      memref.store %v, %y[%c0] : memref<5xbf16>
      %u = memref.load %a[%c0, %c0] : memref<?x3xf32>
      return
    }
  }
}

// -----

// A place is used again after a barrier; without one it is not.

// CHECK-LABEL: func.func @reuse(
//  CHECK-SAME:   attributes {tile.shared_bytes = 96 : i64}
//       CHECK:   arith.constant 0 : index
//       CHECK:   memref.view {{.+}} to memref<12xf32>
//       CHECK:   arith.constant 48 : index
//       CHECK:   memref.view {{.+}} to memref<11xf32>
//       CHECK:   gpu.barrier
//       CHECK:   %[[AGAIN:.+]] = arith.constant 0 : index
//       CHECK:   memref.view %{{.+}}[%[[AGAIN]]][] : memref<?xi8> to memref<9xf32>
module attributes {peermla.gpu = "sm_80"} {
  gpu.module @m {
    func.func @reuse() attributes {peermla.threads} {
      %c0 = arith.constant 0 : index
      %zero = arith.constant 0.0 : f32
      %a = memref.alloc() : memref<12xf32>
      memref.store %zero, %a[%c0] : memref<12xf32>
      %b = memref.alloc() : memref<11xf32>
      memref.store %zero, %b[%c0] : memref<11xf32>
      gpu.barrier
      %c = memref.alloc() : memref<9xf32>
      memref.store %zero, %c[%c0] : memref<9xf32>
      return
    }
  }
}

// -----

// What a loop uses of before is in use in all of its iterations.

// CHECK-LABEL: func.func @loop(
//  CHECK-SAME:   attributes {tile.shared_bytes = 96 : i64}
module attributes {peermla.gpu = "sm_80"} {
  gpu.module @m {
    func.func @loop(%n: index) attributes {peermla.threads} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %zero = arith.constant 0.0 : f32
      %a = memref.alloc() : memref<12xf32>
      scf.for %i = %c0 to %n step %c1 {
        memref.store %zero, %a[%c0] : memref<12xf32>
        gpu.barrier
        %b = memref.alloc() : memref<12xf32>
        memref.store %zero, %b[%c0] : memref<12xf32>
        gpu.barrier
      }
      return
    }
  }
}
