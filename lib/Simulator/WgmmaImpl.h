//===- WgmmaImpl.h - between the files of wgmma ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_WGMMAIMPL_H
#define PEERMLA_LIB_SIMULATOR_WGMMAIMPL_H

#include "Machine.h"

namespace peermla::sim {

/// The operands of one thread.
struct WgmmaRequest {
  uint64_t descriptorA, descriptorB;
  const uint32_t *a;
  uint32_t n;
  ElementType typeA, typeB, typeD;
  uint32_t flags, site;

  /// Whether the results must be numbers at once, for waits that do not carry
  /// them.
  bool isUntied(const Thread &thread) const;
  /// Registers of D, 0 if there is no such instruction.
  uint32_t getCount() const;
};

/// The registers of D of m64n<n>: one f32 or s32 each, or two f16.
uint32_t getAccumulatorCount(uint32_t n, ElementType typeD);

/// All threads of the warpgroup bring their operands; the operation is issued
/// when the last one has.
void issueWgmma(Thread &thread, const WgmmaRequest &request,
                Accumulator *source, Accumulator *destination);

/// Multiplies.
void execute(Cluster &cluster, const Block &block, WgmmaOperation &operation);

/// A report on wgmma.
void reportWgmma(Thread &thread, uint32_t site, std::string message);

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_WGMMAIMPL_H
