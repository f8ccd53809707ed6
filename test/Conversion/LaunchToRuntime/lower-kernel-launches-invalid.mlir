// RUN: peermla-opt %s -peermla-lower-kernel-launches -split-input-file -verify-diagnostics

module {
  module attributes {peermla.gpu = "sm_80"} {
    func.func @strided(%x: memref<?x4xf32, strided<[8, 1]>>, %y: memref<?x4xf32>) {
      // expected-error @below {{expects contiguous memrefs in host code, got 'memref<?x4xf32, strided<[8, 1]>>'}}
      memref.copy %x, %y : memref<?x4xf32, strided<[8, 1]>> to memref<?x4xf32>
      return
    }
  }
}

// -----

module {
  module attributes {peermla.gpu = "sm_80"} {
    func.func @read(%x: memref<?xf32>, %i: index) -> f32 {
      // expected-error @below {{'memref.load' may not exist in host code of the GPU 'sm_80', whose memory is the device's}}
      %v = memref.load %x[%i] : memref<?xf32>
      return %v : f32
    }
  }
}

// -----

// A constant of the host is no memory of the device.

module {
  module attributes {peermla.gpu = "sm_80"} {
    memref.global "private" constant @table : memref<2xf32> = dense<[1.0, 2.0]>
    func.func @constant(%y: memref<2xf32>) {
      // expected-error @below {{'memref.get_global' may not exist in host code of the GPU 'sm_80'}}
      %x = memref.get_global @table : memref<2xf32>
      memref.copy %x, %y : memref<2xf32> to memref<2xf32>
      return
    }
  }
}

// -----

module {
  // expected-error @below {{expects 'peermla.gpu' to name a GPU target, got "sm_1"}}
  module attributes {peermla.gpu = "sm_1"} {
  }
}

// -----

module {
  module attributes {peermla.gpu = "sm_80"} {
    gpu.module @k {
      func.func @k(%y: memref<8xf32>) {
        return
      }
    }
    func.func @early(%y: memref<8xf32>, %n: index) {
      // expected-error @below {{expects 'kernel' to be an llvm.func with 'nvvm.kernel', got @k::@k}}
      tile.launch @k::@k blocks(%n) outs(%y : memref<8xf32>)
      return
    }
  }
}

// -----

module {
  module attributes {peermla.gpu = "sm_90a"} {
    gpu.module @k {
      llvm.func @k(%y: !llvm.ptr, %map: !llvm.ptr)
          attributes {nvvm.kernel, tile.tensor_maps = [{box = array<i64: 1, 1, 8>, operand = 0}]} {
        llvm.return
      }
    }
    func.func @flat(%y: memref<8x8xf32>, %n: index) {
      // expected-error @below {{'tile.launch' op expects 'tile.tensor_maps' of its kernel to have boxes of memory, got one of rank 3 for operand 0}}
      tile.launch @k::@k blocks(%n) outs(%y : memref<8x8xf32>)
      return
    }
  }
}
