//===- Benchmark.cpp - what the simulator's runtime costs -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Per block and without checks, then with race, initialisation and bounds
// checks, then with counters; medians of interleaved runs, in microseconds of
// one processor:
//
//     wgmma    64x64x64: TMA of both tiles, four wgmma m64n64k16, 128 threads
//     mma      64x64x64: ldmatrix and mma.sync m16n8k16, 128 threads
//     barrier  one bar.sync of 128 and of 1024 threads
//
// Not a test: times depend on the machine.
//
//===----------------------------------------------------------------------===//

#include "peermla/Simulator/Simulator.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>

using namespace peermla::sim;
using namespace peermla::sim::abi;

namespace {
constexpr uint32_t kTile = 64, kTileBytes = kTile * kTile * 2;
constexpr uint32_t kBlocks = 16, kBarriers = 64;

uint32_t getTid() {
  return peermla_sim_special_register(uint32_t(SpecialRegister::TidX));
}
char *shared(uint32_t offset) {
  return static_cast<char *>(peermla_sim_shared_base()) + offset;
}

TensorMap *maps;

void runWgmma(void **) {
  char *a = shared(1024), *b = a + kTileBytes, *barrier = shared(0);
  if (getTid() == 0) {
    peermla_sim_mbarrier_init(barrier, 1, 0);
    peermla_sim_fence(uint32_t(FenceKind::MbarrierInit), 1);
  }
  peermla_sim_barrier_sync(0, 0, 2);
  if (getTid() == 0) {
    peermla_sim_mbarrier_arrive_expect_tx(barrier, 2 * kTileBytes, 0, 3);
    int32_t c[2] = {0, 0};
    peermla_sim_tma_load(a, &maps[0], barrier, c, 2, 0, 4);
    peermla_sim_tma_load(b, &maps[1], barrier, c, 2, 0, 5);
  }
  while (!peermla_sim_mbarrier_wait(barrier, 0,
                                    WaitFlags::Parity | WaitFlags::Try, 6))
    ;
  void *d = peermla_sim_accumulator_zero(kTile / 2);
  auto getDescriptor = [](char *tile, uint32_t k) {
    uint64_t address = reinterpret_cast<uintptr_t>(tile) + k * 32;
    return (address >> 4 & 0x3fff) | 1ull << 16 | 64ull << 32 | 1ull << 62;
  };
  peermla_sim_wgmma_fence(7);
  uint32_t type = uint32_t(ElementType::BF16);
  for (uint32_t k = 0; k < 4; ++k)
    d = peermla_sim_wgmma(d, getDescriptor(a, k), getDescriptor(b, k), nullptr,
                          kTile, type, type, uint32_t(ElementType::F32), 0,
                          k > 0, 8);
  peermla_sim_wgmma_commit(9);
  peermla_sim_wgmma_wait(0, 10);
  for (uint32_t i = 0; i < kTile / 2; ++i)
    peermla_sim_accumulator_get(d, i, 11);
}

void runMma(void **) {
  // Four warps of 16 rows. Each thread writes a row of A or of B.
  uint32_t tid = getTid(), warp = tid / 32, lane = tid % 32;
  constexpr uint32_t kPitch = kTile * 2 + 16;
  char *row = shared(tid * kPitch);
  for (uint32_t i = 0; i < kTile * 2; i += 16) {
    auto *address = static_cast<char *>(
        peermla_sim_access(row + i, 16, 16, AccessFlags::Write, 0));
    memset(address, 0, 16);
  }
  peermla_sim_barrier_sync(0, 0, 1);
  float d[8][4] = {};
  uint32_t type = uint32_t(ElementType::BF16);
  for (uint32_t k = 0; k < kTile; k += 16) {
    uint32_t a[4];
    peermla_sim_ldmatrix(
        a, shared((16 * warp + lane % 16) * kPitch + 2 * k + lane / 16 * 16), 4,
        0, 2);
    for (uint32_t n = 0; n < 8; ++n) {
      uint32_t b[2];
      peermla_sim_ldmatrix(b,
                           shared((kTile + 8 * n + lane % 8) * kPitch + 2 * k +
                                  lane / 8 % 2 * 16),
                           2, 0, 3);
      peermla_sim_mma_sync(d[n], a, b, d[n], 16, type, type,
                           uint32_t(ElementType::F32), 0, 4);
    }
  }
}

void runBarrier(void **) {
  for (uint32_t i = 0; i < kBarriers; ++i)
    peermla_sim_barrier_sync(0, 0, 0);
}

/// A row of 64 KB for each block, stored by 16 bytes.
constexpr uint32_t kRowBytes = 64 << 10;
char *rows;
std::vector<Buffer> buffers;

void runStores(void **) {
  using namespace AccessFlags;
  constexpr uint32_t kPiece = 16, kStep = 128 * kPiece;
  uint32_t thread =
      peermla_sim_special_register(uint32_t(SpecialRegister::TidX));
  uint32_t block =
      peermla_sim_special_register(uint32_t(SpecialRegister::CtaidX));
  char *mine = rows + size_t(block) * kRowBytes + thread * kPiece;
  for (uint32_t i = 0; i < kRowBytes; i += kStep)
    memset(peermla_sim_access(mine + i, kPiece, kPiece, Write | Global, 0), 1,
           kPiece);
}

struct Benchmark {
  const char *name;
  void (*entry)(void **);
  uint32_t threads, perBlock;
};
} // namespace

/// Microseconds per block.
static double measure(const Benchmark &benchmark, const Options &options) {
  KernelDescriptor kernel = {};
  kernel.abiVersion = kAbiVersion;
  kernel.name = benchmark.name;
  kernel.entry = benchmark.entry;
  kernel.staticShared = 1024 + 2 * kTileBytes + 4096;
  Launch launch;
  launch.kernel = &kernel;
  launch.grid = {kBlocks, 1, 1};
  launch.block = {benchmark.threads, 1, 1};
  launch.buffers = buffers;
  // The processor's time: others may use the machine, too.
  clock_t start = clock();
  Result result = run(launch, options);
  double time = double(clock() - start) / CLOCKS_PER_SEC * 1e6;
  if (!result.completed || !result.reports.empty())
    fputs(result.getText(launch).c_str(), stderr);
  return time / kBlocks / benchmark.perBlock;
}

int main() {
  alignas(128) static uint16_t tiles[2][kTile * kTile] = {};
  static TensorMap encoded[2];
  maps = encoded;
  for (uint32_t i = 0; i < 2; ++i) {
    TensorMapDesc desc;
    desc.rank = 2;
    desc.base = tiles[i];
    desc.sizes[0] = desc.sizes[1] = kTile;
    desc.strides[0] = kTile * 2;
    desc.box[0] = desc.box[1] = kTile;
    desc.swizzle = Swizzle::Bytes128;
    encodeTensorMap(encoded[i], desc);
  }
  std::vector<char> allRows(size_t(kBlocks) * kRowBytes);
  rows = allRows.data();
  buffers = {{tiles, sizeof(tiles), "tiles", true},
             {encoded, sizeof(encoded), "maps", true},
             {rows, allRows.size(), "rows", false}};
  Options modes[3];
  modes[1].checkRaces = modes[1].checkInit = modes[1].checkBounds = true;
  modes[2].countAccesses = true;
  const Benchmark benchmarks[] = {
      {"wgmma 64x64x64", runWgmma, 128, 1},
      {"mma.sync 64x64x64", runMma, 128, 1},
      {"64 KB stored", runStores, 128, 1},
      {"barrier of 128", runBarrier, 128, kBarriers},
      {"barrier of 1024", runBarrier, 1024, kBarriers},
  };
  printf("%-20s %10s %10s %10s %8s\n", "us per block", "plain", "checked",
         "counted", "ratio");
  for (const Benchmark &benchmark : benchmarks) {
    std::vector<double> times[3];
    for (uint32_t i = 0; i < 15; ++i)
      for (uint32_t mode = 0; mode < 3; ++mode)
        times[mode].push_back(measure(benchmark, modes[mode]));
    double median[3];
    for (uint32_t mode = 0; mode < 3; ++mode) {
      std::sort(times[mode].begin(), times[mode].end());
      median[mode] = times[mode][times[mode].size() / 2];
    }
    printf("%-20s %10.1f %10.1f %10.1f %8.2f\n", benchmark.name, median[0],
           median[1], median[2], median[1] / median[0]);
  }
}
