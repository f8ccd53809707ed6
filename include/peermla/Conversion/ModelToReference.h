//===- ModelToReference.h - the meaning of a model, in f64 ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the MODEL stage to loops over f64 memrefs, by the plainest way there is:
// no tiling, no fusion, nothing in place, no rounding. It shares no lowering
// with the compiler proper, whose results it is there to judge.
//
// What comes out is one function per entry. Its arguments are those of the
// entry, then its weights (marked with their names); results are fresh memory.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_MODELTOREFERENCE_H
#define PEERMLA_CONVERSION_MODELTOREFERENCE_H

#include "llvm/ADT/StringRef.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace peermla {

/// The attribute of an argument that is a weight: its name in the checkpoint.
llvm::StringRef getWeightAttrName();
/// The attribute of a weight that has been widened: what its elements were.
llvm::StringRef getStoredAttrName();

/// MODEL -> scf, memref, arith and math on f64.
void buildReferencePipeline(mlir::OpPassManager &pm);

/// What the above made -> the LLVM dialect. Memory comes from the functions
/// `_mlir_memref_to_llvm_alloc` and `_mlir_memref_to_llvm_free`.
void buildReferenceToLLVMPipeline(mlir::OpPassManager &pm);

/// Registers both as `peermla-to-reference` and `peermla-reference-to-llvm`.
void registerReferencePipelines();

} // namespace peermla

#endif // PEERMLA_CONVERSION_MODELTOREFERENCE_H
