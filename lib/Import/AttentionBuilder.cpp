//===- AttentionBuilder.cpp - an MLA layer as MODEL IR --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   q   = rope(rms_norm(x W_qa^T) W_qb^T)                  [T, H, dn + dr]
//   ckv = x W_kva^T                                        [T, dc + dr]
//   kv  = rope([rms_norm(ckv[:, :dc]) | ckv[:, dc:]])      [T, dc + dr]
//   o   = mla.attention(q, kv or the cache with kv, W_UK, W_UV)
//
// The two halves of W_kvb are slices: which form of attention uses them how is
// decided later.
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "peermla/Dialect/Mla/IR/Mla.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::importer;

/// eps of the two norms inside a layer, whatever `rms_norm_eps` says.
static constexpr double latentNormEpsilon = 1e-6;

//===----------------------------------------------------------------------===//
// Once per entry
//===----------------------------------------------------------------------===//

Value ModelBuilder::ropeTable(const AttentionConfig &config,
                              const Batch &batch) {
  if (config.dr == 0)
    return nullptr;
  Value positionsInit = empty({ShapedType::kDynamic}, builder.getI32Type());
  auto positions = mla::PositionsOp::create(
      builder, named("positions"), positionsInit.getType(), batch.cuSeqlens,
      batch.pastLens, /*first=*/Value(), positionsInit);
  Value tableInit =
      empty({ShapedType::kDynamic, config.dr}, builder.getF32Type());
  auto table = mla::RopeTableOp::create(
      builder, named("rope_table"), tableInit.getType(),
      positions->getResult(0), tableInit,
      builder.getDenseF64ArrayAttr(inverseFrequencies(config.rope, config.dr)),
      builder.getF64FloatAttr(cosSinMultiplier(config.rope)));
  return table->getResult(0);
}

Value ModelBuilder::uniformCuSeqlens(Value seqLens) {
  auto unknown = builder.getUnknownLoc();
  Value B = dim(seqLens, 0, "B");
  Value one = indexConstant(1);
  // An empty batch has T = B = 0; the divisor must not be 0.
  Value divisor = arith::MaxSIOp::create(builder, unknown, B, one);
  Value perSequence =
      arith::DivSIOp::create(builder, named("new_tokens"), rows, divisor);
  Value size = arith::AddIOp::create(builder, unknown, B, one);
  Value init = tensor::EmptyOp::create(builder, unknown,
                                       ArrayRef<int64_t>{ShapedType::kDynamic},
                                       builder.getI32Type(), ValueRange{size});
  auto generic = linalg::GenericOp::create(
      builder, named("cu_seqlens"), init.getType(), ValueRange{}, init,
      builder.getMultiDimIdentityMap(1), utils::IteratorType::parallel,
      [&](OpBuilder &nested, Location, ValueRange) {
        ImplicitLocOpBuilder b(unknown, nested);
        Value sequence = linalg::IndexOp::create(b, 0);
        Value first = arith::MulIOp::create(b, sequence, perSequence);
        Value result = arith::IndexCastOp::create(b, b.getI32Type(), first);
        linalg::YieldOp::create(b, result);
      });
  return generic.getResult(0);
}

//===----------------------------------------------------------------------===//
// Layer
//===----------------------------------------------------------------------===//

Value ModelBuilder::rope(Value x, Value table, const Twine &name) {
  auto type = cast<RankedTensorType>(x.getType());
  Value init = empty(type.getShape(), type.getElementType());
  return mla::RopeOp::create(builder, named(name), type, x, table, init)
      ->getResult(0);
}

Value ModelBuilder::latentQueries(const AttentionConfig &config,
                                  StringRef prefix, Value x,
                                  const Batch &batch) {
  auto name = [&](StringRef leaf) { return (prefix + leaf).str(); };
  Value flat;
  if (config.dq) {
    Value cq = rmsNorm(accumulate(x, name("q_a_proj.weight")),
                       name("q_a_layernorm.weight"), latentNormEpsilon);
    flat = accumulate(cq, name("q_b_proj.weight"));
  } else {
    flat = accumulate(x, name("q_proj.weight"));
  }
  Value q =
      expand(round(flat, "q_flat"), 1, {config.H, config.dn + config.dr}, "q");
  return batch.ropeTable ? rope(q, batch.ropeTable, "q_rotated") : q;
}

Value ModelBuilder::keyRows(const AttentionConfig &config, StringRef prefix,
                            Value x, const Batch &batch) {
  Value ckv = accumulate(x, (prefix + "kv_a_proj_with_mqa.weight").str());
  std::string norm = (prefix + "kv_a_layernorm.weight").str();
  if (config.dr == 0)
    return rmsNorm(ckv, norm, latentNormEpsilon);

  Value c = rmsNorm(columns(ckv, 0, config.dc, "ckv_latent"), norm,
                    latentNormEpsilon);
  Value kPe = round(columns(ckv, config.dc, config.dr, "ckv_rope"), "k_pe");
  Value row = empty({ShapedType::kDynamic, config.dc + config.dr}, storage);
  int64_t first = 0;
  for (auto [part, width] : {std::pair{c, config.dc}, {kPe, config.dr}}) {
    SmallVector<OpFoldResult> offsets = {builder.getIndexAttr(0),
                                         builder.getIndexAttr(first)};
    SmallVector<OpFoldResult> sizes = {rows, builder.getIndexAttr(width)};
    SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
    row = tensor::InsertSliceOp::create(builder, named("kv_row"), part, row,
                                        offsets, sizes, strides);
    first += width;
  }
  return rope(row, batch.ropeTable, "kv");
}

Value ModelBuilder::attention(const AttentionConfig &config, StringRef prefix,
                              Value x, const Batch &batch, Value &cache) {
  Value q = latentQueries(config, prefix, x, batch);
  Value kv = keyRows(config, prefix, x, batch);
  if (cache) {
    cache = mla::CacheAppendOp::create(
                builder, named("cache"), cache.getType(), kv, batch.cuSeqlens,
                batch.pastLens, batch.blockTable, /*first=*/Value(), cache)
                ->getResult(0);
    kv = cache;
  }

  // Rows of head h of W_kvb: W_UK[h] (dn), then W_UV[h] (dv).
  Value perHead = expand(storageWeight((prefix + "kv_b_proj.weight").str()), 0,
                         {config.H, config.dn + config.dv}, "kv_b_proj");
  auto part = [&](int64_t first, int64_t count, StringRef name) -> Value {
    SmallVector<OpFoldResult> offsets(3, builder.getIndexAttr(0));
    offsets[1] = builder.getIndexAttr(first);
    SmallVector<OpFoldResult> sizes = {builder.getIndexAttr(config.H),
                                       builder.getIndexAttr(count),
                                       builder.getIndexAttr(config.dc)};
    SmallVector<OpFoldResult> strides(3, builder.getIndexAttr(1));
    return tensor::ExtractSliceOp::create(builder, named(name), perHead,
                                          offsets, sizes, strides);
  };
  Value wUk = part(0, config.dn, "w_uk");
  Value wUv = part(config.dn, config.dv, "w_uv");

  Value init = empty({ShapedType::kDynamic, config.H, config.dv}, storage);
  auto op = mla::AttentionOp::create(
      builder, named("o"), init.getType(), q, kv, wUk, wUv, batch.cuSeqlens,
      batch.pastLens, batch.blockTable, init,
      builder.getF64FloatAttr(softmaxScale(config.rope, config.dn, config.dr)),
      /*causal=*/builder.getUnitAttr());
  identify(op, (prefix + "attention").str());
  return collapseFrom(op->getResult(0), 1, "o_heads");
}
