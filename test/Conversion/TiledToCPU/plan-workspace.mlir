// RUN: peermla-opt %s -peermla-plan-workspace -canonicalize | FileCheck %s

// Buffers become places in a workspace that the caller gives; a function tells
// its size. Places are multiples of 64 bytes.

// Buffers that are never alive together share a place: 64 + 64 bytes per token
// are enough for three buffers.

// CHECK-LABEL: func.func @shares_places.workspace(
//  CHECK-SAME:   %[[X:[^:]+]]: memref<?x2xf32>, %{{[^:]+}}: memref<?xi8>, %{{[^:]+}}: index) -> index attributes {peermla.packed}
//   CHECK-DAG:   %[[BYTES:.+]] = arith.constant 128 : index
//   CHECK-DAG:   %[[T:.+]] = memref.dim %[[X]]
//       CHECK:   %[[SIZE:.+]] = arith.muli %[[T]], %[[BYTES]]
//       CHECK:   return %[[SIZE]]
// CHECK-LABEL: func.func @shares_places(
//  CHECK-SAME:   %[[X:[^:]+]]: memref<?x2xf32>, %[[W:[^:]+]]: memref<?xi8>, %{{[^:]+}}: index)
//   CHECK-NOT:   memref.alloc
//       CHECK:   %[[A:.+]] = memref.view %[[W]][%c0][%[[T:.+]]] : memref<?xi8> to memref<?x2xf32>
//       CHECK:   %[[SECOND:.+]] = arith.muli %[[T]], %c64
//       CHECK:   %[[B:.+]] = memref.view %[[W]][%[[SECOND]]][%[[T]]]
//       CHECK:   memref.copy %[[A]], %[[B]]
//       CHECK:   %[[C:.+]] = memref.view %[[W]][%c0][%[[T]]]
//       CHECK:   memref.copy %[[B]], %[[C]]
func.func @shares_places(%x: memref<?x2xf32>) attributes {peermla.entry} {
  %c0 = arith.constant 0 : index
  %T = memref.dim %x, %c0 : memref<?x2xf32>
  %a = memref.alloc(%T) : memref<?x2xf32>
  memref.copy %x, %a : memref<?x2xf32> to memref<?x2xf32>
  %b = memref.alloc(%T) : memref<?x2xf32>
  memref.copy %a, %b : memref<?x2xf32> to memref<?x2xf32>
  %c = memref.alloc(%T) : memref<?x2xf32>
  memref.copy %b, %c : memref<?x2xf32> to memref<?x2xf32>
  memref.copy %c, %x : memref<?x2xf32> to memref<?x2xf32>
  return
}

// Scratch of a kernel lies in a slice per worker, the buffers of the entry after
// all slices: 5 indices are 40 bytes, rounded to 64.

// CHECK-LABEL: func.func private @kernel(
//  CHECK-SAME:   %{{[^:]+}}: index, %{{[^:]+}}: index, %[[WORKER:[^:]+]]: index, %[[SCRATCH:[^:]+]]: memref<?xi8>) attributes {peermla.kernel}
//       CHECK:   %[[PLACE:.+]] = arith.muli %[[WORKER]], %c64
//       CHECK:   memref.view %[[SCRATCH]][%[[PLACE]]][] : memref<?xi8> to memref<5xindex>
func.func private @kernel(%begin: index, %end: index, %worker: index) attributes {peermla.kernel} {
  %a = memref.alloc() : memref<5xindex>
  memref.store %begin, %a[%end] : memref<5xindex>
  return
}
// CHECK: func.func private @kernel.launch(index, memref<?xi8>) attributes {peermla.launch = @kernel}
func.func private @kernel.launch(index) attributes {peermla.launch = @kernel}

// CHECK-LABEL: func.func @scratch_per_worker(
//  CHECK-SAME:   %[[X:[^:]+]]: memref<3xf32>, %[[W:[^:]+]]: memref<?xi8>, %[[WORKERS:[^:]+]]: index)
//       CHECK:   %[[SLICES:.+]] = arith.muli %[[WORKERS]], %c64
//       CHECK:   memref.view %[[W]][%[[SLICES]]][] : memref<?xi8> to memref<3xf32>
//       CHECK:   call @kernel.launch(%c3{{.*}}, %[[W]])
func.func @scratch_per_worker(%x: memref<3xf32>) attributes {peermla.entry} {
  %c3 = arith.constant 3 : index
  %a = memref.alloc() : memref<3xf32>
  memref.copy %x, %a : memref<3xf32> to memref<3xf32>
  call @kernel.launch(%c3) : (index) -> ()
  memref.copy %a, %x : memref<3xf32> to memref<3xf32>
  return
}

// A minimum with a constant bounds a buffer of a kernel: 4 rows of 3 floats.

// CHECK-LABEL: func.func private @bounded(
//       CHECK:   arith.muli %{{.+}}, %c64
//       CHECK:   memref.view {{.+}} to memref<?x3xf32>
func.func private @bounded(%begin: index, %end: index, %worker: index) attributes {peermla.kernel} {
  %c4 = arith.constant 4 : index
  %f = arith.constant 0.0 : f32
  %rows = arith.minsi %end, %c4 : index
  %a = memref.alloc(%rows) : memref<?x3xf32>
  memref.store %f, %a[%begin, %begin] : memref<?x3xf32>
  return
}
