//===- MatrixDescriptor.h - where wgmma finds its operands ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The 64 bits of a matrix descriptor,
//
//      0-13  address >> 4            16-29  leading byte offset (LBO) >> 4
//     32-45  stride byte offset (SBO) >> 4
//     49-51  base offset             62-63  0 no swizzle, 1 128, 2 64, 3 32 B
//
// name core matrices of 8 rows of 16 bytes. With T elements in 16 bytes and W
// the span of the swizzle in bytes (16 without one), element (mn, k) is at
//
//     K-major   mn/8 SBO + mn%8 W + (no swizzle: k/T LBO + k%T, else k)
//     elements MN-major  k/8 SBO + k%8 W + mn / (W elements) LBO + the rest
//               (without swizzle LBO and SBO change places)
//
// after which bits 4-6 of the address are swizzled by bits 7-9. After the
// tables of canonical layouts in the PTX ISA.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_MATRIXDESCRIPTOR_H
#define PEERMLA_LIB_SIMULATOR_MATRIXDESCRIPTOR_H

#include "Mappings.h"
#include <utility>

namespace peermla::sim {

struct MatrixDescriptor {
  static constexpr uint32_t kUnit = 16;
  uint32_t address, leading, stride, span, mask, baseOffset;
  bool mnMajor;
  /// Elements in 16 bytes.
  uint32_t perUnit;

  MatrixDescriptor(uint64_t bits, bool mnMajor, uint32_t elementBytes)
      : address(uint32_t(bits & 0x3fff) << 4),
        leading(uint32_t(bits >> 16 & 0x3fff) << 4),
        stride(uint32_t(bits >> 32 & 0x3fff) << 4),
        baseOffset(uint32_t(bits >> 49 & 7)), mnMajor(mnMajor),
        perUnit(kUnit / elementBytes) {
    static constexpr uint32_t spans[] = {16, 128, 64, 32};
    static constexpr uint32_t masks[] = {0, 7, 3, 1};
    span = spans[bits >> 62];
    mask = masks[bits >> 62];
    if (mnMajor && !mask)
      std::swap(leading, stride);
  }

  /// The offset in the arena of the 16 bytes that begin with element (mn, k):
  /// of consecutive k, or of consecutive mn if it is mnMajor.
  uint32_t getUnit(uint32_t mn, uint32_t k) const {
    uint32_t offset;
    if (mnMajor) {
      uint32_t byte = mn / perUnit * kUnit;
      offset =
          k / 8 * stride + k % 8 * span + byte / span * leading + byte % span;
    } else {
      uint32_t unit = k / perUnit;
      offset =
          mn / 8 * stride + mn % 8 * span + unit * (mask ? kUnit : leading);
    }
    offset += address;
    return (offset ^ (offset >> 7 & mask) << 4) % kArenaBytes;
  }

  /// Calls `body(mn, k, offset)` for the units of rows [first, end) and columns
  /// [0, k), core matrix by core matrix.
  template <typename Body>
  void forEachUnit(uint32_t first, uint32_t end, uint32_t numK,
                   Body body) const {
    if (mnMajor) {
      for (uint32_t mn = first; mn < end; mn += perUnit)
        for (uint32_t k = 0; k < numK; ++k)
          body(mn, k, getUnit(mn, k));
      return;
    }
    for (uint32_t mn = first; mn < end; mn += 8)
      for (uint32_t k = 0; k < numK; k += perUnit)
        for (uint32_t row = mn; row < mn + 8; ++row)
          body(row, k, getUnit(row, k));
  }
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_MATRIXDESCRIPTOR_H
