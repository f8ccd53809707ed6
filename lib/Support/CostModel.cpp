//===- CostModel.cpp - what a kernel takes --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/CostModel.h"
#include <algorithm>
#include <cmath>

using namespace peermla;

Work &Work::operator+=(const Work &other) {
  flop += other.flop;
  narrowFlop += other.narrowFlop;
  special += other.special;
  bytes += other.bytes;
  sharedBytes += other.sharedBytes;
  return *this;
}

Work peermla::operator*(double times, const Work &work) {
  return {times * work.flop,  times * work.narrowFlop,  times * work.special,
          times * work.bytes, times * work.sharedBytes, work.overlap};
}

//===----------------------------------------------------------------------===//
// Machine
//===----------------------------------------------------------------------===//

Machine::Machine(const GpuTarget &target, bool hasMatrixInstructions)
    : rates(target.rates), units(target.numUnits), isRemote(true) {
  if (!hasMatrixInstructions)
    rates.flop = rates.narrowFlop = target.plainFlop;
}

double peermla::getComputeTime(const Work &work, const UnitRates &rates) {
  return std::max(work.flop / rates.flop + work.narrowFlop / rates.narrowFlop,
                  work.special / rates.special);
}

double Machine::getFloor(const Work &work) const {
  double bandwidth = std::min(units * rates.memoryBytes, rates.allMemoryBytes);
  return std::max(getComputeTime(work, rates) / units, work.bytes / bandwidth);
}

double Machine::getItemTime(const Work &item) const {
  // Bytes of both kinds pass through the same queue.
  double moving =
      item.bytes / rates.memoryBytes + item.sharedBytes / rates.sharedBytes;
  double computing = getComputeTime(item, rates);
  return computing + std::max(0.0, moving - item.overlap * computing) +
         rates.itemSeconds;
}

double Machine::predict(double items, const Work &item) const {
  double rounds = std::ceil(items / units);
  bool isLaunched = isRemote || (units > 1 && items > 1);
  double launch = isLaunched ? rates.launchSeconds : 0;
  return launch + std::max(rounds * getItemTime(item),
                           items * item.bytes / rates.allMemoryBytes);
}

double Machine::getBalance(double items) const {
  return items > 0 ? items / (std::ceil(items / units) * units) : 1;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

double RowBlocks::getItems(double allRows) const {
  return std::ceil(allRows / rows);
}

Work RowBlocks::getItem(double allRows, const Work &row) const {
  return allRows / getItems(allRows) * row;
}

//===----------------------------------------------------------------------===//
// Matrix products
//===----------------------------------------------------------------------===//

double peermla::getTileEfficiency(double rows, double vectors) {
  // Two multiply-adds begin per cycle and end four cycles later; each vector of
  // B and each element of A is a load, of which two begin per cycle.
  constexpr double inFlight = 8;
  double sums = rows * vectors;
  return std::min({1.0, sums / inFlight, sums / (rows + vectors)});
}

static Work getProductWork(const MatrixProduct &product, double flop) {
  Work work;
  (product.isNarrow ? work.narrowFlop : work.flop) = flop;
  return work;
}

Work MatrixProduct::getWork() const {
  Work work = getProductWork(*this, batch * 2 * rows * columns * terms);
  work.bytes = batch * (rows * terms * bytesA + terms * columns * bytesB +
                        rows * columns * bytesC);
  return work;
}

double MatrixBlocks::getItems(const MatrixProduct &product) const {
  return product.batch * std::ceil(product.rows / rows) *
         std::ceil(product.columns / columns);
}

double MatrixBlocks::getCacheBytes(const MatrixProduct &product) const {
  double blockRows = std::min(rows, product.rows);
  double blockColumns = std::min(columns, product.columns);
  return product.terms *
             (blockRows * product.bytesA +
              std::min(product.panel, blockColumns) * product.bytesB) +
         blockRows * blockColumns * sizeof(float);
}

Work MatrixBlocks::getItem(const MatrixProduct &product,
                           const CpuLevel &level) const {
  double rowBlocks = std::ceil(product.rows / rows);
  double columnBlocks = std::ceil(product.columns / columns);
  // The last block may be smaller: the mean.
  double blockRows = product.rows / rowBlocks;
  double blockColumns = product.columns / columnBlocks;
  double efficiency =
      getTileEfficiency(std::min(rows, product.rows), product.panelVectors);
  Work item = getProductWork(product, 2 * blockRows * blockColumns *
                                          product.terms / efficiency);

  // Blocks of columns follow each other: the rows of A stay for all of them, or
  // are fetched for each panel.
  double bytesOfA = blockRows * product.terms * product.bytesA;
  double fetches = getCacheBytes(product) <= 0.75 * level.l2Bytes
                       ? 1 / columnBlocks
                       : blockColumns / std::min(product.panel, blockColumns);
  double bytesOfB = product.terms * blockColumns * product.bytesB;
  item.bytes = blockRows * blockColumns * product.bytesC;
  // Memory gives each matrix once, if the shared cache holds it from then on.
  double allOfB = product.terms * product.columns * product.bytesB;
  double firstFetches = allOfB <= level.sharedCacheBytes ? 1 / rowBlocks : 1;
  item.overlap = std::min(1.0, product.tileRows / blockRows);
  item.bytes += bytesOfB * firstFetches;
  item.sharedBytes =
      bytesOfB * (1 - firstFetches) + bytesOfA * (fetches - 1 / columnBlocks);
  if (!product.prologue) {
    item.bytes += bytesOfA / columnBlocks;
    return item;
  }
  // Each block of columns reads and computes again; no product hides it.
  Work rows = blockRows * *product.prologue;
  item.flop += getComputeTime(rows, level.rates) * level.rates.flop;
  item.bytes += rows.bytes / columnBlocks;
  item.sharedBytes += rows.sharedBytes + rows.bytes * (1 - 1 / columnBlocks);
  return item;
}
