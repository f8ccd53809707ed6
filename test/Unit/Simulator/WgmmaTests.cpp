//===- WgmmaTests.cpp - warpgroup matrix multiplication -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands are written to shared memory by the layouts' definitions in CuTe's
// words (swizzled atoms, one after the other), not by the code under test.
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"
#include <cstring>

using namespace peermla::sim;

namespace {

/// A small integer, exact in every type.
int32_t element(uint32_t which, uint32_t row, uint32_t column) {
  return int32_t((row * 7 + column * 5 + which * 3 + row * column) % 9) - 4;
}

uint32_t encode(int32_t value, ElementType type) {
  if (type == ElementType::S8)
    return uint8_t(value);
  return peermla_sim_convert_from_f32(float(value), uint32_t(type), 0);
}

uint32_t getBytes(ElementType type) {
  if (type == ElementType::TF32)
    return 4;
  return type == ElementType::F16 || type == ElementType::BF16 ? 2 : 1;
}

/// An operand of rows [0, mn) and k columns of 32 bytes, in shared memory.
struct Layout {
  ElementType type;
  bool mnMajor;
  /// Bytes of the swizzle: 0, 32, 64, 128.
  uint32_t swizzle;
  uint32_t base, leading, stride;

  uint64_t getDescriptor() const {
    uint64_t mode = swizzle == 0     ? 0
                    : swizzle == 128 ? 1
                    : swizzle == 64  ? 2
                                     : 3;
    return (base >> 4) | uint64_t(leading >> 4) << 16 |
           uint64_t(stride >> 4) << 32 | mode << 62;
  }

  /// Where element (mn, k) is.
  uint32_t getOffset(uint32_t mn, uint32_t k) const {
    uint32_t bytes = getBytes(type), span = swizzle ? swizzle : 16;
    uint32_t offset;
    if (!mnMajor) {
      // Atoms of 8 rows of one span; without a swizzle the second 16 bytes of k
      // are another atom.
      uint32_t byte = k * bytes;
      offset =
          mn / 8 * stride + mn % 8 * span + byte % span + byte / span * leading;
    } else {
      // Atoms of one span of mn and 8 of k.
      uint32_t byte = mn * bytes;
      offset = byte % span + k % 8 * span;
      if (swizzle)
        offset += byte / span * leading + k / 8 * stride;
      else
        offset += byte / span * stride + k / 8 * leading;
    }
    offset += base;
    // The 16-byte piece is exclusive-ored with the number of the 128-byte line.
    uint32_t pieces = span / 16;
    return offset ^ (offset / 128 % pieces) * 16;
  }
};

struct Case {
  ElementType a, b, d;
  uint32_t n;
  /// B, and A unless it is in registers.
  bool mnMajorA, mnMajorB;
  uint32_t swizzle;
  bool aInRegisters;
  uint32_t flags;
  /// By wgmma_registers rather than by handles.
  bool tokens = false;
};

void write(const Layout &layout, uint32_t which, uint32_t mn, uint32_t k,
           uint32_t tid) {
  for (uint32_t i = tid; i < mn * k; i += 128) {
    uint32_t row = i / k, column = i % k;
    uint32_t bits = encode(element(which, row, column), layout.type);
    char *address = shared(layout.getOffset(row, column));
    uint32_t bytes = getBytes(layout.type);
    if (bytes == 4)
      store(address, bits, 0);
    else if (bytes == 2)
      store(address, uint16_t(bits), 0);
    else
      store(address, uint8_t(bits), 0);
  }
}

Layout makeLayout(ElementType type, bool mnMajor, uint32_t swizzle, uint32_t mn,
                  uint32_t base) {
  Layout layout = {type, mnMajor, swizzle, base, 0, 0};
  uint32_t span = swizzle ? swizzle : 16, atom = 8 * span;
  if (!mnMajor) {
    // Some space between atoms, so that the offsets matter.
    layout.stride = atom * (swizzle ? 1 : 3);
    layout.leading = swizzle ? 16 : atom;
  } else {
    uint32_t atomsMn = (mn * getBytes(type) + span - 1) / span;
    if (swizzle) {
      layout.leading = atom * 2;
      layout.stride = atom;
    } else {
      layout.stride = atom;
      layout.leading = atom * atomsMn;
    }
  }
  return layout;
}

/// Runs D = C + A B and compares all of D.
void check(const Case &c, const Options &options) {
  uint32_t k = 32 / getBytes(c.a),
           count = c.d == ElementType::F16 ? c.n / 4 : c.n / 2;
  Layout a = makeLayout(c.a, c.mnMajorA, c.swizzle, 64, 1024);
  Layout b = makeLayout(c.b, c.mnMajorB, c.swizzle, c.n, 65536);
  TestKernel kernel(128, 200 << 10);
  kernel.options = options;
  uint32_t flags = c.flags | (c.mnMajorA ? MatrixFlags::MnMajorA : 0) |
                   (c.mnMajorB ? MatrixFlags::MnMajorB : 0);
  bool negated = (flags & MatrixFlags::NegateA ? 1 : 0) ^
                 (flags & MatrixFlags::NegateB ? 1 : 0);
  Result result = kernel.run([&] {
    uint32_t tid = getTid(), warp = tid / 32, lane = tid % 32;
    if (!c.aInRegisters)
      write(a, 0, 64, k, tid);
    write(b, 1, c.n, k, tid);
    peermla_sim_fence(uint32_t(FenceKind::ProxyAsync), 1);
    peermla_sim_barrier_sync(0, 0, 2);

    uint32_t fragment[4] = {};
    uint32_t perWord = 4 / getBytes(c.a);
    for (uint32_t i = 0; i < 4 * perWord; ++i) {
      uint32_t reg = i / perWord, e = i % perWord;
      uint32_t row = 16 * warp + lane / 4 + 8 * (reg % 2);
      uint32_t column = lane % 4 * perWord + e + (reg / 2) * 4 * perWord;
      fragment[reg] |= encode(element(0, row, column), c.a)
                       << (e * 32 / perWord);
    }
    auto getPlace = [&](uint32_t i, uint32_t &row, uint32_t &column) {
      row = 16 * warp + lane / 4 + 8 * (i / 2 % 2);
      column = 8 * (i / 4) + 2 * (lane % 4) + i % 2;
    };
    uint32_t registers[128] = {};
    for (uint32_t i = 0; i < c.n / 2; ++i) {
      uint32_t row, column;
      getPlace(i, row, column);
      int32_t value = 2 * element(2, row, column);
      if (c.d == ElementType::S32)
        registers[i] = uint32_t(value);
      else if (c.d == ElementType::F32)
        registers[i] = encode(value, ElementType::F32);
      else
        registers[i / 2] |= encode(value, ElementType::F16) << (i % 2 * 16);
    }
    auto issue = [&](auto call) {
      peermla_sim_wgmma_fence(3);
      call();
      peermla_sim_wgmma_commit(5);
    };
    uint32_t *aRegisters = c.aInRegisters ? fragment : nullptr;
    if (c.tokens) {
      issue([&] {
        peermla_sim_wgmma_registers(
            registers, a.getDescriptor(), b.getDescriptor(), aRegisters, c.n,
            uint32_t(c.a), uint32_t(c.b), uint32_t(c.d), flags, 4);
      });
      peermla_sim_wgmma_wait_registers(registers, count, 0, 6);
    } else {
      void *handle = peermla_sim_accumulator_load(registers, count);
      issue([&] {
        handle = peermla_sim_wgmma(handle, a.getDescriptor(), b.getDescriptor(),
                                   aRegisters, c.n, uint32_t(c.a),
                                   uint32_t(c.b), uint32_t(c.d), flags, 0, 4);
      });
      peermla_sim_wgmma_wait(0, 6);
      peermla_sim_accumulator_store(handle, registers, 7);
    }
    for (uint32_t i = 0; i < c.n / 2; ++i) {
      uint32_t row, column;
      getPlace(i, row, column);
      int32_t sum = 0;
      for (uint32_t kk = 0; kk < k; ++kk)
        sum += element(0, row, kk) * element(1, column, kk);
      int32_t expected = negated ? -sum : sum;
      if (!(flags & MatrixFlags::ZeroD))
        expected += 2 * element(2, row, column);
      int32_t got = c.d == ElementType::S32 ? int32_t(registers[i])
                    : c.d == ElementType::F32
                        ? int32_t(peermla_sim_convert_to_f32(
                              registers[i], uint32_t(ElementType::F32)))
                        : int32_t(peermla_sim_convert_to_f32(
                              registers[i / 2] >> (i % 2 * 16) & 0xffff,
                              uint32_t(ElementType::F16)));
      ASSERT_EQ(got, expected)
          << "type " << uint32_t(c.a) << " n " << c.n << " swizzle "
          << c.swizzle << " major " << c.mnMajorA << c.mnMajorB << " row "
          << row << " column " << column;
    }
  });
  EXPECT_EQ(result.getText(kernel.launch), "");
  EXPECT_EQ(result.total.matrixFlop, 2ull * 64 * c.n * k);
}

constexpr auto kBF16 = ElementType::BF16, kF32 = ElementType::F32;

TEST(WgmmaTest, layoutsAndSwizzles) {
  Options options;
  for (uint32_t swizzle : {0u, 32u, 64u, 128u})
    for (bool mnMajorA : {false, true})
      for (bool mnMajorB : {false, true})
        for (uint32_t n : {8u, 64u, 136u, 256u})
          check({kBF16, kBF16, kF32, n, mnMajorA, mnMajorB, swizzle, false, 0},
                options);
}

TEST(WgmmaTest, everyN) {
  Options options;
  for (uint32_t n = 8; n <= 256; n += 8)
    check({kBF16, kBF16, kF32, n, false, false, 128, false, 0}, options);
}

TEST(WgmmaTest, types) {
  struct {
    ElementType a, b, d;
  } types[] = {
      {ElementType::F16, ElementType::F16, kF32},
      {ElementType::F16, ElementType::F16, ElementType::F16},
      {ElementType::TF32, ElementType::TF32, kF32},
      {ElementType::E4M3, ElementType::E5M2, kF32},
      {ElementType::E5M2, ElementType::E5M2, ElementType::F16},
      {ElementType::S8, ElementType::S8, ElementType::S32},
  };
  for (auto &t : types)
    for (bool aInRegisters : {false, true})
      for (uint32_t swizzle : {0u, 128u})
        check({t.a, t.b, t.d, 40, false, false, swizzle, aInRegisters, 0},
              Options());
}

TEST(WgmmaTest, scalesAndSigns) {
  for (uint32_t flags :
       {uint32_t(MatrixFlags::ZeroD), uint32_t(MatrixFlags::NegateA),
        uint32_t(MatrixFlags::NegateB),
        uint32_t(MatrixFlags::NegateA | MatrixFlags::NegateB)})
    check({kBF16, kBF16, kF32, 24, false, true, 64, false, flags}, Options());
}

TEST(WgmmaTest, allModes) {
  for (Options &options : getAllModes())
    for (bool strict : {false, true})
      for (bool aInRegisters : {false, true})
        for (bool tokens : {false, true}) {
          options.strict = strict;
          check({kBF16, kBF16, kF32, 64, false, true, 128, aInRegisters, 0,
                 tokens},
                options);
        }
}

/// D of one batch; `body` gets a handle of zeros and the descriptors.
template <typename Body> Result runBatch(Options options, Body body) {
  TestKernel kernel(128, 16384);
  kernel.options = options;
  return kernel.run([&] {
    Layout a = makeLayout(kBF16, false, 128, 64, 0);
    Layout b = makeLayout(kBF16, false, 128, 8, 8192);
    write(a, 0, 64, 16, getTid());
    write(b, 1, 8, 16, getTid());
    peermla_sim_fence(uint32_t(FenceKind::ProxyAsync), 1);
    peermla_sim_barrier_sync(0, 0, 2);
    void *handle = peermla_sim_accumulator_zero(4);
    body(handle, a.getDescriptor(), b.getDescriptor());
  });
}

void *multiply(void *handle, uint64_t a, uint64_t b, uint32_t site,
               bool inPlace = false) {
  return peermla_sim_wgmma(handle, a, b, nullptr, 8, uint32_t(kBF16),
                           uint32_t(kBF16), uint32_t(kF32), 0, inPlace, site);
}

TEST(WgmmaTest, missingFenceIsReported) {
  EXPECT_EQ(summarize(runBatch(Options(),
                               [](void *handle, uint64_t a, uint64_t b) {
                                 multiply(handle, a, b, 5);
                                 peermla_sim_wgmma_commit(6);
                                 peermla_sim_wgmma_wait(0, 7);
                               })),
            "accumulator 5");
}

TEST(WgmmaTest, earlyReadIsReported) {
  Options lazy;
  lazy.async = Async::Lazy;
  for (const Options &options : {Options(), lazy})
    EXPECT_EQ(summarize(runBatch(options,
                                 [](void *handle, uint64_t a, uint64_t b) {
                                   peermla_sim_wgmma_fence(4);
                                   handle = multiply(handle, a, b, 5);
                                   peermla_sim_wgmma_commit(6);
                                   peermla_sim_accumulator_get(handle, 0, 8);
                                   peermla_sim_wgmma_wait(0, 7);
                                 })),
              "accumulator 8");
}

TEST(WgmmaTest, operationsNobodyWaitsForAreReported) {
  EXPECT_EQ(summarize(runBatch(Options(),
                               [](void *handle, uint64_t a, uint64_t b) {
                                 peermla_sim_wgmma_fence(4);
                                 multiply(handle, a, b, 5);
                               })),
            "exit 5");
}

TEST(WgmmaTest, waitLeavesTheLastGroupsPending) {
  for (Options &options : getAllModes()) {
    bool nonzero = false;
    Result result = runBatch(options, [&](void *zero, uint64_t a, uint64_t b) {
      peermla_sim_wgmma_fence(4);
      // The same zeros for two chains: the first must not change them.
      void *first = multiply(zero, a, b, 5);
      first = multiply(first, a, b, 5, /*inPlace=*/true);
      peermla_sim_wgmma_commit(6);
      void *second = multiply(zero, a, b, 7);
      peermla_sim_wgmma_commit(8);
      peermla_sim_wgmma_wait(1, 9);
      uint32_t bits = peermla_sim_accumulator_get(first, 0, 10);
      float sum = peermla_sim_convert_to_f32(bits, uint32_t(ElementType::F32));
      peermla_sim_wgmma_wait(0, 11);
      bits = peermla_sim_accumulator_get(second, 0, 12);
      EXPECT_EQ(sum, 2 * peermla_sim_convert_to_f32(
                             bits, uint32_t(ElementType::F32)));
      nonzero |= sum != 0;
    });
    EXPECT_TRUE(nonzero);
    EXPECT_EQ(summarize(result), "");
  }
}

TEST(WgmmaTest, tokensShowEarlyAndPermutedReads) {
  auto run = [](auto change) {
    return runBatch(Options(), [&](void *, uint64_t a, uint64_t b) {
      uint32_t registers[4] = {};
      peermla_sim_wgmma_fence(4);
      peermla_sim_wgmma_registers(registers, a, b, nullptr, 8, uint32_t(kBF16),
                                  uint32_t(kBF16), uint32_t(kF32), 0, 5);
      // In flight they are NaN.
      EXPECT_EQ(registers[2] & 0x7fc00000, 0x7fc00000u);
      change(registers);
      peermla_sim_wgmma_commit(6);
      peermla_sim_wgmma_wait_registers(registers, 4, 0, 7);
    });
  };
  EXPECT_EQ(summarize(run([](uint32_t *) {})), "");
  EXPECT_EQ(summarize(run([](uint32_t *r) { std::swap(r[0], r[1]); })),
            "accumulator 7");
}

TEST(WgmmaTest, instructionsThatDoNotExistAreReported) {
  auto run = [](uint32_t n, ElementType type, ElementType d, uint32_t flags,
                uint32_t count) {
    TestKernel kernel(128, 16384);
    return summarize(kernel.run([&] {
      void *handle = peermla_sim_accumulator_zero(count);
      peermla_sim_wgmma_fence(1);
      peermla_sim_wgmma(handle, 0, 0, nullptr, n, uint32_t(type),
                        uint32_t(type), uint32_t(d), flags, 0, 2);
      peermla_sim_wgmma_commit(3);
      peermla_sim_wgmma_wait(0, 4);
    }));
  };
  EXPECT_EQ(run(8, kBF16, kF32, 0, 4), "");
  EXPECT_EQ(run(12, kBF16, kF32, 0, 6), "descriptor 2");
  EXPECT_EQ(run(264, kBF16, kF32, 0, 132), "descriptor 2");
  EXPECT_EQ(run(8, kBF16, kF32, 0, 5), "descriptor 2");
  EXPECT_EQ(run(8, kBF16, ElementType::F16, 0, 2), "descriptor 2");
  EXPECT_EQ(run(8, ElementType::TF32, kF32, MatrixFlags::MnMajorB, 4),
            "descriptor 2");
  EXPECT_EQ(run(8, ElementType::S8, ElementType::S32, MatrixFlags::NegateA, 4),
            "descriptor 2");
}

TEST(WgmmaTest, descriptorsMustStayInside) {
  TestKernel kernel(128, 1024);
  Result result = kernel.run([&] {
    void *handle = peermla_sim_accumulator_zero(4);
    peermla_sim_wgmma_fence(1);
    multiply(handle, 1ull << 62 | 64ull << 32, 1ull << 62 | 64ull << 32, 2);
    peermla_sim_wgmma_commit(3);
    peermla_sim_wgmma_wait(0, 4);
  });
  ASSERT_EQ(summarize(result), "out-of-bounds 2");
  EXPECT_TRUE(contains(result.reports[0].message,
                       "the descriptor of A reaches offset 1024 of 1024"));
}

TEST(WgmmaTest, operandsMayOnlyBeOverwrittenAfterTheWait) {
  Options options;
  options.checkRaces = true;
  auto run = [&](bool early) {
    return summarize(
        runBatch(options, [&](void *handle, uint64_t a, uint64_t b) {
          peermla_sim_wgmma_fence(4);
          multiply(handle, a, b, 5);
          peermla_sim_wgmma_commit(6);
          if (!early)
            peermla_sim_wgmma_wait(0, 7);
          if (getTid() == 9)
            store(shared(128), 0u, 8);
          if (early)
            peermla_sim_wgmma_wait(0, 7);
        }));
  };
  EXPECT_EQ(run(false), "");
  EXPECT_EQ(run(true), "race 8 5");
}

/// A producer overwrites operands after `arrivals` warps have said that they
/// are done with them.
std::string overwriteAfterArrivals(uint32_t arrivals, bool strict) {
  TestKernel kernel(160, 16384);
  kernel.options.checkRaces = true;
  kernel.options.strict = strict;
  return summarize(kernel.run([&] {
    Layout a = makeLayout(kBF16, false, 128, 64, 0);
    Layout b = makeLayout(kBF16, false, 128, 8, 8192);
    uint32_t tid = getTid();
    char *barrier = shared(16000);
    if (tid == 0)
      peermla_sim_mbarrier_init(barrier, arrivals, 0);
    if (tid < 128) {
      write(a, 0, 64, 16, tid);
      write(b, 1, 8, 16, tid);
    }
    peermla_sim_fence(uint32_t(FenceKind::ProxyAsync), 1);
    peermla_sim_barrier_sync(0, 0, 2);
    if (tid < 128) {
      void *handle = peermla_sim_accumulator_zero(4);
      peermla_sim_wgmma_fence(4);
      multiply(handle, a.getDescriptor(), b.getDescriptor(), 5);
      peermla_sim_wgmma_commit(6);
      peermla_sim_wgmma_wait(0, 7);
      if (tid % 32 == 0 && tid / 32 < arrivals)
        peermla_sim_mbarrier_arrive(barrier, 1, 0, 8);
    } else {
      while (!peermla_sim_mbarrier_wait(barrier, 0,
                                        WaitFlags::Parity | WaitFlags::Try, 9))
        ;
      // Row 16, which the second warp reads.
      if (tid == 130)
        store(shared(2048), 0u, 10);
    }
  }));
}

TEST(WgmmaTest, strictWaitsCoverTheWarpAlone) {
  EXPECT_EQ(overwriteAfterArrivals(4, false), "");
  EXPECT_EQ(overwriteAfterArrivals(4, true), "");
  EXPECT_EQ(overwriteAfterArrivals(1, false), "");
  EXPECT_EQ(overwriteAfterArrivals(1, true), "race 10 5");
}

TEST(WgmmaTest, writesNeedAProxyFence) {
  TestKernel kernel(128, 16384);
  kernel.options.checkRaces = true;
  Result result = kernel.run([&] {
    Layout a = makeLayout(kBF16, false, 128, 64, 0);
    Layout b = makeLayout(kBF16, false, 128, 8, 8192);
    write(a, 0, 64, 16, getTid());
    write(b, 1, 8, 16, getTid());
    peermla_sim_barrier_sync(0, 0, 2);
    void *handle = peermla_sim_accumulator_zero(4);
    peermla_sim_wgmma_fence(4);
    multiply(handle, a.getDescriptor(), b.getDescriptor(), 5);
    peermla_sim_wgmma_commit(6);
    peermla_sim_wgmma_wait(0, 7);
  });
  ASSERT_EQ(summarize(result), "race 5 0");
  EXPECT_TRUE(contains(result.reports[0].message, "fence.proxy.async"));
}

TEST(WgmmaTest, setmaxnregTakesFromThePool) {
  TestKernel kernel(384);
  auto run = [&](uint32_t decrease, uint32_t increase) {
    return summarize(kernel.run([&] {
      if (getTid() < 128)
        peermla_sim_set_max_registers(decrease, 0, 1);
      else
        peermla_sim_set_max_registers(increase, 1, 2);
    }));
  };
  EXPECT_EQ(run(24, 240), "");
  EXPECT_EQ(run(40, 240), "deadlock 2");
  EXPECT_EQ(run(24, 244), "registers 2");
  EXPECT_EQ(run(24, 160), "registers 2");
}

} // namespace
