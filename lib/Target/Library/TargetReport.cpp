//===- TargetReport.cpp - facts about kernels of a GPU --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "peermla/Target/Library/Report.h"

using namespace mlir;
using namespace peermla;
namespace json = llvm::json;

TargetReport &Report::getTarget(StringRef name) {
  for (TargetReport &target : targets)
    if (target.target == name)
      return target;
  targets.push_back({name.str(), {}, {}});
  return targets.back();
}

void TargetReport::describe(ModuleOp module, const Sizes &sizes) {
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (std::optional<EntryReport> entry = describeEntry(function, sizes))
      entries.push_back(std::move(*entry));
}

json::Value TargetReport::toJson() const {
  const GpuTarget &gpu = *GpuTarget::get(target);
  json::Array values;
  for (const Kernel &kernel : kernels) {
    const KernelReport &plan = kernel.plan;
    bool isSteps = !plan.whySteps.empty();
    // Kernels that were input have neither.
    StringRef tier = isSteps                 ? "steps"
                     : plan.schedule.empty() ? ""
                                             : "tile program";
    const std::optional<KernelResources> &resources = kernel.resources;
    auto get = [&](int64_t KernelResources::*member) {
      return resources ? json::Value((*resources).*member)
                       : json::Value(nullptr);
    };
    json::Value blocks = nullptr, warps = nullptr;
    if (resources) {
      int64_t resident = gpu.getResidentBlocks(
          kernel.threads, resources->registers,
          kernel.dynamicSharedBytes + resources->sharedBytes);
      blocks = resident;
      warps = resident * int64_t(llvm::divideCeil(kernel.threads, 32));
    }
    json::Array notes;
    if (resources)
      for (const std::string &note : resources->notes)
        notes.push_back(note);
    values.push_back(json::Object{
        {"name", plan.name},
        {"id", plan.id},
        {"tier", tier},
        {"why_steps", plan.whySteps},
        {"schedule", plan.schedule},
        {"why", plan.why},
        {"launches",
         getLaunches(plan.launches, Machine(gpu), Machine(gpu, !isSteps))},
        {"threads", kernel.threads},
        {"dynamic_shared_bytes", kernel.dynamicSharedBytes},
        {"ptx_bytes", kernel.ptxBytes},
        {"cubin_bytes", kernel.cubinBytes},
        {"registers", get(&KernelResources::registers)},
        {"static_shared_bytes", get(&KernelResources::sharedBytes)},
        {"stack_bytes", get(&KernelResources::stackBytes)},
        {"spill_store_bytes", get(&KernelResources::spillStoreBytes)},
        {"spill_load_bytes", get(&KernelResources::spillLoadBytes)},
        {"resident_blocks", std::move(blocks)},
        {"resident_warps", std::move(warps)},
        {"bytes_ahead", kernel.bytesAhead},
        {"notes", std::move(notes)}});
  }
  return json::Object{{"target", target},
                      {"entries", getEntries(entries)},
                      {"kernels", std::move(values)}};
}
