//===- Cubin.cpp - PTX as machine code of a GPU ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Diagnostics.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Target/Binary/Ptx.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace mlir;
using namespace peermla;
namespace sys = llvm::sys;

std::optional<std::string> peermla::findPtxas() {
  if (const char *given = std::getenv("PEERMLA_PTXAS")) {
    if (*given == 0)
      return std::nullopt;
    return std::string(given);
  }
  if (llvm::ErrorOr<std::string> found = sys::findProgramByName("ptxas"))
    return *found;
  if (llvm::ErrorOr<std::string> found =
          sys::findProgramByName("ptxas", {"/usr/local/cuda/bin"}))
    return *found;
  return std::nullopt;
}

/// The first lines of a text file.
static std::string readStart(StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file)
    return "";
  SmallVector<StringRef> lines;
  (*file)->getBuffer().trim().split(lines, '\n');
  if (lines.size() > 4)
    lines.truncate(4);
  return llvm::join(lines, "; ");
}

std::vector<KernelResources> peermla::parseResources(StringRef text) {
  std::vector<KernelResources> kernels;
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  // `Used 40 registers, used 1 barriers, 8 bytes smem`
  auto readNumbers = [&](StringRef line) {
    SmallVector<StringRef> parts;
    line.split(parts, ',');
    KernelResources &kernel = kernels.back();
    for (StringRef part : parts) {
      part = part.trim();
      part.consume_front("Used ");
      auto [digits, what] = part.split(' ');
      int64_t value;
      if (digits.getAsInteger(10, value))
        continue;
      if (what == "registers")
        kernel.registers = value;
      else if (what == "bytes smem")
        kernel.sharedBytes = value;
      else if (what == "bytes stack frame")
        kernel.stackBytes = value;
      else if (what == "bytes spill stores")
        kernel.spillStoreBytes = value;
      else if (what == "bytes spill loads")
        kernel.spillLoadBytes = value;
    }
  };
  // Notes precede the kernel that they are about, or name it.
  std::vector<std::string> notes;
  for (StringRef line : lines) {
    line = line.trim();
    if (line.consume_front("ptxas info"))
      line = line.ltrim(" :");
    if (line.consume_front("Compiling entry function '")) {
      KernelResources &kernel = kernels.emplace_back();
      kernel.name = line.split('\'').first.str();
      kernel.notes = std::move(notes);
      notes.clear();
    } else if (line.starts_with("(C") || line.contains("warning")) {
      (kernels.empty() ? notes : kernels.back().notes).push_back(line.str());
    } else if (!kernels.empty()) {
      readNumbers(line);
    }
  }
  return kernels;
}

namespace {

/// Runs ptxas in a folder of its own, which goes with it unless a text is
/// refused.
class Assembly {
public:
  Assembly(Location loc, const GpuTarget &target, StringRef ptxas)
      : loc(loc), ptxas(ptxas), architecture(("-arch=" + target.name).str()) {}
  ~Assembly() {
    if (!folder.empty() && !isKept)
      sys::fs::remove_directories(folder);
  }

  FailureOr<Cubin> run(StringRef ptx);

private:
  LogicalResult write(StringRef ptx);

  Location loc;
  StringRef ptxas;
  std::string architecture, source;
  SmallString<128> folder;
  bool isKept = false;
};

} // namespace

LogicalResult Assembly::write(StringRef ptx) {
  if (folder.empty())
    if (std::error_code error =
            sys::fs::createUniqueDirectory("peermla-ptxas", folder))
      return emitError(loc)
             << "cannot create a temporary folder: " << error.message();
  source = (folder + "/kernel.ptx").str();
  std::error_code error;
  llvm::raw_fd_ostream os(source, error);
  os << ptx;
  os.close();
  if (error || os.has_error()) {
    os.clear_error();
    return emitError(loc) << "cannot write '" << source << "'";
  }
  return success();
}

FailureOr<Cubin> Assembly::run(StringRef ptx) {
  if (failed(write(ptx)))
    return failure();
  std::string result = (folder + "/kernel.cubin").str(),
              messages = (folder + "/messages").str();
  StringRef arguments[] = {ptxas,  architecture, "-O3", "-v",
                           source, "-o",         result};
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(messages),
                                          StringRef(messages)};
  std::string problem;
  int status = sys::ExecuteAndWait(ptxas, arguments, std::nullopt, redirects, 0,
                                   0, &problem);
  if (status != 0) {
    // The text that it refused is what a reader needs.
    isKept = true;
    std::string said = readStart(messages);
    if (said.empty())
      said = problem.empty() ? "it printed nothing" : problem;
    return emitError(loc) << "'" << ptxas << "' failed with status " << status
                          << ": " << said << "; reproduce with: " << ptxas
                          << " " << architecture << " -O3 " << source
                          << " -o kernel.cubin";
  }
  auto file = llvm::MemoryBuffer::getFile(result, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return emitError(loc) << "cannot read what '" << ptxas
                          << "' wrote: " << file.getError().message();
  auto said = llvm::MemoryBuffer::getFile(messages);
  return Cubin{(*file)->getBuffer().str(),
               said ? parseResources((*said)->getBuffer())
                    : std::vector<KernelResources>()};
}

/// Whether a kernel keeps registers in memory.
static bool spills(const Cubin &cubin) {
  return llvm::any_of(cubin.kernels, [](const KernelResources &kernel) {
    return kernel.spillStoreBytes > 0 || kernel.stackBytes > 0;
  });
}

static constexpr StringLiteral minBlocks = "\n.minnctapersm ";

/// The number of blocks that should fit by the text, 0 if it does not say.
static int64_t getMinBlocks(StringRef ptx) {
  size_t at = ptx.find(minBlocks);
  int64_t blocks = 0;
  if (at != StringRef::npos)
    ptx.drop_front(at + minBlocks.size()).consumeInteger(10, blocks);
  return blocks;
}

/// The text with kernels of which a multiprocessor has room for so many blocks,
/// or that do not say for how many if that is 0.
static std::string setMinBlocks(StringRef ptx, int64_t blocks) {
  constexpr StringLiteral threads = "\n.reqntid ";
  std::string text;
  while (!ptx.empty()) {
    // A line, behind the end of the one before it.
    size_t size = std::min(ptx.find('\n', 1), ptx.size());
    StringRef piece = ptx.take_front(size);
    ptx = ptx.drop_front(size);
    if (piece.starts_with(minBlocks))
      continue;
    text += piece;
    if (blocks > 0 && piece.starts_with(threads))
      text += (minBlocks + Twine(blocks)).str();
  }
  return text;
}

FailureOr<Cubin> peermla::assemblePtx(Location loc, StringRef ptx,
                                      const GpuTarget &target,
                                      StringRef ptxas) {
  Assembly assembly(loc, target, ptxas);
  FailureOr<Cubin> cubin = assembly.run(ptx);
  // With one block a thread has all registers that there are.
  int64_t told = getMinBlocks(ptx);
  if (failed(cubin) || !spills(*cubin) || told == 1)
    return cubin;
  SmallVector<int64_t> others = {8, 1};
  if (told > 0)
    others = {0, told / 2, 1};
  for (int64_t blocks : others) {
    FailureOr<Cubin> other = assembly.run(setMinBlocks(ptx, blocks));
    if (failed(other) || !spills(*other))
      return other;
  }
  return cubin;
}
