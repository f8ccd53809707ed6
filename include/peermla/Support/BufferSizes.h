//===- BufferSizes.h - bytes of buffers at most ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What passes that give buffers their places need to know of their sizes.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_BUFFERSIZES_H
#define PEERMLA_SUPPORT_BUFFERSIZES_H

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace peermla {

/// The product of the element's size and all static extents. Emits an error for
/// elements without a size.
mlir::FailureOr<int64_t> getStaticBytes(mlir::memref::AllocOp alloc);

/// The largest that `extent` can be, as its computation tells.
mlir::FailureOr<int64_t> getConstantBound(mlir::Value extent);

/// The most bytes that a buffer inside a kernel can have. Emits an error where
/// there is no bound.
mlir::FailureOr<int64_t> getMaxBytes(mlir::memref::AllocOp alloc);

} // namespace peermla

#endif // PEERMLA_SUPPORT_BUFFERSIZES_H
