//===- Launch.cpp - from a launch to clusters on threads ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Faults.h"
#include "Machine.h"
#include "Residents.h"
#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>

using namespace peermla::sim;

static constexpr uint32_t kMaxBlockThreads = 1024;
/// Of clusters, without the opt-in to 16.
static constexpr uint32_t kMaxClusterBlocks = 16;
/// Registers of a multiprocessor.
static constexpr uint32_t kRegisters = 65536;
static constexpr uint32_t kMaxThreadRegisters = 255;
static constexpr size_t kDefaultStack = 128 << 10;
static constexpr size_t kPage = 4096;
/// Threads of the system for one launch.
static constexpr uint64_t kMaxWorkers = 256;

static std::string print(const Dim3 &dim) {
  return std::to_string(dim.x) + "x" + std::to_string(dim.y) + "x" +
         std::to_string(dim.z);
}

/// What the launch of hardware would refuse; empty if nothing.
static std::string validate(const Launch &launch, const Options &options) {
  const KernelDescriptor *kernel = launch.kernel;
  if (!kernel)
    return "expected a kernel, got none";
  if (kernel->abiVersion != kAbiVersion)
    return "the kernel was rewritten for version " +
           std::to_string(kernel->abiVersion) +
           " of the simulator's interface, this is version " +
           std::to_string(kAbiVersion);
  if (!kernel->entry)
    return "the kernel has no entry";
  if (kernel->numParameters && !launch.arguments)
    return "expected " + std::to_string(kernel->numParameters) +
           " arguments, got none";
  for (uint32_t i = 0; i < kernel->numParameters; ++i)
    if (!launch.arguments[i])
      return "argument " + std::to_string(i) + " is null";
  if (!launch.grid.getVolume() || !launch.block.getVolume() ||
      !launch.cluster.getVolume())
    return "a launch has at least one block of one thread, got a grid of " +
           print(launch.grid) + ", blocks of " + print(launch.block) +
           " and clusters of " + print(launch.cluster);
  if (launch.block.getVolume() > kMaxBlockThreads)
    return "a block has at most " + std::to_string(kMaxBlockThreads) +
           " threads, got " + print(launch.block);
  const uint32_t *block = kernel->requiredBlock;
  if (block[0] && (launch.block.x != block[0] || launch.block.y != block[1] ||
                   launch.block.z != block[2]))
    return "the kernel requires blocks of " +
           print({block[0], block[1], block[2]}) + ", got " +
           print(launch.block);
  if (kernel->maxThreads && launch.block.getVolume() > kernel->maxThreads)
    return "the kernel allows blocks of at most " +
           std::to_string(kernel->maxThreads) + " threads, got " +
           print(launch.block);
  const uint32_t *cluster = kernel->requiredCluster;
  if (cluster[0] &&
      (launch.cluster.x != cluster[0] || launch.cluster.y != cluster[1] ||
       launch.cluster.z != cluster[2]))
    return "the kernel requires clusters of " +
           print({cluster[0], cluster[1], cluster[2]}) + ", got " +
           print(launch.cluster);
  if (launch.cluster.getVolume() > kMaxClusterBlocks)
    return "a cluster has at most " + std::to_string(kMaxClusterBlocks) +
           " blocks, got " + print(launch.cluster);
  if (launch.grid.x % launch.cluster.x || launch.grid.y % launch.cluster.y ||
      launch.grid.z % launch.cluster.z)
    return "a grid of " + print(launch.grid) +
           " is no multiple of clusters of " + print(launch.cluster);
  uint64_t shared =
      uint64_t(std::max(kernel->staticShared, kernel->dynamicOffset)) +
      launch.dynamicShared;
  if (shared > kMaxSharedBytes)
    return "a block has at most " + std::to_string(kMaxSharedBytes) +
           " bytes of shared memory, got " + std::to_string(shared) + " (" +
           std::to_string(launch.dynamicShared) + " of them dynamic)";
  if (options.errorLimit == 0)
    return "the error limit must be at least 1";
  return "";
}

static Report makeLaunchReport(std::string message) {
  Report report;
  report.kind = ReportKind::Launch;
  report.message = std::move(message);
  return report;
}

static void addRegions(Regions &regions, const Launch &launch) {
  const KernelDescriptor &kernel = *launch.kernel;
  for (size_t i = 0; i < launch.buffers.size(); ++i) {
    const Buffer &buffer = launch.buffers[i];
    regions.add(buffer.data, buffer.size,
                buffer.name.empty() ? "buffer " + std::to_string(i)
                                    : buffer.name,
                buffer.readOnly);
  }
  for (uint32_t i = 0; i < kernel.numGlobals; ++i)
    regions.add(kernel.globals[i].data, kernel.globals[i].size,
                kernel.globals[i].name, false);
  for (uint32_t i = 0; i < kernel.numParameters; ++i)
    regions.add(launch.arguments[i], kernel.parameterSizes[i],
                "parameter " + std::to_string(i), true);
  regions.sort();
}

/// Registers of each thread at the start: what the kernel says, or an equal
/// part of all, in units of 8.
static uint32_t getLaunchRegisters(const KernelDescriptor &kernel,
                                   uint32_t numThreads) {
  uint32_t threads = (numThreads + 127) / 128 * 128;
  uint32_t registers =
      kernel.maxRegisters ? kernel.maxRegisters
                          : std::min(kRegisters / threads, kMaxThreadRegisters);
  return registers / 8 * 8;
}

Result peermla::sim::run(const Launch &launch, const Options &options) {
  Result result;
  if (std::string error = validate(launch, options); !error.empty()) {
    result.reports.push_back(makeLaunchReport(std::move(error)));
    return result;
  }
  const KernelDescriptor &kernel = *launch.kernel;
  LaunchState state(launch, options);
  state.numThreads = uint32_t(launch.block.getVolume());
  state.numBlocks = uint32_t(launch.cluster.getVolume());
  state.sharedBytes = std::max(kernel.staticShared, kernel.dynamicOffset) +
                      launch.dynamicShared;
  state.launchRegisters = getLaunchRegisters(kernel, state.numThreads);
  addRegions(state.regions, launch);

  uint64_t numClusters = launch.grid.getVolume() / state.numBlocks;
  uint64_t numWorkers = options.threads
                            ? options.threads
                            : std::max(1u, std::thread::hardware_concurrency());
  state.numClusters = numClusters;
  numWorkers = kernel.communicates
                   ? 1
                   : std::min<uint64_t>({numWorkers, numClusters, kMaxWorkers});
  size_t stackBytes = kernel.stackBytes ? kernel.stackBytes : kDefaultStack;
  stackBytes = std::max(stackBytes, 2 * kStackReserve);
  stackBytes = (stackBytes + kPage - 1) / kPage * kPage;

  std::mutex mutex;
  uint64_t finished = 0;
  std::vector<Report> reports;
  auto work = [&] {
    // A kernel may run on a thread that itself is in a kernel's runtime call.
    Thread *outer = currentThread;
    Residents residents(state, stackBytes);
    uint64_t done = 0;
    {
      std::optional<FaultGuard> guard;
      if (options.catchFaults)
        guard.emplace();
      done = residents.run();
    }
    currentThread = outer;
    std::lock_guard<std::mutex> lock(mutex);
    finished += done;
    residents.collect(result, reports);
    if (!residents.getError().empty())
      reports.push_back(makeLaunchReport(residents.getError()));
  };
  std::vector<std::thread> workers;
  for (uint64_t i = 1; i < numWorkers; ++i)
    workers.emplace_back(work);
  work();
  for (std::thread &worker : workers)
    worker.join();

  // By blocks; those of one block are in order already.
  std::vector<std::pair<uint64_t, size_t>> order;
  for (size_t i = 0; i < reports.size(); ++i) {
    const Dim3 &block = reports[i].block;
    order.push_back(
        {(uint64_t(block.z) * launch.grid.y + block.y) * launch.grid.x +
             block.x,
         i});
  }
  std::sort(order.begin(), order.end());
  std::vector<Report> sorted;
  for (const auto &[block, i] : order)
    sorted.push_back(std::move(reports[i]));
  result.reports = mergeReports(std::move(sorted), options.errorLimit);
  result.completed = finished == numClusters;
  return result;
}
