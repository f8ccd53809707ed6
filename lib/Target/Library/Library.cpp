//===- Library.cpp - from the LLVM dialect to a shared library ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Target/Library/Library.h"
#include "Kernels.h"
#include "peermla/Support/OutputFile.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Target/Library/CodeGen.h"
#include "peermla/Target/Library/Link.h"
#include "peermla/Target/Library/Metadata.h"
#include "peermla/Target/Library/Report.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace peermla;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

std::string peermla::getRuntimeArchive(StringRef toolPath) {
  SmallString<128> archive(path::parent_path(path::parent_path(toolPath)));
  path::append(archive, "lib", "libpeermla_runtime.a");
  return archive.str().str();
}

/// The simulator's archive, beside that of the runtime.
static std::string getSimulatorArchive(StringRef runtimeArchive) {
  SmallString<128> archive(path::parent_path(runtimeArchive));
  path::append(archive, "libpeermla_simulator.a");
  return archive.str().str();
}

LogicalResult peermla::printCode(ModuleOp model, Artifact artifact,
                                 llvm::raw_ostream &os) {
  FailureOr<Metadata> metadata = readMetadata(model);
  if (failed(metadata))
    return failure();
  FailureOr<std::vector<Code>> codes =
      compileLevels(metadata->levels, artifact);
  if (failed(codes))
    return failure();
  for (const Code &code : *codes)
    os << StringRef(code.data(), code.size());
  return success();
}

/// Bytes of all weights as they are in a checkpoint.
static int64_t getWeightBytes(const Metadata &metadata) {
  int64_t bytes = 0;
  const llvm::json::Array *weights = metadata.json.getArray("weights");
  for (size_t i = 0; weights && i < weights->size(); ++i) {
    const llvm::json::Object *weight = (*weights)[i].getAsObject();
    const llvm::json::Array *shape =
        weight ? weight->getArray("shape") : nullptr;
    if (!shape)
      continue;
    StringRef dtype = weight->getString("dtype").value_or("");
    int64_t size = dtype.ends_with("16") ? 2 : 4;
    for (const llvm::json::Value &extent : *shape)
      size *= extent.getAsInteger().value_or(0);
    bytes += size;
  }
  return bytes;
}

/// Adds the host code of GPU targets and, if asked for, the kernels that the
/// simulator runs; makes the images of all kernels.
static LogicalResult compileTargets(Metadata &metadata,
                                    const LibraryOptions &options,
                                    std::vector<Code> &codes) {
  FailureOr<std::vector<Code>> hosts =
      compileLevels(metadata.hosts, Artifact::Objects);
  if (failed(hosts) || failed(addImages(metadata, options.report)))
    return failure();
  if (options.report)
    for (const LevelModule &host : metadata.hosts)
      options.report->getTarget(host.gpu->name)
          .describe(host.module, options.report->sizes);
  llvm::move(*hosts, std::back_inserter(codes));
  if (!options.simulate)
    return success();
  FailureOr<std::vector<Code>> kernels =
      simulateKernels(metadata, options.countInstructions);
  if (failed(kernels))
    return failure();
  llvm::move(*kernels, std::back_inserter(codes));
  return success();
}

/// The objects of all levels, those of GPU targets, then the one that describes
/// the model.
static FailureOr<std::vector<Code>>
compileModel(ModuleOp model, Metadata &metadata,
             const LibraryOptions &options) {
  Report *report = options.report;
  if (options.simulate && metadata.hosts.empty())
    return emitError(model.getLoc())
           << "expects a GPU target to simulate, found none";
  FailureOr<std::vector<Code>> codes =
      compileLevels(metadata.levels, Artifact::Objects, report);
  if (failed(codes))
    return failure();
  if (!metadata.hosts.empty() &&
      failed(compileTargets(metadata, options, *codes)))
    return failure();
  if (report) {
    report->model = metadata.model;
    report->compiler = metadata.json.getString("compiler").value_or("").str();
    report->weightBytes = getWeightBytes(metadata);
    for (auto [level, facts] : llvm::zip_equal(metadata.levels, report->levels))
      facts.describe(level.module, report->sizes);
  }
  llvm::LLVMContext context;
  FailureOr<Code> object =
      emitModelObject(model.getLoc(), *createModelModule(metadata, context),
                      metadata.architecture);
  if (failed(object))
    return failure();
  codes->push_back(std::move(*object));
  return codes;
}

/// The name of an object among `count` of compileModel's.
static std::string getStem(const Metadata &metadata, size_t i, size_t count) {
  if (i + 1 == count)
    return "model";
  if (i < metadata.levels.size())
    return metadata.levels[i].level->name.str();
  i -= metadata.levels.size();
  if (i < metadata.hosts.size())
    return metadata.hosts[i].gpu->name.str() + ".host";
  gpu::GPUModuleOp module = metadata.kernels[i - metadata.hosts.size()].module;
  return module.getName().str() + ".simulated";
}

LogicalResult peermla::writeObjects(ModuleOp model,
                                    const LibraryOptions &options) {
  FailureOr<Metadata> metadata = readMetadata(model);
  if (failed(metadata))
    return failure();
  FailureOr<std::vector<Code>> codes = compileModel(model, *metadata, options);
  if (failed(codes))
    return failure();
  if (std::error_code error = fs::create_directories(options.output))
    return emitError(model.getLoc())
           << "cannot create '" << options.output << "': " << error.message();
  for (auto [i, code] : llvm::enumerate(*codes)) {
    std::string file =
        options.output + "/" + getStem(*metadata, i, codes->size()) + ".o";
    if (failed(writeFile(model.getLoc(), file,
                         StringRef(code.data(), code.size()))))
      return failure();
  }
  return success();
}

LogicalResult peermla::writeLibrary(ModuleOp model,
                                    const LibraryOptions &options) {
  Location loc = model.getLoc();
  FailureOr<Metadata> metadata = readMetadata(model);
  if (failed(metadata))
    return failure();
  std::vector<std::string> archives{options.runtimeArchive};
  if (options.simulate)
    archives.push_back(getSimulatorArchive(options.runtimeArchive));
  for (const std::string &archive : archives)
    if (failed(verifyRuntime(loc, archive, metadata->architecture)))
      return failure();
  // Before the long part.
  if (llvm::Error error = verifyOutput(options.output, /*isStream=*/false))
    return emitError(loc) << llvm::toString(std::move(error));
  FailureOr<std::vector<Code>> codes = compileModel(model, *metadata, options);
  if (failed(codes))
    return failure();

  SmallString<128> header(options.output);
  path::replace_extension(header, "h");
  if (header == options.output)
    return emitError(loc) << "expects the library's name to differ from its "
                             "header's, got '"
                          << options.output << "'";
  // Beside the result, so that renaming is atomic.
  SmallString<128> newLibrary, newHeader;
  fs::createUniquePath(options.output + ".%%%%%%.tmp", newLibrary, false);
  fs::createUniquePath(header + ".%%%%%%.tmp", newHeader, false);
  llvm::scope_exit removeFiles([&] {
    fs::remove(newLibrary);
    fs::remove(newHeader);
  });

  LinkJob job{std::move(*codes), metadata->getApiName(),
              path::filename(options.output).str(), metadata->architecture,
              std::move(archives)};
  if (failed(linkLibrary(loc, job, options, newLibrary)) ||
      failed(writeFile(loc, newHeader,
                       createHeader(*metadata, path::filename(header)))))
    return failure();
  std::error_code error = fs::rename(newHeader, header);
  if (!error)
    error = fs::rename(newLibrary, options.output);
  if (error)
    return emitError(loc) << "cannot write '" << options.output
                          << "': " << error.message();
  return success();
}
