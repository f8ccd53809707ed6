//===- Mappings.h - memory of the simulated machine -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The shared memory of a block is an arena of 256 KiB at a multiple of 256 KiB
// below 4 GiB; the arenas of a cluster follow one another. So
//
//   * the 14 bits `address >> 4` of a matrix descriptor name a byte of the
//   arena
//     exactly,
//   * `ptrtoint` to i32 and back loses nothing,
//   * swizzles, which act on bits of the address, act as in hardware.
//
// Stacks are one mapping for all threads of a cluster. Both are kept for the
// next launch: the pages of a stack are then touched already.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_MAPPINGS_H
#define PEERMLA_LIB_SIMULATOR_MAPPINGS_H

#include <cstddef>
#include <cstdint>

namespace peermla::sim {

constexpr uint32_t kArenaBytes = 256 << 10;
/// What a block may use of it on an H100, static and dynamic together.
constexpr uint32_t kMaxSharedBytes = 232448;

/// Below all stacks: a thread that runs into it faults.
constexpr size_t kStackGuard = 64 << 10;
/// What the runtime itself may need of a thread's stack.
constexpr size_t kStackReserve = 16 << 10;

/// Memory from one of the two kinds; null if the system has none.
class Mapping {
public:
  /// Arenas of `blocks` blocks.
  static Mapping getArenas(uint32_t blocks);
  /// `bytes` of stacks behind kStackGuard bytes that nobody can access.
  static Mapping getStacks(size_t bytes);

  Mapping() = default;
  Mapping(Mapping &&other) noexcept;
  Mapping &operator=(Mapping &&other) noexcept;
  /// Gives it back for the next user.
  ~Mapping();

  explicit operator bool() const { return data; }
  char *getData() const { return data; }
  size_t getSize() const { return size; }

private:
  Mapping(char *data, size_t size, bool low)
      : data(data), size(size), low(low) {}

  char *data = nullptr;
  size_t size = 0;
  bool low = false;
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_MAPPINGS_H
