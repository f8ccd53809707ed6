//===- ScheduleAttention.h - block sizes of attention ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How an `mla.online_attention` is cut into work items, and how `mla.merge` is
// that joins parts of it. Facts come from the target of the op; what an op's
// schedule already says stays.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TRANSFORMS_TENSOR_SCHEDULEATTENTION_H
#define PEERMLA_TRANSFORMS_TENSOR_SCHEDULEATTENTION_H

#include "Schedules.h"
#include "peermla/Dialect/Mla/IR/Mla.h"

namespace peermla {

/// A schedule and the remark that explains it: `block` tokens and heads of a
/// work item, `inner` the keys of a block, `parts` how many parts keys may be
/// split into. Emits an error if the op has a schedule that attention cannot
/// follow.
llvm::FailureOr<Schedule> scheduleAttention(mla::OnlineAttentionOp op,
                                            const CpuLevel &level);
llvm::FailureOr<Schedule> scheduleAttention(mla::OnlineAttentionOp op,
                                            const GpuTarget &gpu);

/// The schedules of smaller tiles, largest first, that short sequences fill
/// better than what `scheduleAttention` has chosen.
llvm::SmallVector<tile::ScheduleAttr>
getSmallerSchedules(mla::OnlineAttentionOp op, tile::ScheduleAttr schedule,
                    const GpuTarget &gpu);

/// The schedule of the op that joins partial results, as a kernel of its own:
/// few rows per work item, since there are few.
tile::ScheduleAttr getMergeSchedule(mla::MergeOp op);

/// The number of groups of heads into which a schedule cuts attention.
int64_t getHeadGroups(mla::OnlineAttentionOp op, tile::ScheduleAttr schedule);

} // namespace peermla

#endif // PEERMLA_TRANSFORMS_TENSOR_SCHEDULEATTENTION_H
