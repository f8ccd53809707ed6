//===- OutputFile.cpp - files that appear whole or not at all -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/OutputFile.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"

using namespace llvm;
using namespace peermla;
namespace fs = llvm::sys::fs;

static Error cannotWrite(StringRef path, std::error_code error) {
  return createStringError("cannot write '" + path + "': " + error.message());
}

/// Whether `path` is to be written into rather than replaced.
static bool isSpecial(StringRef path) {
  fs::file_status status;
  return !fs::status(path, status) && fs::exists(status) &&
         !fs::is_regular_file(status);
}

/// The error that `os` has met since it was opened, which is forgotten there:
/// a stream that ends with one ends the process.
static std::error_code takeError(raw_fd_ostream &os) {
  os.flush();
  std::error_code error = os.error();
  os.clear_error();
  return error;
}

static Error writeInto(raw_fd_ostream &os, StringRef path,
                       function_ref<Error(raw_ostream &)> write) {
  Error failure = write(os);
  std::error_code error = takeError(os);
  if (failure)
    return failure;
  return error ? cannotWrite(path, error) : Error::success();
}

Error peermla::writeOutput(StringRef path,
                           function_ref<Error(raw_ostream &)> write) {
  if (path == "-")
    return writeInto(outs(), "standard output", write);
  std::error_code error;
  if (isSpecial(path)) {
    raw_fd_ostream os(path, error);
    return error ? cannotWrite(path, error) : writeInto(os, path, write);
  }

  int descriptor = -1;
  SmallString<128> temporary;
  error = fs::createUniqueFile(path + ".%%%%%%.tmp", descriptor, temporary,
                               fs::OF_None, fs::all_read | fs::all_write);
  if (error)
    return cannotWrite(path, error);
  sys::RemoveFileOnSignal(temporary);
  scope_exit remove([&] {
    fs::remove(temporary);
    sys::DontRemoveFileOnSignal(temporary);
  });
  {
    raw_fd_ostream os(descriptor, /*shouldClose=*/true);
    if (Error failure = writeInto(os, path, write))
      return failure;
  }
  if ((error = fs::rename(temporary, path)))
    return cannotWrite(path, error);
  return Error::success();
}

Error peermla::verifyOutput(StringRef path, bool isStream) {
  if (fs::is_directory(path))
    return cannotWrite(path, std::make_error_code(std::errc::is_a_directory));
  if (isSpecial(path))
    return isStream ? Error::success()
                    : createStringError("cannot write '" + path +
                                        "': not a regular file");
  StringRef folder = sys::path::parent_path(path);
  if (folder.empty())
    folder = ".";
  if (!fs::exists(folder))
    return cannotWrite(
        path, std::make_error_code(std::errc::no_such_file_or_directory));
  if (!fs::is_directory(folder))
    return cannotWrite(path, std::make_error_code(std::errc::not_a_directory));
  if (std::error_code error = fs::access(folder, fs::AccessMode::Write))
    return cannotWrite(path, error);
  return Error::success();
}
