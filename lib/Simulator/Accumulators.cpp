//===- Accumulators.cpp - registers that wgmma writes ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values of the struct type of accumulators, as handles: an insertion makes a
// copy unless it may work in place, so that a handle is a value.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>
#include <cstring>

using namespace peermla::sim;
using namespace peermla::sim::abi;

/// A quiet NaN that is easy to recognise.
static constexpr uint32_t kUndefined = 0x7fc0dead;

Accumulator *AccumulatorPool::get(uint32_t count) {
  size_t bytes = (sizeof(Accumulator) + 4 * size_t(count) + 15) / 16 * 16;
  if (offset + bytes > kChunk) {
    if (usedChunks == chunks.size())
      chunks.emplace_back(new char[kChunk]);
    ++usedChunks;
    offset = 0;
  }
  auto *accumulator =
      reinterpret_cast<Accumulator *>(chunks[usedChunks - 1].get() + offset);
  offset += bytes;
  *accumulator = Accumulator();
  accumulator->count = count;
  return accumulator;
}

void AccumulatorPool::clear() {
  // What one cluster needed, the next will need too; but not for ever.
  constexpr size_t kKept = 64;
  if (chunks.size() > kKept)
    chunks.resize(kKept);
  usedChunks = 0;
  offset = kChunk;
}

/// As many as the largest n has, and never more than a chunk holds.
static uint32_t clampCount(uint32_t count) { return std::min(count, 256u); }

static Accumulator *makeFrozen(uint32_t count) {
  Accumulator *accumulator =
      currentThread->cluster->accumulators.get(clampCount(count));
  accumulator->frozen = true;
  return accumulator;
}

static void checkPending(Thread &thread, const Accumulator &accumulator,
                         uint32_t site) {
  if (accumulator.pending)
    thread.cluster->report(ReportKind::Accumulator, &thread, site,
                           "a register of an accumulator is used before a "
                           "wgmma.wait_group covers the operation that writes "
                           "it");
}

Ptr peermla::sim::abi::peermla_sim_accumulator_undef(I32 count) {
  Accumulator *accumulator = makeFrozen(count);
  std::fill_n(accumulator->values, accumulator->count, kUndefined);
  return accumulator;
}

Ptr peermla::sim::abi::peermla_sim_accumulator_zero(I32 count) {
  Accumulator *accumulator = makeFrozen(count);
  memset(accumulator->values, 0, 4 * accumulator->count);
  accumulator->touched = currentThread->wgmma.fences;
  return accumulator;
}

I32 peermla::sim::abi::peermla_sim_accumulator_get(Ptr handle, I32 index,
                                                   I32 site) {
  Thread &thread = *currentThread;
  auto *accumulator = static_cast<Accumulator *>(handle);
  checkPending(thread, *accumulator, site);
  accumulator->touched = thread.wgmma.fences;
  return index < accumulator->count ? accumulator->values[index] : kUndefined;
}

Ptr peermla::sim::abi::peermla_sim_accumulator_set(Ptr handle, I32 index,
                                                   I32 bits, I32 inPlace,
                                                   I32 site) {
  Thread &thread = *currentThread;
  auto *accumulator = static_cast<Accumulator *>(handle);
  checkPending(thread, *accumulator, site);
  if (!inPlace) {
    Accumulator *copy = makeFrozen(accumulator->count);
    memcpy(copy->values, accumulator->values, 4 * accumulator->count);
    accumulator = copy;
  }
  if (index < accumulator->count)
    accumulator->values[index] = bits;
  accumulator->touched = thread.wgmma.fences;
  return accumulator;
}

Ptr peermla::sim::abi::peermla_sim_accumulator_load(Ptr values, I32 count) {
  Accumulator *accumulator = makeFrozen(count);
  memcpy(accumulator->values, values, 4 * accumulator->count);
  accumulator->touched = currentThread->wgmma.fences;
  return accumulator;
}

Void peermla::sim::abi::peermla_sim_accumulator_store(Ptr handle, Ptr values,
                                                      I32 site) {
  Thread &thread = *currentThread;
  auto *accumulator = static_cast<Accumulator *>(handle);
  checkPending(thread, *accumulator, site);
  accumulator->touched = thread.wgmma.fences;
  memcpy(values, accumulator->values, 4 * accumulator->count);
}
