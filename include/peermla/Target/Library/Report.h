//===- Report.h - what the compiler decided and what came out -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Collects the remarks of all passes (decisions about schedules) and, per CPU
// level, what is known of every kernel and of every function that LLVM emits.
// As JSON, version 1:
//
//     {"schema": 1, "model": "M", "compiler": "...", "weight_bytes": 123,
//      "sizes": {"T": 256, "B": 2, ...},
//      "decisions": [{"name": "Schedule", "category": "schedule",
//                     "function": "...", "location": "m.mlir:3:8",
//                     "text": "..."}],
//      "levels": [{"level": "x86-64-v3", "object_bytes": 4567,
//                  "entries": [{"name": "forward", "launches": 12,
//                               "workspace_bytes": QUANTITY}],
//                  "kernels": [{"name": "...", "id": "layers.0.mlp.up_proj",
//                               "schedule": "#tile.schedule<..>", "why": "...",
//                               "instructions": 89, ..., "launches":
//                               [LAUNCH]}],
//                  "functions": [{"name": "...", "instructions": 89,
//                                 "stack_bytes": 64, "spills": 0,
//                                 "reloads": 0, "spills_in_loops": 0}]}],
//      "targets": [{"target": "sm_80",
//                   "entries": [{"name": "forward", "launches": 12,
//                                "workspace_bytes": QUANTITY}],
//                   "kernels": [{"name": "...", "id": "layers.0.mlp.up_proj",
//                                "tier": "tile program", "why_steps": "",
//                                "schedule": "#tile.schedule<..>", "why": "..",
//                                "launches": [LAUNCH], "threads": 128,
//                                "dynamic_shared_bytes": 0, "ptx_bytes": 4567,
//                                "cubin_bytes": 3456, "registers": 40,
//                                "static_shared_bytes": 1024,
//                                "stack_bytes": 0, "spill_store_bytes": 0,
//                                "spill_load_bytes": 0, "resident_blocks": 8,
//                                "resident_warps": 32, "bytes_ahead": 16384,
//                                "notes": []}]}]}
//
//     QUANTITY = {"formula": "2048 * T", "value": 524288}
//     LAUNCH   = {"entry": "forward", "count": 4, "flop": QUANTITY,
//                 "narrow_flop": QUANTITY, "special": QUANTITY,
//                 "bytes": QUANTITY, "items": QUANTITY,
//                 "balance_percent": 96, "floor_ns": 12300,
//                 "predicted_ns": 14500}
//
// A formula is over the names that entries give the dimensions of their
// arguments, `S` (keys a token attends to, if they are in a cache) and
// `threads`. Its value, the floor and the predicted time are those at `sizes`;
// null where a size is not given. They are per launch; `count` is how often the
// entry's code launches the kernel, on both sides of choices between kernels,
// and `launches` the most that one call makes. `balance_percent` is the share
// of the threads' time that items fill. Equal kernels of layers and entries are
// one. A kernel without `items` is cut by its lowering. Workspaces are bounds
// where a call asks for less on one side of a choice. A decision that several
// levels take alike appears once. `spills_in_loops` counts spills and reloads
// inside loops.
//
// Kernels of GPU targets are tile programs or steps of threads, and then
// `why_steps` says what kept them from being the first. Their times are those
// of the target's usual device (TargetInfo), where steps have no matrix
// instructions but floors do. What ptxas says is null without it, and so are
// the blocks that a multiprocessor keeps at a time and the warps of these.
// `bytes_ahead` are those that a loop of a block brings while it works on
// others: slots of its rings but one, rows that it carries
// (`tile.bytes_ahead`).
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TARGET_LIBRARY_REPORT_H
#define PEERMLA_TARGET_LIBRARY_REPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "peermla/Support/CostModel.h"
#include "peermla/Support/KernelPlan.h"
#include "peermla/Target/Binary/Ptx.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/JSON.h"
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace peermla {

/// Facts about the machine code of one function.
struct FunctionReport {
  int64_t instructions = 0, stackBytes = 0;
  int64_t spills = 0, reloads = 0, spillsInLoops = 0;
};

/// A function of sizes, and its value at the sizes of the report.
struct Quantity {
  std::string formula;
  std::optional<int64_t> value;
};

/// What an entry asks of a kernel.
struct LaunchReport {
  std::string entry;
  int64_t count = 0;
  /// Without a value where nothing is known.
  std::array<Quantity, numCosts> costs;
};

struct KernelReport {
  std::string name, id, schedule, why;
  /// On a GPU: why it is no tile program, or empty.
  std::string whySteps;
  std::vector<LaunchReport> launches;
};

struct EntryReport {
  std::string name;
  /// The most that a call makes.
  int64_t launches = 0;
  Quantity workspace;
};

using Sizes = std::map<std::string, int64_t>;

/// The value of a function at `sizes`, and its text.
Quantity getQuantity(const SizeFunction &function, unsigned i,
                     const Sizes &sizes);
/// The entry that `function` is, or nothing.
std::optional<EntryReport> describeEntry(mlir::Operation *function,
                                         const Sizes &sizes);
/// What the kernel `function` was planned to do, from CountLaunches' attribute.
KernelReport describeKernel(mlir::Operation *function, const Sizes &sizes);
/// Launches, on a machine, and entries of a report as JSON.
llvm::json::Array getLaunches(llvm::ArrayRef<LaunchReport> launches,
                              const Machine &floor, const Machine &machine);
llvm::json::Array getEntries(llvm::ArrayRef<EntryReport> entries);

/// Facts about one level.
struct LevelReport {
  std::string level;
  int64_t objectBytes = 0;
  std::vector<KernelReport> kernels;
  std::vector<EntryReport> entries;
  llvm::MapVector<llvm::StringRef, FunctionReport> functions;
  /// Owns the names.
  std::set<std::string> names;

  FunctionReport &getFunction(llvm::StringRef name);
  /// Adds the kernels and entries of `module`, in the LLVM dialect.
  void describe(mlir::ModuleOp module, const Sizes &sizes);
};

/// Facts about one GPU target.
struct TargetReport {
  struct Kernel {
    KernelReport plan;
    int64_t threads = 0, dynamicSharedBytes = 0, bytesAhead = 0;
    int64_t ptxBytes = 0, cubinBytes = 0;
    /// Of ptxas, if it was there.
    std::optional<KernelResources> resources;
  };
  std::string target;
  std::vector<Kernel> kernels;
  std::vector<EntryReport> entries;

  /// Adds the entries of the host code `module`, in the LLVM dialect.
  void describe(mlir::ModuleOp module, const Sizes &sizes);
  llvm::json::Value toJson() const;
};

class Report {
public:
  /// Collects remarks of passes that run in `context`, from now on. The report
  /// must outlive the context.
  mlir::LogicalResult collectDecisions(mlir::MLIRContext &context);

  /// (location, name, category, function, text)
  using Decision = std::tuple<std::string, std::string, std::string,
                              std::string, std::string>;
  void addDecision(Decision decision);

  llvm::json::Value toJson() const;

  /// The sizes at which formulas are evaluated.
  Sizes sizes = {{"T", 256},   {"B", 2},           {"R", 2},
                 {"S", 1024},  {"max_blocks", 64}, {"num_blocks", 128},
                 {"page", 16}, {"threads", 2}};
  std::string model, compiler;
  int64_t weightBytes = 0;
  std::vector<LevelReport> levels;
  std::vector<TargetReport> targets;

  TargetReport &getTarget(llvm::StringRef name);

private:
  /// Passes run on several threads.
  std::mutex mutex;
  std::set<Decision> decisions;
};

} // namespace peermla

#endif // PEERMLA_TARGET_LIBRARY_REPORT_H
