//===- Shadow.h - who touched shared memory last --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The race detector's memory, after FastTrack (Flanagan and Freund, PLDI 2009):
// for each piece of a block's shared memory the last writer and the readers
// since, each an agent and its epoch. An access conflicts with an earlier one
// unless whoever makes it knows the earlier epoch.
//
// A piece is 16 bytes, what a lane of ldmatrix, a row of a core matrix and most
// copies touch at once. The first access of a part splits it into 4-byte cells,
// and one that is not made of words into bytes; a write of all 16 joins them
// again. So records of single bytes of neighbouring lanes do not collide, and
// tiles cost one comparison per 16 bytes.
//
// Beside that, one bit per byte says whether it has been written at all.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_SHADOW_H
#define PEERMLA_LIB_SIMULATOR_SHADOW_H

#include "Clock.h"
#include <memory>

namespace peermla::sim {

/// Who makes an access, and whose knowledge decides whether it is ordered after
/// earlier ones: all of `parties` must know them.
struct Actor {
  Agent agent = kNoAgent;
  Epoch epoch = 0;
  uint32_t site = 0;
  /// Through the asynchronous proxy: writes of the generic one must be fenced.
  bool asyncProxy = false;
  /// Atomic accesses do not conflict with each other.
  bool atomic = false;
  const Knowledge *const *parties = nullptr;
  uint32_t numParties = 0;

  bool knows(Agent other, Epoch otherEpoch, bool fenced);
  /// To be called once `parties` is set.
  void prepare();

private:
  /// The base that all parties share, if they do, and what was found last.
  BaseRef commonGeneric, commonFenced;
  Agent lastAgent[2] = {kNoAgent, kNoAgent};
  Epoch lastEpoch[2] = {0, 0};
};

/// An earlier access that is not ordered before a new one.
struct Conflict {
  enum Kind : uint8_t {
    None,
    WriteAfterWrite,
    WriteAfterRead,
    ReadAfterWrite,
    /// Ordered, but the asynchronous proxy may not see it.
    MissingProxyFence
  };
  Kind kind = None;
  uint32_t offset = 0;
  Agent agent = kNoAgent;
  uint32_t site = 0;
};

class Shadow {
public:
  /// Forgets everything; `bytes` of shared memory exist.
  void reset(uint32_t bytes, bool races, bool init);

  /// Checks and records an access of [offset, offset + size), which must be in
  /// memory; the first conflict if there is one.
  Conflict access(uint32_t offset, uint32_t size, bool write, Actor &actor);

  /// The first byte of [offset, offset + size) that nobody wrote, or ~0u; then
  /// the range counts as written.
  uint32_t readInit(uint32_t offset, uint32_t size);
  void writeInit(uint32_t offset, uint32_t size);
  /// Undefined again, as after mbarrier.inval.
  void clearInit(uint32_t offset, uint32_t size);

private:
  static constexpr uint32_t kPiece = 16;
  struct Reader {
    Agent agent;
    Epoch epoch;
    uint32_t site;
    bool atomic;
  };
  struct Cell {
    Epoch writeEpoch = 0, readEpoch = 0;
    Agent writer = kNoAgent, reader = kNoAgent;
    uint32_t writeSite = 0, readSite = 0;
    /// The last write that was not atomic, while the last one is atomic: other
    /// atomic accesses conflict with it all the same.
    Epoch plainEpoch = 0;
    Agent plainWriter = kNoAgent;
    uint32_t plainSite = 0;
    /// Index of further readers, 0 if there are none.
    uint32_t readers = 0;
    bool writeAsync = false, writeAtomic = false, readAtomic = false;
  };
  struct Piece {
    Cell cell;
    /// Bytes of a part, 16 if it is in one.
    uint8_t width = kPiece;
    std::unique_ptr<Cell[]> parts;
  };

  void split(Piece &piece, uint32_t width);
  void check(Cell &cell, uint32_t offset, bool write, Actor &actor,
             Conflict &conflict);
  void addReader(Cell &cell, Actor &actor);
  void dropReaders(Cell &cell);

  std::vector<Piece> pieces;
  std::vector<std::vector<Reader>> readerLists;
  std::vector<uint32_t> freeReaderLists;
  std::vector<uint64_t> init;
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_SHADOW_H
