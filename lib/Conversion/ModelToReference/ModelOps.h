//===- ModelOps.h - the reference of each model op ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One function per op of the MODEL stage, and per op that one is rewritten to
// on tensors. Each builds, before an op on f64 memrefs, loops that do what the
// op's description says in the plainest way, and leaves the op for the caller
// to erase.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_MODELTOREFERENCE_MODELOPS_H
#define PEERMLA_LIB_CONVERSION_MODELTOREFERENCE_MODELOPS_H

#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Dialect/Peer/IR/Peer.h"

namespace peermla::reference {

void lowerRetrieve(peer::RetrieveOp op);
void lowerSelect(peer::SelectOp op);
void lowerExpertMlp(peer::ExpertMlpOp op);

void lowerPositions(mla::PositionsOp op);
void lowerRopeTable(mla::RopeTableOp op);
void lowerRope(mla::RopeOp op);
void lowerCacheAppend(mla::CacheAppendOp op);
void lowerAttention(mla::AttentionOp op);
void lowerOnlineAttention(mla::OnlineAttentionOp op);
void lowerMerge(mla::MergeOp op);
void lowerWorkItems(mla::WorkItemsOp op);

} // namespace peermla::reference

#endif // PEERMLA_LIB_CONVERSION_MODELTOREFERENCE_MODELOPS_H
