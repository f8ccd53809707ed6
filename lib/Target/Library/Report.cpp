//===- Report.cpp - what the compiler decided and what came out -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Target/Library/Report.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

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
  categories.all = categories.passed = categories.missed = ".*";
  return remark::enableOptimizationRemarks(
      context, std::make_unique<DecisionStreamer>(*this),
      std::make_unique<remark::RemarkEmittingPolicyAll>(), categories);
}

void Report::addDecision(Decision decision) {
  std::lock_guard<std::mutex> lock(mutex);
  decisions.insert(std::move(decision));
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

Quantity peermla::getQuantity(const SizeFunction &function, unsigned i,
                              const Sizes &sizes) {
  auto size = [&](StringRef name) -> std::optional<int64_t> {
    auto found = sizes.find(name.str());
    return found == sizes.end() ? std::nullopt : std::optional(found->second);
  };
  return {function.getText(i), function.evaluate(i, size)};
}

static std::string getText(DictionaryAttr dictionary, StringRef name) {
  Attribute value = dictionary.get(name);
  if (auto text = dyn_cast_or_null<StringAttr>(value))
    return text.str();
  std::string printed;
  if (value)
    llvm::raw_string_ostream(printed) << value;
  return printed;
}

static int64_t getInteger(Operation *op, StringRef name) {
  auto value = op->getAttrOfType<IntegerAttr>(name);
  return value ? value.getInt() : 0;
}

std::optional<EntryReport> peermla::describeEntry(Operation *function,
                                                  const Sizes &sizes) {
  auto workspace =
      SizeFunction::fromAttr(function->getAttr("peermla.workspace"));
  auto name = function->getAttrOfType<StringAttr>("peermla.entry");
  if (!workspace || !name)
    return std::nullopt;
  return EntryReport{name.str(), getInteger(function, "peermla.launch_count"),
                     getQuantity(*workspace, 0, sizes)};
}

KernelReport peermla::describeKernel(Operation *function, const Sizes &sizes) {
  KernelReport kernel;
  kernel.name = SymbolTable::getSymbolName(function).str();
  if (auto id = function->getAttrOfType<StringAttr>("peermla.id"))
    kernel.id = id.str();
  auto launches = function->getAttrOfType<ArrayAttr>("peermla.launches");
  if (!launches)
    return kernel;
  for (auto launch : launches.getAsRange<DictionaryAttr>()) {
    LaunchReport report;
    report.entry = getText(launch, "entry");
    if (auto count = launch.getAs<IntegerAttr>("count"))
      report.count = count.getInt();
    if (auto plan = launch.getAs<DictionaryAttr>("plan")) {
      if (kernel.schedule.empty()) {
        kernel.schedule = getText(plan, "schedule");
        kernel.why = getText(plan, "why");
        kernel.whySteps = getText(plan, stepsName);
      }
      auto costs = SizeFunction::fromAttr(plan);
      for (unsigned i = 0; costs && i < numCosts; ++i)
        if (i < costs->map.getNumResults())
          report.costs[i] = getQuantity(*costs, i, sizes);
    }
    kernel.launches.push_back(std::move(report));
  }
  return kernel;
}

void LevelReport::describe(ModuleOp module, const Sizes &sizes) {
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    if (std::optional<EntryReport> entry = describeEntry(function, sizes))
      entries.push_back(std::move(*entry));
    if (function->hasAttr("peermla.launches"))
      kernels.push_back(describeKernel(function, sizes));
  }
}

static json::Value toJson(const Quantity &quantity) {
  if (quantity.formula.empty())
    return nullptr;
  return json::Object{{"formula", quantity.formula},
                      {"value", quantity.value ? json::Value(*quantity.value)
                                               : json::Value(nullptr)}};
}

static json::Object toJson(const LaunchReport &launch, const Machine &floor,
                           const Machine &machine) {
  auto at = [&](Cost cost) -> const Quantity & {
    return launch.costs[static_cast<unsigned>(cost)];
  };
  bool hasItems = at(Cost::Items).value.value_or(1) != 0;
  json::Object object{
      {"entry", launch.entry},
      {"count", launch.count},
      {"flop", toJson(at(Cost::Flop))},
      {"narrow_flop", toJson(at(Cost::NarrowFlop))},
      {"special", toJson(at(Cost::Special))},
      {"bytes", toJson(at(Cost::Bytes))},
      {"items", hasItems ? toJson(at(Cost::Items)) : json::Value(nullptr)},
      {"balance_percent", nullptr},
      {"floor_ns", nullptr},
      {"predicted_ns", nullptr}};
  if (!llvm::all_of(launch.costs,
                    [](const Quantity &q) { return q.value.has_value(); }))
    return object;
  auto value = [&](Cost cost) { return double(*at(cost).value); };
  Work work{value(Cost::Flop), value(Cost::NarrowFlop), value(Cost::Special),
            value(Cost::Bytes)};
  auto rounded = [](double number) { return std::llround(number); };
  object["floor_ns"] = rounded(floor.getFloor(work) * 1e9);
  if (double items = value(Cost::Items); items > 0) {
    object["balance_percent"] = rounded(machine.getBalance(items) * 100);
    object["predicted_ns"] =
        rounded(machine.predict(items, (1 / items) * work) * 1e9);
  }
  return object;
}

json::Array peermla::getLaunches(ArrayRef<LaunchReport> launches,
                                 const Machine &floor, const Machine &machine) {
  json::Array values;
  for (const LaunchReport &launch : launches)
    values.push_back(::toJson(launch, floor, machine));
  return values;
}

static void addFacts(json::Object &object, const FunctionReport &function) {
  object["instructions"] = function.instructions;
  object["stack_bytes"] = function.stackBytes;
  object["spills"] = function.spills;
  object["reloads"] = function.reloads;
  object["spills_in_loops"] = function.spillsInLoops;
}

static json::Array getKernels(const LevelReport &report, int64_t threads) {
  const CpuLevel *level = CpuLevel::get(report.level);
  Machine machine((level ? *level : CpuLevel::getDefault()).rates, threads);
  json::Array kernels;
  for (const KernelReport &kernel : report.kernels) {
    json::Object object{
        {"name", kernel.name},
        {"id", kernel.id},
        {"schedule", kernel.schedule},
        {"why", kernel.why},
        {"launches", getLaunches(kernel.launches, machine, machine)}};
    // A kernel is part of the function that the runtime calls.
    for (const std::string &name : {kernel.name, kernel.name + ".thunk"}) {
      auto found = report.functions.find(name);
      if (found != report.functions.end())
        addFacts(object, found->second);
    }
    kernels.push_back(std::move(object));
  }
  return kernels;
}

json::Array peermla::getEntries(ArrayRef<EntryReport> entries) {
  json::Array values;
  for (const EntryReport &entry : entries) {
    values.push_back(
        json::Object{{"name", entry.name},
                     {"launches", entry.launches},
                     {"workspace_bytes", ::toJson(entry.workspace)}});
  }
  return values;
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
    for (const auto &[name, function] : level.functions) {
      json::Object object{{"name", name}};
      addFacts(object, function);
      functions.push_back(std::move(object));
    }
    auto threads = sizes.find("threads");
    levelValues.push_back(json::Object{
        {"level", level.level},
        {"object_bytes", level.objectBytes},
        {"entries", getEntries(level.entries)},
        {"kernels",
         getKernels(level, threads == sizes.end() ? 1 : threads->second)},
        {"functions", std::move(functions)}});
  }
  json::Object sizeValues;
  for (const auto &[name, size] : sizes)
    sizeValues[name] = size;
  json::Array targetValues;
  for (const TargetReport &target : targets)
    targetValues.push_back(target.toJson());
  return json::Object{{"schema", 1},
                      {"sizes", std::move(sizeValues)},
                      {"model", model},
                      {"compiler", compiler},
                      {"weight_bytes", weightBytes},
                      {"decisions", std::move(decisionValues)},
                      {"levels", std::move(levelValues)},
                      {"targets", std::move(targetValues)}};
}
