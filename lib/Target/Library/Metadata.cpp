//===- Metadata.cpp - what a library says about its model -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Target/Library/Metadata.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "peermla/Support/TargetInfo.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/IRBuilder.h"

using namespace mlir;
using namespace peermla;
namespace json = llvm::json;

namespace {
/// Reads one `peermla.metadata`; every member emits what is wrong with it.
struct MetadataReader {
  ModuleOp model;
  Metadata metadata;
  llvm::StringMap<int64_t> indices;

  InFlightDiagnostic error() {
    return emitError(model.getLoc()) << "'peermla.metadata' ";
  }

  LogicalResult readText();
  LogicalResult readLevels();
  LogicalResult addLevel(ModuleOp nested, StringRef name);
  LogicalResult addHost(ModuleOp nested, StringRef name);
  LevelModule *findModule(json::Object &program);
  LogicalResult readProgram(json::Object &program);
  LogicalResult resolve(json::Object &object, StringRef key,
                        LevelModule &level);
};
} // namespace

static bool isCIdentifier(StringRef name) {
  return !name.empty() && !llvm::isDigit(name.front()) &&
         llvm::all_of(name,
                      [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

LogicalResult MetadataReader::readText() {
  std::optional<StringRef> name = model.getSymName();
  if (!name || !isCIdentifier(*name))
    return emitError(model.getLoc())
           << "expects the model's name to be a C identifier, got '"
           << name.value_or("") << "'";
  metadata.model = name->str();

  auto text = model->getAttrOfType<StringAttr>("peermla.metadata");
  if (!text)
    return emitError(model.getLoc())
           << "expects the attribute 'peermla.metadata', a string, on the "
              "model";
  llvm::Expected<json::Value> value = json::parse(text.getValue());
  if (!value)
    return error() << "is not JSON: " << llvm::toString(value.takeError());
  json::Object *object = value->getAsObject();
  if (!object)
    return error() << "expects an object";
  metadata.json = std::move(*object);
  if (metadata.json.getInteger("schema") != 1)
    return error() << "expects 'schema' 1";
  if (std::optional<StringRef> other = metadata.json.getString("model");
      other != name)
    return error() << "names the model '" << other.value_or("")
                   << "', the module '" << *name << "'";
  return success();
}

LogicalResult MetadataReader::addLevel(ModuleOp nested, StringRef name) {
  const CpuLevel *level = CpuLevel::get(name);
  if (!level)
    return emitError(nested.getLoc()) << "unknown CPU level '" << name << "'";
  for (const LevelModule &other : metadata.levels)
    if (other.level == level)
      return emitError(nested.getLoc())
             << "second module of level '" << level->name << "'";
  if (metadata.levels.empty())
    metadata.architecture = level->architecture.str();
  else if (metadata.architecture != level->architecture)
    return emitError(nested.getLoc())
           << "levels of one library have one architecture, got "
           << level->architecture << " for '" << level->name << "' and "
           << metadata.architecture << " for '"
           << metadata.levels.front().level->name << "'";
  metadata.levels.push_back({nested, level, {}});
  return success();
}

LogicalResult MetadataReader::addHost(ModuleOp nested, StringRef name) {
  const GpuTarget *gpu = GpuTarget::get(name);
  if (!gpu)
    return emitError(nested.getLoc()) << "unknown GPU target '" << name << "'";
  for (const LevelModule &other : metadata.hosts)
    if (other.gpu == gpu)
      return emitError(nested.getLoc())
             << "second module of target '" << name << "'";
  metadata.hosts.push_back({nested, nullptr, {}, gpu});
  return success();
}

LogicalResult MetadataReader::readLevels() {
  for (auto nested : model.getOps<ModuleOp>()) {
    if (auto name = nested->getAttrOfType<StringAttr>("peermla.level"))
      if (failed(addLevel(nested, name)))
        return failure();
    if (auto name = nested->getAttrOfType<StringAttr>("peermla.gpu"))
      if (failed(addHost(nested, name)))
        return failure();
  }
  if (metadata.levels.empty() && metadata.hosts.empty())
    return emitError(model.getLoc())
           << "expects a nested module with 'peermla.level' or 'peermla.gpu', "
              "found none";
  if (metadata.levels.empty())
    metadata.architecture = CpuLevel::getDefault().architecture.str();
  // Host code of GPUs only counts and launches: it needs no more than all
  // machines of the architecture have.
  for (LevelModule &host : metadata.hosts)
    host.level = llvm::find_if(CpuLevel::all(), [&](const CpuLevel &level) {
      return level.architecture == metadata.architecture;
    });
  return success();
}

LogicalResult MetadataReader::resolve(json::Object &object, StringRef key,
                                      LevelModule &level) {
  std::optional<StringRef> name = object.getString(key);
  if (!name)
    return error() << "expects the name of a function as '" << key << "'";
  auto function = level.module.lookupSymbol<LLVM::LLVMFuncOp>(*name);
  if (!function || function.isExternal())
    return error() << "names the function '" << *name
                   << "', which the module of "
                   << (level.gpu ? "target '" : "level '")
                   << (level.gpu ? level.gpu->name : level.level->name)
                   << "' does not define";
  auto [entry, isNew] = indices.try_emplace(*name, metadata.functions.size());
  if (isNew) {
    metadata.functions.push_back(name->str());
    level.exported.push_back(name->str());
  } else if (!llvm::is_contained(level.exported, *name)) {
    return error() << "names the function '" << *name
                   << "', which two modules define";
  }
  object[key] = entry->second;
  return success();
}

LevelModule *MetadataReader::findModule(json::Object &program) {
  if (std::optional<StringRef> name = program.getString("target")) {
    for (LevelModule &module : metadata.hosts)
      if (module.gpu->name == *name)
        return &module;
    error() << "has a program of target '" << *name
            << "', which no nested module has";
    return nullptr;
  }
  // A level that gains nothing over another runs that one's code.
  std::optional<StringRef> name = program.getString("code");
  if (!name)
    name = program.getString("level");
  for (LevelModule &module : metadata.levels)
    if (name && module.level->name == *name)
      return &module;
  error() << "has a program of level '" << name.value_or("")
          << "', which no nested module has";
  return nullptr;
}

LogicalResult MetadataReader::readProgram(json::Object &program) {
  LevelModule *level = findModule(program);
  if (!level)
    return failure();
  if (level->gpu)
    program["level"] = level->level->name;
  if (json::Array *prepared = program.getArray("prepared"))
    for (json::Value &value : *prepared) {
      json::Object *weight = value.getAsObject();
      if (!weight)
        return error() << "expects objects in 'prepared'";
      if (!weight->get("function"))
        continue; // Loaded straight into place.
      if (failed(resolve(*weight, "function", *level)) ||
          failed(resolve(*weight, "workspace", *level)))
        return failure();
    }
  json::Array *entries = program.getArray("entries");
  if (!entries)
    return error() << "expects 'entries' in the program of "
                   << (level->gpu ? "target '" : "level '")
                   << (level->gpu ? level->gpu->name : level->level->name)
                   << "'";
  for (json::Value &value : *entries) {
    json::Object *entry = value.getAsObject();
    if (!entry)
      return error() << "expects objects in 'entries'";
    if (failed(resolve(*entry, "function", *level)) ||
        failed(resolve(*entry, "workspace", *level)))
      return failure();
  }
  return success();
}

FailureOr<Metadata> peermla::readMetadata(ModuleOp model) {
  MetadataReader reader{model, {}, {}};
  if (failed(reader.readText()) || failed(reader.readLevels()))
    return failure();
  json::Array *programs = reader.metadata.json.getArray("programs");
  if (!programs)
    return reader.error() << "expects 'programs'";
  if (programs->size() < reader.metadata.levels.size())
    return reader.error() << "expects a program for each level, got "
                          << programs->size() << " programs and "
                          << reader.metadata.levels.size() << " levels";
  for (json::Value &value : *programs) {
    json::Object *program = value.getAsObject();
    if (!program)
      return reader.error() << "expects objects in 'programs'";
    if (failed(reader.readProgram(*program)))
      return failure();
  }
  if (failed(readKernels(model, reader.metadata)))
    return failure();
  return std::move(reader.metadata);
}

std::unique_ptr<llvm::Module>
peermla::createModelModule(const Metadata &metadata,
                           llvm::LLVMContext &context) {
  auto module = std::make_unique<llvm::Module>(metadata.model, context);
  llvm::IRBuilder<> builder(context);
  auto define = [&](StringRef name, llvm::Constant *value) {
    auto *global = new llvm::GlobalVariable(
        *module, value->getType(), /*isConstant=*/true,
        llvm::GlobalValue::ExternalLinkage, value, name);
    global->setVisibility(llvm::GlobalValue::HiddenVisibility);
    return global;
  };

  json::Object copy = metadata.json;
  std::string text = llvm::formatv("{0}", json::Value(std::move(copy)));
  llvm::Constant *description =
      define("peermla_model_metadata",
             llvm::ConstantDataArray::getString(context, text));
  llvm::Constant *size = builder.getInt64(text.size());
  define("peermla_model_metadata_size", size);

  auto *pointer = builder.getPtrTy();
  SmallVector<llvm::Constant *> table;
  for (const std::string &name : metadata.functions) {
    if (auto found = metadata.constants.find(name);
        found != metadata.constants.end()) {
      table.push_back(define(
          name, llvm::ConstantDataArray::getString(context, found->second,
                                                   /*AddNull=*/false)));
      continue;
    }
    // Only the address matters, so one type serves entries and workspaces.
    auto *function = llvm::Function::Create(
        llvm::FunctionType::get(builder.getVoidTy(), {pointer}, false),
        llvm::GlobalValue::ExternalLinkage, name, *module);
    function->setVisibility(llvm::GlobalValue::HiddenVisibility);
    table.push_back(function);
  }
  llvm::Constant *functions =
      define("peermla_model_functions",
             llvm::ConstantArray::get(
                 llvm::ArrayType::get(pointer, table.size()), table));

  // Static objects of the runtime name this symbol of the start files, which a
  // link without compiler driver lacks.
  auto *handle = new llvm::GlobalVariable(*module, pointer, /*isConstant=*/true,
                                          llvm::GlobalValue::ExternalLinkage,
                                          nullptr, "__dso_handle");
  handle->setInitializer(handle);
  handle->setVisibility(llvm::GlobalValue::HiddenVisibility);

  auto *runtime = llvm::Function::Create(
      llvm::FunctionType::get(
          pointer,
          {builder.getInt32Ty(), pointer, builder.getInt64Ty(), pointer},
          false),
      llvm::GlobalValue::ExternalLinkage, "peermla_rt_api", *module);
  runtime->setVisibility(llvm::GlobalValue::HiddenVisibility);
  auto *api = llvm::Function::Create(
      llvm::FunctionType::get(pointer, {builder.getInt32Ty()}, false),
      llvm::GlobalValue::ExternalLinkage, metadata.getApiName(), *module);
  builder.SetInsertPoint(llvm::BasicBlock::Create(context, "", api));
  builder.CreateRet(builder.CreateCall(
      runtime, {api->getArg(0), description, size, functions}));
  return module;
}
