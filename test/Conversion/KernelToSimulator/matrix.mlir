// RUN: peermla-opt %s --peermla-kernel-to-simulator | FileCheck %s

// Fragments go through arrays in the stack frame.

// CHECK-LABEL: llvm.func internal @load_store
llvm.func @load_store(%p: !llvm.ptr<3>) attributes {nvvm.kernel} {
  // CHECK-DAG: %[[A:.*]] = llvm.alloca
  // CHECK-DAG: %[[D:.*]] = llvm.alloca
  // CHECK: llvm.call @peermla_sim_ldmatrix(%[[R:.*]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}})
  // CHECK-COUNT-4: llvm.load
  %m = nvvm.ldmatrix %p {num = 4 : i32, layout = #nvvm.mma_layout<col>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
  %x = llvm.extractvalue %m[0] : !llvm.struct<(i32, i32, i32, i32)>
  %y = llvm.extractvalue %m[3] : !llvm.struct<(i32, i32, i32, i32)>
  // CHECK-COUNT-2: llvm.store
  // CHECK: llvm.call @peermla_sim_stmatrix
  nvvm.stmatrix %p, %x, %y {layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : !llvm.ptr<3>, i32, i32
  llvm.return
}

// CHECK-LABEL: llvm.func internal @mma
// CHECK-DAG: %[[K:.*]] = llvm.mlir.constant(16 : i32)
// CHECK: llvm.call @peermla_sim_mma_sync({{.*}}, %[[K]], {{.*}}) : (!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, i32, i32, i32, i32, i32, i32) -> ()
llvm.func @mma(%a: i32, %c: f32, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %d = nvvm.mma.sync A[%a, %a, %a, %a] B[%a, %a] C[%c, %c, %c, %c] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>, shape = #nvvm.shape<m = 16, n = 8, k = 16>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  %x = llvm.extractvalue %d[2] : !llvm.struct<(f32, f32, f32, f32)>
  llvm.store %x, %out : f32, !llvm.ptr<1>
  llvm.return
}
