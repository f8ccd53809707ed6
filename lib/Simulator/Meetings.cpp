//===- Meetings.cpp - lanes that execute one instruction together ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

using namespace peermla::sim;

static Meeting *findMeeting(Warp &warp, uint32_t mask) {
  for (uint32_t i = 0; i < warp.numMeetings; ++i)
    if (warp.meetings[i].mask == mask)
      return &warp.meetings[i];
  return nullptr;
}

bool peermla::sim::meet(Thread &thread, uint32_t kind, uint32_t mask,
                        bool aligned, const char *what, uint32_t site) {
  Cluster &cluster = *thread.cluster;
  Warp &warp = *thread.warp;
  uint32_t self = 1u << thread.lane;
  if (!(mask & self)) {
    cluster.report(ReportKind::Divergence, &thread, site,
                   "lane " + std::to_string(thread.lane) +
                       " executes with a mask that leaves it out");
    mask |= self;
  }
  mask &= warp.lanes;
  if (aligned && (warp.exited & mask))
    cluster.report(ReportKind::Divergence, &thread, site,
                   "all lanes of the warp must execute this, but lanes of it "
                   "have ended");
  Meeting *meeting = findMeeting(warp, mask);
  if (!meeting) {
    meeting = &warp.meetings[warp.numMeetings++];
    *meeting = {mask, 0, kind, site};
  } else if (meeting->kind != kind || (aligned && meeting->site != site)) {
    cluster.report(ReportKind::Divergence, &thread, site,
                   "lanes of one warp are at different instructions that all "
                   "of them must execute together",
                   meeting->site);
    if (meeting->kind != kind) {
      // Operands of different instructions do not mix: this lane stays behind.
      cluster.wait(thread, what, site);
      return false;
    }
  }
  meeting->arrived |= self;
  if (meeting->arrived == warp.getLive(meeting->mask))
    return true;
  cluster.wait(thread, what, site);
  if (!thread.leads)
    return false;
  thread.leads = false;
  return true;
}

void peermla::sim::dismiss(Thread &leader, uint32_t mask) {
  Warp &warp = *leader.warp;
  mask = (mask | 1u << leader.lane) & warp.lanes;
  Meeting *meeting = findMeeting(warp, mask);
  uint32_t arrived = meeting->arrived;
  if (leader.cluster->counting.countsAccesses() && arrived == warp.lanes)
    leader.cluster->counting.converge(leader);
  *meeting = warp.meetings[--warp.numMeetings];
  for (uint32_t lanes = arrived; lanes; lanes &= lanes - 1) {
    Thread &lane = warp.getLane(__builtin_ctz(lanes));
    if (&lane != &leader)
      leader.cluster->wake(lane);
  }
}

void peermla::sim::leaveMeetings(Thread &thread) {
  Warp &warp = *thread.warp;
  for (uint32_t i = 0; i < warp.numMeetings; ++i) {
    const Meeting &meeting = warp.meetings[i];
    uint32_t live = warp.getLive(meeting.mask);
    if (!live || meeting.arrived != live)
      continue;
    Thread &leader = warp.getLane(__builtin_ctz(live));
    leader.leads = true;
    thread.cluster->wake(leader);
  }
}
