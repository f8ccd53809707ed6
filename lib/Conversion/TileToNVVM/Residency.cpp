//===- Residency.cpp - blocks that share a multiprocessor -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How many blocks of a program a multiprocessor should keep at a time, which is
// what an assembler asks to know how many registers it may give to a thread,
// and what each of them has on its way from memory. Programs of matrix products
// work out of what they keep, and have all registers that their shared memory
// leaves them. Gathers wait for memory: they want warps.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "peermla/Support/TargetInfo.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace peermla;

/// Registers of a thread that gathers: the 32 of eight pieces of rows on their
/// way, and as many for sums, the row of a token and addresses.
static constexpr int64_t registersOfGathers = 64;

template <typename OpType> static bool contains(func::FuncOp program) {
  return program.walk([](OpType) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

std::optional<int64_t> peermla::getBlocksOfUnit(func::FuncOp program,
                                                int64_t threads) {
  const GpuTarget *gpu = GpuTarget::of(program);
  auto shared = program->getAttrOfType<IntegerAttr>(tile::sharedBytesName);
  bool multiplies = contains<tile::MmaOp>(program);
  if (!gpu || !shared || !(multiplies || contains<tile::GatherOp>(program)))
    return std::nullopt;
  int64_t byMemory =
      gpu->sharedBytesPerUnit / std::max<int64_t>(shared.getInt(), 1);
  int64_t registers = multiplies ? gpu->registersPerThread : registersOfGathers;
  int64_t byRegisters = gpu->registersPerUnit / (threads * registers);
  return std::max<int64_t>(
      std::min({byMemory, byRegisters, gpu->blocksPerUnit}), 1);
}

int64_t peermla::getBytesAhead(func::FuncOp program) {
  llvm::MapVector<scf::ForOp, llvm::SetVector<Value>> rings;
  program.walk([&](Operation *op) {
    Value ring;
    if (auto fill = dyn_cast<tile::FillOp>(op))
      ring = fill.getRing();
    else if (auto fill = dyn_cast<tile::FillBoxOp>(op))
      ring = fill.getRing();
    auto loop = op->getParentOfType<scf::ForOp>();
    if (ring && loop)
      rings[loop].insert(ring);
  });
  int64_t most = 0;
  program.walk([&](scf::ForOp loop) {
    int64_t bytes = 0;
    for (Value ring : rings.lookup(loop)) {
      auto type = cast<tile::RingType>(ring.getType());
      bytes += (type.getSlots() - 1) * type.getSlotBytes();
    }
    for (Value next : loop.getYieldedValues())
      if (next.getDefiningOp<tile::GatherOp>()) {
        auto type = cast<RankedTensorType>(next.getType());
        bytes += type.getNumElements() * getBytesOfElement(type);
      }
    most = std::max(most, bytes);
  });
  return most;
}
