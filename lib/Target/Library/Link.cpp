//===- Link.cpp - objects -> shared library -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Target/Library/Link.h"
#include "lld/Common/Driver.h"
#include "peermla/Support/OutputFile.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/Archive.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/TargetParser/Triple.h"
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
/// what they do; the optional ones are part of libc.so.6 in new glibc versions.
static const struct {
  const char *name;
  const char *package;
} neededLibraries[] = {{"libstdc++.so.6", "libstdc++6"},
                       {"libgcc_s.so.1", "libgcc-s1"},
                       {"libgomp.so.1", "libgomp1"},
                       {"libm.so.6", "libc6"},
                       {"libc.so.6", "libc6"}};
static const char *const optionalLibraries[] = {"libdl.so.2",
                                                "libpthread.so.0"};

/// The loader, which defines what thread-local variables need.
static StringRef getLoader(StringRef architecture) {
  return architecture == "aarch64" ? "ld-linux-aarch64.so.1"
                                   : "ld-linux-x86-64.so.2";
}

static bool findLibrary(ArrayRef<std::string> paths, StringRef name) {
  return llvm::any_of(paths, [&](const std::string &path) {
    return llvm::sys::fs::exists(path + "/" + name.str());
  });
}

LogicalResult peermla::writeFile(Location loc, StringRef path, StringRef text) {
  llvm::Error error = writeOutput(path, [&](llvm::raw_ostream &os) {
    os << text;
    return llvm::Error::success();
  });
  if (error)
    return emitError(loc) << llvm::toString(std::move(error));
  return success();
}

LogicalResult peermla::verifyRuntime(Location loc, StringRef path,
                                     StringRef architecture) {
  auto refuse = [&](llvm::Error error) {
    return emitError(loc) << "cannot read the runtime archive '" << path
                          << "': " << llvm::toString(std::move(error));
  };
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file)
    return refuse(llvm::errorCodeToError(file.getError()));
  auto archive = llvm::object::Archive::create(**file);
  if (!archive)
    return refuse(archive.takeError());
  llvm::Error error = llvm::Error::success();
  for (const llvm::object::Archive::Child &child :
       (*archive)->children(error)) {
    auto member = child.getAsBinary();
    if (!member) {
      llvm::consumeError(std::move(error));
      return refuse(member.takeError());
    }
    auto *object = llvm::dyn_cast<llvm::object::ObjectFile>(member->get());
    StringRef found =
        object ? llvm::Triple::getArchTypeName(object->getArch()) : "unknown";
    if (found == architecture)
      continue;
    llvm::consumeError(std::move(error));
    return emitError(loc) << "cannot link a library for " << architecture
                          << ": the runtime archive '" << path << "' is for "
                          << found
                          << ", emit objects or name another '--runtime'";
  }
  return error ? refuse(std::move(error)) : success();
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
  if (StringRef loader = getLoader(job.architecture);
      findLibrary(paths, loader))
    libraries.push_back(loader.str());

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
  llvm::append_range(arguments, job.archives);
  for (const std::string &path : paths)
    arguments.push_back("-L" + path);
  arguments.push_back("--as-needed");
  for (const std::string &library : libraries)
    arguments.push_back("-l:" + library);

  if (options.linker.empty())
    return runLld(loc, arguments);
  return runLinker(loc, options.linker, arguments);
}
