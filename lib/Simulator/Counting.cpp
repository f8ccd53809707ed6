//===- Counting.cpp - what instructions cost ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>

using namespace peermla::sim;

static constexpr uint32_t kSectorBytes = 32;
static constexpr uint32_t kNumBanks = 32;
static constexpr uint32_t kWordBytes = 4;
/// What all banks deliver in one pass.
static constexpr uint32_t kWavefrontBytes = kNumBanks * kWordBytes;

static uint64_t getKey(const Thread &thread) {
  return uint64_t(thread.block->rank) << 32 | thread.warp->index;
}

void Counting::addAccess(const Thread &thread, uint32_t site, bool shared,
                         const void *address, uint32_t size) {
  WarpStreams &warp = warps[getKey(thread)];
  // A copy has requests of both kinds.
  Stream &stream = warp.streams[uint64_t(shared) << 32 | site];
  if (!stream.isUsed)
    warp.used.push_back(&stream);
  stream.isUsed = true;
  uint64_t number = stream.executions[thread.lane]++ - stream.first;
  if (number >= stream.requests.size())
    stream.requests.resize(number + 1);
  Request &request = stream.requests[number];
  request.site = site;
  request.shared = shared;
  request.size = std::max(request.size, size);
  request.mask |= 1u << thread.lane;
  request.addresses[thread.lane] = reinterpret_cast<uintptr_t>(address);
  // Nothing comes to a request that has all lanes.
  while (!stream.requests.empty() &&
         stream.requests.front().mask == thread.warp->lanes) {
    account(stream.requests.front());
    stream.requests.pop_front();
    ++stream.first;
  }
}

void Counting::settle(WarpStreams &warp) {
  for (Stream *stream : warp.used) {
    for (Request &request : stream->requests)
      account(request);
    stream->requests.clear();
    stream->first = 0;
    std::fill(std::begin(stream->executions), std::end(stream->executions), 0);
    stream->isUsed = false;
  }
  warp.used.clear();
}

void Counting::converge(const Thread &thread) {
  if (auto found = warps.find(getKey(thread)); found != warps.end())
    settle(found->second);
}

void Counting::flush() {
  for (auto &[key, warp] : warps)
    settle(warp);
  warps.clear();
}

void Counting::account(Request &request) {
  if (request.mask == 0)
    return;
  if (request.shared)
    accountShared(request);
  else
    accountGlobal(request);
}

/// The number of different values.
static uint32_t countDistinct(std::vector<uint64_t> &values) {
  std::sort(values.begin(), values.end());
  return uint32_t(std::unique(values.begin(), values.end()) - values.begin());
}

void Counting::accountGlobal(const Request &request) {
  // Two lists in one pass: sectors, and 2-byte units, so that lanes that read
  // the same bytes do not raise the ideal.
  std::vector<uint64_t> sectors, units;
  constexpr uint32_t kUnit = 2;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    if (!(request.mask >> lane & 1))
      continue;
    uint64_t begin = request.addresses[lane], end = begin + request.size;
    for (uint64_t a = begin / kSectorBytes; a * kSectorBytes < end; ++a)
      sectors.push_back(a);
    for (uint64_t a = begin / kUnit; a * kUnit < end; ++a)
      units.push_back(a);
  }
  uint64_t bytes = uint64_t(countDistinct(units)) * kUnit;
  add(request.site, &Counters::globalRequests, 1);
  add(request.site, &Counters::globalSectors, countDistinct(sectors));
  add(request.site, &Counters::globalIdealSectors,
      (bytes + kSectorBytes - 1) / kSectorBytes);
}

void Counting::accountShared(const Request &request) {
  // 8-byte accesses go by half-warps, 16-byte ones by quarters.
  uint32_t group = request.size >= 16  ? kWarpSize / 4
                   : request.size >= 8 ? kWarpSize / 2
                                       : kWarpSize;
  uint64_t wavefronts = 0, ideal = 0;
  std::vector<uint64_t> words;
  for (uint32_t first = 0; first < kWarpSize; first += group) {
    words.clear();
    for (uint32_t lane = first; lane < first + group; ++lane)
      if (request.mask >> lane & 1)
        for (uint64_t a = request.addresses[lane] / kWordBytes;
             a * kWordBytes < request.addresses[lane] + request.size; ++a)
          words.push_back(a);
    uint32_t distinct = countDistinct(words);
    uint32_t perBank[kNumBanks] = {}, most = 0;
    for (uint32_t i = 0; i < distinct; ++i)
      most = std::max(most, ++perBank[words[i] % kNumBanks]);
    wavefronts += most;
    ideal += (distinct + kNumBanks - 1) / kNumBanks;
  }
  add(request.site, &Counters::sharedWavefronts, wavefronts);
  add(request.site, &Counters::sharedIdealWavefronts, ideal);
}

void Counting::addSharedRows(uint32_t site, const uint32_t *offsets,
                             uint32_t count) {
  constexpr uint32_t kRow = 16, kRows = kWavefrontBytes / kRow;
  uint64_t wavefronts = 0, ideal = 0;
  for (uint32_t first = 0; first < count; first += kRows) {
    uint32_t end = std::min(first + kRows, count), distinct = 0;
    uint32_t perBank[kRows] = {}, most = 0;
    for (uint32_t i = first; i < end; ++i) {
      if (std::find(offsets + first, offsets + i, offsets[i]) != offsets + i)
        continue;
      ++distinct;
      most = std::max(most, ++perBank[offsets[i] / kRow % kRows]);
    }
    wavefronts += most;
    ideal += (distinct + kRows - 1) / kRows;
  }
  add(site, &Counters::sharedWavefronts, wavefronts);
  add(site, &Counters::sharedIdealWavefronts, ideal);
}

void Counting::addSharedBytes(uint32_t site, uint64_t bytes) {
  uint64_t wavefronts = (bytes + kWavefrontBytes - 1) / kWavefrontBytes;
  add(site, &Counters::sharedWavefronts, wavefronts);
  add(site, &Counters::sharedIdealWavefronts, wavefronts);
}

void Counting::addGlobalBytes(uint32_t site, uint64_t address, uint64_t bytes) {
  if (bytes == 0)
    return;
  add(site, &Counters::globalRequests, 1);
  add(site, &Counters::globalSectors,
      (address + bytes - 1) / kSectorBytes - address / kSectorBytes + 1);
  add(site, &Counters::globalIdealSectors,
      (bytes + kSectorBytes - 1) / kSectorBytes);
}
