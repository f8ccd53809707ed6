// RUN: peermla-opt %s -peermla-lower-launches | FileCheck %s

// A launch stores what the kernel reads and calls the runtime with a thunk that
// loads it.

//       CHECK: llvm.func @peermla_rt_parallel_for(i64, !llvm.ptr, !llvm.ptr)
// CHECK-LABEL: llvm.func internal @k(
//       CHECK: llvm.func internal @k.thunk(%[[BEGIN:.+]]: i64, %[[END:.+]]: i64, %[[WORKER:.+]]: i64, %[[RECORD:.+]]: !llvm.ptr)
//       CHECK:   %[[FIRST:.+]] = llvm.getelementptr %[[RECORD]][0, 0] : {{.+}}, !llvm.struct<(ptr, f32)>
//       CHECK:   %[[P:.+]] = llvm.load %[[FIRST]] : !llvm.ptr -> !llvm.ptr
//       CHECK:   %[[SECOND:.+]] = llvm.getelementptr %[[RECORD]][0, 1]
//       CHECK:   %[[F:.+]] = llvm.load %[[SECOND]] : !llvm.ptr -> f32
//       CHECK:   llvm.call @k(%[[BEGIN]], %[[END]], %[[WORKER]], %[[P]], %[[F]])
//       CHECK: llvm.func internal @k.launch(%[[N:.+]]: i64, %[[P:.+]]: !llvm.ptr, %[[F:.+]]: f32)
//   CHECK-NOT:   peermla.launch
//       CHECK:   %[[RECORD:.+]] = llvm.alloca %{{.+}} x !llvm.struct<(ptr, f32)>
//       CHECK:   llvm.store %[[P]], %{{.+}}
//       CHECK:   llvm.store %[[F]], %{{.+}}
//       CHECK:   %[[THUNK:.+]] = llvm.mlir.addressof @k.thunk
//       CHECK:   llvm.call @peermla_rt_parallel_for(%[[N]], %[[THUNK]], %[[RECORD]])
llvm.func @k(%begin: i64, %end: i64, %worker: i64, %p: !llvm.ptr, %f: f32) {
  llvm.store %f, %p : f32, !llvm.ptr
  llvm.return
}
llvm.func @k.launch(i64, !llvm.ptr, f32) attributes {peermla.launch = @k}
