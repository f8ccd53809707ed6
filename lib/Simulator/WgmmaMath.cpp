//===- WgmmaMath.cpp - what a wgmma computes ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// D[64][n] = A[64][k] B[k][n] (+ D), k being 32 bytes of elements. Element
// (row, column) of D is number i = 4 (column / 8) + 2 (row / 8 % 2) + column %
// 2 of thread 32 (row / 16) + 4 (row % 8) + column % 8 / 2; registers hold one
// f32 or s32, or two f16. Products are summed in f32 (s32) before D is added.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "MatrixDescriptor.h"
#include "SmallFloat.h"
#include "WgmmaImpl.h"
#include <cstring>

using namespace peermla::sim;

static constexpr uint32_t kM = 64, kMaxN = 256, kMaxK = 32;

namespace {
template <typename T> struct Operands {
  T a[kM][kMaxK], b[kMaxK][kMaxN];
};
} // namespace

static void decodeInto(float &out, const char *from, ElementType type) {
  uint32_t bits = 0;
  memcpy(&bits, from, getBytes(type));
  out = decodeFloat(bits, type);
}
static void decodeInto(int32_t &out, const char *from, ElementType type) {
  uint8_t byte = uint8_t(*from);
  out = type == ElementType::S8 ? int8_t(byte) : byte;
}

/// Calls `place(mn, k)` for each element of an operand in shared memory and
/// puts it there.
template <typename T, typename Place>
static void loadShared(Cluster &cluster, const Block &block,
                       const MatrixDescriptor &descriptor, uint32_t count,
                       uint32_t k, ElementType type, Place place) {
  uint32_t bytes = getBytes(type);
  uint32_t size = cluster.state.sharedBytes;
  descriptor.forEachUnit(
      0, count, k, [&](uint32_t mn, uint32_t kk, uint32_t offset) {
        // What is outside has been reported at issue.
        static const char nan[16] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                     -1, -1, -1, -1, -1, -1, -1, -1};
        const char *unit =
            offset + sizeof(nan) <= size ? block.shared + offset : nan;
        for (uint32_t i = 0; i < descriptor.perUnit; ++i)
          decodeInto(descriptor.mnMajor ? place(mn + i, kk) : place(mn, kk + i),
                     unit + i * bytes, type);
      });
}

/// A in registers: like that of mma.sync m16n8, a warp for 16 rows.
template <typename T>
static void loadRegisters(const WgmmaOperation &operation, uint32_t k,
                          Operands<T> &operands) {
  uint32_t bytes = getBytes(operation.typeA), perWord = 4 / bytes;
  uint32_t columns = 4 * perWord;
  for (uint32_t t = 0; t < kWarpgroupSize; ++t)
    for (uint32_t r = 0; r < 2 * k / columns; ++r)
      for (uint32_t i = 0; i < perWord; ++i) {
        uint32_t row = t / 32 * 16 + t % 32 / 4 + 8 * (r & 1);
        uint32_t column = perWord * (t % 4) + columns * (r >> 1) + i;
        decodeInto(operands.a[row][column],
                   reinterpret_cast<const char *>(&operation.a[t][r]) +
                       i * bytes,
                   operation.typeA);
      }
}

template <typename T, typename Store>
static void multiply(Cluster &cluster, const Block &block,
                     const WgmmaOperation &operation, Store store) {
  static thread_local Operands<T> operands;
  uint32_t bytes = getBytes(operation.typeA), k = 32 / bytes, n = operation.n;
  if (operation.aInRegisters) {
    loadRegisters(operation, k, operands);
  } else {
    MatrixDescriptor a(operation.descriptorA,
                       operation.flags & MatrixFlags::MnMajorA, bytes);
    loadShared<T>(
        cluster, block, a, kM, k, operation.typeA,
        [&](uint32_t m, uint32_t kk) -> T & { return operands.a[m][kk]; });
  }
  MatrixDescriptor b(operation.descriptorB,
                     operation.flags & MatrixFlags::MnMajorB, bytes);
  loadShared<T>(
      cluster, block, b, n, k, operation.typeB,
      [&](uint32_t nn, uint32_t kk) -> T & { return operands.b[kk][nn]; });
  // One sign for all: each product is negated as often.
  bool negates = bool(operation.flags & MatrixFlags::NegateA) !=
                 bool(operation.flags & MatrixFlags::NegateB);
  T d[kMaxN];
  for (uint32_t m = 0; m < kM; ++m) {
    for (uint32_t i = 0; i < n; ++i)
      d[i] = 0;
    for (uint32_t kk = 0; kk < k; ++kk) {
      T x = negates ? -operands.a[m][kk] : operands.a[m][kk];
      const T *row = operands.b[kk];
      for (uint32_t i = 0; i < n; ++i)
        d[i] += x * row[i];
    }
    uint32_t warp = m / 16, row = m % 16;
    for (uint32_t i = 0; i < n; ++i)
      store(warp * 32 + row % 8 * 4 + i % 8 / 2,
            i / 8 * 4 + row / 8 * 2 + i % 2, d[i]);
  }
}

void peermla::sim::execute(Cluster &cluster, const Block &block,
                           WgmmaOperation &operation) {
  bool adds = !(operation.flags & MatrixFlags::ZeroD);
  auto getSource = [&](uint32_t t, uint32_t reg) {
    return adds ? operation.sources[t]->values[reg] : 0;
  };
  operation.done = true;
  if (operation.typeD == ElementType::S32) {
    bool saturates = operation.flags & MatrixFlags::Saturate;
    multiply<int32_t>(cluster, block, operation,
                      [&](uint32_t t, uint32_t i, int32_t value) {
                        int64_t sum = int64_t(int32_t(getSource(t, i))) + value;
                        if (saturates)
                          sum = sum > INT32_MAX   ? INT32_MAX
                                : sum < INT32_MIN ? INT32_MIN
                                                  : sum;
                        operation.destinations[t]->values[i] = uint32_t(sum);
                      });
    return;
  }
  if (operation.typeD == ElementType::F32) {
    multiply<float>(cluster, block, operation,
                    [&](uint32_t t, uint32_t i, float value) {
                      operation.destinations[t]->values[i] =
                          toBits(fromBits(getSource(t, i)) + value);
                    });
    return;
  }
  multiply<float>(
      cluster, block, operation, [&](uint32_t t, uint32_t i, float value) {
        uint32_t shift = i % 2 * 16;
        float source = decodeF16(uint16_t(getSource(t, i / 2) >> shift));
        uint32_t bits = encodeFloat(source + value, ElementType::F16,
                                    RoundingFlags::Nearest);
        uint32_t &word = operation.destinations[t]->values[i / 2];
        word = (word & ~(0xffffu << shift)) | bits << shift;
      });
}
