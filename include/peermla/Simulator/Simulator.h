//===- Simulator.h - running rewritten kernels on the host ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `run` executes one launch: every thread of a block is a fiber, the blocks of
// a cluster share one operating-system thread; clusters are spread over several
// unless they may learn of each other through global memory: then they take
// turns on one. What is wrong with a kernel (races, reads of what nobody wrote,
// accesses out of bounds, deadlocks, broken rules of asynchronous instructions)
// becomes a Report; nothing aborts, throws or writes to standard output or
// error, except what the kernel prints itself. The same launch with the same
// options has the same results and gives the same reports; only which of two
// clusters that race is named first, and what they leave behind, is known with
// one thread alone.
//
//     KernelDescriptor *kernel = ...;       // from a JIT or an object file
//     sim::Launch launch;
//     launch.kernel = kernel;
//     launch.arguments = arguments;         // as cuLaunchKernel takes them
//     launch.grid = {8, 1, 1};
//     launch.block = {128, 1, 1};
//     launch.buffers.push_back({out, 4096, "out"});
//     sim::Result result = sim::run(launch, options);
//     if (!result.reports.empty()) puts(result.getText(launch).c_str());
//
// No LLVM: this is linked into compiled models, too.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SIMULATOR_SIMULATOR_H
#define PEERMLA_SIMULATOR_SIMULATOR_H

#include "peermla/Simulator/Abi.h"
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace peermla::sim {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t getVolume() const { return uint64_t(x) * y * z; }
};

//===-- Options -------------------------------------------------------------===

/// When asynchronous copies and matrix multiplications happen.
enum class Async : uint8_t {
  /// When they are issued.
  Eager,
  /// As late as possible: at the wait that demands them, or when no thread can
  /// run.
  Lazy,
  /// Some now, some later; threads run in random order, too.
  Random,
};

struct Options {
  Async async = Async::Eager;
  /// Detect conflicting accesses that nothing orders: of threads to shared
  /// memory, of threads and of clusters to the buffers of the launch.
  bool checkRaces = false;
  /// Detect reads of shared memory that nothing wrote.
  bool checkInit = false;
  /// Detect accesses of global memory outside Launch::buffers, and generic ones
  /// outside everything. Accesses of shared memory are always checked.
  bool checkBounds = false;
  /// wgmma.wait_group completes only what the executing warp itself has issued,
  /// as PTX promises, rather than the whole warpgroup's.
  bool strict = false;
  /// Fill the counters of sites; costs about as much as a check.
  bool countAccesses = false;
  /// Threads run in random order even where `async` is not Random.
  bool shuffle = false;
  /// Signals of the kernel's own code (division by zero, memory that does not
  /// exist) end the launch with a report. Handlers of the process are replaced
  /// while the launch runs; without, such a kernel ends the process.
  bool catchFaults = false;
  uint64_t seed = 0;
  /// Operating-system threads at most; 0 for one per processor.
  uint32_t threads = 1;
  /// The launch stops when this many reports exist.
  uint32_t errorLimit = 32;
  /// Instructions that one thread may execute, as counted by `count` and by the
  /// runtime's functions; 0 for any number.
  uint64_t instructionLimit = 0;
};

//===-- Reports -------------------------------------------------------------===

enum class ReportKind : uint8_t {
  Launch,        ///< the launch itself cannot be
  Race,          ///< conflicting accesses without order
  Uninitialized, ///< read of shared memory that nothing wrote
  OutOfBounds,
  Misaligned,
  Deadlock,
  Barrier,     ///< wrong use of a barrier or mbarrier
  Divergence,  ///< threads that must execute one instruction do not
  Accumulator, ///< wgmma: missing fence, commit or wait
  Descriptor,  ///< matrix descriptor or tensor map that hardware rejects
  Async,       ///< asynchronous work nobody waits for, and the like
  Registers,   ///< setmaxnreg outside the pool or the rules
  Exit,        ///< a barrier left in mid-phase, and the like
  Trap,        ///< trap, assertion, instruction limit
};

/// `race`, `out-of-bounds`, ...
const char *getName(ReportKind kind);

constexpr uint32_t kNoSite = ~0u;
constexpr uint32_t kNoThread = ~0u;

struct Report {
  ReportKind kind = ReportKind::Trap;
  /// One sentence: lower case, no full stop, with the numbers.
  std::string message;
  /// The op at fault, kNoSite if there is none.
  uint32_t site = kNoSite;
  Dim3 block{0, 0, 0};
  /// The thread in the block, kNoThread if there is none.
  uint32_t thread = kNoThread;
  /// The other party of a race: its op, and what it is: `thread 5`, `wgmma of
  /// warpgroup 1`, ...
  uint32_t otherSite = kNoSite;
  std::string other;
  /// Times that the same was found at the same sites.
  uint64_t count = 1;
  /// Further lines: who waits where in a deadlock.
  std::vector<std::string> notes;
};

//===-- Counters ------------------------------------------------------------===

/// What one op did, or all of them. Instructions are those of threads; all
/// other numbers are those of warps, blocks or bytes as they say.
struct Counters {
  uint64_t instructions[kNumInstructionClasses] = {};
  /// Multiplications and additions of mma and wgmma.
  uint64_t matrixFlop = 0;
  /// Warp-wide requests to global memory; 32-byte sectors that they touch and
  /// the number that the same bytes would fill.
  uint64_t globalRequests = 0, globalSectors = 0, globalIdealSectors = 0;
  /// Passes through the 32 banks of shared memory, of loads, stores, ldmatrix,
  /// stmatrix, copies and wgmma operands, and the number that as many distinct
  /// bytes would need.
  uint64_t sharedWavefronts = 0, sharedIdealWavefronts = 0;
  /// Bytes by tensor and bulk copies, between global and shared memory.
  uint64_t tmaLoadBytes = 0, tmaStoreBytes = 0;
  /// Threads that had to wait at a barrier or mbarrier.
  uint64_t barrierWaits = 0;
  /// Times that a thread came to a barrier of its block and waited for others.
  uint64_t blockBarriers = 0;

  void add(const Counters &other);
};

/// `integer`, `load-shared`, ...
const char *getName(InstructionClass instruction);

//===-- Launches ------------------------------------------------------------===

/// Global memory that the kernel may use.
struct Buffer {
  void *data = nullptr;
  size_t size = 0;
  std::string name;
  bool readOnly = false;
};

struct Launch {
  const KernelDescriptor *kernel = nullptr;
  /// Pointers to the values of the parameters, KernelDescriptor::numParameters
  /// of them.
  void **arguments = nullptr;
  Dim3 grid, block, cluster;
  /// Bytes of dynamic shared memory.
  uint32_t dynamicShared = 0;
  /// Checked with Options::checkBounds; module globals and parameters need not
  /// be named.
  std::vector<Buffer> buffers;
};

struct Result {
  /// In the order of blocks, and of time within a block.
  std::vector<Report> reports;
  /// All blocks ran to their end.
  bool completed = false;
  /// Instructions by class and matrixFlop are always counted; the rest with
  /// Options::countAccesses.
  Counters total;
  /// By site; empty without Options::countAccesses.
  std::vector<Counters> sites;

  /// One paragraph per report; empty if there are none.
  std::string getText(const Launch &launch) const;
  /// {"kernel": ..., "completed": ..., "reports": [...], "counters": {...}}
  std::string getJson(const Launch &launch) const;
};

/// Runs the launch to its end, to a deadlock or to the error limit.
Result run(const Launch &launch, const Options &options);

/// Memory with red zones around it that no buffer may contain; from `malloc`'s
/// point of view ordinary. Aligned to 256 bytes like cudaMalloc's.
void *allocateGlobal(size_t size);
void freeGlobal(void *data);

//===-- Tensor maps ---------------------------------------------------------===

/// What cuTensorMapEncodeTiled makes of its arguments, in our own layout: 128
/// opaque bytes that kernels take by value or by address.
struct alignas(64) TensorMap {
  unsigned char bytes[128];
};

enum class Swizzle : uint8_t { None, Bytes32, Bytes64, Bytes128 };

/// The arguments of cuTensorMapEncodeTiled. Dimension 0 is the innermost;
/// `strides[i]` is that of dimension i + 1 in bytes.
struct TensorMapDesc {
  ElementType type = ElementType::BF16;
  uint32_t rank = 1;
  void *base = nullptr;
  uint64_t sizes[5] = {1, 1, 1, 1, 1};
  uint64_t strides[4] = {};
  uint32_t box[5] = {1, 1, 1, 1, 1};
  uint32_t elementStrides[5] = {1, 1, 1, 1, 1};
  Swizzle swizzle = Swizzle::None;
  /// Elements outside are NaN rather than zero.
  bool fillNaN = false;
};

/// An empty string, or the sentence that says which rule of
/// cuTensorMapEncodeTiled the arguments break.
std::string encodeTensorMap(TensorMap &map, const TensorMapDesc &desc);

//===-- Symbols -------------------------------------------------------------===

struct Symbol {
  const char *name;
  void *address;
};

/// All functions of Abi.def by their linker names, for a JIT.
const std::vector<Symbol> &getSymbols();

} // namespace peermla::sim

#endif // PEERMLA_SIMULATOR_SIMULATOR_H
