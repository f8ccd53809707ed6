//===- Products.cpp - tile.mma by ldmatrix and mma.sync -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp owns, in the symbols of #tile.mma, 16 rows per block b and 8 columns
// per group g of the result; each (b, g) is one accumulator of m16n8.
//
// 16-bit operands: m16n8k16. One ldmatrix.x4 fetches 16 x 16 elements of `a`,
// or 16 of the sum for two groups of `b`:
//
//   a, and b as K x N (transposed):  row = lane % 16,  column = 8 (lane / 16)
//   b as N x K:  row = lane % 8 + 8 (lane / 16),  column = 8 (lane / 8 % 2)
//
// f32: m16n8k8 of TF32, three times. x = hi + lo + r with |r| < 2^-21 |x|:
//
//   a b = a_lo b_hi + a_hi b_lo + a_hi b_hi
//
// The order of a sum is free, so that slots l % 4 and l % 4 + 4 of the eight
// hold its elements 2 (l % 4) and 2 (l % 4) + 1: the elements that a thread has
// of an accumulator, and neighbours in memory.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "peermla/Dialect/Frag/IR/Frag.h"

using namespace mlir;
using namespace peermla;

namespace {

/// The parts of one product that all its instructions share.
struct Product {
  Product(FragmentBuilder &b, tile::MmaOp op, tile::MmaOp::Adaptor adaptor)
      : b(b), a(cast<RankedTensorType>(op.getA().getType())),
        w(cast<RankedTensorType>(op.getB().getType())),
        d(cast<RankedTensorType>(op.getD().getType())), baseA(adaptor.getA()),
        baseB(adaptor.getB()), transposeB(op.getTransposeB()) {
    auto layout = cast<tile::MmaLayoutAttr>(d.getEncoding());
    warpsM = layout.getWarps()[0];
    warpsN = layout.getWarps()[1];
    blocks = d.getDimSize(0) / (16 * warpsM);
    groups = d.getDimSize(1) / (8 * warpsN);
    lane = b.lane();
    firstRow = b.mul(b.rem(b.warp(), warpsM), 16);
    firstColumn =
        b.mul(b.rem(b.div(b.warp(), warpsM), warpsN), d.getDimSize(1) / warpsN);
    if (!isa<tile::SharedLayoutAttr>(a.getEncoding()))
      isInRegisters = true;
  }

  FragmentBuilder &b;
  RankedTensorType a, w, d;
  Value baseA, baseB;
  bool transposeB, isInRegisters = false;
  int64_t warpsM, warpsN, blocks, groups;
  Value lane, firstRow, firstColumn;
};

/// Elements of a vector, as values.
static SmallVector<Value> getElements(FragmentBuilder &b, Value vector) {
  return llvm::to_vector_of<Value>(
      vector::ToElementsOp::create(b, vector)->getResults());
}

//===----------------------------------------------------------------------===//
// 16-bit operands
//===----------------------------------------------------------------------===//

/// One ldmatrix.x4, `below` rows down; `row` and `column` depend on the lane.
static SmallVector<Value> loadMatrices(FragmentBuilder &b, Value base,
                                       RankedTensorType tile, Value row,
                                       int64_t below, Value column,
                                       bool transpose) {
  auto words = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(4, b.getI32Type()));
  Value loaded = NVVM::LdMatrixOp::create(
      b, words, b.sharedPlace(base, tile, row, column, below), 4,
      transpose ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
  SmallVector<Value> result;
  for (int64_t i = 0; i < 4; ++i)
    result.push_back(LLVM::ExtractValueOp::create(b, loaded, i));
  return result;
}

static Value multiply(FragmentBuilder &b, ArrayRef<Value> a, ArrayRef<Value> w,
                      ArrayRef<Value> c, int64_t depth, NVVM::MMATypes type) {
  // The op wants pairs of f16 as such, all else as words.
  SmallVector<Value> pairsA(a), pairsB(w);
  if (type == NVVM::MMATypes::f16)
    for (Value &word : llvm::concat<Value>(pairsA, pairsB))
      word = LLVM::BitcastOp::create(b, VectorType::get({2}, b.getF16Type()),
                                     word);
  auto result = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(4, b.getF32Type()));
  return NVVM::MmaOp::create(
      b, result, pairsA, pairsB, c, std::array<int64_t, 3>{16, 8, depth},
      /*b1Op=*/std::nullopt, /*intOverflow=*/std::nullopt,
      std::array<NVVM::MMATypes, 2>{type, type},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
}

static void multiplyNarrow(Product &p, MutableArrayRef<Value> acc) {
  FragmentBuilder &b = p.b;
  NVVM::MMATypes type = p.a.getElementType().isBF16() ? NVVM::MMATypes::bf16
                                                      : NVVM::MMATypes::f16;
  SmallVector<Value> wordsA;
  int64_t depth = p.a.getDimSize(1);
  if (p.isInRegisters) {
    auto fragment = cast<VectorType>(p.baseA.getType());
    wordsA = getElements(
        b,
        vector::BitCastOp::create(
            b, VectorType::get({fragment.getNumElements() / 2}, b.getI32Type()),
            p.baseA));
  }
  Value rowA = b.add(p.firstRow, b.rem(p.lane, 16));
  Value columnA = b.mul(b.div(p.lane, 16), 8);
  Value rowB = p.transposeB
                   ? b.add(b.rem(p.lane, 8), b.mul(b.div(p.lane, 16), 8))
                   : b.rem(p.lane, 16);
  Value columnB =
      b.mul(p.transposeB ? b.rem(b.div(p.lane, 8), 2) : b.div(p.lane, 16), 8);
  // One group of columns per warp: four matrices are those of two steps.
  bool isSingle = p.groups % 2 != 0;
  Value rowOfFour = b.rem(p.lane, 8), columnOfFour = b.mul(b.div(p.lane, 8), 8);
  SmallVector<SmallVector<Value>> ofTwoSteps(p.groups);
  for (int64_t k = 0; k < depth; k += 16) {
    SmallVector<SmallVector<Value>> ofBlock;
    for (int64_t block = 0; block < p.blocks; ++block)
      if (p.isInRegisters)
        ofBlock.emplace_back(
            ArrayRef(wordsA).slice((block * (depth / 8) + k / 8) * 2, 4));
      else
        ofBlock.push_back(loadMatrices(b, p.baseA, p.a, rowA,
                                       16 * p.warpsM * block, b.add(columnA, k),
                                       false));
    for (int64_t g = 0; isSingle && g < p.groups; ++g) {
      if (k % 32 == 0)
        ofTwoSteps[g] =
            loadMatrices(b, p.baseB, p.w, b.add(p.firstColumn, rowOfFour),
                         8 * g, b.add(columnOfFour, k), false);
      ArrayRef<Value> w = ArrayRef(ofTwoSteps[g]).slice(k % 32 / 8, 2);
      for (int64_t block = 0; block < p.blocks; ++block) {
        auto c = acc.slice((block * p.groups + g) * 4, 4);
        Value result = multiply(b, ofBlock[block], w, c, 16, type);
        for (int64_t i = 0; i < 4; ++i)
          c[i] = LLVM::ExtractValueOp::create(b, result, i);
      }
    }
    for (int64_t g = 0; !isSingle && g < p.groups; g += 2) {
      SmallVector<Value> w =
          p.transposeB
              ? loadMatrices(b, p.baseB, p.w, b.add(p.firstColumn, rowB), 8 * g,
                             b.add(columnB, k), false)
              : loadMatrices(b, p.baseB, p.w, rowB, k,
                             b.add(b.add(p.firstColumn, 8 * g), columnB), true);
      for (int64_t block = 0; block < p.blocks; ++block)
        for (int64_t half : {0, 1}) {
          auto c = acc.slice(((block * p.groups) + g + half) * 4, 4);
          Value result = multiply(b, ofBlock[block],
                                  {w[2 * half], w[2 * half + 1]}, c, 16, type);
          for (int64_t i = 0; i < 4; ++i)
            c[i] = LLVM::ExtractValueOp::create(b, result, i);
        }
    }
  }
}

//===----------------------------------------------------------------------===//
// f32
//===----------------------------------------------------------------------===//

/// x as a sum of two TF32 numbers, in registers of 32 bits.
struct Split {
  Split(FragmentBuilder &b, Value x) {
    high = round(b, x);
    Value rest = arith::SubFOp::create(
        b, x, arith::BitcastOp::create(b, b.getF32Type(), high));
    low = round(b, rest);
  }
  static Value round(FragmentBuilder &b, Value x) {
    return NVVM::ConvertFloatToTF32Op::create(b, b.getI32Type(), x,
                                              NVVM::FPRoundingMode::RNA);
  }
  Value high, low;
};

/// Elements (row + below, column) and (row + below, column + 1).
static std::array<Value, 2> loadPair(FragmentBuilder &b, Value base,
                                     RankedTensorType tile, Value row,
                                     int64_t below, Value column) {
  Value pair =
      LLVM::LoadOp::create(b, VectorType::get({2}, tile.getElementType()),
                           b.sharedPlace(base, tile, row, column, below),
                           2 * getBytesOfElement(tile));
  return {vector::ExtractOp::create(b, pair, 0),
          vector::ExtractOp::create(b, pair, 1)};
}

/// The sum over `depth` elements from `first` on, which is 0 if A is in
/// registers.
static void multiplyF32(Product &p, Value first, int64_t depth,
                        MutableArrayRef<Value> acc) {
  FragmentBuilder &b = p.b;
  SmallVector<Value> elements;
  if (p.isInRegisters)
    elements = getElements(b, p.baseA);
  Value pair = b.add(first, b.mul(b.rem(p.lane, 4), 2)),
        quad = b.div(p.lane, 4);
  Value rowA = b.add(p.firstRow, quad);
  for (int64_t k = 0; k < depth; k += 8) {
    // [h][p] of each block.
    SmallVector<SmallVector<Split>> ofBlock;
    for (int64_t block = 0; block < p.blocks; ++block) {
      SmallVector<Value> x;
      if (p.isInRegisters)
        x.assign(elements.begin() + (block * (depth / 8) + k / 8) * 4,
                 elements.begin() + (block * (depth / 8) + k / 8 + 1) * 4);
      else
        for (int64_t h : {0, 1})
          for (Value element :
               loadPair(b, p.baseA, p.a, rowA, 16 * p.warpsM * block + 8 * h,
                        b.add(pair, k)))
            x.push_back(element);
      ofBlock.emplace_back();
      // Registers of A: rows first, then the halves of the sum.
      for (int64_t i : {0, 2, 1, 3})
        ofBlock.back().emplace_back(b, x[i]);
    }
    for (int64_t g = 0; g < p.groups; ++g) {
      Value column = b.add(p.firstColumn, quad);
      std::array<Value, 2> y;
      if (p.transposeB) {
        y = loadPair(b, p.baseB, p.w, column, 8 * g, b.add(pair, k));
      } else {
        for (int64_t i : {0, 1})
          y[i] =
              LLVM::LoadOp::create(b, b.getF32Type(),
                                   b.sharedPlace(p.baseB, p.w, b.add(pair, i),
                                                 b.add(column, 8 * g), k));
      }
      Split w[2] = {Split(b, y[0]), Split(b, y[1])};
      for (int64_t block = 0; block < p.blocks; ++block) {
        SmallVector<Value> high, low;
        for (Split &x : ofBlock[block]) {
          high.push_back(x.high);
          low.push_back(x.low);
        }
        auto c = acc.slice((block * p.groups + g) * 4, 4);
        auto add = [&](ArrayRef<Value> x, ArrayRef<Value> y) {
          Value result = multiply(b, x, y, c, 8, NVVM::MMATypes::tf32);
          for (int64_t i = 0; i < 4; ++i)
            c[i] = LLVM::ExtractValueOp::create(b, result, i);
        };
        add(low, {w[0].high, w[1].high});
        add(high, {w[0].low, w[1].low});
        add(high, {w[0].high, w[1].high});
      }
    }
  }
}

/// Columns of a panel of shared memory, and sums of a thread that are many.
static constexpr int64_t panelOfF32 =
                             tile::SharedLayoutAttr::panelBytes / sizeof(float),
                         manySums = 64;

/// The part of the sum from `first` on.
static void multiplyPartOfF32(Product p, Value first, int64_t part,
                              MutableArrayRef<Value> acc) {
  FragmentBuilder &b = p.b;
  if (part == panelOfF32) {
    // Places in a panel are the same in the next one.
    auto advance = [&](Value base, int64_t rows) {
      return b.pointer(3, base, b.mul(first, rows * int64_t(sizeof(float))));
    };
    p.baseA = advance(p.baseA, p.a.getDimSize(0));
    p.baseB = advance(p.baseB, p.transposeB ? p.w.getDimSize(0) : panelOfF32);
    first = b.i32(0);
  }
  multiplyF32(p, first, part, acc);
}

/// A loop over parts of the sum: an assembler may bring factors of one part
/// into registers ahead of their use, but not of all. Parts are panels, or half
/// of one beside many sums.
static void multiplyPartsOfF32(Product &p, MutableArrayRef<Value> acc) {
  FragmentBuilder &b = p.b;
  int64_t depth = p.a.getDimSize(1), sums = acc.size();
  int64_t part =
      sums < manySums || depth > panelOfF32 ? panelOfF32 : panelOfF32 / 2;
  int64_t inParts = depth - depth % part;
  if (p.isInRegisters || depth <= part)
    return multiplyF32(p, b.i32(0), depth, acc);
  auto type = VectorType::get({sums}, b.getF32Type());
  Value sum = vector::FromElementsOp::create(b, type, acc);
  auto loop = scf::ForOp::create(b, b.i32(0), b.i32(inParts), b.i32(part), sum);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> ofPart = getElements(b, loop.getRegionIterArg(0));
    multiplyPartOfF32(p, loop.getInductionVar(), part, ofPart);
    sum = vector::FromElementsOp::create(b, type, ofPart);
    scf::YieldOp::create(b, sum);
  }
  llvm::copy(getElements(b, loop.getResult(0)), acc.begin());
  if (inParts < depth)
    multiplyF32(p, b.i32(inParts), depth - inParts, acc);
}

struct LowerMma final : OpConversionPattern<tile::MmaOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::MmaOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type =
        cast<VectorType>(getTypeConverter()->convertType(op.getD().getType()));
    FragmentBuilder b(op.getLoc(), rewriter);
    Product product(b, op, adaptor);
    bool isNarrow = product.a.getElementTypeBitWidth() == 16;
    if (isNarrow && product.groups % 2 != 0 &&
        !(op.getTransposeB() && product.a.getDimSize(1) % 32 == 0))
      return rewriter.notifyMatchFailure(op, "expects 16 columns per warp");
    SmallVector<Value> acc;
    if (adaptor.getC())
      acc = getElements(b, adaptor.getC());
    else
      acc.assign(type.getNumElements(),
                 arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f)));
    if (isNarrow)
      multiplyNarrow(product, acc);
    else
      multiplyPartsOfF32(product, acc);
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(op, type, acc);
    return success();
  }
};

/// Elements of a slot as a factor or an accumulator has them.
struct LowerRead final : OpConversionPattern<tile::ReadOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::ReadOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto slot = cast<RankedTensorType>(op.getSource().getType());
    auto type = cast<RankedTensorType>(op.getResult().getType());
    auto layout = dyn_cast_or_null<tile::MmaLayoutAttr>(type.getEncoding());
    auto fragment =
        dyn_cast_or_null<VectorType>(getTypeConverter()->convertType(type));
    if (!layout || !fragment)
      return rewriter.notifyMatchFailure(op, "has no layout");
    FragmentBuilder b(op.getLoc(), rewriter);
    int64_t ofWarp = type.getDimSize(1) / layout.getWarps()[1];
    if (type.getElementTypeBitWidth() == 16 && ofWarp % 16 == 0)
      rewriter.replaceOp(
          op, readMatrices(b, adaptor.getSource(), slot, layout, fragment));
    else
      rewriter.replaceOp(
          op, readPairs(b, adaptor.getSource(), slot, type, fragment));
    return success();
  }

  /// 16 x 16 elements at a time.
  static Value readMatrices(FragmentBuilder &b, Value base,
                            RankedTensorType slot, tile::MmaLayoutAttr layout,
                            VectorType fragment) {
    int64_t warpsM = layout.getWarps()[0], warpsN = layout.getWarps()[1];
    int64_t ofWarp = slot.getDimSize(1) / warpsN;
    Value lane = b.lane();
    Value row = b.add(b.mul(b.rem(b.warp(), warpsM), 16), b.rem(lane, 16));
    Value column = b.add(b.mul(b.rem(b.div(b.warp(), warpsM), warpsN), ofWarp),
                         b.mul(b.div(lane, 16), 8));
    SmallVector<Value> words;
    for (int64_t first = 0; first < slot.getDimSize(0); first += 16 * warpsM)
      for (int64_t k = 0; k < ofWarp; k += 16)
        llvm::append_range(words, loadMatrices(b, base, slot, row, first,
                                               b.add(column, k), false));
    Value packed = vector::FromElementsOp::create(
        b, VectorType::get({int64_t(words.size())}, b.getI32Type()), words);
    return vector::BitCastOp::create(b, fragment, packed);
  }

  /// Two columns of a row at a time.
  static Value readPairs(FragmentBuilder &b, Value base, RankedTensorType slot,
                         RankedTensorType type, VectorType fragment) {
    FragmentPlaces places(b, type);
    SmallVector<Value> elements;
    for (int64_t i = 0; i < places.size(); i += 2) {
      SmallVector<int64_t> offsets = places.getOffsets(i);
      for (Value element : loadPair(b, base, slot, places.bases[0], offsets[0],
                                    b.add(places.bases[1], offsets[1])))
        elements.push_back(element);
    }
    return vector::FromElementsOp::create(b, fragment, elements);
  }
};

/// Products of warps do not run when their op ends.
struct LowerMmaWait final : OpConversionPattern<tile::MmaWaitOp> {
  LowerMmaWait(const TypeConverter &converter, MLIRContext *context,
               const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::MmaWaitOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!kernel.hasWarpgroups) {
      rewriter.replaceOp(op, adaptor.getProducts());
      return success();
    }
    rewriter.replaceOpWithNewOp<frag::WgmmaWaitOp>(op, op.getPendingAttr(),
                                                   adaptor.getProducts());
    return success();
  }

  const KernelInfo &kernel;
};

} // namespace

void peermla::populateProductPatterns(const FragmentTypeConverter &converter,
                                      const KernelInfo &kernel,
                                      RewritePatternSet &patterns) {
  patterns.add<LowerMma, LowerRead>(converter, patterns.getContext());
  patterns.add<LowerMmaWait>(converter, patterns.getContext(), kernel);
}
