//===- WgmmaRegisters.cpp - wgmma after the lowering of NVVM --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Here accumulators are plain values, tied to the instruction by inline
// assembly. An operation in flight leaves tokens in them (Wgmma.h); a wait that
// carries the registers turns tokens into numbers.
//
//===----------------------------------------------------------------------===//

#include "WgmmaImpl.h"
#include <algorithm>
#include <cstring>

using namespace peermla::sim;
using namespace peermla::sim::abi;

static constexpr uint32_t kToken = 0x7fc00000;

static uint32_t makeToken(uint32_t slot, const Accumulator &accumulator,
                          uint32_t index) {
  return kToken | (slot + 1) << 16 | (accumulator.version & 511) << 7 | index;
}

static bool isToken(uint32_t bits) {
  uint32_t slot = bits >> 16 & 63;
  return (bits & 0xffc00000) == kToken && slot >= 1 &&
         slot <= WgmmaThread::kMaxSlots;
}

/// The accumulator of a token, if it is not stale.
static Accumulator *getAccumulator(const WgmmaThread &state, uint32_t token,
                                   uint32_t &slot) {
  slot = (token >> 16 & 63) - 1;
  if (slot >= state.slots.size() || !state.slots[slot] ||
      (state.slots[slot]->version & 511) != (token >> 7 & 511))
    return nullptr;
  return state.slots[slot];
}

/// Whether a register of A is one of an accumulator. A token is a NaN in every
/// floating-point type, but ordinary bytes in the integer ones: there it must
/// be one that this thread has now.
static bool isTokenInA(const WgmmaThread &state, uint32_t bits,
                       ElementType type) {
  if (!isToken(bits) || (type != ElementType::S8 && type != ElementType::U8))
    return isToken(bits);
  uint32_t slot;
  const Accumulator *accumulator = getAccumulator(state, bits, slot);
  return accumulator && (bits & 127) < accumulator->count;
}

/// The accumulator in flight whose tokens fill `registers`, or null after a
/// report.
static Accumulator *takeTokens(Thread &thread, const uint32_t *registers,
                               uint32_t count, uint32_t site, uint32_t &slot) {
  Accumulator *accumulator =
      isToken(registers[0]) ? getAccumulator(thread.wgmma, registers[0], slot)
                            : nullptr;
  bool same = accumulator && accumulator->count == count;
  for (uint32_t i = 0; same && i < count; ++i)
    same = registers[i] == makeToken(slot, *accumulator, i);
  if (same)
    return accumulator;
  reportWgmma(thread, site,
              "registers of accumulators in flight are permuted, mixed or "
              "stale");
  return nullptr;
}

/// A new accumulator in a slot of the thread; the numbers come from registers.
static Accumulator *makeSlot(Thread &thread, uint32_t count, uint32_t site,
                             uint32_t &slot) {
  WgmmaThread &state = thread.wgmma;
  if (state.slots.empty())
    state.slots.assign(WgmmaThread::kMaxSlots, nullptr);
  slot = uint32_t(std::find(state.slots.begin(), state.slots.end(), nullptr) -
                  state.slots.begin());
  if (slot == WgmmaThread::kMaxSlots) {
    reportWgmma(thread, site,
                "more than " + std::to_string(WgmmaThread::kMaxSlots) +
                    " accumulators that no wait carried");
    slot = 0;
  }
  auto it = std::find_if(
      state.free.begin(), state.free.end(),
      [&](const Accumulator *candidate) { return candidate->count == count; });
  Accumulator *accumulator;
  if (it != state.free.end()) {
    accumulator = *it;
    state.free.erase(it);
  } else {
    accumulator = thread.cluster->accumulators.get(count);
  }
  return state.slots[slot] = accumulator;
}

Void peermla::sim::abi::peermla_sim_wgmma_registers(
    Ptr pointer, I64 descriptorA, I64 descriptorB, Ptr a, I32 n, I32 typeA,
    I32 typeB, I32 typeD, I32 flags, I32 site) {
  Thread &thread = enter(InstructionClass::Wgmma, site);
  WgmmaThread &state = thread.wgmma;
  auto *registers = static_cast<uint32_t *>(pointer);
  WgmmaRequest request = {descriptorA,
                          descriptorB,
                          static_cast<uint32_t *>(a),
                          n,
                          ElementType(typeA),
                          ElementType(typeB),
                          ElementType(typeD),
                          flags,
                          site};
  uint32_t count = request.getCount();
  if (count == 0) {
    thread.cluster->report(ReportKind::Descriptor, &thread, site,
                           "there is no wgmma m64n" + std::to_string(n) +
                               " with these types and layouts");
    return;
  }
  bool zero = flags & MatrixFlags::ZeroD;
  bool anyToken = std::any_of(registers, registers + count, isToken);
  uint32_t slot = 0;
  Accumulator *accumulator = nullptr;
  if (!zero && anyToken)
    accumulator = takeTokens(thread, registers, count, site, slot);
  if (!state.fenced && (zero || !anyToken || request.a))
    reportWgmma(thread, site,
                "registers are given to wgmma without a wgmma.fence since the "
                "last commit or wait");
  if (request.a && std::any_of(request.a, request.a + 4, [&](uint32_t bits) {
        return isTokenInA(state, bits, request.typeA);
      }))
    reportWgmma(thread, site,
                "A is made of registers of an accumulator in flight");
  if (!accumulator) {
    accumulator = makeSlot(thread, count, site, slot);
    if (!zero)
      memcpy(accumulator->values, registers, 4 * count);
  }
  ++accumulator->version;
  for (uint32_t i = 0; i < count; ++i)
    registers[i] = makeToken(slot, *accumulator, i);
  issueWgmma(thread, request, accumulator, accumulator);
  if (!request.isUntied(thread))
    return;
  // Numbers at once, for code whose waits do not carry the registers.
  memcpy(registers, accumulator->values, 4 * count);
  state.slots[slot] = nullptr;
}

Void peermla::sim::abi::peermla_sim_wgmma_wait_registers(Ptr pointer, I32 count,
                                                         I32 groups, I32 site) {
  peermla_sim_wgmma_wait(groups, site);
  Thread &thread = *currentThread;
  WgmmaThread &state = thread.wgmma;
  auto *registers = static_cast<uint32_t *>(pointer);
  for (uint32_t i = 0; i < count;) {
    if (!isToken(registers[i])) {
      ++i;
      continue;
    }
    uint32_t slot;
    Accumulator *accumulator = getAccumulator(state, registers[i], slot);
    if (!accumulator) {
      reportWgmma(thread, site, "the wait carries a stale accumulator");
      ++i;
      continue;
    }
    uint32_t size = std::min(accumulator->count, count - i);
    if (accumulator->pending) {
      reportWgmma(thread, site,
                  "an accumulator that the wait carries is still in flight");
      i += size;
      continue;
    }
    for (uint32_t j = 0; j < size; ++j)
      if (registers[i + j] != makeToken(slot, *accumulator, j)) {
        reportWgmma(thread, site, "the wait carries a permuted accumulator");
        break;
      }
    memcpy(registers + i, accumulator->values, 4 * size);
    state.slots[slot] = nullptr;
    state.free.push_back(accumulator);
    i += size;
  }
}

/// The product in flight that writes the accumulator, kNoSite if none does.
static uint32_t getProduct(const Thread &thread,
                           const Accumulator &accumulator) {
  if (thread.warpgroup)
    for (const auto &operation : thread.warpgroup->operations)
      if (operation->destinations[thread.index % kWarpgroupSize] ==
          &accumulator)
        return operation->site;
  return kNoSite;
}

Void peermla::sim::abi::peermla_sim_wgmma_read(Ptr pointer, I32 count,
                                               I32 site) {
  Thread &thread = *currentThread;
  const auto *registers = static_cast<const uint32_t *>(pointer);
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t slot;
    const Accumulator *accumulator =
        isToken(registers[i]) ? getAccumulator(thread.wgmma, registers[i], slot)
                              : nullptr;
    if (!accumulator)
      continue;
    thread.cluster->report(
        ReportKind::Accumulator, &thread, site,
        "the result of a product is read, and no wait has carried it",
        getProduct(thread, *accumulator));
    return;
  }
}
