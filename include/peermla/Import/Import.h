//===- Import.h - from a checkpoint to model IR ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A configuration, alone or in a folder with safetensors files, -> a module of
// the MODEL stage with all entries of its architecture. Weights become
// `ml_program.global` symbols under their checkpoint names, with external
// values: no data is read.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_IMPORT_IMPORT_H
#define PEERMLA_IMPORT_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "peermla/Import/Checkpoint.h"

namespace mlir {
class OpPrintingFlags;
} // namespace mlir

namespace peermla::importer {

/// Imports a folder with a `config.json`, or a configuration file alone: then
/// all weights have the storage type. Errors and warnings are diagnostics of
/// `context`, into which the dialects of the module are loaded.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(llvm::StringRef path, mlir::MLIRContext *context);

/// The same from the text of a configuration and, if not null, the headers of a
/// checkpoint. `file` is what messages call the configuration.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(llvm::StringRef configText, llvm::StringRef file,
            const CheckpointHeaders *headers, mlir::MLIRContext *context);

/// How imported modules are printed for people: values carry names, and types
/// of weights stand beside them.
mlir::OpPrintingFlags getPrintingFlags();

} // namespace peermla::importer

#endif // PEERMLA_IMPORT_IMPORT_H
