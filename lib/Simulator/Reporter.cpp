//===- Reporter.cpp - reports of one cluster ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reporter.h"

using namespace peermla::sim;

bool Reporter::add(Report report) {
  Key key{report.kind, report.site, report.otherSite,
          report.site == kNoSite ? report.message : std::string()};
  auto [it, isNew] = seen.try_emplace(std::move(key), reports.size());
  if (isNew)
    reports.push_back(std::move(report));
  else
    reports[it->second].count += report.count;
  return isNew;
}

std::vector<Report> peermla::sim::mergeReports(std::vector<Report> reports,
                                               uint32_t limit) {
  Reporter merged;
  for (Report &report : reports)
    merged.add(std::move(report));
  if (merged.reports.size() > limit)
    merged.reports.resize(limit);
  return std::move(merged.reports);
}

void AgentNames::reset(uint32_t blocks, uint32_t threads) {
  numBlocks = blocks;
  numThreads = threads;
  names.clear();
}

Agent AgentNames::add(Kind kind, uint32_t rank, uint32_t index) {
  names.push_back({kind, rank, index});
  return numBlocks * numThreads + uint32_t(names.size()) - 1;
}

std::string AgentNames::getName(Agent agent) const {
  std::string text;
  uint32_t rank, first = numBlocks * numThreads;
  if (agent < first) {
    rank = agent / numThreads;
    text = "thread " + std::to_string(agent % numThreads);
  } else if (agent - first < names.size()) {
    const Name &name = names[agent - first];
    std::string index = std::to_string(name.index);
    rank = name.rank;
    switch (name.kind) {
    case Copies:
      text = "cp.async of thread " + index;
      break;
    case MBarrier:
      text = "a bulk copy with the mbarrier at offset " + index;
      break;
    case Wgmma:
      text = "wgmma of warpgroup " + index;
      break;
    case WgmmaWarp:
      text = "wgmma of warp " + index;
      break;
    case Bulk:
      text = "a bulk store of thread " + index;
      break;
    }
  } else {
    return "nobody";
  }
  if (numBlocks > 1)
    text += " of block rank " + std::to_string(rank);
  return text;
}
