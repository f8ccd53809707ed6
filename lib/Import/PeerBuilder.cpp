//===- PeerBuilder.cpp - a PEER layer as MODEL IR -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   q              = norm_query(x W_q^T + b)        [T, h, dq], rounded to S
//   gates, indices = peer.retrieve(q, sub-keys)     [T, h, k], f32 and i32
//   y              = peer.expert_mlp(x, ...)        [T, d], rounded to S
//
// The l2 norms belong to `peer.retrieve`; layer norm and batch norm are plain
// linalg, so that passes can fold or fuse them.
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::importer;

/// eps of layer norm and batch norm.
static constexpr double normEpsilon = 1e-5;

/// (v0 - v1) rsqrt(v2 + eps) v3 + v4
static Value normalize(ImplicitLocOpBuilder &b, ValueRange v, Value variance) {
  Value centered = arith::SubFOp::create(b, v[0], v[1]);
  Value shifted =
      arith::AddFOp::create(b, variance, constantF32(b, normEpsilon));
  Value inverse = math::RsqrtOp::create(b, shifted);
  Value normed = arith::MulFOp::create(b, centered, inverse);
  Value scaled = arith::MulFOp::create(b, normed, v[3]);
  return arith::AddFOp::create(b, scaled, v[4]);
}

/// Layer norm over the columns of each query, `T x h x dq` in f32 -> S.
Value ModelBuilder::layerNormQueries(const PeerConfig &config, StringRef prefix,
                                     Value q) {
  Value sum = sumLast(
      Operand{q, {0, 1, 2}},
      [](ImplicitLocOpBuilder &, ValueRange v) { return v[0]; }, "query_sum");
  Value mean = elementwise(
      {ShapedType::kDynamic, config.h}, builder.getF32Type(),
      Operand{sum, {0, 1}},
      [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        return arith::DivFOp::create(b, v[0], constantF32(b, config.dq));
      },
      "query_mean");
  Value squares = sumLast(
      {{q, {0, 1, 2}}, {mean, {0, 1}}},
      [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        Value centered = arith::SubFOp::create(b, v[0], v[1]);
        return arith::MulFOp::create(b, centered, centered);
      },
      "query_squares");
  return elementwise(
      {ShapedType::kDynamic, config.h, config.dq}, storage,
      {{q, {0, 1, 2}},
       {mean, {0, 1}},
       {squares, {0, 1}},
       {weight((prefix + "query_norm.weight").str()), {2}},
       {weight((prefix + "query_norm.bias").str()), {2}}},
      [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        Value variance =
            arith::DivFOp::create(b, v[2], constantF32(b, config.dq));
        return normalize(b, v, variance);
      },
      "query_norm");
}

Value ModelBuilder::peerQueries(const PeerConfig &config, StringRef prefix,
                                Value x) {
  SmallVector<int64_t> flat = {ShapedType::kDynamic, config.h * config.dq};
  SmallVector<int64_t> perHead = {config.h, config.dq};
  Value q = accumulate(x, (prefix + "query_proj.weight").str());
  std::string bias = (prefix + "query_proj.bias").str();
  if (hasWeight(bias)) {
    // The norms below still want f32.
    bool isLast = config.queryNorm == QueryNorm::None ||
                  config.queryNorm == QueryNorm::L2;
    q = elementwise(
        flat, isLast ? storage : builder.getF32Type(),
        {{q, {0, 1}}, {weight(bias), {1}}},
        [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
          return arith::AddFOp::create(b, v[0], v[1]);
        },
        "query_biased");
  }
  switch (config.queryNorm) {
  case QueryNorm::None:
  case QueryNorm::L2:
    return expand(round(q, "query_flat"), 1, perHead, "query");
  case QueryNorm::LayerNorm:
    return layerNormQueries(config, prefix,
                            expand(q, 1, perHead, "query_heads"));
  case QueryNorm::BatchNorm: {
    auto part = [&](StringRef name) {
      return weight((prefix + "query_norm." + name).str());
    };
    Value normed = elementwise(
        flat, storage,
        {{q, {0, 1}},
         {part("running_mean"), {1}},
         {part("running_var"), {1}},
         {part("weight"), {1}},
         {part("bias"), {1}}},
        [](ImplicitLocOpBuilder &b, ValueRange v) {
          return normalize(b, v, v[2]);
        },
        "query_norm");
    return expand(normed, 1, perHead, "query");
  }
  }
  llvm_unreachable("all norms are handled");
}

Retrieval ModelBuilder::retrieve(const PeerConfig &config, StringRef prefix,
                                 Value x, bool withScores) {
  Value query = peerQueries(config, prefix, x);
  SmallVector<Value> keys;
  for (size_t j = 0; j < config.productKeyDim.size(); ++j)
    keys.push_back(storageWeight((prefix + "sub_keys." + Twine(j)).str()));
  SmallVector<int64_t> shape = {ShapedType::kDynamic, config.h, config.k};
  SmallVector<Value> inits = {empty(shape, builder.getF32Type()),
                              empty(shape, builder.getI32Type())};
  if (withScores)
    inits.push_back(empty(shape, builder.getF32Type()));
  auto op = peer::RetrieveOp::create(
      builder, named("retrieved"), ValueRange(inits).getTypes(), query, keys,
      inits, config.scoreFunction,
      config.queryNorm == QueryNorm::L2 ? peer::Norm::l2 : peer::Norm::none,
      config.keyNorm);
  identify(op, (prefix + "retrieve").str());
  return {op->getResult(0), op->getResult(1),
          withScores ? op->getResult(2) : Value()};
}

Value ModelBuilder::experts(const PeerConfig &config, StringRef prefix, Value x,
                            const Retrieval &retrieval) {
  int64_t d = cast<RankedTensorType>(x.getType()).getDimSize(1);
  SmallVector<int64_t> rows = {config.e, d};
  SmallVector<int64_t> upRows = rows;
  if (config.upLayout == peer::UpLayout::output_major)
    std::swap(upRows[0], upRows[1]);
  auto table = [&](StringRef name, ArrayRef<int64_t> extents) {
    Value flat = storageWeight((prefix + "expert_" + name + ".weight").str());
    return expand(flat, 1, extents, "expert_" + name);
  };
  Value down = table("down", rows);
  Value gate = config.gated ? table("gate", rows) : Value();
  Value up = table("up", upRows);
  Value init = empty({ShapedType::kDynamic, d}, storage);
  auto op =
      peer::ExpertMlpOp::create(builder, named("experts"), init.getType(), x,
                                retrieval.indices, retrieval.gates, down, up,
                                gate, init, config.activation, config.upLayout);
  identify(op, (prefix + "experts").str());
  return op->getResult(0);
}
