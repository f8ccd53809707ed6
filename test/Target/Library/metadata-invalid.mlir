// RUN: split-file %s %t
// RUN: not peermla-compile %t/name.mlir --input-stage=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not peermla-compile %t/none.mlir --input-stage=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not peermla-compile %t/json.mlir --input-stage=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=JSON
// RUN: not peermla-compile %t/model.mlir --input-stage=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=MODEL
// RUN: not peermla-compile %t/levels.mlir --input-stage=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=LEVELS
// RUN: not peermla-compile %t/unknown.mlir --input-stage=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not peermla-compile %t/architecture.mlir --input-stage=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=ARCHITECTURE
// RUN: not peermla-compile %t/programs.mlir --input-stage=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=PROGRAMS
// RUN: not peermla-compile %t/level.mlir --input-stage=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=LEVEL
// RUN: not peermla-compile %t/function.mlir --input-stage=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=FUNCTION
// RUN: not peermla-compile %t/shared.mlir --input-stage=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=SHARED

// Metadata that contradicts itself or the module is an error, not a library.

//--- name.mlir
// NAME: error: expects the model's name to be a C identifier, got '2nd-model'
module @"2nd-model" {}

//--- none.mlir
// NONE: error: expects the attribute 'peermla.metadata', a string, on the model
module @M {}

//--- json.mlir
// JSON: error: 'peermla.metadata' is not JSON: [1:2, byte=2]: Expected object key
module @M attributes {peermla.metadata = "{1}"} {}

//--- model.mlir
// MODEL: error: 'peermla.metadata' names the model 'N', the module 'M'
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"N\"}"} {}

//--- levels.mlir
// LEVELS: error: expects a nested module with 'peermla.level' or 'peermla.gpu', found none
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\"}"} {}

//--- unknown.mlir
// UNKNOWN: error: unknown CPU level 'x86-64-v9'
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\"}"} {
  module attributes {peermla.level = "x86-64-v9"} {}
}

//--- architecture.mlir
// ARCHITECTURE: error: levels of one library have one architecture, got aarch64 for 'aarch64' and x86_64 for 'x86-64-v3'
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\"}"} {
  module attributes {peermla.level = "x86-64-v3"} {}
  module attributes {peermla.level = "aarch64"} {}
}

//--- programs.mlir
// PROGRAMS: error: 'peermla.metadata' expects a program for each level, got 0 programs and 1 levels
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": []}"} {
  module attributes {peermla.level = "x86-64-v3"} {}
}

//--- level.mlir
// LEVEL: error: 'peermla.metadata' has a program of level 'x86-64-v4', which no nested module has
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": [{\"level\": \"x86-64-v4\", \"entries\": []}]}"} {
  module attributes {peermla.level = "x86-64-v3"} {}
}

//--- function.mlir
// FUNCTION: error: 'peermla.metadata' names the function 'f', which the module of level 'x86-64-v3' does not define
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": [{\"level\": \"x86-64-v3\", \"entries\": [{\"name\": \"forward\", \"function\": \"f\", \"workspace\": \"w\"}]}]}"} {
  module attributes {peermla.level = "x86-64-v3"} {
    llvm.func @f(!llvm.ptr)
  }
}

//--- shared.mlir
// SHARED: error: 'peermla.metadata' names the function 'f', which two modules define
module @M attributes {peermla.metadata = "{\"schema\": 1, \"model\": \"M\", \"programs\": [{\"level\": \"x86-64-v3\", \"entries\": [{\"name\": \"forward\", \"function\": \"f\", \"workspace\": \"f\"}]}, {\"level\": \"x86-64-v4\", \"entries\": [{\"name\": \"forward\", \"function\": \"f\", \"workspace\": \"f\"}]}]}"} {
  module attributes {peermla.level = "x86-64-v3"} {
    llvm.func @f(%words: !llvm.ptr) { llvm.return }
  }
  module attributes {peermla.level = "x86-64-v4"} {
    llvm.func @f(%words: !llvm.ptr) { llvm.return }
  }
}
