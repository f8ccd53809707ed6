//===- Library.cpp - from the LLVM dialect to a shared library ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Target/Library/Library.h"
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

/// The objects of all levels, then the one that describes the model.
static FailureOr<std::vector<Code>>
compileModel(ModuleOp model, const Metadata &metadata, Report *report) {
  FailureOr<std::vector<Code>> codes =
      compileLevels(metadata.levels, Artifact::Objects, report);
  if (failed(codes))
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

LogicalResult peermla::writeObjects(ModuleOp model,
                                    const LibraryOptions &options) {
  FailureOr<Metadata> metadata = readMetadata(model);
  if (failed(metadata))
    return failure();
  FailureOr<std::vector<Code>> codes =
      compileModel(model, *metadata, options.report);
  if (failed(codes))
    return failure();
  if (std::error_code error = fs::create_directories(options.output))
    return emitError(model.getLoc())
           << "cannot create '" << options.output << "': " << error.message();
  for (auto [i, code] : llvm::enumerate(*codes)) {
    StringRef stem = i < metadata->levels.size()
                         ? metadata->levels[i].level->name
                         : StringRef("model");
    std::string file = options.output + "/" + stem.str() + ".o";
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
  if (failed(
          verifyRuntime(loc, options.runtimeArchive, metadata->architecture)))
    return failure();
  // Before the long part.
  if (llvm::Error error = verifyOutput(options.output, /*isStream=*/false))
    return emitError(loc) << llvm::toString(std::move(error));
  FailureOr<std::vector<Code>> codes =
      compileModel(model, *metadata, options.report);
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
              path::filename(options.output).str(), metadata->architecture};
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
