//===- Wgmma.cpp - asynchronous warpgroup matrix multiplication -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The threads of a warpgroup meet in each of mma_async, commit_group and
// wait_group. An operation is checked when it is issued and executed then or at
// the wait, as the options say; until the wait its accumulator is pending. It
// reads shared memory as an agent of the warpgroup (with Options::strict of
// each warp), whose epochs are the groups.
//
//===----------------------------------------------------------------------===//

#include "MatrixDescriptor.h"
#include "WgmmaImpl.h"
#include <algorithm>
#include <cstring>

using namespace peermla::sim;
using namespace peermla::sim::abi;

static constexpr uint32_t kM = 64;
static constexpr uint32_t kWarps = kWarpgroupSize / kWarpSize;
namespace {
enum Kind : uint32_t { kMultiply = 1, kCommit = 2, kWait = 0x100 };
} // namespace

void peermla::sim::reportWgmma(Thread &thread, uint32_t site,
                               std::string message) {
  thread.cluster->report(ReportKind::Accumulator, &thread, site,
                         std::move(message));
}

//===----------------------------------------------------------------------===//
// Meetings of a warpgroup
//===----------------------------------------------------------------------===//

/// True in the last thread of the warpgroup, which must call `release`.
static bool meetGroup(Thread &thread, uint32_t kind, const char *what,
                      uint32_t site) {
  Cluster &cluster = *thread.cluster;
  Warpgroup *group = thread.warpgroup;
  if (!group) {
    cluster.report(ReportKind::Divergence, &thread, site,
                   std::string(what) +
                       " by a thread that is not in a warpgroup of 128");
    // There is nobody to meet.
    cluster.wait(thread, what, site);
    return false;
  }
  if (group->arrived && (group->kind != kind || group->site != site)) {
    cluster.report(ReportKind::Divergence, &thread, site,
                   "threads of one warpgroup are at different wgmma "
                   "instructions",
                   group->site);
    if (group->kind != kind) {
      cluster.wait(thread, what, site);
      return false;
    }
  }
  group->kind = kind;
  group->site = site;
  if (++group->arrived == kWarpgroupSize)
    return true;
  cluster.wait(thread, what, site);
  return false;
}

static Thread &getThread(const Warpgroup &group, uint32_t i) {
  return group.block->threads[group.index * kWarpgroupSize + i];
}

static void release(Thread &leader) {
  Warpgroup &group = *leader.warpgroup;
  group.arrived = 0;
  leader.cluster->progress();
  for (uint32_t i = 0; i < kWarpgroupSize; ++i)
    if (Thread &thread = getThread(group, i); &thread != &leader)
      leader.cluster->wake(thread);
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

uint32_t peermla::sim::getAccumulatorCount(uint32_t n, ElementType typeD) {
  return typeD == ElementType::F16 ? n / 4 : n / 2;
}

bool WgmmaRequest::isUntied(const Thread &thread) const {
  return !(flags & MatrixFlags::Awaited) &&
         thread.cluster->state.launch.kernel->hasUntiedWaits;
}

uint32_t WgmmaRequest::getCount() const {
  uint32_t bytes = getBytes(typeA);
  bool floats = typeA == ElementType::F16 || typeA == ElementType::BF16 ||
                typeA == ElementType::TF32 || typeA == ElementType::E4M3 ||
                typeA == ElementType::E5M2;
  bool integers = typeA == ElementType::S8 || typeA == ElementType::U8;
  bool sameKind = bytes == 1 ? getBytes(typeB) == 1 : typeA == typeB;
  bool integersB = typeB == ElementType::S8 || typeB == ElementType::U8;
  bool exists =
      n >= 8 && n <= 256 && n % 8 == 0 && sameKind && integers == integersB &&
      (integers ? typeD == ElementType::S32
                : floats && (typeD == ElementType::F32 ||
                             (typeD == ElementType::F16 && bytes < 4 &&
                              typeA != ElementType::BF16)));
  bool transposes = flags & (MatrixFlags::MnMajorA | MatrixFlags::MnMajorB);
  bool negates = flags & (MatrixFlags::NegateA | MatrixFlags::NegateB);
  if (!exists || (transposes && bytes != 2) || (integers && negates) ||
      (a && (flags & MatrixFlags::MnMajorA)))
    return 0;
  return getAccumulatorCount(n, typeD);
}

/// The operation of an operand that lies in shared memory, for checks.
static void checkOperand(Thread &leader, uint64_t bits, bool mnMajor,
                         uint32_t count, const WgmmaOperation &operation,
                         const char *name, bool isA) {
  Cluster &cluster = *leader.cluster;
  Block &block = *leader.block;
  Warpgroup &group = *leader.warpgroup;
  uint32_t bytes = getBytes(operation.typeA), k = 32 / bytes;
  MatrixDescriptor descriptor(bits, mnMajor, bytes);
  if (descriptor.baseOffset && descriptor.mask)
    cluster.report(
        ReportKind::Descriptor, &leader, operation.site,
        std::string("the descriptor of ") + name + " has a base offset of " +
            std::to_string(descriptor.baseOffset) + ", which is not modelled");
  uint32_t outside = ~0u;
  std::vector<uint32_t> rows;
  descriptor.forEachUnit(0, count, k, [&](uint32_t, uint32_t, uint32_t offset) {
    if (offset + MatrixDescriptor::kUnit > cluster.state.sharedBytes)
      outside = std::min(outside, offset);
    else if (cluster.counting.countsAccesses())
      rows.push_back(offset);
  });
  if (outside != ~0u) {
    cluster.report(ReportKind::OutOfBounds, &leader, operation.site,
                   std::string("the descriptor of ") + name +
                       " reaches offset " + std::to_string(outside) + " of " +
                       std::to_string(cluster.state.sharedBytes) +
                       " bytes of shared memory");
    return;
  }
  if (!rows.empty())
    cluster.counting.addSharedRows(operation.site, rows.data(),
                                   uint32_t(rows.size()));
  if (!cluster.checksShared())
    return;
  // With strict waits each warp reads on its own: its rows of A, all of B.
  bool strict = cluster.options.strict;
  const Knowledge *parties[kWarpgroupSize];
  for (uint32_t i = 0; i < kWarpgroupSize; ++i)
    parties[i] = &getThread(group, i).knowledge;
  for (uint32_t w = 0; w < (strict ? kWarps : 1); ++w) {
    if (group.agents[w] == kNoAgent)
      group.agents[w] =
          strict
              ? cluster.agents.add(AgentNames::WgmmaWarp, block.rank,
                                   group.index * kWarps + w)
              : cluster.agents.add(AgentNames::Wgmma, block.rank, group.index);
    Actor actor;
    actor.agent = group.agents[w];
    actor.epoch = operation.group;
    actor.site = operation.site;
    actor.asyncProxy = true;
    actor.parties = strict ? parties + w * kWarpSize : parties;
    actor.numParties = strict ? kWarpSize : kWarpgroupSize;
    actor.prepare();
    // Rows of MN-major operands are in units of eight.
    uint32_t first = strict && isA ? w * count / kWarps : 0;
    uint32_t end = strict && isA ? (w + 1) * count / kWarps : count;
    descriptor.forEachUnit(
        first, end, k, [&](uint32_t, uint32_t, uint32_t offset) {
          cluster.touch(block, offset, MatrixDescriptor::kUnit, false, actor,
                        &getThread(group, w * kWarpSize));
        });
  }
}

//===----------------------------------------------------------------------===//
// Issue
//===----------------------------------------------------------------------===//

/// The operation of all threads, from their mailboxes.
static std::unique_ptr<WgmmaOperation>
makeOperation(Thread &leader, const WgmmaRequest &request) {
  Warpgroup &group = *leader.warpgroup;
  std::unique_ptr<WgmmaOperation> operation;
  if (group.spare.empty()) {
    operation = std::make_unique<WgmmaOperation>();
  } else {
    operation = std::move(group.spare.back());
    group.spare.pop_back();
  }
  operation->descriptorA = request.descriptorA;
  operation->descriptorB = request.descriptorB;
  operation->n = request.n;
  operation->typeA = request.typeA;
  operation->typeB = request.typeB;
  operation->typeD = request.typeD;
  operation->flags = request.flags;
  operation->group = group.group;
  operation->site = request.site;
  operation->aInRegisters = request.a != nullptr;
  operation->done = false;
  bool differ = false;
  for (uint32_t i = 0; i < kWarpgroupSize; ++i) {
    Thread &thread = getThread(group, i);
    auto *source = static_cast<Accumulator *>(thread.pointers[0]);
    auto *destination = static_cast<Accumulator *>(thread.pointers[1]);
    operation->sources[i] = source;
    operation->destinations[i] = destination;
    destination->group = group.group;
    ++destination->pending;
    differ |= (!request.a && thread.words[0] != request.descriptorA) ||
              thread.words[1] != request.descriptorB ||
              thread.words[2] != request.flags;
    if (request.a)
      memcpy(operation->a[i], thread.pointers[2], sizeof(operation->a[i]));
  }
  if (differ)
    leader.cluster->report(ReportKind::Divergence, &leader, request.site,
                           "descriptors or scale-d of one wgmma differ among "
                           "the threads of the warpgroup");
  return operation;
}

void peermla::sim::issueWgmma(Thread &thread, const WgmmaRequest &request,
                              Accumulator *source, Accumulator *destination) {
  thread.pointers[0] = source;
  thread.pointers[1] = destination;
  thread.pointers[2] = const_cast<uint32_t *>(request.a);
  thread.words[0] = request.descriptorA;
  thread.words[1] = request.descriptorB;
  thread.words[2] = request.flags;
  if (!meetGroup(thread, kMultiply, "wgmma.mma_async", request.site))
    return;
  Cluster &cluster = *thread.cluster;
  Warpgroup &group = *thread.warpgroup;
  std::unique_ptr<WgmmaOperation> operation = makeOperation(thread, request);
  uint32_t k = 32 / getBytes(request.typeA);
  cluster.counting.addMatrixFlop(request.site, 2ull * kM * request.n * k);
  if (!request.a)
    checkOperand(thread, request.descriptorA,
                 request.flags & MatrixFlags::MnMajorA, kM, *operation, "A",
                 true);
  checkOperand(thread, request.descriptorB,
               request.flags & MatrixFlags::MnMajorB, request.n, *operation,
               "B", false);
  Async async = cluster.options.async;
  bool earlierDone = group.operations.empty() || group.operations.back()->done;
  if (async == Async::Eager || request.isUntied(thread) ||
      (async == Async::Random && earlierDone && cluster.random.coin()))
    execute(cluster, *thread.block, *operation);
  ++group.uncommitted;
  group.operations.push_back(std::move(operation));
  release(thread);
}

/// Whether the registers may be given to wgmma now.
static void checkFence(Thread &thread, bool untouched, bool zero, bool aInRegs,
                       uint32_t site) {
  const WgmmaThread &state = thread.wgmma;
  if (!untouched && !state.fenced)
    reportWgmma(thread, site,
                "registers of the accumulator were accessed since the last "
                "wgmma.fence");
  else if (aInRegs && !state.fenced)
    reportWgmma(thread, site,
                "A is in registers, and there is no wgmma.fence since the last "
                "commit or wait");
  else if (zero && !state.fenced)
    reportWgmma(thread, site,
                "the first wgmma of a batch has no wgmma.fence before it");
}

Ptr peermla::sim::abi::peermla_sim_wgmma(Ptr handle, I64 descriptorA,
                                         I64 descriptorB, Ptr a, I32 n,
                                         I32 typeA, I32 typeB, I32 typeD,
                                         I32 flags, I32 inPlace, I32 site) {
  Thread &thread = enter(InstructionClass::Wgmma, site);
  WgmmaRequest request = {descriptorA,
                          descriptorB,
                          static_cast<uint32_t *>(a),
                          n,
                          ElementType(typeA),
                          ElementType(typeB),
                          ElementType(typeD),
                          flags,
                          site};
  auto *source = static_cast<Accumulator *>(handle);
  if (request.getCount() == 0 || request.getCount() != source->count) {
    thread.cluster->report(ReportKind::Descriptor, &thread, site,
                           "there is no wgmma m64n" + std::to_string(n) +
                               " with these types, layouts and " +
                               std::to_string(source->count) +
                               " registers of D");
    return handle;
  }
  bool zero = flags & MatrixFlags::ZeroD;
  bool untouched =
      zero || source->pending || source->touched < thread.wgmma.fences;
  if (!untouched)
    reportWgmma(thread, site,
                "registers of the accumulator were accessed since the last "
                "wgmma.fence");
  else
    checkFence(thread, true, zero, a != nullptr, site);
  Accumulator *destination = source;
  if (source->frozen || !inPlace) {
    destination = thread.cluster->accumulators.get(source->count);
    destination->touched = source->touched;
  }
  issueWgmma(thread, request, source, destination);
  return destination;
}

//===----------------------------------------------------------------------===//
// Fence, commit, wait
//===----------------------------------------------------------------------===//

Void peermla::sim::abi::peermla_sim_wgmma_fence(I32 site) {
  Thread &thread = enter(InstructionClass::Fence, site);
  ++thread.wgmma.fences;
  thread.wgmma.fenced = true;
}

Void peermla::sim::abi::peermla_sim_wgmma_commit(I32 site) {
  Thread &thread = enter(InstructionClass::Wgmma, site);
  thread.wgmma.fenced = false;
  if (!meetGroup(thread, kCommit, "wgmma.commit_group", site))
    return;
  ++thread.warpgroup->group;
  thread.warpgroup->uncommitted = 0;
  release(thread);
}

Void peermla::sim::abi::peermla_sim_wgmma_wait(I32 count, I32 site) {
  Thread &thread = enter(InstructionClass::Wgmma, site);
  Cluster &cluster = *thread.cluster;
  thread.wgmma.fenced = false;
  if (!meetGroup(thread, kWait + count, "wgmma.wait_group", site))
    return;
  Warpgroup &group = *thread.warpgroup;
  uint32_t committed = group.group - 1;
  uint32_t upTo = committed > count ? committed - count : 0;
  size_t done = 0;
  while (done < group.operations.size() &&
         group.operations[done]->group <= upTo) {
    WgmmaOperation &operation = *group.operations[done];
    if (!operation.done)
      execute(cluster, *thread.block, operation);
    for (Accumulator *accumulator : operation.destinations)
      --accumulator->pending;
    group.spare.push_back(std::move(group.operations[done]));
    ++done;
  }
  group.operations.erase(group.operations.begin(),
                         group.operations.begin() + done);
  group.completed = std::max(group.completed, upTo);
  if (cluster.races)
    for (uint32_t i = 0; i < kWarpgroupSize; ++i) {
      uint32_t w = cluster.options.strict ? i / kWarpSize : 0;
      if (group.agents[w] == kNoAgent)
        continue;
      Knowledge &knowledge = getThread(group, i).knowledge;
      knowledge.generic.raise(group.agents[w], upTo);
      knowledge.fenced.raise(group.agents[w], upTo);
    }
  release(thread);
}
