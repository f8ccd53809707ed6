// RUN: split-file %s %t
// RUN: peermla-opt %t/tile.mlir -peermla-verify-contract=stage=tile -verify-diagnostics
// RUN: peermla-opt %t/frag.mlir -peermla-verify-contract=stage=frag -verify-diagnostics
// RUN: peermla-opt %t/nvvm.mlir -peermla-verify-contract=stage=nvvm -verify-diagnostics

// What kernels of GPUs, and the host code beside them, may hold at each stage; code
// of CPU levels is at another one.

//--- tile.mlir
module {
  module @cpu attributes {peermla.level = "x86-64-v3"} {
    func.func @forward(%x: memref<5x12xf32>, %t: memref<5x4xf32>, %y: memref<5x12xf32>) {
      mla.rope ins(%x, %t : memref<5x12xf32>, memref<5x4xf32>) outs(%y : memref<5x12xf32>)
      return
    }
  }
  module @gpu attributes {peermla.gpu = "sm_80"} {
    gpu.module @kernel {
      func.func @kernel(%x: memref<5x12xf32>, %t: memref<5x4xf32>, %y: memref<5x12xf32>, %zero: f32) {
        linalg.fill ins(%zero : f32) outs(%y : memref<5x12xf32>)
        // expected-error @below {{'mla.rope' may not exist at the stage 'tile'}}
        mla.rope ins(%x, %t : memref<5x12xf32>, memref<5x4xf32>) outs(%y : memref<5x12xf32>)
        return
      }
    }
    func.func @forward(%x: memref<5x12xf32>, %y: memref<5x12xf32>, %zero: f32, %n: index) {
      tile.launch @kernel::@kernel blocks(%n) ins(%x, %x, %zero : memref<5x12xf32>, memref<5x12xf32>, f32) outs(%y : memref<5x12xf32>)
      // expected-error @below {{'linalg.fill' may not exist at the stage 'tile'}}
      linalg.fill ins(%zero : f32) outs(%y : memref<5x12xf32>)
      // expected-error @below {{'memref.load' may not exist at the stage 'tile'}}
      %v = memref.load %x[%n, %n] : memref<5x12xf32>
      // expected-error @below {{'memref.copy' may not exist at the stage 'tile'}}
      memref.copy %x, %y : memref<5x12xf32> to memref<5x12xf32>
      return
    }
  }
}

//--- frag.mlir
module {
  module @gpu attributes {peermla.gpu = "sm_80"} {
    gpu.module @kernel {
      func.func @kernel(%x: memref<5x12xf32>, %zero: f32, %i: index) {
        %v = memref.load %x[%i, %i] : memref<5x12xf32>
        // expected-error @below {{'linalg.fill' may not exist at the stage 'frag'}}
        linalg.fill ins(%zero : f32) outs(%x : memref<5x12xf32>)
        // expected-error @below {{'memref.alloc' may not exist at the stage 'frag'}}
        %shared = memref.alloc() : memref<7xf32>
        // expected-error @below {{'scf.forall' may not exist at the stage 'frag'}}
        scf.forall (%j) in (3) {
        }
        return
      }
    }
    func.func @forward(%x: memref<5x12xf32>, %zero: f32, %n: index) {
      // expected-error @below {{'memref.store' may not exist at the stage 'frag'}}
      memref.store %zero, %x[%n, %n] : memref<5x12xf32>
      return
    }
  }
}

//--- nvvm.mlir
module {
  module @gpu attributes {peermla.gpu = "sm_80"} {
    gpu.module @kernel {
      llvm.func @kernel(%x: !llvm.ptr) attributes {nvvm.kernel} {
        %v = llvm.load %x : !llvm.ptr -> f32
        // expected-error @below {{'arith.addf' may not exist at the stage 'nvvm'}}
        %twice = arith.addf %v, %v : f32
        // expected-error @below {{'gpu.barrier' may not exist at the stage 'nvvm'}}
        gpu.barrier
        nvvm.barrier0
        llvm.return
      }
      // expected-error @below {{'func.func' may not exist at the stage 'nvvm'}}
      func.func @helper() {
        return
      }
    }
    func.func @forward(%n: index) {
      // expected-error @below {{'scf.forall' may not exist at the stage 'nvvm'}}
      scf.forall (%j) in (3) {
      }
      return
    }
  }
}
