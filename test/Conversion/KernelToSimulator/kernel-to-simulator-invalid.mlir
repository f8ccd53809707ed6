// RUN: peermla-opt %s --peermla-kernel-to-simulator -split-input-file -verify-diagnostics

// expected-error@below {{expects a kernel: a function with nvvm.kernel, gpu.kernel or the convention ptx_kernelcc}}
module {
  llvm.func @no_kernel() {
    llvm.return
  }
}

// -----

llvm.func @foreign_dialect() attributes {nvvm.kernel} {
  // expected-error@below {{expects kernels in the LLVM, NVVM and frag dialects, got 'gpu.barrier'}}
  gpu.barrier
  llvm.return
}

// -----

llvm.func @unknown_op(%a: !llvm.ptr<6>) attributes {nvvm.kernel} {
  // expected-error@below {{'nvvm.tcgen05.wait' is not modelled by the simulator}}
  nvvm.tcgen05.wait <load>
  llvm.return
}

// -----

llvm.func @matrix_shape(%p: !llvm.ptr<3>) attributes {nvvm.kernel} {
  // expected-error@below {{'nvvm.ldmatrix' is not modelled by the simulator: matrices of 16 x 16 b8, expected 8 x 8 b16}}
  %m = nvvm.ldmatrix %p {num = 1 : i32, layout = #nvvm.mma_layout<col>, shape = #nvvm.ld_st_matrix_shape<m = 16, n = 16>, eltType = #nvvm.ld_st_matrix_elt_type<b8>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32)>
  llvm.return
}

// -----

llvm.func @mma_shape(%a: f64) attributes {nvvm.kernel} {
  // expected-error@below {{'nvvm.mma.sync' is not modelled by the simulator: shape m8n8k4 with these element types}}
  %d = nvvm.mma.sync A[%a] B[%a] C[%a, %a] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 8, n = 8, k = 4>} : (f64, f64, f64) -> !llvm.struct<(f64, f64)>
  llvm.return
}

// -----

llvm.func @unknown_ptx(%x: i32) attributes {nvvm.kernel} {
  // expected-error@below {{contains PTX that is not modelled by the simulator: 'tcgen05.alloc.b32 [r], 32;'}}
  llvm.inline_asm has_side_effects ".reg .b32 r; tcgen05.alloc.b32 [r], 32;", "" : () -> ()
  llvm.return
}

// -----

llvm.func @unreadable_ptx(%x: i32) attributes {nvvm.kernel} {
  // expected-error@below {{contains PTX that cannot be read: expected ']' at ';'}}
  llvm.inline_asm has_side_effects "mbarrier.inval.shared.b64 [$0;", "r" %x : (i32) -> ()
  llvm.return
}

// -----

llvm.func @unknown_placeholder(%x: i32) attributes {nvvm.kernel} {
  // expected-error@below {{contains PTX with an operand that is unknown: '$3'}}
  llvm.inline_asm has_side_effects "bar.sync $0, $3;", "r" %x : (i32) -> ()
  llvm.return
}

// -----

llvm.func @unknown_intrinsic(%x: i32) attributes {nvvm.kernel} {
  // expected-error@below {{'llvm.nvvm.mma.m8n8k32.row.col.s4' is not modelled by the simulator}}
  %d = llvm.call_intrinsic "llvm.nvvm.mma.m8n8k32.row.col.s4"(%x, %x, %x, %x) : (i32, i32, i32, i32) -> !llvm.struct<(i32, i32)>
  llvm.return
}

// -----

llvm.func @nowhere(i32)
llvm.func @external_call(%x: i32) attributes {nvvm.kernel} {
  // expected-error@below {{calls 'nowhere', which neither the module nor the simulator has}}
  llvm.call @nowhere(%x) : (i32) -> ()
  llvm.return
}

// -----

// expected-error@below {{expects a kernel without results}}
llvm.func @result() -> i32 attributes {nvvm.kernel} {
  %0 = llvm.mlir.constant(0 : i32) : i32
  llvm.return %0 : i32
}

// -----

// expected-error@below {{shared memory up to and with 'b' takes 300000 bytes, of at most 262144}}
llvm.mlir.global internal @b() {addr_space = 3 : i32} : !llvm.array<300000 x i8>
llvm.func @too_much_shared_memory() attributes {nvvm.kernel} {
  llvm.return
}

// -----

// expected-error@below {{shared memory starts without values, but 'b' has an initializer}}
llvm.mlir.global internal @b(1 : i32) {addr_space = 3 : i32} : i32
llvm.func @initialised_shared_memory() attributes {nvvm.kernel} {
  llvm.return
}

// -----

llvm.func @integer_as_float(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  // expected-error@below {{contains PTX with an integer where a float is expected: 1}}
  %x = llvm.inline_asm "mov.f32 $0, 1;", "=f" : () -> f32
  llvm.return
}

// -----

llvm.func @decimal_as_bits() attributes {nvvm.kernel} {
  // expected-error@below {{contains PTX with a float of 64 bits for what is none}}
  %x = llvm.inline_asm "mov.b32 $0, 1.5;", "=r" : () -> i32
  llvm.return
}

// -----

llvm.func @decimal_as_half() attributes {nvvm.kernel} {
  // expected-error@below {{contains PTX with a float of 64 bits for one of 16}}
  %x = llvm.inline_asm "mov.f16 $0, 1.5;", "=h" : () -> f16
  llvm.return
}

// -----

llvm.func @few_digits() attributes {nvvm.kernel} {
  // expected-error@below {{expected 8 hexadecimal digits at '0f3F80;'}}
  %x = llvm.inline_asm "mov.f32 $0, 0f3F80;", "=f" : () -> f32
  llvm.return
}

// -----

llvm.func @saturated_integer(%i: i32) attributes {nvvm.kernel} {
  // expected-error@below {{contains PTX that is not modelled by the simulator: 'cvt.rn.sat.f32.s32 $0, $1;'}}
  %x = llvm.inline_asm "cvt.rn.sat.f32.s32 $0, $1;", "=f,r" %i : (i32) -> f32
  llvm.return
}
