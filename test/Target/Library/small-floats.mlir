// RUN: sed -e s/LEVEL/amx/ %s > %t.amx.mlir
// RUN: rm -rf %t.amx %t.aarch64
// RUN: peermla-opt %t.amx.mlir -convert-vector-to-llvm -convert-to-llvm -reconcile-unrealized-casts -peermla-legalize-bf16 -o %t.amx.ll.mlir
// RUN: peermla-compile %t.amx.ll.mlir --input-stage=llvm --emit=object -o %t.amx
// RUN: peermla-compile %t.amx.ll.mlir --input-stage=llvm --emit=asm | FileCheck %s --check-prefixes=CHECK,AMX
// RUN: sed -e s/LEVEL/aarch64/ %s > %t.aarch64.mlir
// RUN: peermla-opt %t.aarch64.mlir -convert-vector-to-llvm -convert-to-llvm -reconcile-unrealized-casts -peermla-legalize-bf16 -o %t.aarch64.ll.mlir
// RUN: peermla-compile %t.aarch64.ll.mlir --input-stage=llvm --emit=object -o %t.aarch64
// RUN: peermla-compile %t.aarch64.ll.mlir --input-stage=llvm --emit=asm | FileCheck %s

// Conversions of bf16 and f16 call nothing on levels that not every machine can
// run: an object with such a call would be an error.

// AMX-LABEL: rounds:
// AMX: vcvtneps2bf16
// CHECK-NOT: {{^[[:space:]]+(call|bl)[[:space:]]}}

module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": [{\"level\": \"LEVEL\", \"entries\": [{\"name\": \"e\", \"function\": \"rounds\", \"workspace\": \"extends\"}]}]}"} {
  module attributes {peermla.level = "LEVEL"} {
    llvm.func @rounds(%words: !llvm.ptr) {
      %x = llvm.load %words : !llvm.ptr -> vector<16xf32>
      %y = llvm.load %words : !llvm.ptr -> vector<3xf32>
      %z = llvm.load %words : !llvm.ptr -> f32
      %a = arith.truncf %x : vector<16xf32> to vector<16xbf16>
      %b = arith.truncf %y : vector<3xf32> to vector<3xbf16>
      %c = arith.truncf %z : f32 to bf16
      %d = arith.truncf %x : vector<16xf32> to vector<16xf16>
      %e = arith.truncf %y : vector<3xf32> to vector<3xf16>
      %f = arith.truncf %z : f32 to f16
      llvm.store volatile %a, %words : vector<16xbf16>, !llvm.ptr
      llvm.store volatile %b, %words : vector<3xbf16>, !llvm.ptr
      llvm.store volatile %c, %words : bf16, !llvm.ptr
      llvm.store volatile %d, %words : vector<16xf16>, !llvm.ptr
      llvm.store volatile %e, %words : vector<3xf16>, !llvm.ptr
      llvm.store volatile %f, %words : f16, !llvm.ptr
      llvm.return
    }
    llvm.func @extends(%words: !llvm.ptr) {
      %x = llvm.load %words : !llvm.ptr -> vector<16xbf16>
      %y = llvm.load %words : !llvm.ptr -> bf16
      %z = llvm.load %words : !llvm.ptr -> vector<16xf16>
      %w = llvm.load %words : !llvm.ptr -> f16
      %a = arith.extf %x : vector<16xbf16> to vector<16xf32>
      %b = arith.extf %y : bf16 to f32
      %c = arith.extf %z : vector<16xf16> to vector<16xf32>
      %d = arith.extf %w : f16 to f32
      llvm.store volatile %a, %words : vector<16xf32>, !llvm.ptr
      llvm.store volatile %b, %words : f32, !llvm.ptr
      llvm.store volatile %c, %words : vector<16xf32>, !llvm.ptr
      llvm.store volatile %d, %words : f32, !llvm.ptr
      llvm.return
    }
  }
}
