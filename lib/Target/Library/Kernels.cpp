//===- Kernels.cpp - the code of GPU kernels in a library -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Threading.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Pass/PassManager.h"
#include "peermla/Conversion/KernelToSimulator/Passes.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Target/Binary/Ptx.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace peermla;
namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// Descriptions
//===----------------------------------------------------------------------===//

json::Object &Metadata::getDescription(const KernelModule::Kernel &kernel) {
  json::Object &program =
      *(*json.getArray("programs"))[kernel.program].getAsObject();
  return *(*program.getArray("kernels"))[kernel.number].getAsObject();
}

const json::Object &
Metadata::getDescription(const KernelModule::Kernel &kernel) const {
  return const_cast<Metadata *>(this)->getDescription(kernel);
}

/// What the runtime must know to launch a kernel.
static FailureOr<json::Object> describe(LLVM::LLVMFuncOp kernel) {
  StringRef name = kernel.getSymName();
  // PTX allows no more.
  bool isName =
      !name.empty() && !llvm::isDigit(name.front()) &&
      llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
  if (!isName)
    return kernel.emitError()
           << "expects the kernel's name to be a C identifier, got '" << name
           << "'";
  auto threads = kernel->getAttrOfType<DenseI32ArrayAttr>("nvvm.reqntid");
  if (!threads || threads.size() < 1 || threads.size() > 3)
    return kernel.emitError()
           << "expects 'nvvm.reqntid' with 1 to 3 numbers of threads";
  json::Array extents;
  for (int32_t extent : threads.asArrayRef())
    extents.push_back(extent);
  while (extents.size() < 3)
    extents.push_back(1);
  DataLayout layout(kernel->getParentOfType<gpu::GPUModuleOp>());
  json::Array parameters;
  for (auto [i, type] : llvm::enumerate(kernel.getFunctionType().getParams())) {
    auto byValue = kernel.getArgAttrOfType<TypeAttr>(i, "llvm.byval");
    parameters.push_back(static_cast<int64_t>(
        layout.getTypeSize(byValue ? byValue.getValue() : type)
            .getFixedValue()));
  }
  auto shared = kernel->getAttrOfType<IntegerAttr>("tile.shared_bytes");
  auto operands = kernel->getAttrOfType<StringAttr>("peermla.operands");
  auto maps = kernel->getAttrOfType<ArrayAttr>("tile.tensor_maps");
  return json::Object{{"name", name},
                      {"threads", std::move(extents)},
                      {"shared_bytes", shared ? shared.getInt() : 0},
                      {"operands", operands ? operands.getValue() : ""},
                      {"parameters", std::move(parameters)},
                      {"tensor_maps", maps ? int64_t(maps.size()) : 0},
                      {"images", json::Array()}};
}

LogicalResult peermla::readKernels(ModuleOp model, Metadata &metadata) {
  json::Array &programs = *metadata.json.getArray("programs");
  for (auto [position, value] : llvm::enumerate(programs)) {
    json::Object &program = *value.getAsObject();
    std::optional<StringRef> target = program.getString("target");
    if (!target)
      continue;
    const GpuTarget *gpu = GpuTarget::get(*target);
    json::Array kernels;
    for (auto module : model.getOps<gpu::GPUModuleOp>()) {
      if (GpuTarget::of(module) != gpu)
        continue;
      KernelModule &known = metadata.kernels.emplace_back();
      known.module = module;
      known.gpu = gpu;
      for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
        if (function.isExternal() || !(function->hasAttr("nvvm.kernel") ||
                                       function->hasAttr("gpu.kernel")))
          continue;
        FailureOr<json::Object> description = describe(function);
        if (failed(description))
          return failure();
        known.kernels.push_back(
            {function.getSymName().str(), position, kernels.size()});
        kernels.push_back(std::move(*description));
      }
    }
    program["kernels"] = std::move(kernels);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Images
//===----------------------------------------------------------------------===//

namespace {
struct Images {
  std::string ptx;
  Cubin cubin;
};
} // namespace

/// Adds what is known of the kernels of a module.
static void addFacts(Report &report, const Metadata &metadata,
                     const KernelModule &kernels, const Images &images) {
  gpu::GPUModuleOp module = kernels.module;
  for (const KernelModule::Kernel &kernel : kernels.kernels) {
    TargetReport::Kernel facts;
    Operation *function = module.lookupSymbol(kernel.name);
    facts.plan = describeKernel(function, report.sizes);
    if (auto ahead = function->getAttrOfType<IntegerAttr>("tile.bytes_ahead"))
      facts.bytesAhead = ahead.getInt();
    const json::Object &description = metadata.getDescription(kernel);
    facts.threads = 1;
    for (const json::Value &extent : *description.getArray("threads"))
      facts.threads *= extent.getAsInteger().value_or(1);
    facts.dynamicSharedBytes =
        description.getInteger("shared_bytes").value_or(0);
    facts.ptxBytes = images.ptx.size();
    facts.cubinBytes = images.cubin.code.size();
    for (const KernelResources &resources : images.cubin.kernels)
      if (resources.name == kernel.name)
        facts.resources = resources;
    report.getTarget(kernels.gpu->name).kernels.push_back(std::move(facts));
  }
}

LogicalResult peermla::addImages(Metadata &metadata, Report *report) {
  std::vector<KernelModule> &modules = metadata.kernels;
  if (modules.empty())
    return success();
  std::optional<std::string> ptxas = findPtxas();
  std::vector<Images> images(modules.size());
  LogicalResult result = failableParallelForEachN(
      modules.front().module.getContext(), 0, modules.size(),
      [&](size_t i) -> LogicalResult {
        KernelModule &kernels = modules[i];
        FailureOr<std::string> ptx =
            translateToPtx(kernels.module, *kernels.gpu);
        if (failed(ptx))
          return failure();
        images[i].ptx = std::move(*ptx);
        if (!ptxas)
          return success();
        FailureOr<Cubin> cubin = assemblePtx(
            kernels.module.getLoc(), images[i].ptx, *kernels.gpu, *ptxas);
        if (failed(cubin))
          return failure();
        images[i].cubin = std::move(*cubin);
        return success();
      });
  if (failed(result))
    return failure();
  for (auto [kernels, code] : llvm::zip_equal(modules, images)) {
    if (report)
      addFacts(*report, metadata, kernels, code);
    json::Array description;
    auto add = [&](StringRef kind, std::string bytes) {
      std::string name =
          ("peermla_" + kind + "." + Twine(metadata.functions.size())).str();
      description.push_back(
          json::Object{{"kind", kind},
                       {"data", metadata.addToTable(name)},
                       {"bytes", static_cast<int64_t>(bytes.size())}});
      metadata.constants[name] = std::move(bytes);
    };
    // The driver takes PTX as a C string.
    add("ptx", code.ptx + '\0');
    if (!code.cubin.code.empty())
      add("cubin", std::move(code.cubin.code));
    for (const KernelModule::Kernel &kernel : kernels.kernels)
      metadata.getDescription(kernel)["images"] = json::Array(description);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The simulator
//===----------------------------------------------------------------------===//

/// Rewrites a copy of the kernels; the names of their descriptors become
/// `exported`, with the target in them.
static FailureOr<OwningOpRef<ModuleOp>>
rewrite(KernelModule &kernels, bool count, std::vector<std::string> &exported) {
  OwningOpRef<ModuleOp> copy = ModuleOp::create(kernels.module.getLoc());
  copy->push_back(kernels.module->clone());
  PassManager passes(copy->getContext(), ModuleOp::getOperationName());
  KernelToSimulatorOptions options;
  options.count = count;
  passes.addPass(createKernelToSimulator(options));
  if (failed(passes.run(*copy)))
    return failure();
  for (const KernelModule::Kernel &kernel : kernels.kernels) {
    auto descriptor = copy->lookupSymbol<LLVM::GlobalOp>(
        "__peermla_sim_" + kernel.name + "_descriptor");
    if (!descriptor)
      return emitError(kernels.module.getLoc())
             << "the simulator has no descriptor of the kernel '" << kernel.name
             << "'";
    exported.push_back(
        ("peermla_simulated." + kernels.gpu->name + "." + kernel.name).str());
    descriptor.setSymName(exported.back());
  }
  return std::move(copy);
}

FailureOr<std::vector<Code>> peermla::simulateKernels(Metadata &metadata,
                                                      bool count) {
  std::vector<OwningOpRef<ModuleOp>> copies;
  std::vector<LevelModule> modules;
  for (KernelModule &kernels : metadata.kernels) {
    std::vector<std::string> exported;
    FailureOr<OwningOpRef<ModuleOp>> copy = rewrite(kernels, count, exported);
    if (failed(copy))
      return failure();
    for (auto [kernel, name] : llvm::zip_equal(kernels.kernels, exported))
      metadata.getDescription(kernel)["simulated"] = metadata.addToTable(name);
    modules.push_back({**copy, metadata.hosts.front().level,
                       std::move(exported), kernels.gpu,
                       /*isSimulated=*/true});
    copies.push_back(std::move(*copy));
  }
  metadata.json["simulator"] =
      metadata.addToTable("peermla_rt_create_simulator");
  return compileLevels(modules, Artifact::Objects);
}
