//===- FragOps.td - what one thread does in a group's instruction ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instructions of four warps together, a warpgroup, that the NVVM dialect says
// in part or not at all. Each thread holds a fragment of a matrix, a vector.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_FRAG_IR_FRAGOPS_TD
#define PEERMLA_DIALECT_FRAG_IR_FRAGOPS_TD

include "mlir/Dialect/LLVMIR/LLVMOpBase.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Frag_Dialect : Dialect {
  let name = "frag";
  let summary = "a thread's part in instructions of a warpgroup";
  let cppNamespace = "::peermla::frag";
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

class Frag_Op<string mnemonic, list<Trait> traits = []>
    : Op<Frag_Dialect, mnemonic, traits>;

def Frag_DescriptorOp : Frag_Op<"descriptor", [Pure]> {
  let summary = "tell wgmma of a matrix in shared memory";
  let description = [{
    The matrix lies at `base` in rows of 128 bytes, with pieces of 16 bytes
    swizzled by their row modulo 8, as `#tile.shared` has it. In the matrix
    descriptor of PTX:

    ```
    bits  0 .. 13   base / 16
    bits 16 .. 29   leading / 16
    bits 32 .. 45   64           1024 bytes to the next eight rows
    bits 62 .. 63   1            swizzled over 128 bytes
    ```

    `leading` is how many bytes lie between panels of 64 columns, where those
    are rows of the product (`columns` of `frag.wgmma`); else it has no meaning.

    Constraints:
    * (C1) `leading` is a multiple of 16, at least 0 and less than 2^18.

    ```mlir
    %d = frag.descriptor %slot leading 8192
    ```
  }];
  let arguments = (ins LLVM_PointerInAddressSpace<3>:$base, I64Attr:$leading);
  let results = (outs I64:$result);
  let assemblyFormat = "$base `leading` $leading attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Addresses and distances count in units of so many bytes.
    static constexpr int64_t unitBytes = 16;
    /// The bits that the base, in units, may have.
    static constexpr int64_t baseMask = (1 << 14) - 1;
    /// All bits but those of the base.
    uint64_t getLayoutBits();
  }];
}

def Frag_WgmmaOp : Frag_Op<"wgmma"> {
  let summary = "start a product of a warpgroup, d = a b + acc";
  let description = [{
    ```
    d[m, n] = acc[m, n] + sum_k a[m, k] b[k, n]     m < 64, n < N, k < 16
    ```
    in f32. Without `acc` it is zero. Operand `a` is in registers, four words
    of two elements of a thread, or, like `b`, in shared memory behind a
    descriptor; `offsets` are bytes from the places that `a` and `b` describe to the
    first element of the product. Elements of `a`, and those of `b` without
    `columns`, lie in rows along k; with `columns`, rows of `b` run along n.

    Element `r` of `d` of thread t of the warpgroup, with lane l = t % 32:

    ```
    m = 16 (t / 32) + l / 4 + 8 (r / 2 % 2)
    n = 8 (r / 4) + 2 (l % 4) + r % 2
    ```

    The product runs on its own: `nvvm.wgmma.fence.aligned` comes before,
    `nvvm.wgmma.commit.group.sync.aligned` after, and nothing reads `d` but another
    `frag.wgmma` or the `frag.wgmma_wait` that waits for it.

    Constraints:
    * (C1) `element` is f16 or bf16.
    * (C2) `d` has N / 2 elements, N a multiple of 8 from 8 to 256.
    * (C3) `acc` is of the type of `d`.
    * (C4) `offsets` has an entry for `a` and one for `b`, multiples of 16 and at
      least 0; that of an `a` in registers is 0.

    ```mlir
    %d = frag.wgmma %a, %b, acc %c offsets [32, 32] of bf16 : i64, vector<64xf32>
    %e = frag.wgmma %p, %v offsets [0, 2048] columns of bf16 : vector<4xi32>, vector<64xf32>
    ```
  }];
  let arguments = (ins
    AnyTypeOf<[I64, VectorOfLengthAndType<[4], [I32]>]>:$a, I64:$b,
    Optional<VectorOfRankAndType<[1], [F32]>>:$acc,
    DenseI64ArrayAttr:$offsets, UnitAttr:$columns, TypeAttr:$element);
  let results = (outs VectorOfRankAndType<[1], [F32]>:$d);
  let assemblyFormat = [{
    $a `,` $b (`,` `acc` $acc^)? `offsets` $offsets (`columns` $columns^)?
    `of` $element `:` type($a) `,` custom<Accumulator>(type($acc), ref($acc), type($d))
    attr-dict
  }];
  let hasVerifier = 1;
}

def Frag_WgmmaWaitOp : Frag_Op<"wgmma_wait",
    [DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "wait for products, and get what they made";
  let description = [{
    Waits until at most `pending` groups of products that this warpgroup
    committed are still running. The results are the values of `accs`, which the
    groups that ended have made: because only the results can be read, nothing
    reads an accumulator too early. Without `accs`, the groups that ended have read
    their operands.

    Constraints:
    * (C1) `pending` is at least 0 and at most 7.
    * (C2) results have the types of the accumulators.

    ```mlir
    %s, %o = frag.wgmma_wait 0, %s0, %o0 : vector<64xf32>, vector<64xf32>
    frag.wgmma_wait 1
    ```
  }];
  let arguments = (ins I64Attr:$pending,
                       Variadic<VectorOfRankAndType<[1], [F32]>>:$accs);
  let results = (outs Variadic<VectorOfRankAndType<[1], [F32]>>:$results);
  let assemblyFormat = [{
    $pending (`,` $accs^ `:` type($accs))? attr-dict
  }];
  let hasVerifier = 1;
}

#endif // PEERMLA_DIALECT_FRAG_IR_FRAGOPS_TD
