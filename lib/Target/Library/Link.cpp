//===- Link.cpp - objects -> shared library -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Target/Library/Link.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace mlir;
using namespace peermla;

/// Folders with shared libraries, for all common arrangements of the host.
static std::vector<std::string> getLibraryPaths(const LibraryOptions &options) {
  std::vector<std::string> paths = options.libraryPaths;
  for (StringRef path :
       {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
        "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib64",
        "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib64", "/usr/local/lib"})
    if (llvm::sys::fs::is_directory(path))
      paths.push_back(path.str());
  return paths;
}

/// What the runtime and the generated code may need. `--as-needed` keeps only
/// what they do; the optional ones are part of libc.so.6 in new glibc versions
/// or differ in name between architectures.
static const struct {
  const char *name;
  const char *package;
} neededLibraries[] = {{"libstdc++.so.6", "libstdc++6"},
                       {"libgcc_s.so.1", "libgcc-s1"},
                       {"libgomp.so.1", "libgomp1"},
                       {"libm.so.6", "libc6"},
                       {"libc.so.6", "libc6"}};
static const char *const optionalLibraries[] = {"libdl.so.2", "libpthread.so.0",
                                                "ld-linux-x86-64.so.2",
                                                "ld-linux-aarch64.so.1"};

static bool findLibrary(ArrayRef<std::string> paths, StringRef name) {
  return llvm::any_of(paths, [&](const std::string &path) {
    return llvm::sys::fs::exists(path + "/" + name.str());
  });
}

LogicalResult peermla::writeFile(Location loc, StringRef path, StringRef text) {
  std::error_code error;
  llvm::raw_fd_ostream os(path, error);
  if (!error) {
    os << text;
    os.close();
    error = os.error();
    os.clear_error();
  }
  if (error)
    return emitError(loc) << "cannot write '" << path
                          << "': " << error.message();
  return success();
}

/// Runs lld inside this process. It has global state: one link at a time, and
/// none after one that broke it.
static LogicalResult runLld(Location loc, ArrayRef<std::string> arguments) {
  static std::mutex mutex;
  static bool canRun = true;
  std::lock_guard<std::mutex> lock(mutex);
  if (!canRun)
    return emitError(loc) << "the linker failed before and cannot run again in "
                             "this process";
  SmallVector<const char *> pointers{"ld.lld"};
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string messages;
  llvm::raw_string_ostream os(messages);
  lld::Result result =
      lld::lldMain(pointers, os, os, {{lld::Gnu, &lld::elf::link}});
  canRun = result.canRunAgain;
  if (result.retCode == 0)
    return success();
  return emitError(loc) << "lld cannot link the library: "
                        << StringRef(messages).trim();
}

static LogicalResult runLinker(Location loc, StringRef linker,
                               ArrayRef<std::string> arguments) {
  llvm::ErrorOr<std::string> program = llvm::sys::findProgramByName(linker);
  if (!program || !llvm::sys::fs::can_execute(*program))
    return emitError(loc) << "cannot find the linker '" << linker << "'";
  SmallVector<StringRef> references{*program};
  llvm::append_range(references, arguments);
  std::string message;
  int status = llvm::sys::ExecuteAndWait(*program, references, std::nullopt, {},
                                         0, 0, &message);
  if (status == 0)
    return success();
  InFlightDiagnostic diagnostic = emitError(loc)
                                  << "the linker '" << *program
                                  << "' failed with status " << status;
  if (!message.empty())
    diagnostic << ": " << message;
  return diagnostic;
}

LogicalResult peermla::linkLibrary(Location loc, const LinkJob &job,
                                   const LibraryOptions &options,
                                   StringRef output) {
  if (!llvm::sys::fs::exists(options.runtimeArchive))
    return emitError(loc) << "cannot find the runtime archive '"
                          << options.runtimeArchive << "'";
  std::vector<std::string> paths = getLibraryPaths(options);
  std::vector<std::string> libraries;
  for (const auto &library : neededLibraries) {
    if (!findLibrary(paths, library.name))
      return emitError(loc)
             << "cannot find '" << library.name << "' (package "
             << library.package << ") in " << llvm::join(paths, ", ");
    libraries.push_back(library.name);
  }
  for (StringRef name : optionalLibraries)
    if (findLibrary(paths, name))
      libraries.push_back(name.str());

  SmallString<128> folder;
  if (std::error_code error =
          llvm::sys::fs::createUniqueDirectory("peermla", folder))
    return emitError(loc) << "cannot create a temporary folder: "
                          << error.message();
  llvm::scope_exit removeFolder(
      [&] { llvm::sys::fs::remove_directories(folder); });

  std::vector<std::string> arguments = {
      "-shared",         "-soname", job.soname,  "--hash-style=gnu",
      "--eh-frame-hdr",  "-z",      "defs",      "-z",
      "relro",           "-z",      "now",       "--gc-sections",
      "--build-id=sha1", "-o",      output.str()};
  std::string versions = (folder + "/exports").str();
  if (failed(writeFile(loc, versions,
                       "{ global: " + job.exported + "; local: *; };\n")))
    return failure();
  arguments.push_back("--version-script=" + versions);
  for (auto [i, object] : llvm::enumerate(job.objects)) {
    std::string path = (folder + "/" + llvm::Twine(i) + ".o").str();
    if (failed(writeFile(loc, path, StringRef(object.data(), object.size()))))
      return failure();
    arguments.push_back(path);
  }
  arguments.push_back(options.runtimeArchive);
  for (const std::string &path : paths)
    arguments.push_back("-L" + path);
  arguments.push_back("--as-needed");
  for (const std::string &library : libraries)
    arguments.push_back("-l:" + library);

  if (options.linker.empty())
    return runLld(loc, arguments);
  return runLinker(loc, options.linker, arguments);
}
