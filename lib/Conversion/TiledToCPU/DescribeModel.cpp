//===- DescribeModel.cpp - metadata for the runtime -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the arguments of entries and preparations as EntriesToMemrefs left
// them. The text's schema is documented in lib/Runtime/Metadata.h.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Support/TargetInfo.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

namespace peermla {
#define GEN_PASS_DEF_DESCRIBEMODEL
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;
namespace json = llvm::json;

namespace {

std::string dtypeName(Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << type;
  return name;
}

json::Array staticShape(ShapedType type) {
  json::Array shape;
  for (int64_t extent : type.getShape())
    shape.push_back(extent);
  return shape;
}

/// What the names of a target's functions end in.
struct Target {
  /// A CPU level, or null for a GPU.
  const CpuLevel *level;
  StringRef name, symbol;

  /// The key under which programs name their target.
  StringRef getKey() const { return level ? "level" : "target"; }
  /// That of the nested module; without a name if it has none that exists.
  static Target of(ModuleOp nested) {
    if (const CpuLevel *level = CpuLevel::of(nested))
      return {level, level->name, level->symbol};
    if (const GpuTarget *gpu = GpuTarget::of(nested))
      return {nullptr, gpu->name, gpu->name};
    return {nullptr, "", ""};
  }
};

struct DescribeModel : peermla::impl::DescribeModelBase<DescribeModel> {
  using Base::Base;

  void runOnOperation() override {
    weights = {};
    weightIds.clear();
    json::Array programs, entries;
    SmallVector<ModuleOp> targets;
    for (auto nested : getOperation().getOps<ModuleOp>())
      if (nested->hasAttr("peermla.gpu") == gpus)
        targets.push_back(nested);
    if (gpus && targets.empty())
      return;
    if (failed(readKnown(programs, entries)))
      return signalPassFailure();
    // A level that gains nothing over the one before runs its code.
    SmallVector<bool> isRepeated{false};
    for (size_t i = 1; i < targets.size(); ++i)
      isRepeated.push_back(haveSameCode(targets[i - 1], targets[i]));
    StringRef code;
    for (auto [nested, repeats] : llvm::zip(targets, isRepeated)) {
      Target target = Target::of(nested);
      if (target.name.empty()) {
        nested.emitOpError("expects 'peermla.level' to name a CPU level or "
                           "'peermla.gpu' a GPU target");
        return signalPassFailure();
      }
      if (repeats && target.level) {
        json::Object program = *programs.back().getAsObject();
        program["level"] = target.name;
        program["code"] = code;
        programs.push_back(std::move(program));
        nested.erase();
        continue;
      }
      code = target.name;
      makeNamesUnique(nested, target);
      json::Array described;
      FailureOr<json::Object> program =
          describeProgram(nested, target, described);
      if (failed(program))
        return signalPassFailure();
      programs.push_back(std::move(*program));
      if (entries.empty())
        entries = std::move(described);
    }
    json::Object metadata{{"schema", 1},
                          {"model", getOperation().getName().value_or("model")},
                          {"compiler", "peermla 0.1.0"},
                          {"weights", std::move(weights)},
                          {"entries", std::move(entries)},
                          {"programs", std::move(programs)}};
    std::string text =
        llvm::formatv("{0}", json::Value(std::move(metadata))).str();
    getOperation()->setAttr("peermla.metadata",
                            StringAttr::get(&getContext(), text));
  }

  /// What the levels' description says already.
  LogicalResult readKnown(json::Array &programs, json::Array &entries) {
    auto text = getOperation()->getAttrOfType<StringAttr>("peermla.metadata");
    if (!gpus || !text)
      return success();
    llvm::Expected<json::Value> value = json::parse(text.getValue());
    if (!value)
      return getOperation().emitOpError(
                 "expects 'peermla.metadata' to be JSON: ")
             << llvm::toString(value.takeError());
    json::Object *known = value->getAsObject();
    for (auto [key, array] :
         {std::pair<StringRef, json::Array *>{"programs", &programs},
          {"entries", &entries},
          {"weights", &weights}}) {
      json::Array *found = known ? known->getArray(key) : nullptr;
      if (!found)
        return getOperation().emitOpError("expects '")
               << key << "' in 'peermla.metadata'";
      *array = std::move(*found);
    }
    for (auto [i, weight] : llvm::enumerate(weights))
      if (json::Object *object = weight.getAsObject())
        weightIds[object->getString("name").value_or("")] = i;
    return success();
  }

  static bool haveSameCode(ModuleOp lhs, ModuleOp rhs) {
    return OperationEquivalence::isRegionEquivalentTo(
        &lhs.getBodyRegion(), &rhs.getBodyRegion(),
        OperationEquivalence::IgnoreLocations);
  }

  /// Appends the target to the name of each function; `peermla.entry` keeps the
  /// name people use.
  void makeNamesUnique(ModuleOp nested, const Target &target) {
    llvm::StringMap<StringAttr> names;
    for (auto function : nested.getOps<func::FuncOp>()) {
      if (function->hasAttr("peermla.entry"))
        function->setAttr("peermla.entry", function.getSymNameAttr());
      auto name = StringAttr::get(&getContext(),
                                  function.getName() + "." + target.symbol);
      names[function.getName()] = name;
      function.setSymNameAttr(name);
    }
    // Functions are referred to by calls and by launches.
    nested.walk([&](func::CallOp call) {
      if (StringAttr name = names.lookup(call.getCallee()))
        call.setCalleeAttr(FlatSymbolRefAttr::get(name));
    });
    for (auto function : nested.getOps<func::FuncOp>())
      if (auto kernel =
              function->getAttrOfType<FlatSymbolRefAttr>("peermla.launch"))
        if (StringAttr name = names.lookup(kernel.getValue()))
          function->setAttr("peermla.launch", FlatSymbolRefAttr::get(name));
  }

  FailureOr<json::Object> describeProgram(ModuleOp nested, const Target &target,
                                          json::Array &described) {
    llvm::StringMap<func::FuncOp> prepareOf;
    for (auto function : nested.getOps<func::FuncOp>())
      if (auto name = function->getAttrOfType<StringAttr>("peermla.prepares"))
        prepareOf[name] = function;
    llvm::MapVector<StringRef, unsigned> preparedIds;
    json::Array prepared, entries;
    auto getPrepared = [&](StringAttr name, MemRefType type,
                           ArrayAttr rows) -> unsigned {
      auto [known, isNew] = preparedIds.insert({name, preparedIds.size()});
      if (!isNew)
        return known->second;
      json::Object object{{"name", name.getValue()},
                          {"dtype", dtypeName(type.getElementType())},
                          {"shape", staticShape(type)}};
      if (rows) {
        json::Array sources;
        for (auto source : rows.getAsRange<DictionaryAttr>()) {
          auto stored =
              cast<TensorType>(source.getAs<TypeAttr>("type").getValue());
          sources.push_back(getSource(
              source.getAs<StringAttr>("name"),
              MemRefType::get(stored.getShape(), stored.getElementType())));
        }
        object["rows"] = std::move(sources);
      } else if (func::FuncOp function = prepareOf.lookup(name)) {
        json::Array sources;
        for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
          if (auto source =
                  function.getArgAttrOfType<StringAttr>(i, "peermla.weight"))
            sources.push_back(getSource(
                source, cast<MemRefType>(function.getArgument(i).getType())));
        function->setAttr("peermla.packed", UnitAttr::get(&getContext()));
        object["function"] = function.getName().str() + ".packed";
        object["workspace"] = workspaceOf(function, target);
        object["sources"] = std::move(sources);
      } else {
        object["source"] = getSource(name, type);
      }
      prepared.push_back(std::move(object));
      return known->second;
    };

    for (auto function : nested.getOps<func::FuncOp>()) {
      auto name = function->getAttrOfType<StringAttr>("peermla.entry");
      if (!name)
        continue;
      json::Array ids, arguments;
      for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i) {
        auto kind = function.getArgAttrOfType<StringAttr>(i, "peermla.kind");
        if (!kind)
          continue;
        auto type = dyn_cast<MemRefType>(function.getArgument(i).getType());
        auto weight =
            function.getArgAttrOfType<StringAttr>(i, "peermla.weight");
        if (!type || (kind == "weight" && !weight))
          return function.emitOpError()
                 << "expects " << kind << " argument " << i << " to be a memref"
                 << (type ? " with 'peermla.weight'" : "");
        auto rows = function.getArgAttrOfType<ArrayAttr>(i, "peermla.rows_of");
        if (rows && !llvm::all_of(rows, isSource))
          return function.emitOpError()
                 << "expects 'peermla.rows_of' of argument " << i
                 << " to hold names and types of tensors, got " << rows;
        if (kind == "weight")
          ids.push_back(getPrepared(weight, type, rows));
        else
          arguments.push_back(describeArgument(function, i, kind, type));
      }
      described.push_back(json::Object{{"name", name.getValue()},
                                       {"arguments", std::move(arguments)}});
      function->setAttr("peermla.packed", UnitAttr::get(&getContext()));
      entries.push_back(
          json::Object{{"name", name.getValue()},
                       {"function", function.getName().str() + ".packed"},
                       {"workspace", workspaceOf(function, target)},
                       {"prepared", std::move(ids)}});
    }
    return json::Object{{target.getKey(), target.name},
                        {"prepared", std::move(prepared)},
                        {"entries", std::move(entries)}};
  }

  /// Whether `attribute` is the name and the type of a weight.
  static bool isSource(Attribute attribute) {
    auto source = dyn_cast<DictionaryAttr>(attribute);
    auto type = source ? source.getAs<TypeAttr>("type") : TypeAttr();
    return type && isa<RankedTensorType>(type.getValue()) &&
           source.getAs<StringAttr>("name");
  }

  static std::string workspaceOf(func::FuncOp function, const Target &target) {
    StringRef name = function.getName();
    name.consume_back(("." + target.symbol).str());
    return (name + ".workspace." + target.symbol + ".packed").str();
  }

  static json::Object describeArgument(func::FuncOp function, unsigned i,
                                       StringAttr kind, MemRefType type) {
    auto name = function.getArgAttrOfType<StringAttr>(i, "peermla.name");
    std::string text = name ? name.str() : (kind.getValue() + Twine(i)).str();
    auto dims = function.getArgAttrOfType<ArrayAttr>(i, "peermla.dims");
    json::Array shape;
    for (auto [dim, extent] : llvm::enumerate(type.getShape())) {
      if (!ShapedType::isDynamic(extent)) {
        shape.push_back(extent);
        continue;
      }
      StringRef symbol;
      if (dims && dim < dims.size())
        if (auto given = dyn_cast<StringAttr>(dims[dim]))
          symbol = given;
      if (symbol.empty())
        shape.push_back(text + "_" + std::to_string(dim));
      else
        shape.push_back(symbol);
    }
    json::Object argument{{"name", text},
                          {"kind", kind.getValue()},
                          {"dtype", dtypeName(type.getElementType())},
                          {"shape", std::move(shape)}};
    if (auto check = function.getArgAttrOfType<StringAttr>(i, "peermla.check"))
      argument["check"] = check.getValue();
    return argument;
  }

  /// The number of a weight of the checkpoint.
  unsigned getSource(StringAttr name, MemRefType type) {
    auto [known, isNew] =
        weightIds.try_emplace(name.getValue(), weights.size());
    if (isNew)
      weights.push_back(
          json::Object{{"name", name.getValue()},
                       {"dtype", dtypeName(type.getElementType())},
                       {"shape", staticShape(type)}});
    return known->second;
  }

  json::Array weights;
  llvm::StringMap<unsigned> weightIds;
};

} // namespace
