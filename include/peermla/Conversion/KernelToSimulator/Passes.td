//===- Passes.td - GPU kernels on the host ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

include "mlir/Pass/PassBase.td"

def KernelToSimulator : Pass<"peermla-kernel-to-simulator", "mlir::ModuleOp"> {
  let summary = "Rewrite GPU kernels to host code that calls the simulator";
  let description = [{
    Every thread of a block is to run the kernel as a function of the host.
    What only a GPU has becomes a call of the runtime (`Simulator/Abi.def`): the
    instructions of the NVVM and frag dialects, intrinsics of NVPTX and inline
    PTX, in whatever mixture. Results of `frag.wgmma` that anything but another
    product or `frag.wgmma_wait` reads are asked whether they are in flight. Accesses of memory ask the runtime for their address,
    which may report them. Kernels may be inside `gpu.module` ops, whose
    contents move to the top, or there already; host code beside `gpu.module`s
    is dropped. Variables in shared memory become offsets, accumulators of wgmma
    handles, and all pointers those of the host.

    For each kernel `k` the module then holds `__peermla_sim_k(void **)`, which
    a thread calls, and `__peermla_sim_k_descriptor`, which a launch reads.

    What is not known (an op, an intrinsic, a line of PTX, a variant of one) is
    an error at its location.

    Numerics: those of the runtime. Plain arithmetic is that of the host: no
    contraction to fma, and no flushing of subnormals, that the IR does not ask
    for.

    ```mlir
    gpu.module @m {
      llvm.mlir.global internal @s() {addr_space = 3 : i32} : !llvm.array<32 x f32>
      llvm.func @k(%p: !llvm.ptr<1>) attributes {nvvm.kernel} {
        %s = llvm.mlir.addressof @s : !llvm.ptr<3>
        %x = llvm.load %s : !llvm.ptr<3> -> f32
        nvvm.barrier0
    ```
    becomes
    ```mlir
    llvm.func internal @k(%p: !llvm.ptr) {
      %s = llvm.call @peermla_sim_shared_base() : () -> !llvm.ptr
      %q = llvm.call @peermla_sim_access(%s, %c4, %c4, %shared, %site0) : (...) -> !llvm.ptr
      %x = llvm.load %q : !llvm.ptr -> f32
      llvm.call @peermla_sim_barrier_sync(%c0, %c0, %site1) : (i32, i32, i32) -> ()
    ```
  }];
  let options = [
    Option<"count", "count", "bool", /*default=*/"false",
           "Count the instructions that the runtime does not see">,
  ];
  let dependentDialects = ["mlir::DLTIDialect", "mlir::LLVM::LLVMDialect"];
}
