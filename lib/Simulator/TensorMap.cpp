//===- TensorMap.cpp - what a tensor copy knows of its tensor -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CopyAsync.h"
#include <cstring>

using namespace peermla::sim;

namespace {
/// The 128 bytes.
struct Encoded {
  uint64_t magic;
  uint64_t base;
  uint64_t sizes[5];
  /// In units of 16 bytes, which is what they must be multiples of.
  uint32_t strides[4];
  uint16_t box[5];
  uint8_t elementStrides[5];
  uint8_t type, rank, swizzle, fillNaN;
};
static_assert(sizeof(Encoded) <= sizeof(TensorMap), "it must fit");
} // namespace

/// "peermla" and a version.
static constexpr uint64_t kMagic = 0x01616c6d72656570;

uint32_t peermla::sim::getBytes(ElementType type) {
  switch (type) {
  case ElementType::E4M3:
  case ElementType::E5M2:
  case ElementType::S8:
  case ElementType::U8:
    return 1;
  case ElementType::F16:
  case ElementType::BF16:
  case ElementType::U16:
    return 2;
  case ElementType::TF32:
  case ElementType::F32:
  case ElementType::S32:
  case ElementType::U32:
  case ElementType::B32:
    return 4;
  case ElementType::F64:
  case ElementType::S64:
  case ElementType::U64:
  case ElementType::B64:
    return 8;
  case ElementType::B128:
    return 16;
  }
  return 0;
}

static uint32_t getSwizzleBytes(Swizzle swizzle) {
  return swizzle == Swizzle::None ? 0 : 16u << uint32_t(swizzle);
}

std::string peermla::sim::encodeTensorMap(TensorMap &map,
                                          const TensorMapDesc &desc) {
  auto number = [](uint64_t value) { return std::to_string(value); };
  uint32_t bytes = getBytes(desc.type);
  if (bytes == 0 || bytes > 8)
    return "the type is not one of tensor maps";
  if (desc.rank < 1 || desc.rank > 5)
    return "the rank is from 1 to 5, got " + number(desc.rank);
  uint64_t base = reinterpret_cast<uintptr_t>(desc.base);
  if (!base || base % 16)
    return "the base must be a multiple of 16 and not null";
  uint32_t swizzle = getSwizzleBytes(desc.swizzle);
  Encoded encoded = {};
  encoded.magic = kMagic;
  encoded.base = base;
  for (uint32_t i = 0; i < desc.rank; ++i) {
    std::string dim = " in dimension " + number(i);
    if (desc.sizes[i] < 1 || desc.sizes[i] > 1ull << 32)
      return "a size is from 1 to 2^32, got " + number(desc.sizes[i]) + dim;
    if (desc.box[i] < 1 || desc.box[i] > 256)
      return "a box is from 1 to 256 elements, got " + number(desc.box[i]) +
             dim;
    if (desc.elementStrides[i] < 1 || desc.elementStrides[i] > 8)
      return "an element stride is from 1 to 8, got " +
             number(desc.elementStrides[i]) + dim;
    encoded.sizes[i] = desc.sizes[i];
    encoded.box[i] = uint16_t(desc.box[i]);
    encoded.elementStrides[i] = uint8_t(desc.elementStrides[i]);
    if (i + 1 == desc.rank)
      continue;
    if (desc.strides[i] % 16 || desc.strides[i] >= 1ull << 36 ||
        desc.strides[i] == 0)
      return "a stride is a multiple of 16 below 2^36, got " +
             number(desc.strides[i]) + " of dimension " + number(i + 1);
    encoded.strides[i] = uint32_t(desc.strides[i] / 16);
  }
  uint32_t inner = (desc.box[0] + desc.elementStrides[0] - 1) /
                   desc.elementStrides[0] * bytes;
  if (inner % 16)
    return "the inner box must be a multiple of 16 bytes, got " + number(inner);
  if (swizzle && inner > swizzle)
    return "the inner box is at most the span of the swizzle, " +
           number(swizzle) + " bytes, got " + number(inner);
  encoded.type = uint8_t(desc.type);
  encoded.rank = uint8_t(desc.rank);
  encoded.swizzle = uint8_t(desc.swizzle);
  encoded.fillNaN = desc.fillNaN;
  memset(&map, 0, sizeof(map));
  memcpy(&map, &encoded, sizeof(encoded));
  return "";
}

bool peermla::sim::decodeTensorMap(const void *map, TensorGeometry &geometry) {
  Encoded encoded;
  memcpy(&encoded, map, sizeof(encoded));
  if (encoded.magic != kMagic)
    return false;
  geometry = TensorGeometry();
  geometry.type = ElementType(encoded.type);
  geometry.rank = encoded.rank;
  geometry.elementBytes = getBytes(geometry.type);
  geometry.base = reinterpret_cast<char *>(uintptr_t(encoded.base));
  for (uint32_t i = 0; i < geometry.rank; ++i) {
    geometry.sizes[i] = encoded.sizes[i];
    geometry.strides[i] =
        i ? uint64_t(encoded.strides[i - 1]) * 16 : geometry.elementBytes;
    geometry.steps[i] = encoded.elementStrides[i];
    geometry.box[i] =
        (encoded.box[i] + geometry.steps[i] - 1) / geometry.steps[i];
  }
  geometry.swizzleMask = (1u << encoded.swizzle) - 1;
  geometry.fillNaN = encoded.fillNaN;
  return true;
}
