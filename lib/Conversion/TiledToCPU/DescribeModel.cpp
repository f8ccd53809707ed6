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
#include "peermla/Conversion/Passes.h"
#include "peermla/Support/TargetInfo.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

namespace peermla {
#define GEN_PASS_DEF_DESCRIBEMODEL
#include "peermla/Conversion/Passes.h.inc"
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

struct DescribeModel : peermla::impl::DescribeModelBase<DescribeModel> {
  using Base::Base;

  void runOnOperation() override {
    weights.clear();
    json::Array programs, entries;
    SmallVector<ModuleOp> targets(getOperation().getOps<ModuleOp>());
    // A level that gains nothing over the one before runs its code.
    SmallVector<bool> isRepeated{false};
    for (size_t i = 1; i < targets.size(); ++i)
      isRepeated.push_back(haveSameCode(targets[i - 1], targets[i]));
    StringRef code;
    for (auto [nested, repeats] : llvm::zip(targets, isRepeated)) {
      const CpuLevel *level = CpuLevel::of(nested);
      if (!level) {
        nested.emitOpError("expects 'peermla.level' to name a CPU level");
        return signalPassFailure();
      }
      if (repeats) {
        json::Object program = *programs.back().getAsObject();
        program["level"] = level->name;
        program["code"] = code;
        programs.push_back(std::move(program));
        nested.erase();
        continue;
      }
      code = level->name;
      makeNamesUnique(nested, *level);
      json::Array described;
      FailureOr<json::Object> program =
          describeProgram(nested, *level, described);
      if (failed(program))
        return signalPassFailure();
      programs.push_back(std::move(*program));
      if (entries.empty())
        entries = std::move(described);
    }
    json::Array sources;
    for (auto &[name, type] : weights)
      sources.push_back(
          json::Object{{"name", name},
                       {"dtype", dtypeName(type.getElementType())},
                       {"shape", staticShape(type)}});
    json::Object metadata{{"schema", 1},
                          {"model", getOperation().getName().value_or("model")},
                          {"compiler", "peermla 0.1.0"},
                          {"weights", std::move(sources)},
                          {"entries", std::move(entries)},
                          {"programs", std::move(programs)}};
    std::string text =
        llvm::formatv("{0}", json::Value(std::move(metadata))).str();
    getOperation()->setAttr("peermla.metadata",
                            StringAttr::get(&getContext(), text));
  }

  static bool haveSameCode(ModuleOp lhs, ModuleOp rhs) {
    return OperationEquivalence::isRegionEquivalentTo(
        &lhs.getBodyRegion(), &rhs.getBodyRegion(),
        OperationEquivalence::IgnoreLocations);
  }

  /// Appends the level to the name of each function; `peermla.entry` keeps the
  /// name people use.
  void makeNamesUnique(ModuleOp nested, const CpuLevel &level) {
    llvm::StringMap<StringAttr> names;
    for (auto function : nested.getOps<func::FuncOp>()) {
      if (function->hasAttr("peermla.entry"))
        function->setAttr("peermla.entry", function.getSymNameAttr());
      auto name = StringAttr::get(&getContext(),
                                  function.getName() + "." + level.symbol);
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

  FailureOr<json::Object> describeProgram(ModuleOp nested,
                                          const CpuLevel &level,
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
        object["workspace"] = workspaceOf(function, level);
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
                       {"workspace", workspaceOf(function, level)},
                       {"prepared", std::move(ids)}});
    }
    return json::Object{{"level", level.name},
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

  static std::string workspaceOf(func::FuncOp function, const CpuLevel &level) {
    StringRef name = function.getName();
    name.consume_back(("." + level.symbol).str());
    return (name + ".workspace." + level.symbol + ".packed").str();
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
    weights.insert({name.getValue(), type});
    return std::distance(weights.begin(), weights.find(name.getValue()));
  }

  llvm::MapVector<StringRef, MemRefType> weights;
};

} // namespace
