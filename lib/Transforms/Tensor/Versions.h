//===- Versions.h - a kernel that is there twice --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a kernel is best computed depends on the extent of a tensor, which only a
// call knows. Kernels then exist in two versions, of which the host takes one:
//
//   %few = arith.cmpi ule, %extent, %limit
//   %y = scf.if %few { root and its ops, changed by one function }
//        else        { root and its ops, changed by another one }
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TRANSFORMS_TENSOR_VERSIONS_H
#define LIB_TRANSFORMS_TENSOR_VERSIONS_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallVector.h"

namespace peermla {

/// `root` and what TileAndFuse computes with its tiles: producers in its block
/// that have no schedule, reshapes and slices of tensors; readers come before
/// what they read. Constant tensors are not among them: they serve all
/// versions.
llvm::SetVector<mlir::Operation *> collectKernel(mlir::Operation *root);

/// The ops of one version, in their order.
struct Version {
  /// The root's copy, which the others come in front of.
  mlir::Operation *root = nullptr;
  llvm::SmallVector<mlir::Operation *> ops;
  /// From the ops and values of the kernel to those of the version.
  mlir::IRMapping copies;
};

/// Changes a version. What replaces the root's results is the version's result.
using ChangeVersion = llvm::function_ref<void(Version &)>;

/// Replaces `root` by a choice between two versions of `ops`: one where `isFew`
/// is true, and one where it is not. The ops are those of one block that are
/// repeated, the root among them, behind all others, and alone in having
/// results that others read; what others read of the rest stays for them.
/// Versions may be made of versions. `isFew` is known in front of `root`.
mlir::scf::IfOp makeVersions(mlir::Operation *root,
                             const llvm::SetVector<mlir::Operation *> &ops,
                             mlir::Value isFew, ChangeVersion few,
                             ChangeVersion many);

/// The same for an `extent`, an index, of up to `limit`, and for a larger one.
mlir::scf::IfOp makeVersions(mlir::Operation *root,
                             const llvm::SetVector<mlir::Operation *> &ops,
                             mlir::Value extent, int64_t limit,
                             ChangeVersion few, ChangeVersion many);

/// Writes the plan of a version whose schedule is another one, if kernels have
/// plans.
void planVersion(Version &version, llvm::StringRef why);

/// Leaves a version as it is.
inline void keepVersion(Version &) {}

} // namespace peermla

#endif // LIB_TRANSFORMS_TENSOR_VERSIONS_H
