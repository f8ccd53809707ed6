// RUN: peermla-opt %s -peermla-pack-entry-arguments | FileCheck %s

// Words become arguments in order, and the result is passed on.

// CHECK-LABEL: llvm.func @workspace(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i32) -> i64 {
// CHECK-LABEL: llvm.func @workspace.packed(
// CHECK-SAME: %[[WORDS:.*]]: !llvm.ptr) -> i64 {
// CHECK-NEXT: %[[POINTER:.*]] = llvm.load %[[WORDS]] : !llvm.ptr -> !llvm.ptr
// CHECK-NEXT: %[[AT1:.*]] = llvm.getelementptr %[[WORDS]][1] : (!llvm.ptr) -> !llvm.ptr, i64
// CHECK-NEXT: %[[SIZE:.*]] = llvm.load %[[AT1]] : !llvm.ptr -> i64
// CHECK-NEXT: %[[AT2:.*]] = llvm.getelementptr %[[WORDS]][2] : (!llvm.ptr) -> !llvm.ptr, i64
// CHECK-NEXT: %[[WORD:.*]] = llvm.load %[[AT2]] : !llvm.ptr -> i64
// CHECK-NEXT: %[[COUNT:.*]] = llvm.trunc %[[WORD]] : i64 to i32
// CHECK-NEXT: %[[BYTES:.*]] = llvm.call @workspace(%[[POINTER]], %[[SIZE]], %[[COUNT]])
// CHECK-NEXT: llvm.return %[[BYTES]] : i64
llvm.func @workspace(%data: !llvm.ptr, %size: i64, %count: i32) -> i64 attributes {peermla.packed} {
  llvm.return %size : i64
}

// CHECK-LABEL: llvm.func @no_result.packed(%{{.*}}: !llvm.ptr) {
// CHECK: llvm.call @no_result
// CHECK-NEXT: llvm.return{{$}}
llvm.func @no_result(%data: !llvm.ptr) attributes {peermla.packed} {
  llvm.return
}

// CHECK-LABEL: llvm.func @unmarked
// CHECK-NOT: @unmarked.packed
llvm.func @unmarked(%size: i64) {
  llvm.return
}
