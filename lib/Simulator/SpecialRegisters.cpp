//===- SpecialRegisters.cpp - who and where a thread is -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

using namespace peermla::sim;
using namespace peermla::sim::abi;

/// The multiprocessors of an H100 SXM; blocks take turns on them.
static constexpr uint32_t kNumSms = 132;

I32 peermla::sim::abi::peermla_sim_special_register(I32 which) {
  const Thread &thread = *currentThread;
  const Block &block = *thread.block;
  const Cluster &cluster = *thread.cluster;
  const Dim3 &size = cluster.state.launch.block;
  const Dim3 &grid = cluster.state.launch.grid;
  const Dim3 &shape = cluster.state.launch.cluster;
  using R = SpecialRegister;
  switch (R(which)) {
  case R::TidX:
    return thread.index % size.x;
  case R::TidY:
    return thread.index / size.x % size.y;
  case R::TidZ:
    return thread.index / (size.x * size.y);
  case R::NtidX:
    return size.x;
  case R::NtidY:
    return size.y;
  case R::NtidZ:
    return size.z;
  case R::CtaidX:
    return block.id.x;
  case R::CtaidY:
    return block.id.y;
  case R::CtaidZ:
    return block.id.z;
  case R::NctaidX:
    return grid.x;
  case R::NctaidY:
    return grid.y;
  case R::NctaidZ:
    return grid.z;
  case R::LaneId:
    return thread.lane;
  case R::WarpId:
    return thread.warp->index;
  case R::NumWarps:
    return uint32_t(block.warps.size());
  case R::WarpSize:
    return kWarpSize;
  case R::LaneMaskEq:
    return 1u << thread.lane;
  case R::LaneMaskLt:
    return (1u << thread.lane) - 1;
  case R::LaneMaskLe:
    return (2u << thread.lane) - 1;
  case R::LaneMaskGt:
    return ~((2u << thread.lane) - 1);
  case R::LaneMaskGe:
    return ~((1u << thread.lane) - 1);
  case R::ClusterIdX:
    return cluster.id.x;
  case R::ClusterIdY:
    return cluster.id.y;
  case R::ClusterIdZ:
    return cluster.id.z;
  case R::NumClustersX:
    return grid.x / shape.x;
  case R::NumClustersY:
    return grid.y / shape.y;
  case R::NumClustersZ:
    return grid.z / shape.z;
  case R::ClusterCtaidX:
    return block.rank % shape.x;
  case R::ClusterCtaidY:
    return block.rank / shape.x % shape.y;
  case R::ClusterCtaidZ:
    return block.rank / (shape.x * shape.y);
  case R::ClusterNctaidX:
    return shape.x;
  case R::ClusterNctaidY:
    return shape.y;
  case R::ClusterNctaidZ:
    return shape.z;
  case R::ClusterCtaRank:
    return block.rank;
  case R::ClusterNctaRank:
    return cluster.state.numBlocks;
  case R::SmId:
    return uint32_t(cluster.index % kNumSms);
  case R::NumSms:
    return kNumSms;
  case R::GridId:
    return 1;
  case R::DynamicSharedSize:
    return cluster.state.launch.dynamicShared;
  case R::TotalSharedSize:
    return cluster.state.sharedBytes;
  }
  return 0;
}

I64 peermla::sim::abi::peermla_sim_clock(I32 which) {
  // A loop that waits for time to pass must see it pass.
  Thread &thread = enter(InstructionClass::Other, kNoSite);
  uint64_t steps = thread.cluster->getSteps() + thread.instructions;
  return ClockRegister(which) == ClockRegister::Clock ? uint32_t(steps) : steps;
}

Ptr peermla::sim::abi::peermla_sim_shared_base() {
  return currentThread->block->shared;
}

Ptr peermla::sim::abi::peermla_sim_map_shared(Ptr address, I32 rank, I32 site) {
  Thread &thread = enter(InstructionClass::Other, site);
  Cluster &cluster = *thread.cluster;
  if (rank >= cluster.blocks.size()) {
    cluster.report(ReportKind::OutOfBounds, &thread, site,
                   "mapa to block rank " + std::to_string(rank) +
                       " of a cluster of " +
                       std::to_string(cluster.blocks.size()));
    return address;
  }
  if (!cluster.getBlock(address)) {
    cluster.report(ReportKind::OutOfBounds, &thread, site,
                   "mapa of an address that is not in shared memory");
    return address;
  }
  return cluster.blocks[rank].shared + cluster.getOffset(address);
}

I32 peermla::sim::abi::peermla_sim_shared_rank(Ptr address) {
  const Block *block = currentThread->cluster->getBlock(address);
  return block ? block->rank : ~0u;
}

I32 peermla::sim::abi::peermla_sim_is_space(Ptr address, I32 space) {
  const Block *block = currentThread->cluster->getBlock(address);
  switch (MemorySpace(space)) {
  case MemorySpace::Shared:
    return block == currentThread->block;
  case MemorySpace::SharedCluster:
    return block != nullptr;
  case MemorySpace::Global:
    return !block;
  case MemorySpace::Generic:
  case MemorySpace::Constant:
  case MemorySpace::Local:
  case MemorySpace::Param:
    break;
  }
  return 0;
}

Void peermla::sim::abi::peermla_sim_nanosleep(I32, I32 site) {
  Thread &thread = enter(InstructionClass::Other, site);
  thread.cluster->wait(thread, "nanosleep", site, /*timed=*/true);
}

Void peermla::sim::abi::peermla_sim_exit(I32 site) {
  Thread &thread = enter(InstructionClass::Control, site);
  thread.cluster->endThread(thread);
}

Void peermla::sim::abi::peermla_sim_trap(I32 site) {
  Thread &thread = enter(InstructionClass::Control, site);
  thread.cluster->report(ReportKind::Trap, &thread, site, "trap");
  // A trap ends the grid.
  thread.cluster->state.stop = true;
  thread.cluster->endThread(thread);
}

Void peermla::sim::abi::peermla_sim_assert_fail(Ptr message, Ptr file, I32 line,
                                                Ptr function, I32 site) {
  Thread &thread = enter(InstructionClass::Control, site);
  auto text = [](Ptr pointer) {
    return pointer ? static_cast<const char *>(pointer) : "?";
  };
  thread.cluster->report(ReportKind::Trap, &thread, site,
                         std::string("assertion '") + text(message) +
                             "' failed in " + text(function) + ", " +
                             text(file) + ":" + std::to_string(line));
  thread.cluster->state.stop = true;
  thread.cluster->endThread(thread);
}

Void peermla::sim::abi::peermla_sim_grid_dependency(I32, I32 site) {
  // Grids run one after the other: what this waits for is done.
  enter(InstructionClass::Other, site);
}
