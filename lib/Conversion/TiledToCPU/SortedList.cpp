//===- SortedList.cpp - the best pairs of score and index so far ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Insertion, for all places of a vector at once: a place keeps its entry if the
// new one does not beat it, takes the new one if that does not beat the entry
// before, and else the entry before.
//
//===----------------------------------------------------------------------===//

#include "SortedList.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace peermla;

/// Vectors of scores, and as many of indices, that a loop carries at most.
static constexpr int64_t maxRegisters = 4;

SortedList::SortedList(KernelBuilder &b, int64_t capacity)
    : b(b), width(b.getLanes()) {
  int64_t padded = llvm::alignTo(capacity, width);
  scoreBuffer = b.scratch({padded}, b.getF32Type());
  indexBuffer = b.scratch({padded}, b.getI32Type());
}

bool SortedList::isInRegisters() const { return chunks <= maxRegisters; }

SortedList::Chunk SortedList::splat(Value score, Value index) {
  return {b.splat(score, width), b.splat(index, width)};
}

SortedList::Chunk SortedList::loadChunk(Value column) {
  return {b.load(scores(), column, width), b.load(indices(), column, width)};
}

void SortedList::storeChunk(Chunk chunk, Value column) {
  b.store(chunk.first, scores(), column);
  b.store(chunk.second, indices(), column);
}

SortedList::State SortedList::start(int64_t entries) {
  size = entries;
  chunks = llvm::divideCeil(size, width);
  Chunk empty =
      splat(b.f32(std::numeric_limits<double>::quiet_NaN()), b.i32(0));
  State state;
  if (isInRegisters()) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      state.append({empty.first, empty.second});
    return state;
  }
  b.loop(b.index(0), b.index(chunks * width), width,
         [&](Value column) { storeChunk(empty, column); });
  return state;
}

void SortedList::finish(const State &state) {
  for (size_t i = 0; i < state.size(); i += 2)
    storeChunk({state[i], state[i + 1]}, b.index(i / 2 * width));
}

Value SortedList::worst(const State &state) {
  if (!isInRegisters())
    return memref::LoadOp::create(b, scoreBuffer,
                                  ValueRange{b.index(size - 1)});
  return vector::ExtractOp::create(b, state[2 * (chunks - 1)],
                                   (size - 1) % width);
}

/// `before` is the chunk in front, of which the last place counts.
SortedList::Chunk SortedList::insertInto(Chunk chunk, Chunk before, Chunk entry,
                                         bool byIndex) {
  SmallVector<int64_t> shifted;
  for (int64_t lane = 0; lane < width; ++lane)
    shifted.push_back(width - 1 + lane);
  Chunk previous = {
      vector::ShuffleOp::create(b, before.first, chunk.first, shifted),
      vector::ShuffleOp::create(b, before.second, chunk.second, shifted)};
  auto isBeaten = [&](Chunk place) -> Value {
    Value beaten = arith::CmpFOp::create(b, arith::CmpFPredicate::ULT,
                                         place.first, entry.first);
    if (!byIndex)
      return beaten;
    Value equal = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                        place.first, entry.first);
    Value higher = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt,
                                         place.second, entry.second);
    return arith::OrIOp::create(b, beaten,
                                arith::AndIOp::create(b, equal, higher));
  };
  Value beaten = isBeaten(chunk), previousBeaten = isBeaten(previous);
  auto choose = [&](Value place, Value place1, Value fresh) -> Value {
    Value moved = arith::SelectOp::create(b, previousBeaten, place1, fresh);
    return arith::SelectOp::create(b, beaten, moved, place);
  };
  return {choose(chunk.first, previous.first, entry.first),
          choose(chunk.second, previous.second, entry.second)};
}

SortedList::State SortedList::insert(const State &state, Value score,
                                     Value index, bool byIndex) {
  Chunk entry = splat(score, index);
  // In front of the first place stands the entry itself: it does not beat
  // itself.
  Chunk before = entry;
  State next;
  for (size_t i = 0; i < state.size(); i += 2) {
    Chunk chunk = {state[i], state[i + 1]};
    Chunk changed = insertInto(chunk, before, entry, byIndex);
    next.append({changed.first, changed.second});
    before = chunk;
  }
  if (!isInRegisters())
    b.loop(b.index(0), b.index(chunks * width), width,
           {before.first, before.second},
           [&](Value column, ValueRange carried) {
             Chunk chunk = loadChunk(column);
             storeChunk(
                 insertInto(chunk, {carried[0], carried[1]}, entry, byIndex),
                 column);
             return SmallVector<Value>{chunk.first, chunk.second};
           });
  return next;
}

SortedList::State SortedList::replaceFirst(const State &state, int64_t count,
                                           function_ref<Chunk(Value)> vectors) {
  State next(state);
  for (int64_t chunk = 0; chunk < count && isInRegisters(); ++chunk)
    std::tie(next[2 * chunk], next[2 * chunk + 1]) =
        vectors(b.index(chunk * width));
  if (!isInRegisters())
    b.loop(b.index(0), b.index(count * width), width,
           [&](Value column) { storeChunk(vectors(column), column); });
  return next;
}
