//===- Scans.cpp - the largest scores of a thread's row -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Few scores are among the K best once some have been seen, but in a warp there
// nearly always is one: sorting is not skipped, it is put off until a batch is
// full of scores that may win.
//
//   one bit per score       whether it is above the lowest of the K best
//   while a thread of the warp has bits left
//     of each word of bits the first few: a batch of keys, 0 where none is left
//     sort the batch, merge it with the K best                   (Networks.h)
//
// A bit is the sign of the difference, which a funnel shift takes into the
// word: one addition and one shift per score. All threads of a warp take the
// same way, so that no step waits for a part of them.
//
//===----------------------------------------------------------------------===//

#include "Networks.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "peermla/Dialect/Tile/IR/SelectionKeys.h"
#include <limits>

using namespace mlir;
using namespace peermla;

/// Scores that have their bits in one word, those that are loaded together, and
/// keys that are sorted together at most.
static constexpr int64_t bitsOfWord = 32, scoresOfLoad = 4, keysOfBatch = 8;
static constexpr int64_t lowest = std::numeric_limits<int32_t>::min();

namespace {

/// Code of a thread for its row.
struct RowScan {
  FragmentBuilder &b;
  /// The row in shared memory, and the number of its first score, as i32.
  Value row, first;

  Value pointerTo(Value column) {
    Value bytes = arith::ExtUIOp::create(b, b.getI64Type(), b.mul(column, 4));
    return b.pointer(3, row, bytes);
  }

  /// The bits of the scores from `column` on, the first one uppermost; also
  /// what is the highest of `top` and them.
  Value compare(int64_t column, Value threshold, Value &top) {
    auto piece = VectorType::get({scoresOfLoad}, b.getF32Type());
    Value word = b.i32(0);
    for (int64_t i = 0; i < bitsOfWord; i += scoresOfLoad) {
      Value scores = LLVM::LoadOp::create(
          b, piece, b.pointer(3, row, (column + i) * 4), /*alignment=*/16);
      for (int64_t j = 0; j < scoresOfLoad; ++j) {
        Value score = vector::ExtractOp::create(b, scores, j);
        top = arith::MaximumFOp::create(b, top, score);
        Value difference = arith::BitcastOp::create(
            b, b.getI32Type(), arith::SubFOp::create(b, threshold, score));
        word =
            LLVM::FshlOp::create(b, b.getI32Type(), word, difference, b.i32(1));
      }
    }
    return word;
  }

  /// The key of the first score with a bit in `word`, the scores of which start
  /// at `column`, or 0; takes the bit away.
  Value take(Value &word, int64_t column) {
    Value isLeft =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, word, b.i32(0));
    Value place = LLVM::CountLeadingZerosOp::create(b, b.getI32Type(), word,
                                                    /*is_zero_poison=*/false);
    // Some score of the word, if there is no bit.
    place = arith::AndIOp::create(b, place, b.i32(bitsOfWord - 1));
    Value bit = arith::ShRUIOp::create(b, b.i32(lowest), place);
    word = arith::AndIOp::create(b, word, b.xorOf(bit, b.i32(-1)));
    place = b.add(place, column);
    Value score = LLVM::LoadOp::create(b, b.getF32Type(), pointerTo(place));
    Value key = tile::makeKeys(b, score, b.add(first, place));
    return b.select(isLeft, key, arith::ConstantIntOp::create(b, 0, 64));
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
    if (strides == kernel.strides.end() ||
        !isa_and_nonnull<tile::RowsLayoutAttr>(type.getEncoding()))
      return rewriter.notifyMatchFailure(op, "not of single threads");
    FragmentBuilder b(op.getLoc(), rewriter);
    FragmentPlaces places(b, type);
    RowScan scan{b, adaptor.getScores(), b.toI32(adaptor.getFirst())};
    Value thread = b.toIndex(places.bases[0]);
    scan.row = b.pointer(3, scan.row,
                         arith::IndexCastOp::create(
                             b, b.getI64Type(),
                             b.mul(b.mul(thread, strides->second.front()), 4)));

    auto best = llvm::to_vector_of<Value>(
        vector::ToElementsOp::create(b, adaptor.getBest())->getResults());
    Value top = vector::ExtractOp::create(b, adaptor.getTop(), 0);
    Value threshold = tile::getScoresOfKeys(b, best.back());
    Value isEmpty =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, best.back(),
                              arith::ConstantIntOp::create(b, 0, 64));
    Value all = b.select(isEmpty, b.i32(-1), b.i32(0));
    SmallVector<Value> words;
    int64_t columns = op.getColumns();
    std::optional<int64_t> count = getConstantIntValue(op.getCount());
    for (int64_t column = 0; column < columns; column += bitsOfWord) {
      Value word =
          arith::OrIOp::create(b, scan.compare(column, threshold, top), all);
      if (!count || *count < columns)
        word = arith::AndIOp::create(
            b, word, getPresent(b, b.toI32(adaptor.getCount()), column));
      words.push_back(word);
    }
    best = merge(scan, best, words);
    rewriter.replaceOp(
        op, {vector::FromElementsOp::create(
                 b, cast<VectorType>(adaptor.getBest().getType()), best)
                 .getResult(),
             vector::FromElementsOp::create(
                 b, cast<VectorType>(adaptor.getTop().getType()), top)
                 .getResult()});
    return success();
  }

  /// The bits of those from `column` on that are among the first `count`.
  static Value getPresent(FragmentBuilder &b, Value count, int64_t column) {
    Value left = b.add(count, -column);
    left = arith::MaxSIOp::create(b, left, b.i32(0));
    Value isPart = b.isLess(left, b.i32(bitsOfWord));
    // A shift by all bits would be none.
    Value shift = b.select(isPart, left, b.i32(0));
    Value absent = arith::ShRUIOp::create(b, b.i32(-1), shift);
    return b.select(isPart, b.xorOf(absent, b.i32(-1)), b.i32(-1));
  }

  /// The best of `best` and of the scores that `words` have bits of.
  static SmallVector<Value> merge(RowScan &scan, ArrayRef<Value> best,
                                  ArrayRef<Value> words) {
    FragmentBuilder &b = scan.b;
    int64_t size = best.size(), numWords = words.size();
    int64_t perWord =
        std::max<int64_t>(std::min(size, keysOfBatch) / numWords, 1);
    SmallVector<Value> carried(best);
    carried.append(words.begin(), words.end());
    auto loop = scf::WhileOp::create(
        b, ValueRange(carried).getTypes(), carried,
        [&](OpBuilder &, Location, ValueRange values) {
          Value bits = values[size];
          for (Value word : values.drop_front(size + 1))
            bits = arith::OrIOp::create(b, bits, word);
          Value isLeft = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                               bits, b.i32(0));
          Value any = NVVM::VoteSyncOp::create(b, b.getI1Type(), b.i32(-1),
                                               isLeft, NVVM::VoteSyncKind::any);
          scf::ConditionOp::create(b, any, values);
        },
        [&](OpBuilder &, Location, ValueRange values) {
          auto kept = llvm::to_vector_of<Value>(values.take_front(size));
          auto left = llvm::to_vector_of<Value>(values.drop_front(size));
          SmallVector<Value> batch;
          for (int64_t word = 0; word < numWords; ++word)
            for (int64_t i = 0; i < perWord; ++i)
              batch.push_back(scan.take(left[word], word * bitsOfWord));
          Network network(b, /*lanes=*/1);
          network.sort(batch);
          batch.resize(size, arith::ConstantIntOp::create(b, 0, 64));
          network.merge(kept, batch);
          kept.append(left);
          scf::YieldOp::create(b, kept);
        });
    return llvm::to_vector_of<Value>(loop.getResults().take_front(size));
  }

  const KernelInfo &kernel;
};

} // namespace

void peermla::populateScanPatterns(const FragmentTypeConverter &converter,
                                   const KernelInfo &kernel,
                                   RewritePatternSet &patterns) {
  patterns.add<LowerScan>(converter, patterns.getContext(), kernel);
}
