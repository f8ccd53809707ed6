//===- Reports.cpp - what a launch tells ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text for people,
//
//     race: block (0,0,0) thread 127: write after a read by wgmma of warpgroup
//     0
//       at llvm.store k.mlir:86:5
//       against nvvm.wgmma.mma_async k.mlir:75:10
//
// and JSON for programs.
//
//===----------------------------------------------------------------------===//

#include "peermla/Simulator/Simulator.h"
// Header-only, so that it adds no library to a simulated model. Built without
// exceptions, a wrong access would abort; here it only writes.
#define JSON_NOEXCEPTION 1
#define JSON_USE_IMPLICIT_CONVERSIONS 0
#include <nlohmann/json.hpp>

using namespace peermla::sim;
using Json = nlohmann::ordered_json;

const char *peermla::sim::getName(ReportKind kind) {
  switch (kind) {
  case ReportKind::Launch:
    return "launch";
  case ReportKind::Race:
    return "race";
  case ReportKind::Uninitialized:
    return "uninitialized";
  case ReportKind::OutOfBounds:
    return "out-of-bounds";
  case ReportKind::Misaligned:
    return "misaligned";
  case ReportKind::Deadlock:
    return "deadlock";
  case ReportKind::Barrier:
    return "barrier";
  case ReportKind::Divergence:
    return "divergence";
  case ReportKind::Accumulator:
    return "accumulator";
  case ReportKind::Descriptor:
    return "descriptor";
  case ReportKind::Async:
    return "async";
  case ReportKind::Registers:
    return "registers";
  case ReportKind::Exit:
    return "exit";
  case ReportKind::Trap:
    return "trap";
  }
  return "unknown";
}

const char *peermla::sim::getName(InstructionClass instruction) {
  static const char *const names[] = {
      "integer",      "float",       "special",      "conversion",
      "control",      "load-global", "store-global", "load-shared",
      "store-shared", "local",       "atomic",       "barrier",
      "collective",   "load-matrix", "store-matrix", "mma",
      "wgmma",        "copy-async",  "tma",          "fence",
      "other"};
  static_assert(sizeof(names) / sizeof(names[0]) == kNumInstructionClasses,
                "one name per class");
  return names[uint32_t(instruction)];
}

void Counters::add(const Counters &other) {
  for (uint32_t i = 0; i < kNumInstructionClasses; ++i)
    instructions[i] += other.instructions[i];
  matrixFlop += other.matrixFlop;
  globalRequests += other.globalRequests;
  globalSectors += other.globalSectors;
  globalIdealSectors += other.globalIdealSectors;
  sharedWavefronts += other.sharedWavefronts;
  sharedIdealWavefronts += other.sharedIdealWavefronts;
  tmaLoadBytes += other.tmaLoadBytes;
  tmaStoreBytes += other.tmaStoreBytes;
  barrierWaits += other.barrierWaits;
  blockBarriers += other.blockBarriers;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static const SiteDescriptor *getSite(const Launch &launch, uint32_t site) {
  const KernelDescriptor *kernel = launch.kernel;
  return kernel && site < kernel->numSites ? &kernel->sites[site] : nullptr;
}

static std::string printDim(const Dim3 &dim) {
  return "(" + std::to_string(dim.x) + "," + std::to_string(dim.y) + "," +
         std::to_string(dim.z) + ")";
}

static void printSite(std::string &out, const char *word, const Launch &launch,
                      uint32_t site) {
  if (const SiteDescriptor *descriptor = getSite(launch, site))
    out += std::string("  ") + word + " " + descriptor->op + " " +
           descriptor->location + "\n";
}

std::string Result::getText(const Launch &launch) const {
  std::string out;
  for (const Report &report : reports) {
    out += getName(report.kind);
    out += ":";
    if (report.kind != ReportKind::Launch)
      out += " block " + printDim(report.block);
    if (report.thread != kNoThread)
      out += " thread " + std::to_string(report.thread);
    if (report.kind != ReportKind::Launch)
      out += ":";
    out += " " + report.message;
    if (report.count > 1)
      out += " (" + std::to_string(report.count) + " times)";
    out += "\n";
    printSite(out, "at", launch, report.site);
    printSite(out, "against", launch, report.otherSite);
    for (const std::string &note : report.notes)
      out += "  " + note + "\n";
  }
  return out;
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static void addSite(Json &out, const std::string &prefix, const Launch &launch,
                    uint32_t site) {
  if (const SiteDescriptor *descriptor = getSite(launch, site)) {
    out[prefix + "op"] = descriptor->op;
    out[prefix + "location"] = descriptor->location;
  }
}

static Json toJson(const Counters &counters) {
  Json instructions = Json::object();
  for (uint32_t i = 0; i < kNumInstructionClasses; ++i)
    instructions[getName(InstructionClass(i))] = counters.instructions[i];
  return {{"instructions", std::move(instructions)},
          {"matrix_flop", counters.matrixFlop},
          {"global_requests", counters.globalRequests},
          {"global_sectors", counters.globalSectors},
          {"global_ideal_sectors", counters.globalIdealSectors},
          {"shared_wavefronts", counters.sharedWavefronts},
          {"shared_ideal_wavefronts", counters.sharedIdealWavefronts},
          {"tma_load_bytes", counters.tmaLoadBytes},
          {"tma_store_bytes", counters.tmaStoreBytes},
          {"barrier_waits", counters.barrierWaits},
          {"block_barriers", counters.blockBarriers}};
}

static Json toJson(const Report &report, const Launch &launch) {
  Json out = {{"kind", getName(report.kind)}, {"message", report.message}};
  if (report.kind != ReportKind::Launch)
    out["block"] = {report.block.x, report.block.y, report.block.z};
  if (report.thread != kNoThread)
    out["thread"] = report.thread;
  addSite(out, "", launch, report.site);
  addSite(out, "other_", launch, report.otherSite);
  if (!report.other.empty())
    out["other"] = report.other;
  out["count"] = report.count;
  if (!report.notes.empty())
    out["notes"] = report.notes;
  return out;
}

std::string Result::getJson(const Launch &launch) const {
  Json out = {{"kernel",
               launch.kernel && launch.kernel->name ? launch.kernel->name : ""},
              {"completed", completed},
              {"reports", Json::array()},
              {"counters", toJson(total)},
              {"sites", Json::array()}};
  for (const Report &report : reports)
    out["reports"].push_back(toJson(report, launch));
  for (size_t i = 0; i < sites.size(); ++i) {
    Json site = Json::object();
    addSite(site, "", launch, uint32_t(i));
    site["counters"] = toJson(sites[i]);
    out["sites"].push_back(std::move(site));
  }
  // Locations may hold any bytes.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}
