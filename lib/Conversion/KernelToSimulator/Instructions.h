//===- Instructions.h - instructions, however they are written ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An instruction may appear as an NVVM op, as an intrinsic or as inline PTX.
// Those that take more than one call of the runtime are emitted here, from
// values and numbers alone. All stand at the operation that the rewriter
// visits, and none replaces it.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_KERNELTOSIMULATOR_INSTRUCTIONS_H
#define PEERMLA_CONVERSION_KERNELTOSIMULATOR_INSTRUCTIONS_H

#include "Rewriter.h"

namespace peermla::tosim {

/// A value and the predicate beside it.
struct Predicated {
  mlir::Value value, predicate;
};

// Collectives.cpp
Predicated emitShuffle(Rewriter &rewriter, sim::ShuffleKind kind,
                       mlir::Value mask, mlir::Value value, mlir::Value lane,
                       mlir::Value clamp);
Predicated emitMatchAll(Rewriter &rewriter, mlir::Value mask,
                        mlir::Value value);
/// The elected lane, and whether it is this one.
Predicated emitElect(Rewriter &rewriter, mlir::Value mask);
/// `id` and `threads` may be null.
void emitBarrier(Rewriter &rewriter, mlir::Value id, mlir::Value threads);
void emitBarrierArrive(Rewriter &rewriter, mlir::Value id, mlir::Value threads);
mlir::Value emitBarrierReduce(Rewriter &rewriter, sim::BarrierReduction kind,
                              mlir::Value id, mlir::Value threads,
                              mlir::Value predicate);
void emitFence(Rewriter &rewriter, sim::FenceKind kind);

// Matrix.cpp
llvm::SmallVector<mlir::Value> emitLdMatrix(Rewriter &rewriter,
                                            mlir::Value address, unsigned count,
                                            bool transposed,
                                            mlir::TypeRange results);
void emitStMatrix(Rewriter &rewriter, mlir::Value address,
                  mlir::ValueRange fragment, bool transposed);
/// D = A B + C of m16n8k`k`.
struct MmaShape {
  int64_t m, n, k;
  sim::ElementType a, b, d;
  bool saturates = false;
};
/// An error unless the runtime has the instruction.
mlir::LogicalResult verifyMma(Rewriter &rewriter, const MmaShape &shape,
                              size_t numA, size_t numB, size_t numC);
llvm::SmallVector<mlir::Value>
emitMma(Rewriter &rewriter, const MmaShape &shape, mlir::ValueRange a,
        mlir::ValueRange b, mlir::ValueRange c, mlir::TypeRange results);

// AsyncCopies.cpp
void emitTmaLoad(Rewriter &rewriter, mlir::Value target, mlir::Value map,
                 mlir::Value barrier, mlir::ValueRange coordinates,
                 mlir::Value multicastMask);
void emitTmaStore(Rewriter &rewriter, mlir::Value map, mlir::Value source,
                  mlir::ValueRange coordinates, sim::TmaReduction reduction);

// MBarriers.cpp
mlir::Value emitMBarrierWait(Rewriter &rewriter, mlir::Value barrier,
                             mlir::Value stateOrParity, unsigned flags);
/// Waits until the phase is over, for `try_wait` in a loop.
void emitMBarrierWaitLoop(Rewriter &rewriter, mlir::Value barrier,
                          mlir::Value parity);

// Wgmma.cpp
struct WgmmaShape {
  int64_t n;
  sim::ElementType a, b, d;
  bool isMnMajorA = false, isMnMajorB = false;
  bool negatesA = false, negatesB = false;
  bool saturates = false;
  /// Only waits that carry the results make them readable.
  bool isAwaited = false;
};
/// An error unless the shape is one of the instruction's.
mlir::LogicalResult verifyWgmma(Rewriter &rewriter, const WgmmaShape &shape,
                                int64_t k, int64_t numRegisters);
/// MatrixFlags; `scaleD` is zero or not, null for one.
mlir::Value emitMatrixFlags(Rewriter &rewriter, const WgmmaShape &shape,
                            mlir::Value scaleD);
/// On registers, alone or as vectors: replaces `registers` by the results. `a`
/// is a descriptor or four registers.
void emitWgmmaRegisters(Rewriter &rewriter, const WgmmaShape &shape,
                        llvm::SmallVectorImpl<mlir::Value> &registers,
                        mlir::ValueRange a, mlir::Value b, mlir::Value scaleD);
/// A wait that carries registers, or none.
void emitWgmmaWait(Rewriter &rewriter, int64_t groups,
                   llvm::SmallVectorImpl<mlir::Value> &registers);

/// The element type that PTX calls `name`: `bf16`, `e4m3`, `s32`, ...
std::optional<sim::ElementType> parseElementType(llvm::StringRef name);
/// Bits of one element.
unsigned getBits(sim::ElementType type);

} // namespace peermla::tosim

#endif // PEERMLA_CONVERSION_KERNELTOSIMULATOR_INSTRUCTIONS_H
