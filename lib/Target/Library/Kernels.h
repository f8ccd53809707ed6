//===- Kernels.h - the code of GPU kernels in a library -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each kernel module becomes PTX, machine code where an assembler is installed,
// and, if the library is to run in the simulator, an object for the host. PTX
// and machine code are constants of the model's object.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_TARGET_LIBRARY_KERNELS_H
#define PEERMLA_LIB_TARGET_LIBRARY_KERNELS_H

#include "peermla/Target/Library/CodeGen.h"

namespace peermla {

/// Adds the images of all kernels to the table and to the text, and facts about
/// them to the targets of `report`, which may be null.
mlir::LogicalResult addImages(Metadata &metadata, Report *report);

/// The objects of all kernels for the simulator, which join the table and the
/// text; with `count`, they count instructions that the runtime does not see.
mlir::FailureOr<std::vector<Code>> simulateKernels(Metadata &metadata,
                                                   bool count);

} // namespace peermla

#endif // PEERMLA_LIB_TARGET_LIBRARY_KERNELS_H
