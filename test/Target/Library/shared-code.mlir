// RUN: peermla-compile %s --input-stage=llvm --emit=llvm-ir | FileCheck %s
// RUN: rm -rf %t
// RUN: peermla-compile %s --input-stage=llvm --emit=object -o %t
// RUN: llvm-readelf -p .rodata.peermla_model_metadata %t/model.o | FileCheck %s --check-prefix=TABLE
// RUN: ls %t | count 2

// A level that gains nothing over another has a program that refers to the
// other's code; its functions are in the table once.

// CHECK: define hidden void @f(
// CHECK-NOT: define
// TABLE-COUNT-2: "function":0,
// TABLE-NOT: "function":1
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": [{\"level\": \"x86-64-v3\", \"entries\": [{\"name\": \"forward\", \"function\": \"f\", \"workspace\": \"f\"}]}, {\"level\": \"x86-64-v4\", \"code\": \"x86-64-v3\", \"entries\": [{\"name\": \"forward\", \"function\": \"f\", \"workspace\": \"f\"}]}]}"} {
  module attributes {peermla.level = "x86-64-v3"} {
    llvm.func @f(%words: !llvm.ptr) { llvm.return }
  }
}
