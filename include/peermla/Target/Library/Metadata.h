//===- Metadata.h - what a library says about its model -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and checks `peermla.metadata`, replaces the names of functions by
// indices of the function table, and makes the LLVM module that defines
//
//     extern "C" const char peermla_model_metadata[];        // JSON, ends in 0
//     extern "C" const uint64_t peermla_model_metadata_size; // without the 0
//     extern "C" void *const peermla_model_functions[];
//     extern "C" const void *peermla_<model>_api(uint32_t version);
//
// the first three hidden, the last the library's one export: it passes them to
// the runtime (ModelABI.h).
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TARGET_LIBRARY_METADATA_H
#define PEERMLA_TARGET_LIBRARY_METADATA_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/JSON.h"
#include <memory>
#include <string>

namespace peermla {

struct CpuLevel;

/// A nested module with code of one level.
struct LevelModule {
  mlir::ModuleOp module;
  const CpuLevel *level;
  /// The functions the table refers to.
  std::vector<std::string> exported;
};

struct Metadata {
  std::string model;
  /// With indices instead of names of functions.
  llvm::json::Object json;
  /// The table: names in the order of their indices.
  std::vector<std::string> functions;
  std::vector<LevelModule> levels;
  /// All levels have this architecture.
  std::string architecture;

  std::string getApiName() const { return "peermla_" + model + "_api"; }
};

/// Reads the metadata of a model; a located error where it contradicts itself
/// or the module.
mlir::FailureOr<Metadata> readMetadata(mlir::ModuleOp model);

/// The module with the symbols above.
std::unique_ptr<llvm::Module> createModelModule(const Metadata &metadata,
                                                llvm::LLVMContext &context);

/// The text of `model.h`.
std::string createHeader(const Metadata &metadata, llvm::StringRef fileName);

} // namespace peermla

#endif // PEERMLA_TARGET_LIBRARY_METADATA_H
