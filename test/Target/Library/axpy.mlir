// REQUIRES: libraries
// RUN: peermla-opt %s -peermla-pack-entry-arguments -o %t.mlir
// RUN: peermla-compile %t.mlir --input-stage=llvm --emit=llvm-ir | FileCheck %s
// RUN: peermla-compile %t.mlir --input-stage=llvm --emit=asm | FileCheck %s --check-prefix=ASM
// RUN: rm -rf %t.objects
// RUN: peermla-compile %t.mlir --input-stage=llvm --emit=object -o %t.objects
// RUN: ls %t.objects | FileCheck %s --check-prefix=OBJECTS
// RUN: peermla-compile %t.mlir --input-stage=llvm -o %t.so
// RUN: llvm-nm -D --defined-only %t.so | FileCheck %s --check-prefix=EXPORTS
// RUN: llvm-nm -D --defined-only %t.so | count 1
// RUN: FileCheck %s --check-prefix=HEADER < %t.h

// A model of two levels whose bodies are written by hand: y = 2 x + 2 on slices
// that the runtime hands to its threads. Functions of the table are hidden, all
// others internal, and each has its level's processor.

// CHECK-DAG: define hidden void @forward__x86_64_v3.packed(ptr %{{.*}}) #[[V3:[0-9]+]]
// CHECK-DAG: define internal void @body__x86_64_v3({{.*}}) #[[V3]]
// CHECK-DAG: attributes #[[V3]] = {{.*}}"target-cpu"="x86-64-v3"
// CHECK-DAG: define hidden void @forward__x86_64_v4_bf16.packed(ptr %{{.*}}) #[[V4:[0-9]+]]
// CHECK-DAG: attributes #[[V4]] = {{.*}}"prefer-vector-width"="512" "target-cpu"="x86-64-v4" "target-features"="+avx512bf16"

// ASM-LABEL: body__x86_64_v3:
// ASM: ymm
// ASM-LABEL: body__x86_64_v4_bf16:
// ASM: zmm

// OBJECTS: model.o
// OBJECTS: x86-64-v3.o
// OBJECTS: x86-64-v4-bf16.o

// EXPORTS: T peermla_Axpy_api

// HEADER: {{.*}}.h: C interface of the model Axpy, written by peermla 0.1.0.
// HEADER: forward
// HEADER-NEXT: x: in f32 [T]
// HEADER-NEXT: y: out f32 [T]
// HEADER: const peermla_api *peermla_Axpy_api(uint32_t version);

module @Axpy attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"Axpy\", \"compiler\": \"peermla 0.1.0\", \"weights\": [], \"entries\": [{\"name\": \"forward\", \"arguments\": [{\"name\": \"x\", \"kind\": \"in\", \"dtype\": \"f32\", \"shape\": [\"T\"]}, {\"name\": \"y\", \"kind\": \"out\", \"dtype\": \"f32\", \"shape\": [\"T\"]}]}], \"programs\": [{\"level\": \"x86-64-v3\", \"prepared\": [], \"entries\": [{\"name\": \"forward\", \"function\": \"forward__x86_64_v3.packed\", \"workspace\": \"workspace__x86_64_v3.packed\", \"prepared\": []}]}, {\"level\": \"x86-64-v4-bf16\", \"prepared\": [], \"entries\": [{\"name\": \"forward\", \"function\": \"forward__x86_64_v4_bf16.packed\", \"workspace\": \"workspace__x86_64_v4_bf16.packed\", \"prepared\": []}]}]}"} {
  module @cpu_x86_64_v3 attributes {peermla.level = "x86-64-v3"} {
    llvm.func @peermla_rt_parallel_for(i64, !llvm.ptr, !llvm.ptr)

    llvm.func @body__x86_64_v3(%begin: i64, %end: i64, %worker: i64, %context: !llvm.ptr) {
      %one = llvm.mlir.constant(1 : i64) : i64
      %two = llvm.mlir.constant(2.0 : f32) : f32
      %x = llvm.load %context : !llvm.ptr -> !llvm.ptr
      %y_slot = llvm.getelementptr %context[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %y = llvm.load %y_slot : !llvm.ptr -> !llvm.ptr
      llvm.br ^head(%begin : i64)
    ^head(%i: i64):
      %more = llvm.icmp "slt" %i, %end : i64
      llvm.cond_br %more, ^body, ^exit
    ^body:
      %xi = llvm.getelementptr %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %yi = llvm.getelementptr %y[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %a = llvm.load %xi : !llvm.ptr -> f32
      %b = llvm.fmul %a, %two : f32
      %c = llvm.fadd %b, %two : f32
      llvm.store %c, %yi : f32, !llvm.ptr
      %next = llvm.add %i, %one : i64
      llvm.br ^head(%next : i64)
    ^exit:
      llvm.return
    }

    // x and y as memrefs of rank 1, the workspace, the number of workers.
    llvm.func @forward__x86_64_v3(
        %x0: !llvm.ptr, %x: !llvm.ptr, %x2: i64, %t: i64, %x4: i64,
        %y0: !llvm.ptr, %y: !llvm.ptr, %y2: i64, %y3: i64, %y4: i64,
        %w0: !llvm.ptr, %w1: !llvm.ptr, %w2: i64, %w3: i64, %w4: i64,
        %workers: i64) attributes {peermla.packed} {
      %two = llvm.mlir.constant(2 : i64) : i64
      %context = llvm.alloca %two x !llvm.ptr : (i64) -> !llvm.ptr
      %y_slot = llvm.getelementptr %context[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %x, %context : !llvm.ptr, !llvm.ptr
      llvm.store %y, %y_slot : !llvm.ptr, !llvm.ptr
      %body = llvm.mlir.addressof @body__x86_64_v3 : !llvm.ptr
      llvm.call @peermla_rt_parallel_for(%t, %body, %context) : (i64, !llvm.ptr, !llvm.ptr) -> ()
      llvm.return
    }

    llvm.func @workspace__x86_64_v3(
        %x0: !llvm.ptr, %x: !llvm.ptr, %x2: i64, %t: i64, %x4: i64,
        %y0: !llvm.ptr, %y: !llvm.ptr, %y2: i64, %y3: i64, %y4: i64,
        %w0: !llvm.ptr, %w1: !llvm.ptr, %w2: i64, %w3: i64, %w4: i64,
        %workers: i64) -> i64 attributes {peermla.packed} {
      %bytes = llvm.mlir.constant(0 : i64) : i64
      llvm.return %bytes : i64
    }
  }
  module @cpu_x86_64_v4_bf16 attributes {peermla.level = "x86-64-v4-bf16"} {
    llvm.func @peermla_rt_parallel_for(i64, !llvm.ptr, !llvm.ptr)

    llvm.func @body__x86_64_v4_bf16(%begin: i64, %end: i64, %worker: i64, %context: !llvm.ptr) {
      %one = llvm.mlir.constant(1 : i64) : i64
      %two = llvm.mlir.constant(2.0 : f32) : f32
      %x = llvm.load %context : !llvm.ptr -> !llvm.ptr
      %y_slot = llvm.getelementptr %context[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %y = llvm.load %y_slot : !llvm.ptr -> !llvm.ptr
      llvm.br ^head(%begin : i64)
    ^head(%i: i64):
      %more = llvm.icmp "slt" %i, %end : i64
      llvm.cond_br %more, ^body, ^exit
    ^body:
      %xi = llvm.getelementptr %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %yi = llvm.getelementptr %y[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %a = llvm.load %xi : !llvm.ptr -> f32
      %b = llvm.fmul %a, %two : f32
      %c = llvm.fadd %b, %two : f32
      llvm.store %c, %yi : f32, !llvm.ptr
      %next = llvm.add %i, %one : i64
      llvm.br ^head(%next : i64)
    ^exit:
      llvm.return
    }

    // x and y as memrefs of rank 1, the workspace, the number of workers.
    llvm.func @forward__x86_64_v4_bf16(
        %x0: !llvm.ptr, %x: !llvm.ptr, %x2: i64, %t: i64, %x4: i64,
        %y0: !llvm.ptr, %y: !llvm.ptr, %y2: i64, %y3: i64, %y4: i64,
        %w0: !llvm.ptr, %w1: !llvm.ptr, %w2: i64, %w3: i64, %w4: i64,
        %workers: i64) attributes {peermla.packed} {
      %two = llvm.mlir.constant(2 : i64) : i64
      %context = llvm.alloca %two x !llvm.ptr : (i64) -> !llvm.ptr
      %y_slot = llvm.getelementptr %context[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %x, %context : !llvm.ptr, !llvm.ptr
      llvm.store %y, %y_slot : !llvm.ptr, !llvm.ptr
      %body = llvm.mlir.addressof @body__x86_64_v4_bf16 : !llvm.ptr
      llvm.call @peermla_rt_parallel_for(%t, %body, %context) : (i64, !llvm.ptr, !llvm.ptr) -> ()
      llvm.return
    }

    llvm.func @workspace__x86_64_v4_bf16(
        %x0: !llvm.ptr, %x: !llvm.ptr, %x2: i64, %t: i64, %x4: i64,
        %y0: !llvm.ptr, %y: !llvm.ptr, %y2: i64, %y3: i64, %y4: i64,
        %w0: !llvm.ptr, %w1: !llvm.ptr, %w2: i64, %w3: i64, %w4: i64,
        %workers: i64) -> i64 attributes {peermla.packed} {
      %bytes = llvm.mlir.constant(0 : i64) : i64
      llvm.return %bytes : i64
    }
  }
}
