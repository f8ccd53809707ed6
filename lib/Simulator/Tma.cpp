//===- Tma.cpp - what bulk and tensor copies do ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor copy moves a box: rows of the innermost dimension follow one another
// in shared memory, and pieces of 16 bytes change places by the swizzle,
//
//     address ^= (address >> 7 & mask) << 4        mask 1, 3, 7 for 32, 64, 128
//     B
//
// Elements outside the tensor are filled, or not stored.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>
#include <cstring>

using namespace peermla::sim;

static constexpr uint32_t kPieceBytes = 16;

static char *swizzle(char *address, uint32_t mask) {
  uintptr_t bits = reinterpret_cast<uintptr_t>(address);
  return reinterpret_cast<char *>(bits ^ (bits >> 7 & mask) << 4);
}

/// Of elements outside, in `bytes` of memory.
static void fill(char *destination, uint32_t bytes,
                 const TensorGeometry &geometry) {
  memset(destination, 0, bytes);
  if (!geometry.fillNaN)
    return;
  for (uint32_t i = 0; i < bytes; i += geometry.elementBytes) {
    uint32_t nan = geometry.elementBytes == 2 ? 0x7fff : 0x7fffffff;
    memcpy(destination + i, &nan, std::min(4u, geometry.elementBytes));
  }
}

/// Calls `body(shared, global, first, count)` for the pieces of a box in shared
/// memory: `shared` is where a piece is, `global` where its row is in the
/// tensor or null if the row is outside, `first` the coordinate of its first
/// element.
template <typename Body>
static void forEachPiece(const BulkOperation &operation, Body body) {
  const TensorGeometry &geometry = operation.geometry;
  uint32_t rowBytes = geometry.box[0] * geometry.elementBytes;
  uint32_t numRows = 1;
  for (uint32_t i = 1; i < geometry.rank; ++i)
    numRows *= geometry.box[i];
  char *shared = operation.shared;
  for (uint32_t row = 0; row < numRows; ++row) {
    char *global = geometry.base;
    bool inside = true;
    for (uint32_t i = 1, rest = row; i < geometry.rank; ++i) {
      int64_t c = int64_t(operation.coordinates[i]) +
                  int64_t(rest % geometry.box[i]) * geometry.steps[i];
      rest /= geometry.box[i];
      inside &= c >= 0 && uint64_t(c) < geometry.sizes[i];
      global += c * int64_t(geometry.strides[i]);
    }
    for (uint32_t b = 0; b < rowBytes;
         b += kPieceBytes, shared += kPieceBytes) {
      uint32_t element = b / geometry.elementBytes;
      int64_t first = int64_t(operation.coordinates[0]) +
                      int64_t(element) * geometry.steps[0];
      body(swizzle(shared, geometry.swizzleMask), inside ? global : nullptr,
           first);
    }
  }
}

/// Records what an operation touches in global memory; `values` are written.
static void touchGlobal(Cluster &cluster, const BulkOperation &operation,
                        const char *global, uint32_t bytes, bool write,
                        bool strong = false, const char *values = nullptr) {
  cluster.touchGlobal(operation.thread, global, bytes, write, strong,
                      operation.site, values);
}

static void loadTensor(Cluster &cluster, const BulkOperation &operation) {
  const TensorGeometry &geometry = operation.geometry;
  uint32_t bytes = geometry.elementBytes, perPiece = kPieceBytes / bytes;
  int64_t size = int64_t(geometry.sizes[0]), step = geometry.steps[0];
  forEachPiece(operation, [&](char *shared, const char *global, int64_t first) {
    if (global && step == 1 && first >= 0 && first + perPiece <= size) {
      touchGlobal(cluster, operation, global + first * bytes, kPieceBytes,
                  /*write=*/false);
      memcpy(shared, global + first * bytes, kPieceBytes);
      return;
    }
    fill(shared, kPieceBytes, geometry);
    if (!global)
      return;
    for (uint32_t i = 0; i < perPiece; ++i) {
      int64_t c = first + i * step;
      if (c < 0 || c >= size)
        continue;
      touchGlobal(cluster, operation, global + c * bytes, bytes,
                  /*write=*/false);
      memcpy(shared + i * bytes, global + c * bytes, bytes);
    }
  });
}

static AtomicOp getAtomicOp(TmaReduction reduction) {
  switch (reduction) {
  case TmaReduction::Min:
    return AtomicOp::Min;
  case TmaReduction::Max:
    return AtomicOp::Max;
  case TmaReduction::Inc:
    return AtomicOp::Inc;
  case TmaReduction::Dec:
    return AtomicOp::Dec;
  case TmaReduction::And:
    return AtomicOp::And;
  case TmaReduction::Or:
    return AtomicOp::Or;
  case TmaReduction::Xor:
    return AtomicOp::Xor;
  case TmaReduction::Add:
  case TmaReduction::None:
    break;
  }
  return AtomicOp::Add;
}

/// Adds (and so on) `count` elements; reports a combination that does not
/// exist.
static void reduceInto(Cluster &cluster, const BulkOperation &operation,
                       char *destination, const char *source, uint32_t count,
                       AtomicOp op, ElementType type) {
  uint32_t bytes = getBytes(type);
  touchGlobal(cluster, operation, destination, count * bytes, /*write=*/true,
              /*strong=*/true);
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t operand = 0;
    memcpy(&operand, source + i * bytes, bytes);
    if (applyAtomic(destination + i * bytes, op, type, operand, 0, nullptr))
      continue;
    cluster.report(ReportKind::Descriptor, operation.thread, operation.site,
                   "the reduction does not exist for the type");
    return;
  }
}

static void storeTensor(Cluster &cluster, const BulkOperation &operation) {
  const TensorGeometry &geometry = operation.geometry;
  uint32_t bytes = geometry.elementBytes, perPiece = kPieceBytes / bytes;
  int64_t size = int64_t(geometry.sizes[0]), step = geometry.steps[0];
  bool reduces = operation.reduction != TmaReduction::None;
  AtomicOp op = getAtomicOp(operation.reduction);
  forEachPiece(operation, [&](const char *shared, char *global, int64_t first) {
    if (!global)
      return;
    if (!reduces && step == 1 && first >= 0 && first + perPiece <= size) {
      touchGlobal(cluster, operation, global + first * bytes, kPieceBytes,
                  /*write=*/true, /*strong=*/false, shared);
      memcpy(global + first * bytes, shared, kPieceBytes);
      return;
    }
    for (uint32_t i = 0; i < perPiece; ++i) {
      int64_t c = first + i * step;
      if (c < 0 || c >= size)
        continue;
      if (reduces) {
        reduceInto(cluster, operation, global + c * bytes, shared + i * bytes,
                   1, op, geometry.type);
        continue;
      }
      touchGlobal(cluster, operation, global + c * bytes, bytes, /*write=*/true,
                  /*strong=*/false, shared + i * bytes);
      memcpy(global + c * bytes, shared + i * bytes, bytes);
    }
  });
}

void peermla::sim::perform(Cluster &cluster, const BulkOperation &operation) {
  cluster.finishAccess();
  switch (operation.kind) {
  case BulkOperation::TensorLoad:
    loadTensor(cluster, operation);
    break;
  case BulkOperation::TensorStore:
    storeTensor(cluster, operation);
    break;
  case BulkOperation::Load:
    // Of st.async, shared memory, which is in no region.
    touchGlobal(cluster, operation, operation.global, operation.bytes,
                /*write=*/false);
    [[fallthrough]];
  case BulkOperation::CopyShared:
    memcpy(operation.shared, operation.global, operation.bytes);
    break;
  case BulkOperation::Store:
    touchGlobal(cluster, operation, operation.global, operation.bytes,
                /*write=*/true, /*strong=*/false, operation.shared);
    memcpy(operation.global, operation.shared, operation.bytes);
    break;
  case BulkOperation::Reduce:
    reduceInto(cluster, operation, operation.global, operation.shared,
               operation.bytes / std::max(1u, getBytes(operation.type)),
               operation.atomicOp, operation.type);
    break;
  }
  if (operation.barrier)
    completeTransactions(cluster, *operation.barrier, operation.bytes,
                         operation.thread, operation.site);
}

void peermla::sim::issue(Cluster &cluster, const BulkOperation &operation) {
  if (cluster.options.async == Async::Eager ||
      (cluster.options.async == Async::Random && cluster.random.coin()))
    perform(cluster, operation);
  else
    cluster.bulkOperations.push_back(operation);
}
