//===- Shadow.cpp - who touched shared memory last ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Shadow.h"
#include <algorithm>

using namespace peermla::sim;

//===----------------------------------------------------------------------===//
// Actors
//===----------------------------------------------------------------------===//

void Actor::prepare() {
  if (numParties < 2)
    return;
  commonGeneric = parties[0]->generic.getBase();
  commonFenced = parties[0]->fenced.getBase();
  for (uint32_t i = 1; i < numParties; ++i) {
    if (!(parties[i]->generic.getBase() == commonGeneric))
      commonGeneric = BaseRef();
    if (!(parties[i]->fenced.getBase() == commonFenced))
      commonFenced = BaseRef();
  }
}

bool Actor::knows(Agent other, Epoch otherEpoch, bool fenced) {
  if (lastAgent[fenced] == other && lastEpoch[fenced] >= otherEpoch)
    return true;
  const BaseRef &common = fenced ? commonFenced : commonGeneric;
  if (common.get(other) < otherEpoch)
    for (uint32_t i = 0; i < numParties; ++i)
      if (!(fenced ? parties[i]->knowsFenced(other, otherEpoch)
                   : parties[i]->knows(other, otherEpoch)))
        return false;
  lastAgent[fenced] = other;
  lastEpoch[fenced] = otherEpoch;
  return true;
}

//===----------------------------------------------------------------------===//
// Written or not
//===----------------------------------------------------------------------===//

/// Calls `body(word, mask)` for the 64-bit words that [offset, offset + size)
/// touches.
template <typename Body>
static void forEachWord(uint32_t offset, uint32_t size, Body body) {
  for (uint32_t end = offset + size; offset < end;) {
    uint32_t bit = offset % 64, count = std::min(64 - bit, end - offset);
    uint64_t mask = (count == 64 ? ~0ull : (1ull << count) - 1) << bit;
    if (!body(offset / 64, mask))
      return;
    offset += count;
  }
}

uint32_t Shadow::readInit(uint32_t offset, uint32_t size) {
  uint32_t found = ~0u;
  forEachWord(offset, size, [&](uint32_t word, uint64_t mask) {
    uint64_t missing = mask & ~init[word];
    if (missing && found == ~0u)
      found = word * 64 + __builtin_ctzll(missing);
    init[word] |= mask;
    return true;
  });
  return found;
}

void Shadow::writeInit(uint32_t offset, uint32_t size) {
  forEachWord(offset, size, [&](uint32_t word, uint64_t mask) {
    init[word] |= mask;
    return true;
  });
}

void Shadow::clearInit(uint32_t offset, uint32_t size) {
  forEachWord(offset, size, [&](uint32_t word, uint64_t mask) {
    init[word] &= ~mask;
    return true;
  });
}

//===----------------------------------------------------------------------===//
// Cells
//===----------------------------------------------------------------------===//

void Shadow::reset(uint32_t bytes, bool races, bool initialized) {
  pieces.clear();
  pieces.resize(races ? (bytes + kPiece - 1) / kPiece : 0);
  readerLists.clear();
  readerLists.resize(1); // index 0 is no list
  freeReaderLists.clear();
  init.assign(initialized ? (bytes + 63) / 64 : 0, 0);
}

void Shadow::dropReaders(Cell &cell) {
  if (cell.readers) {
    readerLists[cell.readers].clear();
    freeReaderLists.push_back(cell.readers);
    cell.readers = 0;
  }
}

void Shadow::split(Piece &piece, uint32_t width) {
  uint32_t count = kPiece / width, old = piece.width;
  std::unique_ptr<Cell[]> parts(new Cell[count]);
  for (uint32_t i = 0; i < count; ++i) {
    const Cell &from = piece.parts ? piece.parts[i * width / old] : piece.cell;
    parts[i] = from;
    if (!from.readers)
      continue;
    std::vector<Reader> copy = readerLists[from.readers];
    parts[i].readers = uint32_t(readerLists.size());
    readerLists.push_back(std::move(copy));
  }
  if (piece.parts)
    for (uint32_t i = 0; i < kPiece / old; ++i)
      dropReaders(piece.parts[i]);
  dropReaders(piece.cell);
  piece.parts = std::move(parts);
  piece.width = uint8_t(width);
}

Conflict Shadow::access(uint32_t offset, uint32_t size, bool write,
                        Actor &actor) {
  Conflict conflict;
  for (uint32_t end = offset + size; offset < end;) {
    Piece &piece = pieces[offset / kPiece];
    uint32_t first = offset % kPiece;
    uint32_t count = std::min(kPiece - first, end - offset);
    if (count < piece.width) {
      uint32_t width = (first | count) % 4 ? 1 : 4;
      if (width < piece.width)
        split(piece, width);
    } else if (first % piece.width || count % piece.width) {
      split(piece, 1);
    }
    if (piece.width == kPiece) {
      check(piece.cell, offset, write, actor, conflict);
    } else {
      uint32_t width = piece.width;
      for (uint32_t i = first / width; i < (first + count) / width; ++i)
        check(piece.parts[i], offset - first + i * width, write, actor,
              conflict);
      if (write && count == kPiece && !actor.atomic) {
        // All parts are equal now.
        piece.cell = piece.parts[0];
        piece.parts.reset();
        piece.width = kPiece;
      }
    }
    offset += count;
  }
  return conflict;
}

void Shadow::check(Cell &cell, uint32_t offset, bool write, Actor &actor,
                   Conflict &conflict) {
  auto found = [&](Conflict::Kind kind, Agent agent, uint32_t site) {
    if (conflict.kind == Conflict::None)
      conflict = {kind, offset, agent, site};
  };
  Conflict::Kind afterWrite =
      write ? Conflict::WriteAfterWrite : Conflict::ReadAfterWrite;
  if (actor.atomic && cell.writeAtomic) {
    if (cell.plainEpoch &&
        !actor.knows(cell.plainWriter, cell.plainEpoch, /*fenced=*/false))
      found(afterWrite, cell.plainWriter, cell.plainSite);
  } else if (cell.writeEpoch) {
    if (!actor.knows(cell.writer, cell.writeEpoch, /*fenced=*/false))
      found(afterWrite, cell.writer, cell.writeSite);
    else if (actor.asyncProxy && !cell.writeAsync &&
             !actor.knows(cell.writer, cell.writeEpoch, /*fenced=*/true))
      found(Conflict::MissingProxyFence, cell.writer, cell.writeSite);
  }
  if (!write) {
    if (cell.readEpoch && cell.reader != actor.agent &&
        !actor.knows(cell.reader, cell.readEpoch, /*fenced=*/false))
      addReader(cell, actor);
    cell.reader = actor.agent;
    cell.readEpoch = actor.epoch;
    cell.readSite = actor.site;
    cell.readAtomic = actor.atomic;
    return;
  }
  if (cell.readEpoch) {
    if (!(actor.atomic && cell.readAtomic) &&
        !actor.knows(cell.reader, cell.readEpoch, /*fenced=*/false))
      found(Conflict::WriteAfterRead, cell.reader, cell.readSite);
    if (cell.readers) {
      for (const Reader &reader : readerLists[cell.readers])
        if (!(actor.atomic && reader.atomic) &&
            !actor.knows(reader.agent, reader.epoch, /*fenced=*/false)) {
          found(Conflict::WriteAfterRead, reader.agent, reader.site);
          break;
        }
      dropReaders(cell);
    }
    cell.readEpoch = 0;
  }
  if (!actor.atomic) {
    cell.plainEpoch = 0;
  } else if (!cell.writeAtomic) {
    cell.plainEpoch = cell.writeEpoch;
    cell.plainWriter = cell.writer;
    cell.plainSite = cell.writeSite;
  }
  cell.writer = actor.agent;
  cell.writeEpoch = actor.epoch;
  cell.writeSite = actor.site;
  cell.writeAsync = actor.asyncProxy;
  cell.writeAtomic = actor.atomic;
}

void Shadow::addReader(Cell &cell, Actor &actor) {
  if (!cell.readers) {
    if (freeReaderLists.empty()) {
      cell.readers = uint32_t(readerLists.size());
      readerLists.emplace_back();
    } else {
      cell.readers = freeReaderLists.back();
      freeReaderLists.pop_back();
    }
  }
  std::vector<Reader> &list = readerLists[cell.readers];
  // Each time the list has doubled, drop who is ordered before this reader
  // anyway, and all but the last read of each agent.
  if (list.size() >= 16 && (list.size() & (list.size() - 1)) == 0) {
    list.erase(std::remove_if(list.begin(), list.end(),
                              [&](const Reader &reader) {
                                return actor.knows(reader.agent, reader.epoch,
                                                   /*fenced=*/false);
                              }),
               list.end());
    std::sort(list.begin(), list.end(), [](const Reader &a, const Reader &b) {
      return a.agent != b.agent ? a.agent < b.agent : a.epoch > b.epoch;
    });
    list.erase(std::unique(list.begin(), list.end(),
                           [](const Reader &a, const Reader &b) {
                             return a.agent == b.agent;
                           }),
               list.end());
  }
  list.push_back({cell.reader, cell.readEpoch, cell.readSite, cell.readAtomic});
}
