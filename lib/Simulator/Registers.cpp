//===- Registers.cpp - setmaxnreg -----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block starts with the registers that its threads have at launch. A warp
// that decreases gives to the pool of the block; one that increases takes from
// it and waits while there are not enough. All warps of a warpgroup must do the
// same.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

using namespace peermla::sim;
using namespace peermla::sim::abi;

static constexpr uint32_t kMinRegisters = 24, kMaxRegisters = 256;

Void peermla::sim::abi::peermla_sim_set_max_registers(I32 count, I32 increase,
                                                      I32 site) {
  Thread &thread = enter(InstructionClass::Other, site);
  Cluster &cluster = *thread.cluster;
  Warp &warp = *thread.warp;
  auto report = [&](std::string message) {
    cluster.report(ReportKind::Registers, &thread, site, std::move(message));
  };
  if (count < kMinRegisters || count > kMaxRegisters || count % 8) {
    report("setmaxnreg is a multiple of 8 from 24 to 256, got " +
           std::to_string(count));
    return;
  }
  constexpr uint32_t kKind = 0xc00;
  if (!meet(thread, kKind + increase, ~0u, /*aligned=*/true, "setmaxnreg",
            site))
    return;
  uint32_t old = warp.registers;
  Block &block = *thread.block;
  if (increase ? count < old : count > old) {
    report(std::string("setmaxnreg.") + (increase ? "inc" : "dec") + " to " +
           std::to_string(count) + " of a warp that has " +
           std::to_string(old) + " registers per thread");
  } else if (increase) {
    uint32_t needed = (count - old) * kWarpSize;
    while (block.freeRegisters < needed) {
      block.registerWaiters.push_back(&thread);
      cluster.wait(thread, "setmaxnreg.inc: the pool has too few registers",
                   site);
    }
    block.freeRegisters -= needed;
    warp.registers = count;
  } else {
    block.freeRegisters += (old - count) * kWarpSize;
    warp.registers = count;
    cluster.progress();
    for (Thread *waiter : block.registerWaiters)
      cluster.wake(*waiter);
    block.registerWaiters.clear();
  }
  dismiss(thread, ~0u);
}
