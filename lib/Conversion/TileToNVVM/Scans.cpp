//===- Scans.cpp - the largest scores of rows that lanes share ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the maxima of K groups reach a bound, K scores do: few scores of a long
// row are above the K-th largest maximum of groups that lie over all of it.
//
//   bound = just below the K-th largest maximum of groups of scores, or the
//           lowest of the K best so far, if that is higher
//   one bit per score                        whether it is above the bound
//   while a lane of the warp has bits left
//     K columns of each row                  lane by lane to a list
//     their keys                             sorted, merged with the K best
//
// A lane has the scores of four columns of each 4 * lanes, so that its loads
// and those of its neighbours are of one line of shared memory. A bit is the
// sign of a difference, which a funnel shift takes into the word: one addition
// and one shift per score. All lanes of a warp take the same way.
//
//===----------------------------------------------------------------------===//

#include "Networks.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "peermla/Dialect/Tile/IR/SelectionKeys.h"
#include <limits>

using namespace mlir;
using namespace peermla;

/// Scores that have their bits in one word, and those that are loaded together.
static constexpr int64_t bitsOfWord = 32, scoresOfLoad = 4;
static constexpr int64_t loadsOfWord = bitsOfWord / scoresOfLoad;
/// More than a lane has scores.
static constexpr int64_t placesOfLane = 1 << 16;
static constexpr float infinity = std::numeric_limits<float>::infinity();

namespace {

/// Code of a lane for its row.
struct SharedRow {
  SharedRow(FragmentBuilder &b, tile::ScanOp op, int64_t lanes)
      : b(b), lanes(lanes), loads(op.getColumns() / (scoresOfLoad * lanes)) {
    auto best = cast<RankedTensorType>(op.getBest().getType());
    size = best.getDimSize(1);
    lane = b.rem(b.lane(), lanes);
  }

  FragmentBuilder &b;
  /// Lanes of a row, loads of a lane, and K.
  int64_t lanes, loads, size;
  /// Of the row, its scores and its list in shared memory; this lane among its
  /// lanes, the number of the first score and that of scores, as i32.
  Value scores, list, lane, firstNumber, numScores;
  /// Scores that are there whatever `numScores` is.
  int64_t present = 0;

  Value f32(float value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  }
  /// An element of 32 bits in shared memory.
  static Value element(FragmentBuilder &b, Value row, Value column) {
    return b.pointer(3, row,
                     arith::ExtUIOp::create(b, b.getI64Type(),
                                            b.mul(column, sizeof(float))));
  }
  Value shuffle(Value value, NVVM::ShflKind kind, Value lane) {
    return NVVM::ShflOp::create(b, value.getType(), b.i32(-1), value, lane,
                                b.i32(31), kind, UnitAttr());
  }
  /// What lane `from` of the row has.
  Value broadcast(Value value, int64_t from) {
    Value base = b.both(b.lane(), b.i32(-lanes));
    return shuffle(value, NVVM::ShflKind::idx, b.add(base, from));
  }
  /// Whether the condition holds for a lane of the warp.
  Value any(Value condition) {
    return NVVM::VoteSyncOp::create(b, b.getI1Type(), b.i32(-1), condition,
                                    NVVM::VoteSyncKind::any);
  }
  /// What lanes wrote to the list is read, or the other way round.
  void meet() { NVVM::SyncWarpOp::create(b, b.i32(-1)); }

  bool isPresent(int64_t load) const {
    return (load + 1) * scoresOfLoad * lanes <= present;
  }
  /// How many scores of a load are there.
  Value getPresent(int64_t load) {
    Value start = b.add(b.mul(lane, scoresOfLoad), load * scoresOfLoad * lanes);
    Value left = arith::SubIOp::create(b, numScores, start);
    left = arith::MaxSIOp::create(b, left, b.i32(0));
    return arith::MinSIOp::create(b, left, b.i32(scoresOfLoad));
  }
  /// The scores of a load; -inf where none is.
  SmallVector<Value> load(int64_t number) {
    auto piece = VectorType::get({scoresOfLoad}, b.getF32Type());
    Value column =
        b.add(b.mul(lane, scoresOfLoad), number * scoresOfLoad * lanes);
    Value loaded = LLVM::LoadOp::create(b, piece, element(b, scores, column),
                                        /*alignment=*/16);
    auto elements = llvm::to_vector_of<Value>(
        vector::ToElementsOp::create(b, loaded)->getResults());
    if (!isPresent(number)) {
      Value left = getPresent(number);
      for (auto [i, score] : llvm::enumerate(elements))
        score = b.select(b.isLess(b.i32(i), left), score, f32(-infinity));
    }
    return elements;
  }

  /// The maxima of groups, NaN where a score is; at least 2 K of all lanes
  /// together, if there are as many loads. A power of two, the last ones -inf.
  SmallVector<Value> getMaxima() {
    int64_t groups = 1;
    while (groups * lanes < 2 * size && groups < loads)
      groups *= 2;
    int64_t perGroup = llvm::divideCeil(loads, groups);
    SmallVector<Value> maxima(groups, f32(-infinity));
    for (int64_t i = 0; i < loads; ++i)
      for (Value score : load(i)) {
        Value &maximum = maxima[i / perGroup];
        maximum = i % perGroup == 0 && matchPattern(maximum, m_Constant())
                      ? score
                      : arith::MaximumFOp::create(b, maximum, score);
      }
    return maxima;
  }

  /// A number that K of the maxima are above; -inf if they are not.
  Value getBound(ArrayRef<Value> maxima) {
    int64_t groups = maxima.size();
    if (groups * lanes < size)
      return f32(-infinity);
    SmallVector<Value> ordered;
    for (Value maximum : maxima) {
      Value score = arith::MaxNumFOp::create(b, maximum, f32(-infinity));
      ordered.push_back(tile::orderScores(b, score));
    }
    Value reached;
    if (groups * lanes == 2 * size) {
      reached = Network(b, lanes).getMiddle(ordered);
    } else {
      Network(b, lanes).sort(ordered);
      int64_t last = size - 1;
      reached = broadcast(ordered[last % groups], last / groups);
    }
    // Two below: +0 and -0 are equal.
    constexpr uint32_t lowest = 0x007fffff;
    reached = arith::MaxUIOp::create(b, reached, b.i32(lowest + 2));
    return tile::getOrderedScores(b, b.add(reached, -2));
  }

  /// The score of the lowest of the best, which the last lane has; -inf if the
  /// list is not full.
  Value getLowest(Value key) {
    Value isEmpty =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, key,
                              arith::ConstantIntOp::create(b, 0, 64));
    Value score =
        b.select(isEmpty, f32(-infinity), tile::getScoresOfKeys(b, key));
    return broadcast(score, lanes - 1);
  }

  /// `top` with the maxima of all lanes.
  Value notice(Value top, ArrayRef<Value> maxima) {
    Value highest = maxima.front();
    for (Value maximum : maxima.drop_front())
      highest = arith::MaximumFOp::create(b, highest, maximum);
    for (int64_t distance = 1; distance < lanes; distance *= 2)
      highest = arith::MaximumFOp::create(
          b, highest, shuffle(highest, NVVM::ShflKind::bfly, b.i32(distance)));
    return arith::MaximumFOp::create(b, top, highest);
  }

  /// The bits of scores above `bound`, all where that is -inf; the first one of
  /// a word uppermost.
  SmallVector<Value> compare(Value bound) {
    Value isNone = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, bound,
                                         f32(-infinity));
    Value all = b.select(isNone, b.i32(-1), b.i32(0));
    SmallVector<Value> words;
    for (int64_t first = 0; first < loads; first += loadsOfWord) {
      int64_t end = std::min(first + loadsOfWord, loads);
      Value word = b.i32(0), there;
      for (int64_t i = first; i < end; ++i)
        for (Value score : load(i)) {
          Value difference = arith::BitcastOp::create(
              b, b.getI32Type(), arith::SubFOp::create(b, bound, score));
          word = LLVM::FshlOp::create(b, b.getI32Type(), word, difference,
                                      b.i32(1));
        }
      word = arith::OrIOp::create(b, word, all);
      int64_t unused = bitsOfWord - (end - first) * scoresOfLoad;
      if (unused != 0)
        word = arith::ShLIOp::create(b, word, b.i32(unused));
      for (int64_t i = first; i < end; ++i)
        if (!isPresent(i)) {
          // The first bits of four, at the place of the load.
          Value bits = arith::ShRUIOp::create(b, b.i32(0xf), getPresent(i));
          int64_t place = bitsOfWord - (i - first + 1) * scoresOfLoad;
          bits = arith::ShLIOp::create(b, bits, b.i32(place));
          there = there ? arith::OrIOp::create(b, there, bits) : bits;
        }
      if (there)
        word = b.both(word, b.xorOf(there, b.i32(-1)));
      words.push_back(word);
    }
    return words;
  }

  /// Bits of all lanes of the row, and of the lanes before this one.
  std::pair<Value, Value> count(ValueRange words) {
    Value all = b.i32(0), before = b.i32(0);
    for (Value word : words)
      all = b.add(all, LLVM::CtPopOp::create(b, b.getI32Type(), word));
    for (int64_t distance = 1; distance < lanes; distance *= 2) {
      Value other = shuffle(all, NVVM::ShflKind::bfly, b.i32(distance));
      Value isUpper = arith::CmpIOp::create(
          b, arith::CmpIPredicate::ne, b.both(lane, b.i32(distance)), b.i32(0));
      before = b.add(before, b.select(isUpper, other, b.i32(0)));
      all = b.add(all, other);
    }
    return {all, before};
  }

  /// Takes the first score of each word to the list, as long as it has room:
  /// its place among the lane's and, above, the lane. `place` is where this
  /// lane's next one goes.
  void collect(MutableArrayRef<Value> words, Value &place) {
    for (size_t i = 0; i < words.size(); ++i) {
      Value &word = words[i];
      Value isLeft =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ne, word, b.i32(0));
      Value isTaken = b.both(isLeft, b.isLess(place, b.i32(size)));
      Value bit = LLVM::CountLeadingZerosOp::create(b, b.getI32Type(), word,
                                                    /*is_zero_poison=*/false);
      scf::IfOp::create(b, isTaken, [&](OpBuilder &builder, Location loc) {
        FragmentBuilder inner(loc, builder);
        Value entry = inner.add(
            bit, inner.add(inner.mul(lane, placesOfLane), i * bitsOfWord));
        LLVM::StoreOp::create(inner, entry, element(inner, list, place));
        scf::YieldOp::create(inner);
      });
      Value rest = b.xorOf(
          word, arith::ShRUIOp::create(
                    b, b.i32(std::numeric_limits<int32_t>::min()), bit));
      word = b.select(isTaken, rest, word);
      place = b.add(place, arith::ExtUIOp::create(b, b.getI32Type(), isTaken));
    }
  }

  /// The column of an entry.
  Value getColumn(Value entry) {
    // Loads of a lane are 4 * lanes columns apart.
    Value bit = b.both(entry, b.i32(placesOfLane - 1));
    Value column =
        b.add(bit, b.mul(b.both(bit, b.i32(-scoresOfLoad)), lanes - 1));
    return b.add(column, b.mul(b.div(entry, placesOfLane), scoresOfLoad));
  }

  /// Lets the list have an entry.
  void startList() {
    scf::IfOp::create(b, b.isEqual(lane, b.i32(0)),
                      [&](OpBuilder &builder, Location loc) {
                        FragmentBuilder inner(loc, builder);
                        LLVM::StoreOp::create(inner, inner.i32(0), list);
                        scf::YieldOp::create(inner);
                      });
  }

  /// Keys of the first `taken` entries of the list, a part per lane.
  SmallVector<Value> readList(Value taken) {
    SmallVector<Value> keys;
    int64_t ofLane = size / lanes;
    Value first = b.mul(lane, ofLane);
    Value ofThis = arith::SubIOp::create(b, taken, first);
    // Behind them nothing may have been written yet.
    Value last = arith::MaxSIOp::create(b, b.add(taken, -1), b.i32(0));
    last = arith::SubIOp::create(b, last, first);
    for (int64_t i = 0; i < ofLane; ++i) {
      Value place = b.add(first, arith::MinSIOp::create(b, b.i32(i), last));
      Value column = getColumn(
          LLVM::LoadOp::create(b, b.getI32Type(), element(b, list, place)));
      Value score =
          LLVM::LoadOp::create(b, b.getF32Type(), element(b, scores, column));
      Value key = tile::makeKeys(b, score, b.add(firstNumber, column));
      keys.push_back(b.select(b.isLess(b.i32(i), ofThis), key,
                              arith::ConstantIntOp::create(b, 0, 64)));
    }
    return keys;
  }

  /// The best of `best` and of the scores that `words` have bits of.
  SmallVector<Value> merge(ArrayRef<Value> best, ArrayRef<Value> words) {
    size_t numKeys = best.size();
    meet();
    startList();
    SmallVector<Value> carried(best);
    carried.append(words.begin(), words.end());
    auto loop = scf::WhileOp::create(
        b, ValueRange(carried).getTypes(), carried,
        [&](OpBuilder &, Location, ValueRange values) {
          scf::ConditionOp::create(b, any(hasBits(values.drop_front(numKeys))),
                                   values);
        },
        [&](OpBuilder &, Location, ValueRange values) {
          auto kept = llvm::to_vector_of<Value>(values.take_front(numKeys));
          auto [all, before] = count(values.drop_front(numKeys));
          meet();
          SmallVector<Value> left =
              collectAll(values.drop_front(numKeys), before);
          meet();
          SmallVector<Value> batch =
              readList(arith::MinSIOp::create(b, all, b.i32(size)));
          // Others may use the list's memory behind the scan.
          meet();
          Network network(b, lanes);
          network.sort(batch);
          kept = mergeUnlessEmpty(kept, batch);
          kept.append(left);
          scf::YieldOp::create(b, kept);
        });
    return llvm::to_vector_of<Value>(loop.getResults().take_front(numKeys));
  }

private:
  /// The best of both lists; the first one is empty at first.
  SmallVector<Value> mergeUnlessEmpty(ArrayRef<Value> best,
                                      ArrayRef<Value> batch) {
    Value isFilled =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, best.front(),
                              arith::ConstantIntOp::create(b, 0, 64));
    auto merged = scf::IfOp::create(
        b, any(isFilled),
        [&](OpBuilder &builder, Location loc) {
          FragmentBuilder inner(loc, builder);
          SmallVector<Value> kept(best);
          Network(inner, lanes).merge(kept, batch);
          scf::YieldOp::create(inner, kept);
        },
        [&](OpBuilder &builder, Location loc) {
          scf::YieldOp::create(builder, loc, batch);
        });
    return llvm::to_vector_of<Value>(merged.getResults());
  }

  /// Whether the lane has bits left.
  Value hasBits(ValueRange words) {
    Value bits = words.front();
    for (Value word : words.drop_front())
      bits = arith::OrIOp::create(b, bits, word);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bits, b.i32(0));
  }

  /// Fills the list; returns what is left of the words.
  SmallVector<Value> collectAll(ValueRange words, Value before) {
    auto carried = llvm::to_vector_of<Value>(words);
    carried.push_back(before);
    auto loop = scf::WhileOp::create(
        b, ValueRange(carried).getTypes(), carried,
        [&](OpBuilder &, Location, ValueRange values) {
          Value goesOn = b.both(hasBits(values.drop_back()),
                                b.isLess(values.back(), b.i32(size)));
          scf::ConditionOp::create(b, any(goesOn), values);
        },
        [&](OpBuilder &, Location, ValueRange values) {
          auto left = llvm::to_vector_of<Value>(values.drop_back());
          Value place = values.back();
          collect(left, place);
          left.push_back(place);
          scf::YieldOp::create(b, left);
        });
    return llvm::to_vector_of<Value>(loop.getResults().drop_back());
  }
};

struct LowerScan final : OpConversionPattern<tile::ScanOp> {
  LowerScan(const TypeConverter &converter, MLIRContext *context,
            const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::ScanOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getBest().getType());
    auto strides = kernel.strides.find(op.getScores());
    auto layout = dyn_cast_or_null<tile::RowsLayoutAttr>(type.getEncoding());
    auto list = kernel.strides.find(op.getList());
    if (strides == kernel.strides.end() || list == kernel.strides.end() ||
        !layout)
      return rewriter.notifyMatchFailure(op, "not in #tile.rows");
    FragmentBuilder b(op.getLoc(), rewriter);
    SharedRow row(b, op, layout.getLanes());
    Value number = FragmentPlaces(b, type).bases[0];
    auto rowOf = [&](Value memory, Value stride) {
      Value offset = b.mul(b.mul(b.toIndex(number), stride), sizeof(float));
      return b.pointer(3, memory,
                       arith::IndexCastOp::create(b, b.getI64Type(), offset));
    };
    row.scores = rowOf(adaptor.getScores(), strides->second.front());
    row.list = rowOf(adaptor.getList(), list->second.front());
    row.firstNumber = b.toI32(adaptor.getFirst());
    row.numScores = b.toI32(adaptor.getCount());
    row.present = getConstantIntValue(op.getCount()).value_or(0);

    auto best = llvm::to_vector_of<Value>(
        vector::ToElementsOp::create(b, adaptor.getBest())->getResults());
    Value top = vector::ExtractOp::create(b, adaptor.getTop(), 0);
    SmallVector<Value> maxima = row.getMaxima();
    Value bound = row.getBound(maxima);
    if (!matchPattern(op.getBest(), m_Zero()))
      bound = arith::MaximumFOp::create(b, bound, row.getLowest(best.back()));
    best = row.merge(best, row.compare(bound));
    rewriter.replaceOp(
        op, {vector::FromElementsOp::create(
                 b, cast<VectorType>(adaptor.getBest().getType()), best)
                 .getResult(),
             vector::FromElementsOp::create(
                 b, cast<VectorType>(adaptor.getTop().getType()),
                 row.notice(top, maxima))
                 .getResult()});
    return success();
  }

  const KernelInfo &kernel;
};

} // namespace

void peermla::populateScanPatterns(const FragmentTypeConverter &converter,
                                   const KernelInfo &kernel,
                                   RewritePatternSet &patterns) {
  patterns.add<LowerScan>(converter, patterns.getContext(), kernel);
}
