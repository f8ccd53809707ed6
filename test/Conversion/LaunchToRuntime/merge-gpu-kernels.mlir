// RUN: peermla-opt %s -pass-pipeline='builtin.module(builtin.module(peermla-merge-gpu-kernels))' | FileCheck %s

module {
// Names, ids and places do not tell kernels apart, whatever the dialect.

// CHECK-LABEL: module @equal
//       CHECK:   gpu.module @first {
//       CHECK:     func.func @first(
//   CHECK-NOT:   gpu.module
//       CHECK:   func.func @host(%[[A:.+]]: memref<8xf32>, %[[B:.+]]: memref<8xf32>,
//       CHECK:     tile.launch @first::@first {{.+}} outs(%[[A]] :
//       CHECK:     tile.launch @first::@first {{.+}} outs(%[[B]] :
  module @equal {
    gpu.module @first {
      func.func @helper(%v: f32) -> f32 {
        %w = arith.addf %v, %v {peermla.id = "layers.0"} : f32
        return %w : f32
      }
      func.func @first(%y: memref<8xf32>) {
        %c0 = arith.constant 0 : index
        %v = memref.load %y[%c0] : memref<8xf32>
        %w = call @helper(%v) : (f32) -> f32
        memref.store %w, %y[%c0] : memref<8xf32>
        return
      }
    }
    gpu.module @second {
      func.func @double(%x: f32) -> f32 {
        %z = arith.addf %x, %x {peermla.id = "layers.1"} : f32
        return %z : f32
      }
      func.func @second(%o: memref<8xf32>) {
        %zero = arith.constant 0 : index
        %x = memref.load %o[%zero] : memref<8xf32>
        %z = call @double(%x) : (f32) -> f32
        memref.store %z, %o[%zero] : memref<8xf32>
        return
      }
    }
    func.func @host(%a: memref<8xf32>, %b: memref<8xf32>, %n: index) {
      tile.launch @first::@first blocks(%n) outs(%a : memref<8xf32>)
      tile.launch @second::@second blocks(%n) outs(%b : memref<8xf32>)
      return
    }
  }

// Another constant, another type, other threads: other kernels.

// CHECK-LABEL: module @other
//       CHECK:   gpu.module @one
//       CHECK:   gpu.module @two
//       CHECK:   gpu.module @three
//       CHECK:   gpu.module @four
  module @other {
    gpu.module @one {
      llvm.func @one(%y: !llvm.ptr) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
        %c = llvm.mlir.constant(1.0 : f32) : f32
        llvm.store %c, %y : f32, !llvm.ptr
        llvm.return
      }
    }
    gpu.module @two {
      llvm.func @two(%y: !llvm.ptr) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
        %c = llvm.mlir.constant(2.0 : f32) : f32
        llvm.store %c, %y : f32, !llvm.ptr
        llvm.return
      }
    }
    gpu.module @three {
      llvm.func @three(%y: !llvm.ptr) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 64>} {
        %c = llvm.mlir.constant(1.0 : f32) : f32
        llvm.store %c, %y : f32, !llvm.ptr
        llvm.return
      }
    }
    gpu.module @four {
      llvm.func @four(%y: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
        %c = llvm.mlir.constant(1.0 : f32) : f32
        llvm.store %c, %y : f32, !llvm.ptr<1>
        llvm.return
      }
    }
  }

// Programs are made for the memory that launches give them: rows 8 apart and rows
// 16 apart are two kernels, whatever the program says.

// CHECK-LABEL: module @launched
//       CHECK:   gpu.module @dense
//   CHECK-NOT:   gpu.module @again
//       CHECK:   gpu.module @apart
//   CHECK-NOT:   gpu.module
//       CHECK:   func.func @host(%[[A:.+]]: memref<4x8xf32>, %[[B:.+]]: memref<4x8xf32>, %[[C:.+]]: memref<4x8xf32, strided<[16, 1]>>,
//       CHECK:     tile.launch @dense::@dense {{.+}} outs(%[[A]] :
//       CHECK:     tile.launch @dense::@dense {{.+}} outs(%[[B]] :
//       CHECK:     tile.launch @apart::@apart {{.+}} outs(%[[C]] :
  module @launched {
    gpu.module @dense {
      func.func @dense(%y: memref<?x8xf32>) {
        %v = arith.constant 1.0 : f32
        %c0 = arith.constant 0 : index
        memref.store %v, %y[%c0, %c0] : memref<?x8xf32>
        return
      }
    }
    gpu.module @again {
      func.func @again(%y: memref<?x8xf32>) {
        %v = arith.constant 1.0 : f32
        %c0 = arith.constant 0 : index
        memref.store %v, %y[%c0, %c0] : memref<?x8xf32>
        return
      }
    }
    gpu.module @apart {
      func.func @apart(%y: memref<?x8xf32>) {
        %v = arith.constant 1.0 : f32
        %c0 = arith.constant 0 : index
        memref.store %v, %y[%c0, %c0] : memref<?x8xf32>
        return
      }
    }
    func.func @host(%a: memref<4x8xf32>, %b: memref<4x8xf32>,
                    %c: memref<4x8xf32, strided<[16, 1]>>, %n: index) {
      tile.launch @dense::@dense blocks(%n) outs(%a : memref<4x8xf32>)
      tile.launch @again::@again blocks(%n) outs(%b : memref<4x8xf32>)
      tile.launch @apart::@apart blocks(%n) outs(%c : memref<4x8xf32, strided<[16, 1]>>)
      return
    }
  }
}
