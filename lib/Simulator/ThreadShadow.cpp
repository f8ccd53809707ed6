//===- ThreadShadow.cpp - which thread touched global memory last ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadShadow.h"
#include <algorithm>

using namespace peermla::sim;

void ThreadShadow::reset() {
  for (auto &[key, page] : pages)
    spare.push_back(std::move(page));
  pages.clear();
  lastKey = ~0ull;
  lastPage = nullptr;
}

Shadow &ThreadShadow::getPage(uint64_t key) {
  if (key == lastKey)
    return *lastPage;
  std::unique_ptr<Shadow> &page = pages[key];
  if (!page) {
    if (spare.empty()) {
      page = std::make_unique<Shadow>();
    } else {
      page = std::move(spare.back());
      spare.pop_back();
    }
    page->reset(kPageBytes, /*races=*/true, /*init=*/false);
  }
  lastKey = key;
  lastPage = page.get();
  return *page;
}

Conflict ThreadShadow::access(const void *pointer, uint32_t size, bool write,
                              Actor &actor) {
  Conflict conflict;
  uint64_t begin = reinterpret_cast<uintptr_t>(pointer), end = begin + size;
  for (uint64_t address = begin; address < end;) {
    uint32_t offset = address % kPageBytes;
    uint32_t count =
        uint32_t(std::min<uint64_t>(kPageBytes - offset, end - address));
    Conflict found =
        getPage(address / kPageBytes).access(offset, count, write, actor);
    if (found.kind != Conflict::None && conflict.kind == Conflict::None) {
      conflict = found;
      conflict.offset = uint32_t(address - begin) + found.offset - offset;
    }
    address += count;
  }
  return conflict;
}
