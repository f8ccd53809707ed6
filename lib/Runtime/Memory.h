//===- Memory.h - large pieces of memory ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_MEMORY_H
#define PEERMLA_LIB_RUNTIME_MEMORY_H

#include <cstddef>
#include <cstdint>

namespace peermla::runtime {

/// Alignment of every tensor and workspace the runtime allocates.
constexpr size_t tensorAlignment = 64;
constexpr size_t hugePage = 2 << 20;
/// What kernels of GPUs expect of every tensor: they load 16 bytes at a time.
constexpr size_t gpuTensorAlignment = 16;

constexpr size_t alignTo(size_t value, size_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

/// Anonymous pages, resident once touched, huge pages where the system has
/// them: a gather over gigabytes would otherwise miss the TLB on every row.
class Pages {
public:
  Pages() = default;
  Pages(const Pages &) = delete;
  Pages &operator=(const Pages &) = delete;
  Pages(Pages &&other) noexcept { swap(other); }
  Pages &operator=(Pages &&other) noexcept {
    swap(other);
    return *this;
  }
  ~Pages() { release(); }

  /// Replaces the contents; returns whether the system had the memory. Aligned
  /// to a huge page if it is as large as one, else to a page.
  [[nodiscard]] bool allocate(size_t bytes);
  void release();

  char *data() const { return begin; }
  size_t size() const { return bytes; }

private:
  void swap(Pages &other);

  char *begin = nullptr;
  size_t bytes = 0;
  void *mapping = nullptr;
  size_t mappingSize = 0;
};

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_MEMORY_H
