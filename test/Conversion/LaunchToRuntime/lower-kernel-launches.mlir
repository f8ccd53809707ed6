// RUN: peermla-opt %s -peermla-lower-kernel-launches -canonicalize | FileCheck %s

// Launches become calls; kernels are numbered in their order and leave the
// module, which keeps the host code.

// CHECK-LABEL: module @M
//       CHECK:   module @gpu_sm_80 attributes {peermla.gpu = "sm_80"}
//   CHECK-NOT:     gpu.module
//   CHECK-NOT:     tile.launch
module @M {
  module @gpu_sm_80 attributes {peermla.gpu = "sm_80"} {
    gpu.module @first {
      llvm.func @first(%y: !llvm.ptr) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
        llvm.return
      }
    }
    gpu.module @second {
      llvm.func @second(%x: !llvm.ptr, %f: f32, %y: !llvm.ptr, %xT: i64, %xS: i64)
          attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
        llvm.return
      }
    }

// The parameters: pointers with their offsets, scalars, sizes, strides; then the
// bytes of each operand.

// CHECK-LABEL:     func.func @parameters(
//  CHECK-SAME:         %[[X:.+]]: memref<?x4xf32, strided<[?, 1], offset: ?>>, %[[Y:.+]]: memref<3x5xbf16>, %[[F:.+]]: f32, %[[N:.+]]: index)
//   CHECK-DAG:       %[[SECOND:.+]] = llvm.mlir.constant(1 : i64) : i64
//   CHECK-DAG:       %[[FRAME:.+]] = llvm.alloca %{{.+}} x !llvm.struct<(i64, f32, i64, i64, i64)>
//   CHECK-DAG:       %[[ADDRESSES:.+]] = llvm.alloca %{{.+}} x !llvm.ptr
//   CHECK-DAG:       %[[BYTES:.+]] = llvm.alloca %{{.+}} x i64
//       CHECK:       %[[BASE:.+]], %[[OFFSET:.+]], %[[SIZES:.+]]:2, %[[STRIDES:.+]]:2 = memref.extract_strided_metadata %[[X]]
//       CHECK:       %[[ALIGNED:.+]] = memref.extract_aligned_pointer_as_index %[[BASE]]
//       CHECK:       %[[SHIFT:.+]] = arith.muli %[[OFFSET]], %c4
//       CHECK:       %[[ADDRESS:.+]] = arith.addi %[[ALIGNED]], %[[SHIFT]]
//       CHECK:       arith.muli %{{.+}}, %[[STRIDES]]#0
//       CHECK:       %[[WORD:.+]] = arith.index_cast %[[ADDRESS]] : index to i64
//       CHECK:       %[[FIELD:.+]] = llvm.getelementptr %[[FRAME]][0, 0]
//       CHECK:       llvm.store %[[WORD]], %[[FIELD]] : i64, !llvm.ptr
//       CHECK:       llvm.store %[[FIELD]], %[[ADDRESSES]] : !llvm.ptr, !llvm.ptr
//       CHECK:       llvm.store %[[F]], %{{.+}} : f32, !llvm.ptr
//       CHECK:       %[[GRID:.+]] = arith.index_cast %[[N]] : index to i64
//       CHECK:       llvm.call @peermla_rt_launch(%{{.+}}, %[[GRID]], %{{.+}}, %{{.+}}, %[[ADDRESSES]], %[[BYTES]])
    func.func @parameters(%x: memref<?x4xf32, strided<[?, 1], offset: ?>>, %y: memref<3x5xbf16>, %f: f32, %n: index) {
      tile.launch @second::@second blocks(%n) ins(%x, %f : memref<?x4xf32, strided<[?, 1], offset: ?>>, f32) outs(%y : memref<3x5xbf16>)
      return
    }

// A tensor map is 16 words: address, sizes, strides in bytes, box, innermost first,
// and rank 2 with elements of 4 bytes.

// CHECK-LABEL:     func.func @map(
//       CHECK:       llvm.alloca %{{.+}} x !llvm.struct<(i64, i64, array<16 x i64>)>
//       CHECK:       %[[BASE:.+]] = llvm.insertvalue %{{.+}}, %{{.+}}[0]
//       CHECK:       llvm.insertvalue %c32_i64, %{{.+}}[1]
//       CHECK:       llvm.insertvalue %[[TALL:.+]], %{{.+}}[2]
//       CHECK:       llvm.insertvalue %c1_i64, %{{.+}}[5]
//       CHECK:       llvm.insertvalue %c128_i64, %{{.+}}[6]
//       CHECK:       llvm.insertvalue %c0_i64, %{{.+}}[7]
//       CHECK:       llvm.insertvalue %c8_i64, %{{.+}}[10]
//       CHECK:       llvm.insertvalue %c64_i64, %{{.+}}[11]
//       CHECK:       llvm.insertvalue %c1_i64, %{{.+}}[12]
//       CHECK:       %[[MAP:.+]] = llvm.insertvalue %c17179869186_i64, %{{.+}}[15]
//       CHECK:       llvm.store %[[MAP]], %{{.+}} : !llvm.array<16 x i64>, !llvm.ptr
    gpu.module @mapped {
      llvm.func @mapped(%y: !llvm.ptr, %n: i64, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>})
          attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>, tile.tensor_maps = [{box = array<i64: 64, 8>, operand = 0}]} {
        llvm.return
      }
    }
    func.func @map(%y: memref<?x32xf32>, %n: index) {
      tile.launch @mapped::@mapped blocks(%n) outs(%y : memref<?x32xf32>)
      return
    }

// A frame belongs to the function, not to the turns of a loop.

// CHECK-LABEL:     func.func @loop(
//       CHECK:       llvm.alloca
//       CHECK:       scf.for
//   CHECK-NOT:         llvm.alloca
//       CHECK:         llvm.call @peermla_rt_launch(
    func.func @loop(%y: memref<8xf32>, %n: index) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      scf.for %i = %c0 to %n step %c1 {
        tile.launch @first::@first blocks(%c1, %n, %n) outs(%y : memref<8xf32>)
      }
      return
    }

// Rows of a buffer lie together.

// CHECK-LABEL:     func.func @copy(
//       CHECK:       llvm.inttoptr
//       CHECK:       llvm.inttoptr
//       CHECK:       %[[BYTES:.+]] = arith.index_cast %{{.+}} : index to i64
//  CHECK-NEXT:       llvm.call @peermla_rt_copy(%{{.+}}, %{{.+}}, %[[BYTES]]) : (!llvm.ptr, !llvm.ptr, i64) -> ()
    func.func @copy(%x: memref<?x4xf32>, %y: memref<?x4xf32, strided<[4, 1], offset: ?>>) {
      memref.copy %x, %y : memref<?x4xf32> to memref<?x4xf32, strided<[4, 1], offset: ?>>
      return
    }
  }

//       CHECK:   module @cpu attributes {peermla.level = "x86-64-v3"}
//       CHECK:     memref.copy
  module @cpu attributes {peermla.level = "x86-64-v3"} {
    func.func @copy(%x: memref<?x4xf32>, %y: memref<?x4xf32>) {
      memref.copy %x, %y : memref<?x4xf32> to memref<?x4xf32>
      return
    }
  }

//       CHECK:   gpu.module @sm_80.first attributes {peermla.gpu = "sm_80"}
//       CHECK:     llvm.func @first(
//       CHECK:   gpu.module @sm_80.second attributes {peermla.gpu = "sm_80"}
//       CHECK:     llvm.func @second({{.+}}peermla.operands = "rsw"
}
