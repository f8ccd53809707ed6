//===- ProgramSelect.cpp - retrieval with its scores on the chip ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tokens of a work item, of one head. A thread has the row of a token:
//
//   for each dimension
//     best = no keys
//     for each block of 64 sub-keys
//       s = q k^T                              through scratch to threads
//       for each batch of them
//         best = the K largest of best and key(s, number)
//   fold dimensions from the left: of sums of the a-th and the b-th best only
//   those with (a + 1) (b + 1) <= k can be among the k best
//
// key(s, id) orders by score, then by lower id: the bits of s as an ordered
// number above the complement of id. K is k rounded up to a power of two. A NaN
// is below all numbers, and is noticed: the maximum of all scores and sums is
// NaN then, and scores and gates of the row become NaN, while its indices stay
// in range.
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace peermla;

static constexpr float infinity = std::numeric_limits<float>::infinity();

/// Sub-keys of a block, and floats from one row of scores to the next in
/// scratch: four rows of 16 bytes lie in different banks.
static constexpr int64_t keysOfBlock = 64, pitchOfScores = keysOfBlock + 4;
/// Sub-keys, or at most pairs of two lists, that are sorted together: more
/// would need the registers of longer lists.
static constexpr int64_t batchSize = 16;

namespace {

/// The best of some dimensions: K scores and ids per row, of which `count` are.
struct List {
  Value scores, ids;
  int64_t count;
};

/// Writes the program of one `peer.select`.
struct SelectProgram {
  ImplicitLocOpBuilder &b;
  peer::SelectOp op;
  /// Rows of the tile, k and K.
  int64_t rows, k, size;
  /// Columns of sub-queries, in memory or else a tile that is yet to be
  /// written, and of sub-keys.
  struct Part {
    View queries;
    Value tile;
    View keys;
  };
  /// The scores of a dimension are the sum of those of its parts.
  SmallVector<SmallVector<Part, 1>, 2> dimensions;

  /// Writes the tile of a part's queries, if they are not in memory.
  llvm::function_ref<LogicalResult(Part &)> project;

  /// Gates, indices and perhaps scores.
  FailureOr<SmallVector<Value>> write();

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  RankedTensorType tile(ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  }
  RankedTensorType like(Value value, Type element) {
    return cast<RankedTensorType>(value.getType()).clone(element);
  }
  Value constant(RankedTensorType type, double value) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(
               type, Attribute(b.getFloatAttr(type.getElementType(), value))));
  }
  Value constant(RankedTensorType type, int64_t value) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, Attribute(b.getIntegerAttr(
                                            type.getElementType(), value))));
  }
  Value makeKeys(Value scores, Value ids);
  List readKeys(Value keys, int64_t count);
  /// `top` with what is largest in each row of `scores`; NaN if one is.
  Value notice(Value top, Value scores);
  List scan(unsigned dimension, Value scratch, Value &top);
  List fold(const List &lhs, const List &rhs, int64_t numKeys, Value &top);
  Value computeGates(Value scores);
};

} // namespace

Value SelectProgram::makeKeys(Value scores, Value ids) {
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  auto floats = cast<RankedTensorType>(scores.getType());
  RankedTensorType bitsType = like(scores, i32), keyType = like(scores, i64);
  // NaN as -inf, -0 as 0.
  Value number =
      arith::MaxNumFOp::create(b, scores, constant(floats, double(-infinity)));
  number = arith::AddFOp::create(b, number, constant(floats, 0.0));
  // All bits of negative numbers turn round, of others only the sign.
  Value bits = arith::BitcastOp::create(b, bitsType, number);
  Value sign = arith::ShRSIOp::create(b, bits, constant(bitsType, int64_t(31)));
  Value flipped = arith::OrIOp::create(
      b, sign,
      constant(bitsType, int64_t(std::numeric_limits<int32_t>::min())));
  Value high = arith::ExtUIOp::create(b, keyType,
                                      arith::XOrIOp::create(b, bits, flipped));
  Value low = arith::ExtUIOp::create(
      b, keyType,
      arith::XOrIOp::create(b, ids, constant(bitsType, int64_t(-1))));
  high = arith::ShLIOp::create(b, high, constant(keyType, int64_t(32)));
  return arith::OrIOp::create(b, high, low);
}

List SelectProgram::readKeys(Value keys, int64_t count) {
  Type i32 = b.getI32Type();
  auto keyType = cast<RankedTensorType>(keys.getType());
  RankedTensorType bitsType = like(keys, i32);
  Value all = constant(bitsType, int64_t(-1));
  Value ids =
      arith::XOrIOp::create(b, arith::TruncIOp::create(b, bitsType, keys), all);
  Value high = arith::TruncIOp::create(
      b, bitsType,
      arith::ShRUIOp::create(b, keys, constant(keyType, int64_t(32))));
  Value sign = arith::ShRSIOp::create(b, arith::XOrIOp::create(b, high, all),
                                      constant(bitsType, int64_t(31)));
  Value flipped = arith::OrIOp::create(
      b, sign,
      constant(bitsType, int64_t(std::numeric_limits<int32_t>::min())));
  Value bits = arith::XOrIOp::create(b, high, flipped);
  return {arith::BitcastOp::create(b, like(keys, b.getF32Type()), bits), ids,
          count};
}

Value SelectProgram::notice(Value top, Value scores) {
  Value largest = tile::ReduceOp::create(b, top.getType(), tile::Combine::Max,
                                         scores, /*dim=*/1);
  return arith::MaximumFOp::create(b, top, largest);
}

/// The best of the sub-keys of a dimension.
List SelectProgram::scan(unsigned dimension, Value scratch, Value &top) {
  int64_t numKeys = op.getNumKeys(dimension);
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  auto scoresType = tile({rows, keysOfBlock}, f32);

  auto loadRows = [&](const View &view, int64_t rowDim, Value row,
                      Value numRows, int64_t height) -> Value {
    auto memory = cast<MemRefType>(view.memory.getType());
    std::optional<int64_t> depth =
        getConstantIntValue(view.sizes[view.dims.back()]);
    int64_t columns =
        llvm::alignTo(depth.value_or(memory.getShape().back()), tileUnit);
    SmallVector<Value> place(view.offsets);
    place[rowDim] = b.createOrFold<arith::AddIOp>(place[rowDim], row);
    return tile::LoadOp::create(
        b, tile({height, columns}, memory.getElementType()), view.memory, place,
        ValueRange{numRows, view.sizes[view.dims.back()]}, Value(), Value(),
        ArrayRef<int64_t>{rowDim, view.dims.back()});
  };
  for (Part &part : dimensions[dimension])
    if (!part.tile) {
      int64_t tokenDim = part.queries.dims.front();
      part.tile = loadRows(part.queries, tokenDim, index(0),
                           part.queries.sizes[tokenDim], rows);
    }
  Value none = constant(tile({rows, size}, b.getI64Type()), int64_t(0));
  auto loop = scf::ForOp::create(b, index(0), index(numKeys),
                                 index(keysOfBlock), ValueRange{none, top});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value first = loop.getInductionVar();
  Value best = loop.getRegionIterArg(0), seen = loop.getRegionIterArg(1);
  Value left = b.createOrFold<arith::SubIOp>(index(numKeys), first);
  Value present = b.createOrFold<arith::MinSIOp>(index(keysOfBlock), left);
  Value product;
  for (Part &part : dimensions[dimension]) {
    int64_t keyDim = part.keys.dims[part.keys.dims.size() - 2];
    Value keys = loadRows(part.keys, keyDim, first, present, keysOfBlock);
    product = tile::MmaOp::create(b, scoresType, part.tile, keys, product,
                                  /*transposeB=*/true);
  }
  Value noColumn = index(0), numRows = index(rows);
  tile::StoreOp::create(b, product, scratch, ValueRange{noColumn, noColumn},
                        ValueRange{numRows, index(keysOfBlock)},
                        ArrayRef<int64_t>{0, 1});

  // A batch at a time, so that few scores are in registers.
  auto batches = scf::ForOp::create(b, noColumn, index(keysOfBlock),
                                    index(batchSize), ValueRange{best, seen});
  b.setInsertionPointToStart(batches.getBody());
  Value offset = batches.getInductionVar();
  best = batches.getRegionIterArg(0);
  seen = batches.getRegionIterArg(1);
  auto scoresOfBatch = tile({rows, batchSize}, f32);
  auto idsOfBatch = tile({rows, batchSize}, i32);
  Value scores = tile::LoadOp::create(
      b, scoresOfBatch, scratch, ValueRange{noColumn, offset},
      ValueRange{numRows, index(batchSize)}, Value(), Value(),
      ArrayRef<int64_t>{0, 1});
  seen = notice(seen, scores);
  auto splat = [&](Value value) -> Value {
    return tensor::SplatOp::create(b, arith::IndexCastOp::create(b, i32, value),
                                   idsOfBatch);
  };
  Value ids = arith::AddIOp::create(
      b, tile::IndexOp::create(b, idsOfBatch, 1),
      splat(b.createOrFold<arith::AddIOp>(first, offset)));
  if (numKeys % keysOfBlock != 0) {
    Value isKey = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, ids,
                                        splat(index(numKeys)));
    scores = arith::SelectOp::create(
        b, isKey, scores, constant(scoresOfBatch, double(-infinity)));
  }
  best = tile::TopkOp::create(b, makeKeys(scores, ids), best);
  scf::YieldOp::create(b, ValueRange{best, seen});
  b.setInsertionPointAfter(batches);
  scf::YieldOp::create(b, batches.getResults());
  b.setInsertionPointAfter(loop);
  top = loop.getResult(1);
  return readKeys(loop.getResult(0), std::min(k, numKeys));
}

/// The best sums of an entry of `lhs` and one of `rhs`, which is of a dimension
/// of `numKeys` sub-keys.
List SelectProgram::fold(const List &lhs, const List &rhs, int64_t numKeys,
                         Value &top) {
  SmallVector<int64_t> ofLhs, ofRhs;
  for (int64_t i = 0; i < lhs.count; ++i)
    for (int64_t j = 0; j < rhs.count && (i + 1) * (j + 1) <= k; ++j) {
      ofLhs.push_back(i);
      ofRhs.push_back(j);
    }
  int64_t pairs = ofLhs.size();
  Value best = constant(tile({rows, size}, b.getI64Type()), int64_t(0));
  // A batch after the other, so that few sums are in registers.
  int64_t batch = std::min(size, batchSize);
  for (int64_t first = 0; first < pairs; first += batch) {
    int64_t count = std::min(batch, pairs - first);
    auto pick = [&](Value list, ArrayRef<int64_t> columns) -> Value {
      Type element = getElementTypeOrSelf(list.getType());
      return tile::ColumnsOp::create(b, tile({rows, count}, element), list,
                                     columns.slice(first, count));
    };
    Value sums = arith::AddFOp::create(b, pick(lhs.scores, ofLhs),
                                       pick(rhs.scores, ofRhs));
    top = notice(top, sums);
    Value ids = pick(lhs.ids, ofLhs);
    ids = arith::MulIOp::create(
        b, ids, constant(cast<RankedTensorType>(ids.getType()), numKeys));
    ids = arith::AddIOp::create(b, ids, pick(rhs.ids, ofRhs));
    best = tile::TopkOp::create(b, makeKeys(sums, ids), best);
  }
  return readKeys(best, std::min(k, pairs));
}

/// gates = score_function(scores), in f32.
Value SelectProgram::computeGates(Value scores) {
  auto type = cast<RankedTensorType>(scores.getType());
  Value zero = constant(type, 0.0), one = constant(type, 1.0);
  switch (op.getScoreFunction()) {
  case peer::ScoreFunction::relu:
    return arith::MaximumFOp::create(b, scores, zero);
  case peer::ScoreFunction::sigmoid: {
    Value power = math::ExpOp::create(b, arith::NegFOp::create(b, scores));
    return arith::DivFOp::create(b, one, arith::AddFOp::create(b, one, power));
  }
  case peer::ScoreFunction::softmax: {
    // What is past k is of no expert.
    Value column = tile::IndexOp::create(b, like(scores, b.getI32Type()), 1);
    Value counts =
        arith::CmpIOp::create(b, arith::CmpIPredicate::slt, column,
                              constant(like(scores, b.getI32Type()), k));
    auto rowType = tile({rows}, b.getF32Type());
    auto alongRow = [&](Value value) -> Value {
      return tile::BroadcastOp::create(b, type, value, 1);
    };
    Value chosen = arith::SelectOp::create(b, counts, scores,
                                           constant(type, double(-infinity)));
    Value largest = tile::ReduceOp::create(b, rowType, tile::Combine::Max,
                                           chosen, /*dim=*/1);
    Value power = math::ExpOp::create(
        b, arith::SubFOp::create(b, scores, alongRow(largest)));
    power = arith::SelectOp::create(b, counts, power, zero);
    Value total = tile::ReduceOp::create(b, rowType, tile::Combine::Add, power,
                                         /*dim=*/1);
    return arith::DivFOp::create(b, power, alongRow(total));
  }
  }
  llvm_unreachable("all score functions are listed");
}

FailureOr<SmallVector<Value>> SelectProgram::write() {
  Type f32 = b.getF32Type();
  auto space = gpu::AddressSpaceAttr::get(
      b.getContext(), gpu::GPUDialect::getWorkgroupAddressSpace());
  Value scratch = tile::ScratchOp::create(
      b,
      MemRefType::get({rows, pitchOfScores}, f32, MemRefLayoutAttrInterface(),
                      space),
      IntegerAttr());
  Value top = constant(tile({rows}, f32), double(-infinity));
  // All queries first, in shared memory: registers are for lists then.
  for (SmallVector<Part, 1> &parts : dimensions)
    for (Part &part : parts) {
      if (failed(project(part)))
        return failure();
      if (part.tile)
        part.tile = tile::ConvertOp::create(b, part.tile.getType(), part.tile,
                                            Value(), Value());
    }
  List list = scan(0, scratch, top);
  for (unsigned i = 1, e = dimensions.size(); i < e; ++i) {
    List other = scan(i, scratch, top);
    list = fold(list, other, op.getNumKeys(i), top);
  }
  auto type = cast<RankedTensorType>(list.scores.getType());
  Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, top, top);
  isNan =
      tile::BroadcastOp::create(b, like(list.scores, b.getI1Type()), isNan, 1);
  Value nan = constant(type, double(std::numeric_limits<float>::quiet_NaN()));
  Value scores = arith::SelectOp::create(b, isNan, nan, list.scores);
  SmallVector<Value> results{computeGates(scores), list.ids};
  if (op.getScoresInit())
    results.push_back(scores);
  return results;
}

namespace {

/// What a matrix product of scores reads.
struct Factors {
  Value queries, keys;
  /// Another product, which it adds to; null if it starts with zero.
  Value sum;
};

} // namespace

static std::optional<Factors> getFactors(Value scores) {
  auto product = scores.getDefiningOp<linalg::LinalgOp>();
  if (!product || !linalg::isaContractionOpInterface(product) ||
      product.getNumDpsInputs() != 2 ||
      cast<RankedTensorType>(scores.getType()).getRank() != 3)
    return std::nullopt;
  Value sum = product.getDpsInitOperand(0)->get();
  auto before = sum.getDefiningOp<linalg::LinalgOp>();
  bool adds = before && linalg::isaContractionOpInterface(before);
  return Factors{product.getDpsInputOperand(0)->get(),
                 product.getDpsInputOperand(1)->get(), adds ? sum : Value()};
}

bool ProgramBuilder::isOfSelection(Operation *op) {
  if (!isa<linalg::LinalgOp, scf::ForOp, tensor::ExpandShapeOp,
           tensor::CollapseShapeOp>(op) ||
      op->getBlock() != loop.getBody() || op->use_empty())
    return false;
  return llvm::all_of(op->getUsers(), [&](Operation *user) {
    return isa<peer::SelectOp>(user) || isOfSelection(user);
  });
}

LogicalResult ProgramBuilder::writeForSelection(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  if (!op || tiles.contains(tensor) || !isOfSelection(op))
    return success();
  llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  for (Value value : used)
    if (failed(writeForSelection(value)))
      return failure();
  return writeNow(op);
}

LogicalResult ProgramBuilder::writeSelect(Operation *operation) {
  auto op = cast<peer::SelectOp>(operation);
  auto schedule = op->getAttrOfType<tile::ScheduleAttr>("peermla.schedule");
  FailureOr<SmallVector<int64_t>> bounds = getBounds(op.getGatesInit());
  if (failed(bounds) || ShapedType::isDynamic(op.getK()))
    return fail(op, "has unknown extents");
  int64_t tokens = (*bounds)[0], k = (*bounds)[2];
  if (!schedule || schedule.getWarps().empty() || schedule.getWarps()[1] != 1 ||
      tokens != 32 * schedule.getWarps()[0] || tokens % tileUnit != 0)
    return fail(op, "has no schedule with a token per thread");
  if ((*bounds)[1] != 1)
    return fail(op, "has several heads");
  if (k < 2 || k > maxSelected)
    return fail(op, "selects one, or more than " + Twine(maxSelected));
  auto project = [&](SelectProgram::Part &part) -> LogicalResult {
    Value queries = part.tile;
    if (!queries)
      return success();
    if (failed(writeForSelection(queries)))
      return failure();
    part.tile = tiles.lookup(queries);
    int64_t width = cast<RankedTensorType>(queries.getType()).getShape().back();
    int64_t shape[] = {tokens,
                       static_cast<int64_t>(llvm::alignTo(width, tileUnit))};
    if (!part.tile || cast<RankedTensorType>(part.tile.getType()).getShape() !=
                          ArrayRef<int64_t>(shape))
      return fail(op, "reads queries that are no tile of its tokens");
    return success();
  };
  SelectProgram program{b,  op,     tokens, k, int64_t(llvm::PowerOf2Ceil(k)),
                        {}, project};
  for (Value scores : op.getScores()) {
    auto &parts = program.dimensions.emplace_back();
    for (Value sum = scores; sum;) {
      std::optional<Factors> factors = getFactors(sum);
      if (!factors)
        return fail(op, "reads scores that are no matrix product");
      auto q = views.find(factors->queries), keys = views.find(factors->keys);
      bool isTile = q == views.end();
      if (keys == views.end() || llvm::is_contained(keys->second.dims, -1) ||
          (!isTile && llvm::is_contained(q->second.dims, -1)))
        return fail(op, "reads what is no memory");
      Type element = getElementTypeOrSelf(factors->queries.getType());
      if (element != getElementTypeOrSelf(factors->keys.getType()) ||
          !isa<Float16Type, BFloat16Type, Float32Type>(element) ||
          !getElementTypeOrSelf(sum.getType()).isF32())
        return fail(op, "is not of f16, bf16 or f32, with scores of f32");
      parts.push_back({isTile ? View() : q->second,
                       isTile ? factors->queries : Value(), keys->second});
      sum = factors->sum;
    }
    // The first product is what the others add to.
    std::reverse(parts.begin(), parts.end());
  }
  FailureOr<SmallVector<Value>> results = program.write();
  if (failed(results))
    return failure();
  for (auto [result, value] : llvm::zip(op->getResults(), *results))
    tiles[result] = value;
  return success();
}
