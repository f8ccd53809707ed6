//===- ScheduleSelection.cpp - tokens whose scores stay near --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A work item selects experts for a few tokens and one head, so that the scores
// it computes for them are still in the cache. More tokens read the keys less
// often and keep the multiplier busy, fewer share out evenly: powers of two are
// judged by the cost model, as far as the scores take half of the cache.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace peermla;

/// The most tokens of an item that are worth a look.
static constexpr int64_t maxTokens = 64;

/// What an item does for `tokens` tokens and one head.
static Work getItem(const Kernel &kernel, double tokens,
                    const CpuLevel &level) {
  auto select = cast<peer::SelectOp>(kernel.root);
  // One comparison per score, one special function per gate. Of n scores in any
  // order, k (1 + ln(n / k)) are inserted into the list of the best, each in
  // the time of a vector of special functions.
  Work item;
  double k = select.getK();
  item.special = tokens * k;
  for (double keys : select.getNumKeys()) {
    item.flop += 2 * tokens * keys;
    double inserted =
        std::min(keys, k * (1 + std::log(std::max(1.0, keys / k))));
    item.special += tokens * inserted * level.lanes;
  }
  double heads = kernel.getType().getDimSize(1);
  for (Operation *member : kernel.members) {
    if (!isContraction(member))
      continue;
    MatrixProduct product = getMatrixProduct(cast<linalg::LinalgOp>(member),
                                             tokens, /*bytesC=*/0, level);
    // Heads are batches with keys of their own, or rows of one product.
    if (product.batch == 1)
      product.rows = std::max(1.0, product.rows / heads);
    product.batch = 1;
    Work work = product.getWork();
    double efficiency = getTileEfficiency(product.rows, product.panelVectors);
    item.flop += work.flop / efficiency;
    item.narrowFlop += work.narrowFlop / efficiency;
    item.sharedBytes += work.bytes;
  }
  return item;
}

/// Bytes of the scores of a token and a head.
static double getScoreBytes(const Kernel &kernel) {
  double bytes = 0;
  for (int64_t keys : cast<peer::SelectOp>(kernel.root).getNumKeys())
    bytes += keys * sizeof(float);
  return bytes;
}

Schedule peermla::scheduleSelection(const Kernel &kernel,
                                    const CpuLevel &level) {
  RankedTensorType type = kernel.getType();
  double heads = type.getDimSize(1);
  double scoreBytes = getScoreBytes(kernel);
  RowBlocks best{0};
  double bestScore = 0;
  for (int64_t tokens = 1; tokens <= maxTokens; tokens *= 2) {
    if (tokens > 1 && tokens * scoreBytes > 0.5 * level.l2Bytes)
      break;
    RowBlocks blocks{double(tokens)};
    double score = judge(
        type.getDimSize(0), level, [&](double rows, const Machine &machine) {
          double items = blocks.getItems(rows);
          return machine.predict(heads * items,
                                 getItem(kernel, rows / items, level));
        });
    if (best.rows == 0 || score < bestScore) {
      best = blocks;
      bestScore = score;
    }
  }
  SmallVector<int64_t> tile(type.getRank(), 0);
  tile[0] = best.rows;
  tile[1] = 1;
  Machine machine(level.rates, 2);
  std::string reason = llvm::formatv(
      "{0} per block, scores of one head {1} of {2}",
      formatSeconds(machine.getItemTime(getItem(kernel, best.rows, level))),
      formatBytes(best.rows * scoreBytes), formatBytes(level.l2Bytes));
  return {cutResult(kernel, tile), reason};
}
