//===- MatrixSync.cpp - mma.sync ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// m16n8k<k>: with g = lane / 4, t = lane % 4, and e elements in a register (1
// of tf32, 2 of 16 bits, 4 of 8 bits),
//
//     A register r   row g + 8 (r & 1), columns e t + 4 e (r >> 1) ...
//     B register r   column g, rows e t + 4 e r ...
//     C, D element i row g + 8 (i >> 1), column 2 t + (i & 1)
//
// A row of k elements is 16 or 32 bytes: 2 or 4 registers of A. Sums are in f32
// (or s32), not in the order or the precision of tensor cores.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "SmallFloat.h"
#include <cstring>

using namespace peermla::sim;
using namespace peermla::sim::abi;

namespace {
constexpr uint32_t kM = 16, kN = 8, kMaxK = 32;
enum Kind : uint32_t { kMma = 0x900 };

/// Operands in order, `T` being what sums are made in.
template <typename T> struct Tile {
  T a[kM][kMaxK], b[kMaxK][kN], d[kM][kN];

  void multiply(uint32_t k) {
    for (uint32_t m = 0; m < kM; ++m)
      for (uint32_t i = 0; i < k; ++i) {
        T x = a[m][i];
        for (uint32_t n = 0; n < kN; ++n)
          d[m][n] += x * b[i][n];
      }
  }
};
} // namespace

static float decodeElement(uint32_t bits, ElementType type, float) {
  return decodeFloat(bits, type);
}
static int64_t decodeElement(uint32_t bits, ElementType type, int64_t) {
  return type == ElementType::S8 ? int64_t(int8_t(bits)) : int64_t(bits & 0xff);
}

/// Takes a register apart: `count` elements to consecutive columns or rows.
template <typename T, typename Place>
static void unpack(uint32_t word, ElementType type, uint32_t count,
                   Place place) {
  uint32_t bits = 32 / count;
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t element = word >> (i * bits % 32);
    place(i) = decodeElement(bits == 32   ? element
                             : bits == 16 ? element & 0xffff
                                          : element & 0xff,
                             type, T());
  }
}

template <typename T>
static void loadOperands(Thread &leader, uint32_t k, uint32_t perWord,
                         ElementType typeA, ElementType typeB, Tile<T> &tile) {
  uint32_t columns = 4 * perWord; // of one register of a row of lanes
  for (uint32_t l = 0; l < kWarpSize; ++l) {
    Thread &lane = leader.warp->getLane(l);
    uint32_t g = l / 4, t = l % 4;
    const uint32_t *a = static_cast<uint32_t *>(lane.pointers[1]);
    const uint32_t *b = static_cast<uint32_t *>(lane.pointers[2]);
    for (uint32_t r = 0; r < 2 * k / columns; ++r)
      unpack<T>(a[r], typeA, perWord, [&](uint32_t i) -> T & {
        return tile.a[g + 8 * (r & 1)][perWord * t + columns * (r >> 1) + i];
      });
    for (uint32_t r = 0; r < k / columns; ++r)
      unpack<T>(b[r], typeB, perWord, [&](uint32_t i) -> T & {
        return tile.b[perWord * t + columns * r + i][g];
      });
  }
}

/// Calls `body(lane, i, row, column)` for the four elements of C of each lane.
template <typename Body> static void forEachResult(Thread &leader, Body body) {
  for (uint32_t l = 0; l < kWarpSize; ++l)
    for (uint32_t i = 0; i < 4; ++i)
      body(leader.warp->getLane(l), i, l / 4 + 8 * (i >> 1),
           2 * (l % 4) + (i & 1));
}

static void multiplyFloats(Thread &leader, uint32_t k, uint32_t perWord,
                           ElementType typeA, ElementType typeB,
                           ElementType typeD) {
  Tile<float> tile;
  loadOperands(leader, k, perWord, typeA, typeB, tile);
  memset(tile.d, 0, sizeof(tile.d));
  tile.multiply(k);
  // The addend last: it may be much larger than the products.
  forEachResult(leader, [&](Thread &lane, uint32_t i, uint32_t m, uint32_t n) {
    if (typeD == ElementType::F32) {
      float c = static_cast<float *>(lane.pointers[3])[i];
      static_cast<float *>(lane.pointers[0])[i] = c + tile.d[m][n];
      return;
    }
    float c = decodeF16(static_cast<uint16_t *>(lane.pointers[3])[i]);
    static_cast<uint16_t *>(lane.pointers[0])[i] = uint16_t(encodeFloat(
        c + tile.d[m][n], ElementType::F16, RoundingFlags::Nearest));
  });
}

static void multiplyIntegers(Thread &leader, uint32_t k, ElementType typeA,
                             ElementType typeB, bool saturates) {
  Tile<int64_t> tile;
  loadOperands(leader, k, 4, typeA, typeB, tile);
  memset(tile.d, 0, sizeof(tile.d));
  tile.multiply(k);
  forEachResult(leader, [&](Thread &lane, uint32_t i, uint32_t m, uint32_t n) {
    int64_t d = tile.d[m][n] + static_cast<int32_t *>(lane.pointers[3])[i];
    if (saturates)
      d = d > INT32_MAX ? INT32_MAX : d < INT32_MIN ? INT32_MIN : d;
    static_cast<int32_t *>(lane.pointers[0])[i] = int32_t(d);
  });
}

/// Elements in a register, 0 for types that mma.sync does not have.
static uint32_t getPerWord(ElementType type) {
  uint32_t bytes = getBytes(type);
  bool exists = type == ElementType::F16 || type == ElementType::BF16 ||
                type == ElementType::TF32 || bytes == 1;
  return exists ? 4 / bytes : 0;
}

static bool isInteger(ElementType type) {
  return type == ElementType::S8 || type == ElementType::U8;
}

Void peermla::sim::abi::peermla_sim_mma_sync(Ptr d, Ptr a, Ptr b, Ptr c, I32 k,
                                             I32 a_type, I32 b_type, I32 d_type,
                                             I32 flags, I32 site) {
  Thread &thread = enter(InstructionClass::Mma, site);
  thread.pointers[0] = d;
  thread.pointers[1] = a;
  thread.pointers[2] = b;
  thread.pointers[3] = c;
  if (!meet(thread, kMma, ~0u, /*aligned=*/true, "mma.sync", site))
    return;
  ElementType typeA = ElementType(a_type), typeB = ElementType(b_type);
  ElementType typeD = ElementType(d_type);
  uint32_t perWord = getPerWord(typeA);
  bool integers = isInteger(typeA);
  ElementType wide = integers ? ElementType::S32 : ElementType::F32;
  bool exists = perWord && getPerWord(typeB) == perWord &&
                integers == isInteger(typeB) &&
                (k == 4 * perWord || k == 8 * perWord) &&
                (typeD == wide ||
                 (typeD == ElementType::F16 && typeA == ElementType::F16)) &&
                thread.warp->getLive(~0u) == ~0u;
  if (!exists) {
    thread.cluster->report(ReportKind::Descriptor, &thread, site,
                           "mma.sync m16n8k" + std::to_string(k) +
                               " does not exist for these types, or lanes of "
                               "the warp are missing");
  } else {
    thread.cluster->counting.addMatrixFlop(site, 2ull * kM * kN * k);
    if (integers)
      multiplyIntegers(thread, k, typeA, typeB, flags & MatrixFlags::Saturate);
    else
      multiplyFloats(thread, k, perWord, typeA, typeB, typeD);
  }
  dismiss(thread, ~0u);
}
