//===- Report.cpp - what the compiler decided and what came out -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Target/Library/Report.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace peermla;
namespace json = llvm::json;

namespace {
/// Copies remarks into a report.
struct DecisionStreamer : remark::detail::MLIRRemarkStreamerBase {
  explicit DecisionStreamer(Report &report) : report(report) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    std::string location;
    llvm::raw_string_ostream os(location);
    if (auto place = remark.getLocation()->findInstanceOf<FileLineColLoc>())
      os << place.getFilename().getValue() << ":" << place.getLine() << ":"
         << place.getColumn();
    std::string text;
    for (const remark::detail::Remark::Arg &argument : remark.getArgs())
      text += argument.val;
    std::string function = remark.getFunction().str();
    if (function.front() == '<')
      function.clear();
    report.addDecision({location, remark.getRemarkName().str(),
                        remark.getCategoryName().str(), function, text});
  }

  Report &report;
};
} // namespace

FunctionReport &LevelReport::getFunction(StringRef name) {
  return functions[*names.insert(name.str()).first];
}

LogicalResult Report::collectDecisions(MLIRContext &context) {
  remark::RemarkCategories categories;
  categories.all = ".*";
  return remark::enableOptimizationRemarks(
      context, std::make_unique<DecisionStreamer>(*this),
      std::make_unique<remark::RemarkEmittingPolicyAll>(), categories);
}

void Report::addDecision(Decision decision) {
  std::lock_guard<std::mutex> lock(mutex);
  decisions.insert(std::move(decision));
}

json::Value Report::toJson() const {
  json::Array decisionValues;
  for (const auto &[location, name, category, function, text] : decisions)
    decisionValues.push_back(json::Object{{"location", location},
                                          {"name", name},
                                          {"category", category},
                                          {"function", function},
                                          {"text", text}});
  json::Array levelValues;
  for (const LevelReport &level : levels) {
    json::Array functions;
    for (const auto &[name, function] : level.functions)
      functions.push_back(
          json::Object{{"name", name},
                       {"instructions", function.instructions},
                       {"stack_bytes", function.stackBytes},
                       {"spills", function.spills},
                       {"reloads", function.reloads},
                       {"spills_in_loops", function.spillsInLoops}});
    levelValues.push_back(json::Object{{"level", level.level},
                                       {"object_bytes", level.objectBytes},
                                       {"functions", std::move(functions)}});
  }
  return json::Object{{"model", model},
                      {"compiler", compiler},
                      {"weight_bytes", weightBytes},
                      {"decisions", std::move(decisionValues)},
                      {"levels", std::move(levelValues)}};
}
