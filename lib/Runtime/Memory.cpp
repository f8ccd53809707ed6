//===- Memory.cpp - large pieces of memory --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Memory.h"
#include <sys/mman.h>
#include <utility>

using namespace peermla::runtime;

bool Pages::allocate(size_t size) {
  release();
  if (size == 0)
    return true;
  if (size > SIZE_MAX / 2)
    return false;
  bool isHuge = size >= hugePage;
  size_t needed = isHuge ? alignTo(size, hugePage) + hugePage : size;
  void *memory = mmap(nullptr, needed, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return false;
  mapping = memory;
  mappingSize = needed;
  bytes = size;
  begin = static_cast<char *>(memory);
  if (isHuge) {
    begin += alignTo(reinterpret_cast<uintptr_t>(memory), hugePage) -
             reinterpret_cast<uintptr_t>(memory);
    // Advice: a kernel without huge pages only makes this slower.
    (void)madvise(begin, alignTo(size, hugePage), MADV_HUGEPAGE);
  }
  return true;
}

void Pages::release() {
  if (mapping)
    munmap(mapping, mappingSize);
  begin = nullptr;
  mapping = nullptr;
  bytes = mappingSize = 0;
}

void Pages::swap(Pages &other) {
  std::swap(begin, other.begin);
  std::swap(bytes, other.bytes);
  std::swap(mapping, other.mapping);
  std::swap(mappingSize, other.mappingSize);
}
