// RUN: rm -rf %t.objects %t.so
// RUN: split-file %s %t
// RUN: not peermla-compile %t/call.mlir --input-stage=llvm --emit=object -o %t.objects 2>&1 | FileCheck %s --check-prefix=CALL
// RUN: not ls %t.objects
// RUN: not peermla-compile %t/intrinsic.mlir --input-stage=llvm --emit=object -o %t.objects 2>&1 | FileCheck %s --check-prefix=INTRINSIC
// RUN: not peermla-compile %t/arm.mlir --input-stage=llvm -o %t.so 2>&1 | FileCheck %s --check-prefix=ARM
// RUN: not ls %t.so
// RUN: not peermla-compile %t/fatal.mlir --input-stage=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=FATAL
// RUN: not peermla-compile %t/register.mlir --input-stage=llvm --emit=object -o %t.objects 2>&1 | FileCheck %s --check-prefix=REGISTER
// RUN: not ls %t.objects
// RUN: rm -rf %t.objects
// RUN: peermla-compile %t/arm.mlir --input-stage=llvm --emit=object -o %t.objects
// RUN: llvm-readelf -h %t.objects/aarch64.o %t.objects/model.o | FileCheck %s --check-prefix=ARM-OBJECT

// Code that a library cannot contain, found before it is linked.

//--- call.mlir
// CALL-DAG: error: code of level 'x86-64-v3', function 'f.packed', needs 'printf', which neither the runtime nor libc or libm define
// CALL-DAG: error: code of level 'x86-64-v3', function 'f.packed', needs '__truncsfbf2', which neither the runtime nor libc or libm define
// CALL-NOT: memcpy
// CALL-NOT: sinf
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": [{\"level\": \"x86-64-v3\", \"entries\": [{\"name\": \"forward\", \"function\": \"f.packed\", \"workspace\": \"f.packed\"}]}]}"} {
  module attributes {peermla.level = "x86-64-v3"} {
    llvm.func @printf(!llvm.ptr)
    llvm.func @memcpy(!llvm.ptr, !llvm.ptr, i64)
    llvm.func @sinf(f32) -> f32
    llvm.func @f.packed(%words: !llvm.ptr) {
      %n = llvm.load %words : !llvm.ptr -> i64
      %x = llvm.load %words : !llvm.ptr -> f32
      %s = llvm.call @sinf(%x) : (f32) -> f32
      %b = llvm.fptrunc %s : f32 to bf16
      llvm.store %b, %words : bf16, !llvm.ptr
      llvm.call @memcpy(%words, %words, %n) : (!llvm.ptr, !llvm.ptr, i64) -> ()
      llvm.call @printf(%words) : (!llvm.ptr) -> ()
      llvm.return
    }
  }
}

//--- intrinsic.mlir
// INTRINSIC: error: level 'x86-64-v4' has no instruction for the intrinsic 'llvm.x86.tilezero.internal'
// INTRINSIC-NOT: reproduce
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": [{\"level\": \"x86-64-v4\", \"entries\": [{\"name\": \"forward\", \"function\": \"f\", \"workspace\": \"f\"}]}]}"} {
  module attributes {peermla.level = "x86-64-v4"} {
    llvm.func @f(%words: !llvm.ptr) {
      %rows = llvm.mlir.constant(16 : i16) : i16
      %stride = llvm.mlir.constant(64 : i64) : i64
      %t = llvm.call_intrinsic "llvm.x86.tilezero.internal"(%rows, %rows) : (i16, i16) -> !llvm.x86_amx
      llvm.call_intrinsic "llvm.x86.tilestored64.internal"(%rows, %rows, %words, %stride, %t) : (i16, i16, !llvm.ptr, i64, !llvm.x86_amx) -> ()
      llvm.return
    }
  }
}

//--- fatal.mlir
// FATAL: error in LLVM: Cannot select: intrinsic %llvm.aarch64.crc32b
// FATAL: reproduce with: {{.*}}peermla-compile{{.*}}fatal.mlir --input-stage=llvm --emit=asm
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": [{\"level\": \"x86-64-v4\", \"entries\": [{\"name\": \"forward\", \"function\": \"f\", \"workspace\": \"f\"}]}]}"} {
  module attributes {peermla.level = "x86-64-v4"} {
    llvm.func @f(%words: !llvm.ptr) {
      %x = llvm.load %words : !llvm.ptr -> i32
      %y = llvm.call_intrinsic "llvm.aarch64.crc32b"(%x, %x) : (i32, i32) -> i32
      llvm.store %y, %words : i32, !llvm.ptr
      llvm.return
    }
  }
}

//--- register.mlir
// REGISTER: error: LLVM cannot generate code: {{.*}}couldn't allocate input reg for constraint '{nonsense}'
// REGISTER: {{^}}reproduce with: {{.*}}peermla-compile{{.*}}register.mlir --input-stage=llvm --emit=object
// REGISTER-NOT: reproduce
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": [{\"level\": \"x86-64-v3\", \"entries\": [{\"name\": \"forward\", \"function\": \"f\", \"workspace\": \"f\"}]}]}"} {
  module attributes {peermla.level = "x86-64-v3"} {
    llvm.func @f(%words: !llvm.ptr) {
      llvm.inline_asm has_side_effects "", "{nonsense}" %words : (!llvm.ptr) -> ()
      llvm.return
    }
  }
}

//--- arm.mlir
// ARM: error: cannot link a library for aarch64: the runtime archive '{{.*}}' is for x86_64, emit objects or name another '--runtime'
// ARM-OBJECT: AArch64
// ARM-OBJECT: AArch64
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": [{\"level\": \"aarch64\", \"entries\": [{\"name\": \"forward\", \"function\": \"f\", \"workspace\": \"f\"}]}]}"} {
  module attributes {peermla.level = "aarch64"} {
    llvm.func @f(%words: !llvm.ptr) {
      %x = llvm.load %words : !llvm.ptr -> vector<16xf32>
      %y = llvm.fadd %x, %x : vector<16xf32>
      llvm.store %y, %words : vector<16xf32>, !llvm.ptr
      llvm.return
    }
  }
}
