//===- Report.h - what the compiler decided and what came out -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Collects the remarks of all passes (decisions about schedules) and, per CPU
// level, the size, stack and spills of every function that LLVM emits. As JSON:
//
//     {"model": "M", "compiler": "...", "weight_bytes": 123,
//      "decisions": [{"name": "Schedule", "category": "schedule",
//                     "function": "...", "location": "m.mlir:3:8",
//                     "text": "..."}],
//      "levels": [{"level": "x86-64-v3", "object_bytes": 4567,
//                  "functions": [{"name": "...", "instructions": 89,
//                                 "stack_bytes": 64, "spills": 0,
//                                 "reloads": 0, "spills_in_loops": 0}]}]}
//
// A decision that several levels take alike appears once. `spills_in_loops`
// counts spills and reloads inside loops.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TARGET_LIBRARY_REPORT_H
#define PEERMLA_TARGET_LIBRARY_REPORT_H

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/JSON.h"
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

/// Facts about the machine code of one level.
struct LevelReport {
  std::string level;
  int64_t objectBytes = 0;
  llvm::MapVector<llvm::StringRef, FunctionReport> functions;
  /// Owns the names.
  std::set<std::string> names;

  FunctionReport &getFunction(llvm::StringRef name);
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

  std::string model, compiler;
  int64_t weightBytes = 0;
  std::vector<LevelReport> levels;

private:
  /// Passes run on several threads.
  std::mutex mutex;
  std::set<Decision> decisions;
};

} // namespace peermla

#endif // PEERMLA_TARGET_LIBRARY_REPORT_H
