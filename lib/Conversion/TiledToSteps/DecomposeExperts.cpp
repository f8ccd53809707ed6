//===- DecomposeExperts.cpp - peer.expert_mlp to gathers and sums ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two steps, all of whose loops are parallel:
//
//   w[t, h, k, n] = gates[t, h, k] u[t, h, k, n]          one dot product each
//   y[t, o]       = sum over h, k, n of w up[index, n, o]  one sum each, in f32
//
// A table row is addressed by tensor.extract; rows of an index outside of the
// table are not read. Asked for, `neurons` is u, from which w follows.
//
//===----------------------------------------------------------------------===//

#include "StepBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToSteps/Passes.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include <cmath>

namespace peermla {
#define GEN_PASS_DEF_DECOMPOSEEXPERTS
#include "peermla/Conversion/TiledToSteps/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

using Values = StepBuilder::Values;

static Value activate(StepBuilder &b, peer::Activation activation, Value x) {
  Value one = b.f32(1.0);
  switch (activation) {
  case peer::Activation::relu:
    return arith::MaximumFOp::create(b, x, b.f32(0.0));
  case peer::Activation::silu: {
    Value power = math::ExpOp::create(b, arith::NegFOp::create(b, x));
    return arith::DivFOp::create(b, x, arith::AddFOp::create(b, one, power));
  }
  case peer::Activation::gelu: {
    Value scaled = arith::MulFOp::create(b, x, b.f32(1.0 / std::sqrt(2.0)));
    Value erf = math::ErfOp::create(b, scaled);
    Value half = arith::MulFOp::create(b, x, b.f32(0.5));
    return arith::MulFOp::create(b, half, arith::AddFOp::create(b, erf, one));
  }
  }
  llvm_unreachable("all activations are listed");
}

/// `then(expert)` where retrieval (t, h, k) names a row of the tables, else
/// `otherwise`.
static Value withExpert(StepBuilder &b, peer::ExpertMlpOp op, Value t, Value h,
                        Value k, Value otherwise,
                        function_ref<Value(Value)> then) {
  Value expert = b.extractIndex(op.getIndices(), Values{t, h, k});
  // A negative number is a large unsigned one.
  Value exists =
      b.compare(arith::CmpIPredicate::ult, expert, b.dim(op.getDown(), 0));
  return b.choose(
      exists, [&] { return Values{then(expert)}; },
      [&] { return Values{otherwise}; })[0];
}

/// <table[expert, n, :], x[t, :]> in f32.
static Value dot(StepBuilder &b, peer::ExpertMlpOp op, Value table,
                 Value expert, Value n, Value t) {
  Type f32 = b.getF32Type();
  return b.loop(
      b.dim(op.getX(), 1), b.f32(0.0), [&](Value i, ValueRange carried) {
        Value weight = b.castTo(b.extract(table, Values{expert, n, i}), f32);
        Value x = b.castTo(b.extract(op.getX(), Values{t, i}), f32);
        Value product = arith::MulFOp::create(b, weight, x);
        return Values{arith::AddFOp::create(b, carried[0], product)};
      })[0];
}

static LogicalResult decompose(peer::ExpertMlpOp op) {
  SmallVector<int64_t> bounds;
  for (unsigned d = 0; d < 3; ++d) {
    FailureOr<int64_t> bound = getBound(op, "indices", op.getIndices(), d);
    if (failed(bound))
      return failure();
    bounds.push_back(*bound);
  }
  bounds.push_back(op.getExpertHiddenSize());
  if (ShapedType::isDynamic(bounds.back()))
    return op->emitOpError() << "expects e of 'down' to be static, got "
                             << op.getDown().getType();

  StepBuilder b(op);
  Type f32 = b.getF32Type();
  Value zero = b.f32(0.0);
  SmallVector<OpFoldResult> extents =
      tensor::getMixedSizes(b, b.getLoc(), op.getIndices());
  extents.push_back(b.getIndexAttr(bounds.back()));
  Value w = op.getNeuronsInit();
  if (!w)
    w = b.temporary(bounds, extents, f32);
  auto weigh = [&](Value u, Value t, Value h, Value k) -> Value {
    return arith::MulFOp::create(b, b.extract(op.getGates(), Values{t, h, k}),
                                 u);
  };
  w = b.compute(w, [&](ValueRange place) {
    Value t = place[0], h = place[1], k = place[2], n = place[3];
    return withExpert(b, op, t, h, k, zero, [&](Value expert) {
      Value u = dot(b, op, op.getDown(), expert, n, t);
      if (Value table = op.getGate()) {
        Value gate = dot(b, op, table, expert, n, t);
        u = arith::MulFOp::create(b, activate(b, op.getActivation(), gate), u);
      } else {
        u = activate(b, op.getActivation(), u);
      }
      return op.getNeuronsInit() ? u : weigh(u, t, h, k);
    });
  });

  bool isNeuronMajor = op.getUpLayout() == peer::UpLayout::neuron_major;
  Value y = b.compute(op.getYInit(), [&](ValueRange place) {
    Value t = place[0], o = place[1];
    auto addExpert = [&](Value h, Value k, Value sum) {
      return withExpert(b, op, t, h, k, sum, [&](Value expert) {
        return b.loop(
            b.dim(op.getDown(), 1), sum, [&](Value n, ValueRange carried) {
              Value weight = b.extract(w, Values{t, h, k, n});
              if (op.getNeuronsInit())
                weight = weigh(weight, t, h, k);
              Value up =
                  b.extract(op.getUp(), isNeuronMajor ? Values{expert, n, o}
                                                      : Values{expert, o, n});
              Value product =
                  arith::MulFOp::create(b, weight, b.castTo(up, f32));
              return Values{arith::AddFOp::create(b, carried[0], product)};
            })[0];
      });
    };
    Value sum = b.loop(
        b.dim(op.getIndices(), 1), zero, [&](Value h, ValueRange ofHead) {
          return b.loop(b.dim(op.getIndices(), 2), ofHead,
                        [&](Value k, ValueRange carried) {
                          return Values{addExpert(h, k, carried[0])};
                        });
        })[0];
    return b.castTo(sum, typeOf(op.getYInit()).getElementType());
  });
  Values results = {y};
  if (op.getNeuronsInit())
    results.push_back(w);
  op->replaceAllUsesWith(results);
  op->erase();
  return success();
}

namespace {

struct DecomposeExperts
    : peermla::impl::DecomposeExpertsBase<DecomposeExperts> {
  using Base::Base;

  void runOnOperation() override {
    for (peer::ExpertMlpOp op :
         collectOnTensors<peer::ExpertMlpOp>(getOperation()))
      if (failed(decompose(op)))
        return signalPassFailure();
  }
};

} // namespace
