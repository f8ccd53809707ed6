//===- Abi.h - what rewritten kernels and the simulator agree on ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A rewritten kernel is a function
//
//     void __peermla_sim_<kernel>(void **arguments)
//
// that each thread of the block calls once; `arguments[i]` points to the value
// of parameter i (a `byval` parameter is that pointer itself). Beside it is a
// constant `__peermla_sim_<kernel>_descriptor` of type KernelDescriptor, plain
// data with pointers, so that it works in a JIT as in an object file. Abi.def
// lists the functions that a kernel calls; here are their declarations and the
// values of their flags. No LLVM here.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SIMULATOR_ABI_H
#define PEERMLA_SIMULATOR_ABI_H

#include <cstdint>

namespace peermla::sim {

/// Changes with any change of Abi.def or of this file.
constexpr uint32_t kAbiVersion = 3;

enum class SpecialRegister : uint32_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  LaneId,
  WarpId,
  NumWarps,
  WarpSize,
  LaneMaskEq,
  LaneMaskLt,
  LaneMaskLe,
  LaneMaskGt,
  LaneMaskGe,
  /// The cluster's place in the grid, and the grid's size in clusters.
  ClusterIdX,
  ClusterIdY,
  ClusterIdZ,
  NumClustersX,
  NumClustersY,
  NumClustersZ,
  /// The block's place in its cluster, and the cluster's size in blocks.
  ClusterCtaidX,
  ClusterCtaidY,
  ClusterCtaidZ,
  ClusterNctaidX,
  ClusterNctaidY,
  ClusterNctaidZ,
  ClusterCtaRank,
  ClusterNctaRank,
  SmId,
  NumSms,
  GridId,
  DynamicSharedSize,
  TotalSharedSize,
};

enum class ClockRegister : uint32_t { Clock, Clock64, GlobalTimer };

/// Element types of matrices, tensor maps, conversions and atomics.
enum class ElementType : uint32_t {
  F16,
  BF16,
  TF32,
  E4M3,
  E5M2,
  S8,
  U8,
  F32,
  F64,
  S32,
  U32,
  S64,
  U64,
  U16,
  /// Untyped bits, of atomics.
  B32,
  B64,
  B128,
};

enum class MemorySpace : uint32_t {
  Generic,
  Global,
  Shared,
  SharedCluster,
  Constant,
  Local,
  Param
};

/// Of `access` and `atomic`.
namespace AccessFlags {
enum : uint32_t {
  Write = 1,
  /// The space of the pointer if its type says so; neither: generic.
  Shared = 2,
  Global = 4,
  /// atomicrmw, cmpxchg, or a relaxed or stronger load or store.
  Atomic = 8,
  Acquire = 16,
  Release = 32,
  Volatile = 64,
  /// A generic pointer that may also be to a local variable.
  MayBeLocal = 128,
  /// In the scope of the block or cluster: for other clusters the access is a
  /// weak one, which neither acquires nor releases.
  ClusterScope = 256,
};
} // namespace AccessFlags

enum class BarrierReduction : uint32_t { PopCount, And, Or };

enum class FenceKind : uint32_t {
  /// fence.{acq_rel,sc,acquire,release}.{gpu,sys}, membar.{gl,sys} and fence of
  /// LLVM.
  Memory,
  /// fence.proxy.async in all its spaces: generic accesses before it are
  /// visible to the asynchronous proxy after it.
  ProxyAsync,
  /// fence.mbarrier_init
  MbarrierInit,
  /// fence.proxy.tensormap, fence.proxy.alias
  ProxyTensormap,
  ProxyAlias,
  /// fence.*.{cta,cluster} and membar.cta: for threads of the cluster alone.
  Cluster,
};

enum class ShuffleKind : uint32_t { Butterfly, Up, Down, Index };
enum class VoteKind : uint32_t { Any, All, Uniform, Ballot };
enum class ReduceKind : uint32_t {
  Add,
  And,
  Or,
  Xor,
  MinS32,
  MaxS32,
  MinU32,
  MaxU32
};

/// Of mma_sync and wgmma.
namespace MatrixFlags {
enum : uint32_t {
  /// A or B is stored with M or N innermost (the `trans` bits of PTX).
  MnMajorA = 1,
  MnMajorB = 2,
  /// D = A B rather than D += A B (scale-d is 0). May depend on run time.
  ZeroD = 4,
  NegateA = 8,
  NegateB = 16,
  /// Integers saturate.
  Saturate = 32,
  /// Only waits that carry the results make them readable, whatever other waits
  /// the kernel has.
  Awaited = 64,
};
} // namespace MatrixFlags

/// Of the arrivals at mbarriers.
namespace ArriveFlags {
enum : uint32_t {
  /// arrive_drop
  Drop = 1,
  /// arrive.noComplete: must not complete the phase.
  NoComplete = 2,
  /// .relaxed: does not order memory.
  Relaxed = 4,
};
} // namespace ArriveFlags

/// Of waits at mbarriers.
namespace WaitFlags {
enum : uint32_t {
  /// The operand is a parity rather than a state.
  Parity = 1,
  /// try_wait rather than test_wait.
  Try = 2,
  Relaxed = 4,
};
} // namespace WaitFlags

/// Of atomics, reductions and reducing stores.
enum class AtomicOp : uint32_t {
  Add,
  Min,
  Max,
  Inc,
  Dec,
  And,
  Or,
  Xor,
  Exchange,
  Cas
};

enum class TmaReduction : uint32_t {
  None,
  Add,
  Min,
  Max,
  Inc,
  Dec,
  And,
  Or,
  Xor
};

enum class PrefetchKind : uint32_t { L1, L2, TensorMap };

/// How a conversion rounds: a mode, plus flags.
namespace RoundingFlags {
enum : uint32_t {
  /// .rn ties to even; .rz; .rna ties away from zero; .rm; .rp
  Nearest = 0,
  Zero = 1,
  NearestAway = 2,
  Down = 3,
  Up = 4,
  Mode = 7,
  /// .relu: negative values and NaN become 0 and the canonical NaN.
  Relu = 8,
  /// .satfinite: beyond the range is the largest finite value.
  Saturate = 16,
  /// .ftz
  FlushSubnormal = 32,
};
} // namespace RoundingFlags

enum class ApproxFunction : uint32_t {
  Exp2,
  Log2,
  Reciprocal,
  ReciprocalSqrt,
  Sqrt,
  Sin,
  Cos,
  Tanh,
  Divide
};

enum class PermuteMode : uint32_t { Default, F4E, B4E, Rc8, Ecl, Ecr, Rc16 };

/// Classes in which instructions are counted. The runtime counts all but the
/// first five. Integer is what the pipe for integers does: comparisons,
/// choices, minima and maxima of floating-point numbers, too.
enum class InstructionClass : uint32_t {
  Integer,
  Float,
  Special,
  Conversion,
  Control,
  LoadGlobal,
  StoreGlobal,
  LoadShared,
  StoreShared,
  Local,
  Atomic,
  Barrier,
  Collective,
  LoadMatrix,
  StoreMatrix,
  Mma,
  Wgmma,
  CopyAsync,
  Tma,
  Fence,
  Other,
};
constexpr uint32_t kNumInstructionClasses = 21;

/// One op of a kernel that can be reported.
struct SiteDescriptor {
  /// `nvvm.wgmma.mma_async`
  const char *op;
  /// `gemm.mlir:75:10`, or whatever the location prints.
  const char *location;
};

/// A global of the kernel's module in global or constant memory.
struct GlobalDescriptor {
  const char *name;
  void *data;
  uint64_t size;
};

/// What the launch must know of a kernel; layout is part of the interface.
struct KernelDescriptor {
  /// kAbiVersion of the pass.
  uint32_t abiVersion;
  uint32_t numParameters;
  const char *name;
  void (*entry)(void **arguments);
  /// Bytes of each parameter.
  const uint64_t *parameterSizes;
  const SiteDescriptor *sites;
  const GlobalDescriptor *globals;
  uint32_t numSites;
  uint32_t numGlobals;
  /// Bytes of static shared memory, from the start of the arena.
  uint32_t staticShared;
  /// Where dynamic shared memory starts, at or after the end of static memory.
  uint32_t dynamicOffset;
  /// nvvm.reqntid and nvvm.cluster_dim; zeros if the kernel does not say.
  uint32_t requiredBlock[3];
  uint32_t requiredCluster[3];
  /// nvvm.maxntid (product), nvvm.maxnreg; 0 if the kernel does not say.
  uint32_t maxThreads;
  uint32_t maxRegisters;
  /// Bytes of stack of one thread; 0 for the default.
  uint32_t stackBytes;
  /// 1 if a wait for matrix products does not carry the accumulators that are
  /// in registers: their numbers appear at issue, and no use of one that is
  /// still in flight is seen.
  uint32_t hasUntiedWaits;
  /// 1 if its clusters may learn of each other while they run: there are strong
  /// accesses, atomics or reductions of global memory.
  uint32_t communicates;
};

/// The types of Abi.def.
namespace abi {
using Void = void;
using I32 = uint32_t;
using I64 = uint64_t;
using F32 = float;
using Ptr = void *;
} // namespace abi
} // namespace peermla::sim

extern "C" {
// A parameter list of one `Void` is empty.
#define PEERMLA_SIM_FUNCTION(Name, Effect, Result, ...)                        \
  namespace peermla::sim::abi {                                                \
  Result peermla_sim_##Name(__VA_ARGS__);                                      \
  }
#include "peermla/Simulator/Abi.def"
}

#endif // PEERMLA_SIMULATOR_ABI_H
