//===- Passes.td - passes out of instructions of warpgroups ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

include "mlir/Pass/PassBase.td"

def WarpgroupsToNVVM : Pass<"peermla-warpgroups-to-nvvm"> {
  let summary = "Write the instructions of warpgroups as PTX";
  let description = [{
    Accumulators are tied operands: input and result are the same registers.
    Offsets are added to descriptors inside the PTX, so that a loop keeps one
    register pair for each descriptor and not one for each product.

    ```mlir
    %d = frag.wgmma %a, %b, acc %c offsets [32, 0] of bf16 : i64, vector<4xf32>
    ```
    becomes
    ```mlir
    %c0, %c1, %c2, %c3 = vector.to_elements %c
    %s = llvm.inline_asm has_side_effects "{ .reg .b64 a; add.s64 a, $4, 2;
           wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {$0, $1, $2, $3}, a, $5, 1, 1, 1, 0, 0; }",
           "=f,=f,=f,=f,l,l,0,1,2,3" %a, %b, %c0, %c1, %c2, %c3
    %d = vector.from_elements (fields of %s)
    ```
    Numerics: unchanged.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::LLVM::LLVMDialect",
                           "mlir::NVVM::NVVMDialect",
                           "mlir::vector::VectorDialect"];
}
