//===- LoadMatrix.cpp - ldmatrix and stmatrix -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Matrices of 8 x 8 elements of 16 bits. Lane 8 i + r has the address of row r
// of matrix i; register i of lane l holds elements (l / 4, 2 (l % 4)) and the
// next of matrix i, or with .trans those of its transpose.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <cstring>
#include <utility>

using namespace peermla::sim;
using namespace peermla::sim::abi;

static constexpr uint32_t kRows = 8, kRowBytes = 16;
namespace {
enum Kind : uint32_t { kLoad = 0xa00, kStore = 0xb00 };
/// In the mailbox.
enum : uint32_t { kFragment = 0, kAddress = 1 };
} // namespace

/// Checks the row addresses of `count` matrices; a wrong one is null in `rows`.
static void getRows(Thread &leader, uint32_t count, bool write, uint32_t site,
                    char **rows) {
  Cluster &cluster = *leader.cluster;
  uint32_t offsets[kWarpSize];
  for (uint32_t i = 0; i < count * kRows; ++i) {
    Thread &lane = leader.warp->getLane(i);
    char *row = static_cast<char *>(lane.pointers[kAddress]);
    Block *block = cluster.checkShared(
        lane, row, kRowBytes, kRowBytes,
        write ? "write by stmatrix" : "read by ldmatrix", site);
    if (block && block != lane.block) {
      cluster.report(ReportKind::OutOfBounds, &lane, site,
                     "ldmatrix and stmatrix access shared memory of their own "
                     "block only");
      block = nullptr;
    }
    rows[i] = block ? row : nullptr;
    offsets[i] = cluster.getOffset(row);
    if (block)
      cluster.touch(lane, *block, offsets[i], kRowBytes, write, site);
  }
  if (cluster.counting.countsAccesses())
    cluster.counting.addSharedRows(site, offsets, count * kRows);
}

/// Whether the count is one, and all lanes are there.
static bool check(Thread &leader, uint32_t count, uint32_t site) {
  if ((count == 1 || count == 2 || count == 4) &&
      leader.warp->getLive(~0u) == ~0u)
    return true;
  leader.cluster->report(ReportKind::Descriptor, &leader, site,
                         "ldmatrix and stmatrix move 1, 2 or 4 matrices in a "
                         "warp of 32 threads, got " +
                             std::to_string(count));
  return false;
}

/// Where element `e` of register `i` of lane `l` is: row and column of matrix
/// i.
static void getPlace(uint32_t l, uint32_t e, bool transposed, uint32_t &row,
                     uint32_t &column) {
  row = l / 4;
  column = 2 * (l % 4) + e;
  if (transposed)
    std::swap(row, column);
}

Void peermla::sim::abi::peermla_sim_ldmatrix(Ptr fragment, Ptr address,
                                             I32 count, I32 transposed,
                                             I32 site) {
  Thread &thread = enter(InstructionClass::LoadMatrix, site);
  thread.pointers[kFragment] = fragment;
  thread.pointers[kAddress] = address;
  if (!meet(thread, kLoad + count, ~0u, /*aligned=*/true, "ldmatrix", site))
    return;
  if (check(thread, count, site)) {
    char *rows[kWarpSize];
    getRows(thread, count, /*write=*/false, site, rows);
    for (uint32_t i = 0; i < count; ++i) {
      // All of a matrix first: fragments may be anywhere.
      uint16_t matrix[kRows][kRows];
      for (uint32_t r = 0; r < kRows; ++r) {
        if (const char *row = rows[i * kRows + r])
          memcpy(matrix[r], row, kRowBytes);
        else
          memset(matrix[r], 0xff, kRowBytes);
      }
      for (uint32_t l = 0; l < kWarpSize; ++l) {
        uint16_t pair[2];
        for (uint32_t e = 0; e < 2; ++e) {
          uint32_t row, column;
          getPlace(l, e, transposed, row, column);
          pair[e] = matrix[row][column];
        }
        memcpy(static_cast<uint32_t *>(
                   thread.warp->getLane(l).pointers[kFragment]) +
                   i,
               pair, sizeof(pair));
      }
    }
  }
  dismiss(thread, ~0u);
}

Void peermla::sim::abi::peermla_sim_stmatrix(Ptr address, Ptr fragment,
                                             I32 count, I32 transposed,
                                             I32 site) {
  Thread &thread = enter(InstructionClass::StoreMatrix, site);
  thread.pointers[kFragment] = fragment;
  thread.pointers[kAddress] = address;
  if (!meet(thread, kStore + count, ~0u, /*aligned=*/true, "stmatrix", site))
    return;
  if (check(thread, count, site)) {
    char *rows[kWarpSize];
    getRows(thread, count, /*write=*/true, site, rows);
    for (uint32_t i = 0; i < count; ++i)
      for (uint32_t l = 0; l < kWarpSize; ++l) {
        uint16_t pair[2];
        memcpy(pair,
               static_cast<uint32_t *>(
                   thread.warp->getLane(l).pointers[kFragment]) +
                   i,
               sizeof(pair));
        for (uint32_t e = 0; e < 2; ++e) {
          uint32_t row, column;
          getPlace(l, e, transposed, row, column);
          if (char *place = rows[i * kRows + row])
            memcpy(place + 2 * column, &pair[e], sizeof(pair[e]));
        }
      }
  }
  dismiss(thread, ~0u);
}
