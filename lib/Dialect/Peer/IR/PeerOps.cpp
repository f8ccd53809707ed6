//===- PeerOps.cpp - verifiers and effects of the peer ops ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constraint numbers are those of the op descriptions in PeerOps.td.
//
//===----------------------------------------------------------------------===//

#include "PeerTiling.h"
#include "mlir/IR/DialectImplementation.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Support/Diagnostics.h"
#include "peermla/Support/StructuredOps.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::peer;

#include "peermla/Dialect/Peer/IR/PeerEnums.cpp.inc"

#define GET_OP_CLASSES
#include "peermla/Dialect/Peer/IR/PeerOps.cpp.inc"

/// What `peer.retrieve` and `peer.select` write: gates, indices and, if asked
/// for, scores, all of one shape.
static LogicalResult verifySelection(Operation *op, ValueRange inits) {
  if (failed(verifyDestinations(op,
                                {{"gates", 3, Destination::Wide},
                                 {"indices", 3, Destination::Index},
                                 {"scores", 3, Destination::Wide}},
                                /*minimum=*/2)))
    return failure();
  auto gates = cast<ShapedType>(inits[0].getType());
  if (failed(verifySameShape(op, "gates", gates, "indices",
                             cast<ShapedType>(inits[1].getType()))))
    return failure();
  return inits.size() < 3
             ? success()
             : verifySameShape(op, "gates", gates, "scores",
                               cast<ShapedType>(inits[2].getType()));
}

//===----------------------------------------------------------------------===//
// RetrieveOp
//===----------------------------------------------------------------------===//

LogicalResult RetrieveOp::verify() {
  ShapedType query = getQueryType();
  int64_t numDimensions = getNumDimensions();
  // (C1)
  if (numDimensions == 0)
    return emitOpError("expects at least one operand of 'keys', got 0");
  int64_t dq = query.getDimSize(2);
  if (ShapedType::isStatic(dq) && dq % numDimensions != 0)
    return emitOpError() << "expects dq to be divisible by D, got " << dq
                         << " in " << query << " and D = " << numDimensions;
  for (int64_t i = 0; i < numDimensions; ++i) {
    ShapedType keys = getKeysType(i);
    std::string name = ("keys_" + Twine(i)).str();
    unsigned rank = keys.getRank();
    // (C1)
    if (ShapedType::isStatic(dq) &&
        failed(verifyExtent(*this, "dq/D", {name, keys, rank - 1},
                            dq / numDimensions,
                            "from " + Twine(dq) +
                                " columns of 'query' and D "
                                "= " +
                                Twine(numDimensions))))
      return failure();
    ShapedType first = getKeysType(0);
    unsigned lastOfFirst = first.getRank() - 1;
    if (failed(verifySameExtent(*this, "dq/D", {"keys_0", first, lastOfFirst},
                                {name, keys, rank - 1})))
      return failure();
    // (C2)
    if (rank == 3 && failed(verifySameExtent(*this, "h", {"query", query, 1},
                                             {name, keys, 0})))
      return failure();
    // (C3)
    if (failed(verifySameElementType(*this, "query", query, name, keys)))
      return failure();
  }
  // (C4)
  if (failed(verifySelection(*this, getInits())))
    return failure();
  auto gates = cast<ShapedType>(getGatesInit().getType());
  if (failed(verifySameExtent(*this, "T", {"query", query, 0},
                              {"gates", gates, 0})) ||
      failed(verifySameExtent(*this, "h", {"query", query, 1},
                              {"gates", gates, 1})))
    return failure();
  // (C5)
  SmallVector<int64_t> numKeys;
  for (int64_t i = 0; i < numDimensions; ++i)
    numKeys.push_back(getNumKeys(i));
  if (failed(verifyTopK(*this, getK(), numKeys)))
    return failure();
  // (C6)
  return verifyDestinationStyle(*this);
}

//===----------------------------------------------------------------------===//
// SelectOp
//===----------------------------------------------------------------------===//

LogicalResult SelectOp::verify() {
  // (C1)
  if (getScores().empty())
    return emitOpError("expects at least one operand of 'scores', got 0");
  // (C2)
  if (failed(verifySelection(*this, getInits())))
    return failure();
  // (C1)
  if (getNumKeys().size() != getScores().size())
    return emitOpError()
           << "expects 'num_keys' to have one element per operand "
              "of 'scores', got "
           << getNumKeys().size() << " for " << getScores().size();
  auto gates = cast<ShapedType>(getGatesInit().getType());
  for (auto [i, value] : llvm::enumerate(getScores())) {
    auto scores = cast<ShapedType>(value.getType());
    std::string name = ("scores_" + Twine(i)).str();
    if (failed(verifySameExtent(*this, "T", {name, scores, 0},
                                {"gates", gates, 0})) ||
        failed(verifySameExtent(*this, "h", {name, scores, 1},
                                {"gates", gates, 1})))
      return failure();
    ArrayRef<int64_t> columns = scores.getShape().drop_front(2);
    if (getNumKeys(i) < 0 ||
        (llvm::none_of(columns, ShapedType::isDynamic) &&
         getNumKeys(i) > ShapedType::getNumElements(columns)))
      return emitOpError() << "expects '" << name
                           << "' to have num_keys = " << getNumKeys(i)
                           << " columns, got " << scores;
  }
  // (C3)
  if (failed(verifyTopK(*this, getK(), getNumKeys())))
    return failure();
  // (C4)
  return verifyDestinationStyle(*this);
}

//===----------------------------------------------------------------------===//
// ExpertMlpOp
//===----------------------------------------------------------------------===//

LogicalResult ExpertMlpOp::verify() {
  auto typeOf = [](Value value) { return cast<ShapedType>(value.getType()); };
  ShapedType x = typeOf(getX()), indices = typeOf(getIndices());
  ShapedType gates = typeOf(getGates());
  ShapedType down = typeOf(getDown()), up = typeOf(getUp());
  // (C5)
  if (failed(verifyDestinations(
          *this,
          {{"y", 2, Destination::Float}, {"neurons", 4, Destination::Wide}},
          /*minimum=*/1)))
    return failure();
  ShapedType y = typeOf(getYInit());
  // (C1)
  if (failed(verifySameShape(*this, "indices", indices, "gates", gates)) ||
      failed(
          verifySameExtent(*this, "T", {"x", x, 0}, {"indices", indices, 0})) ||
      failed(verifySameExtent(*this, "T", {"x", x, 0}, {"y", y, 0})))
    return failure();
  // (C2)
  if (failed(verifySameExtent(*this, "d", {"x", x, 1}, {"down", down, 2})))
    return failure();
  // (C3)
  bool isNeuronMajor = getUpLayout() == UpLayout::neuron_major;
  NamedDim upNeurons{"up", up, isNeuronMajor ? 1u : 2u};
  NamedDim upOutputs{"up", up, isNeuronMajor ? 2u : 1u};
  if (failed(verifySameExtent(*this, "N", {"down", down, 0}, {"up", up, 0})) ||
      failed(verifySameExtent(*this, "e", {"down", down, 1}, upNeurons)))
    return failure();
  if (getGate()) {
    ShapedType gate = typeOf(getGate());
    if (failed(verifySameShape(*this, "down", down, "gate", gate)) ||
        failed(verifySameElementType(*this, "down", down, "gate", gate)))
      return failure();
  }
  // (C4)
  if (failed(verifySameExtent(*this, "d_out", upOutputs, {"y", y, 1})) ||
      failed(verifySameElementType(*this, "x", x, "down", down)) ||
      failed(verifySameElementType(*this, "x", x, "up", up)) ||
      (!y.getElementType().isF32() &&
       failed(verifySameElementType(*this, "x", x, "y", y))))
    return failure();
  // (C5)
  if (Value init = getNeuronsInit()) {
    ShapedType neurons = typeOf(init);
    if (failed(verifySameExtent(*this, "T", {"indices", indices, 0},
                                {"neurons", neurons, 0})) ||
        failed(verifySameExtent(*this, "h", {"indices", indices, 1},
                                {"neurons", neurons, 1})) ||
        failed(verifySameExtent(*this, "k", {"indices", indices, 2},
                                {"neurons", neurons, 2})) ||
        failed(verifySameExtent(*this, "e", {"down", down, 1},
                                {"neurons", neurons, 3})))
      return failure();
  }
  // (C6)
  return verifyDestinationStyle(*this);
}
