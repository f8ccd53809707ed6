//===- OutputFile.h - files that appear whole or not at all ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all tools do with `-o FILE`. A regular file is written beside its place
// and renamed when all went well, so that nobody sees half of one; what is
// there already and is no regular file, such as a pipe or a device, is written
// into; `-` is the standard output. A full disk is an error like any other.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_OUTPUTFILE_H
#define PEERMLA_SUPPORT_OUTPUTFILE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace peermla {

/// Writes what `write` prints to `path`. Errors name the path; those of `write`
/// are passed on as they are.
llvm::Error
writeOutput(llvm::StringRef path,
            llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write);

/// The error that writing `path` would end in, as far as it can be known
/// before: a folder in its place, or no folder that it could go to. What is not
/// written as a stream must not replace a pipe or a device either.
llvm::Error verifyOutput(llvm::StringRef path, bool isStream = true);

} // namespace peermla

#endif // PEERMLA_SUPPORT_OUTPUTFILE_H
