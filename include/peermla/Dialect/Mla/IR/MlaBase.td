//===- MlaBase.td - the mla dialect ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dialect, and what its ops have in common. The ops are in MlaOps.td and
// MlaInternal.td.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_MLA_IR_MLABASE_TD
#define PEERMLA_DIALECT_MLA_IR_MLABASE_TD

include "peermla/Support/StructuredOps.td"

def Mla_Dialect : Dialect {
  let name = "mla";
  let summary = "Multi-head Latent Attention";
  let description = [{
    Attention over a compressed latent, as in the DeepSeek-V2 and V3 models. All
    ops are in destination style, on tensors or on memrefs.

    **Ragged batches.** `T` tokens of `B` sequences lie one after the other;
    `cu_seqlens[b]` is the first row of sequence `b` and `cu_seqlens[B]` the end of
    the last. With a cache, `past_lens[b]` tokens of sequence `b` came in earlier
    calls. Token `t` of sequence `b` has the position
    `past_lens[b] + t - cu_seqlens[b]`.

    **Cache rows.** A key row is `[c | k_pe]`: the latent after its norm, then the
    rotated position part shared by all heads. A paged cache is
    `num_blocks x page x (dc + dr)`; row `j` of sequence `b` is row `j mod page`
    of block `block_table[b, j div page]`.

    **Rotation.** Pairs are elements (2i, 2i+1) of the rotated columns.
  }];
  let cppNamespace = "::peermla::mla";
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

class Mla_StructuredOp<string mnemonic, list<Trait> traits = []>
    : Op<Mla_Dialect, mnemonic, traits # [
        DestinationStyleOpInterface,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
        DeclareOpInterfaceMethods<ConditionallySpeculatable>,
        DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let hasVerifier = 1;
  let extraClassDefinition = Peermla_StructuredDefinition;
}

/// Rows of tokens (and heads), cut by the table that MlaTiling.h gives.
defvar Mla_TilingInterface = DeclareOpInterfaceMethods<TilingInterface, [
    "getLoopIteratorTypes", "getIterationDomain", "getTiledImplementation",
    "getResultTilePosition", "generateResultTileValue"]>;

#endif // PEERMLA_DIALECT_MLA_IR_MLABASE_TD
