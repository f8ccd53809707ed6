//===- GlobalShadow.cpp - which cluster touched global memory last --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GlobalShadow.h"
#include <algorithm>

using namespace peermla::sim;

//===----------------------------------------------------------------------===//
// Pages
//===----------------------------------------------------------------------===//

GlobalShadow::Page &GlobalShadow::getPage(uint64_t key, Cache &cache) {
  size_t slot = key % Cache::kSize;
  if (!cache.pages[slot] || cache.keys[slot] != key) {
    std::lock_guard<std::mutex> guard(mutex);
    std::unique_ptr<Page> &page = pages[key];
    if (!page)
      page = std::make_unique<Page>();
    cache.keys[slot] = key;
    cache.pages[slot] = page.get();
  }
  return *cache.pages[slot];
}

void GlobalShadow::narrow(Page &page) {
  for (std::vector<Record> *records :
       {&page.weakWrites, &page.strongWrites, &page.reads}) {
    std::vector<Record> halves(2 * records->size());
    for (size_t i = 0; i < halves.size(); ++i)
      halves[i] = (*records)[i / 2];
    *records = std::move(halves);
  }
  page.width /= 2;
}

/// Pages are held for a few comparisons.
class GlobalShadow::Lock {
public:
  explicit Lock(Page &page) : page(page) {
    while (page.isLocked.test_and_set(std::memory_order_acquire))
      ;
  }
  ~Lock() { page.isLocked.clear(std::memory_order_release); }

private:
  Page &page;
};

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

GlobalConflict GlobalShadow::access(const void *pointer, uint32_t size,
                                    bool write, bool strong, uint32_t site,
                                    ClusterKnowledge &knowledge, Cache &cache) {
  GlobalConflict conflict;
  knowledge.hasAccessed = true;
  Record record;
  record.cluster = knowledge.getSelf();
  record.epoch = std::min(knowledge.getOwn(), (1u << kEpochBits) - 1);
  record.site = std::min(site, (1u << kSiteBits) - 1);
  record.strong = strong;
  auto isUnordered = [&](const Record &earlier) {
    return earlier.epoch && !knowledge.knows(earlier.cluster, earlier.epoch);
  };
  auto found = [&](Conflict::Kind kind, uint64_t address, const Record &other) {
    if (conflict.kind == Conflict::None)
      conflict = {kind, address, uint32_t(other.cluster), uint32_t(other.site)};
  };
  Conflict::Kind afterWrite =
      write ? Conflict::WriteAfterWrite : Conflict::ReadAfterWrite;
  uint64_t address = reinterpret_cast<uintptr_t>(pointer);
  for (uint64_t end = address + size; address < end;) {
    Page &page = getPage(address / kPageBytes, cache);
    Lock lock(page);
    uint32_t first = address % kPageBytes;
    uint32_t count = uint32_t(std::min(kPageBytes - first, end - address));
    while ((first | count) % page.width)
      narrow(page);
    // Most memory is only written, and weakly.
    size_t numCells = kPageBytes / page.width;
    std::vector<Record> &mine = !write   ? page.reads
                                : strong ? page.strongWrites
                                         : page.weakWrites;
    if (mine.empty())
      mine.resize(numCells);
    for (uint32_t offset = first; offset < first + count;
         offset += page.width) {
      size_t cell = offset / page.width;
      uint64_t place = address + (offset - first);
      if (!page.weakWrites.empty() && isUnordered(page.weakWrites[cell]))
        found(afterWrite, place, page.weakWrites[cell]);
      if (!page.strongWrites.empty()) {
        Record &other = page.strongWrites[cell];
        if (!strong && isUnordered(other))
          found(afterWrite, place, other);
        if (write && !strong)
          other = Record();
      }
      if (write && !page.reads.empty()) {
        Record &reader = page.reads[cell];
        if (!(strong && reader.strong) && isUnordered(reader))
          found(Conflict::WriteAfterRead, place, reader);
        reader = Record();
      }
      mine[cell] = record;
    }
    address += count;
  }
  return conflict;
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

static void raise(std::unordered_map<uint32_t, Epoch> &clock, uint32_t cluster,
                  Epoch epoch) {
  Epoch &known = clock[cluster];
  known = std::max(known, epoch);
}

void GlobalShadow::acquire(const void *address, ClusterKnowledge &knowledge) {
  std::lock_guard<std::mutex> guard(clockMutex);
  auto found = clocks.find(reinterpret_cast<uintptr_t>(address));
  if (found == clocks.end())
    return;
  for (const auto &[cluster, epoch] : found->second)
    raise(knowledge.others, cluster, epoch);
}

void GlobalShadow::release(const void *address, ClusterKnowledge &knowledge,
                           bool relaxed) {
  std::lock_guard<std::mutex> guard(clockMutex);
  auto &clock = clocks[reinterpret_cast<uintptr_t>(address)];
  for (const auto &[cluster, epoch] : knowledge.others)
    raise(clock, cluster, epoch);
  raise(clock, knowledge.self,
        relaxed ? knowledge.fenced : knowledge.endEpoch());
}
