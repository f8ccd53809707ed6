//===- ReferenceProgram.cpp - an entry as a function in memory ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceProgram.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "peermla/Conversion/ModelToReference.h"
#include "peermla/InitAll.h"
#include "llvm/BinaryFormat/Magic.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include <cstdlib>
#include <cstring>

using namespace mlir;
using namespace peermla;
using namespace peermla::run;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

ReferenceMemory::~ReferenceMemory() {
  for (auto [address, size] : blocks)
    std::free(address);
}

void *ReferenceMemory::allocate(size_t size) {
  // An empty tensor has an address too.
  size = std::max<size_t>(size, 1);
  void *address = std::malloc(size);
  if (!address)
    llvm::report_fatal_error("the reference is out of memory");
  std::memset(address, 0xFF, size);
  blocks.emplace(address, size);
  return address;
}

void ReferenceMemory::free(void *address) {
  if (blocks.erase(address))
    std::free(address);
}

/// The memory of the call in progress.
static ReferenceMemory *currentMemory;

static void *allocateForCode(size_t size) {
  return currentMemory->allocate(size);
}

static void freeForCode(void *address) { currentMemory->free(address); }

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

std::string run::formatShape(const ReferenceParameter &parameter) {
  std::string text = "[";
  for (unsigned d = 0; d < parameter.getRank(); ++d) {
    text += d == 0 ? "" : ", ";
    int64_t extent = parameter.type.getDimSize(d);
    if (ShapedType::isStatic(extent))
      text += std::to_string(extent);
    else
      text += d < parameter.dims.size() ? parameter.dims[d] : "?";
  }
  return text + "]";
}

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerAllDialects(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  return registry;
}

ReferenceProgram::ReferenceProgram()
    : context(makeRegistry()), diagnostics(sources, &context) {}

ReferenceProgram::~ReferenceProgram() = default;

Failure ReferenceProgram::load(const std::string &path,
                               const std::string &entry) {
  if (Failure failure = parse(path))
    return failure;
  if (Failure failure = selectEntry(path, entry))
    return failure;
  if (Failure failure = lower())
    return Failure(path + ": " + failure.getMessage());
  return compile();
}

Failure ReferenceProgram::parse(const std::string &path) {
  llvm::file_magic magic;
  if (!llvm::identify_magic(path, magic) && magic.is_object())
    return Failure(path + ": expected model IR, got a library or an object");
  module = parseSourceFile<ModuleOp>(path, sources, &context);
  return module ? Failure() : Failure(path + ": cannot be read as a model");
}

/// Reads `peermla.*` of an argument or a result.
static ReferenceParameter describe(Type type, DictionaryAttr attributes,
                                   std::string defaultName) {
  ReferenceParameter parameter;
  parameter.name = std::move(defaultName);
  parameter.type = cast<RankedTensorType>(type);
  if (!attributes)
    return parameter;
  for (StringRef key : {"peermla.name", "peermla.inout", "peermla.weight"})
    if (auto name = attributes.getAs<StringAttr>(key))
      parameter.name = name.str();
  parameter.isWeight = attributes.contains(getWeightAttrName());
  if (auto dims = attributes.getAs<ArrayAttr>("peermla.dims"))
    for (Attribute dim : dims)
      if (auto text = dyn_cast<StringAttr>(dim))
        parameter.dims.push_back(text.str());
  return parameter;
}

Failure ReferenceProgram::selectEntry(const std::string &path,
                                      const std::string &entry) {
  func::FuncOp chosen;
  std::string names;
  for (auto func : llvm::make_early_inc_range(module->getOps<func::FuncOp>())) {
    bool isEntry = func.isPublic() && !func.isExternal();
    if (isEntry)
      names += (names.empty() ? "'" : ", '") + func.getName().str() + "'";
    if (isEntry && func.getName() == entry)
      chosen = func;
    else
      func.setPrivate();
  }
  if (!chosen)
    return Failure(path + ": has no entry '" + entry + "' but " +
                   (names.empty() ? "none" : names));
  for (Type type : llvm::concat<const Type>(chosen.getArgumentTypes(),
                                            chosen.getResultTypes()))
    if (!isa<RankedTensorType>(type))
      return Failure(path + ": entry '" + entry +
                     "' takes or returns something other than a tensor");
  for (auto global : module->getOps<ml_program::GlobalOp>())
    if (!isa<RankedTensorType>(global.getType()))
      return Failure(path + ": global '" + global.getSymName().str() +
                     "' is something other than a tensor");
  chosen->setAttr("llvm.emit_c_interface", UnitAttr::get(&context));
  name = entry;
  for (auto [i, type] : llvm::enumerate(chosen.getResultTypes()))
    results.push_back(describe(type, chosen.getResultAttrDict(i),
                               ("result" + Twine(i)).str()));
  // The declared types, before they are widened; weights follow in `lower`.
  for (auto [i, type] : llvm::enumerate(chosen.getArgumentTypes()))
    arguments.push_back(
        describe(type, chosen.getArgAttrDict(i), ("arg" + Twine(i)).str()));
  return {};
}

Failure ReferenceProgram::lower() {
  // Globals keep the declared types of the weights.
  std::map<std::string, Type> weightTypes;
  for (auto global : module->getOps<ml_program::GlobalOp>())
    weightTypes[global.getSymName().str()] = global.getType();
  PassManager toLoops(&context);
  buildReferencePipeline(toLoops);
  if (failed(toLoops.run(*module)))
    return Failure("cannot be evaluated by the reference");
  auto func = module->lookupSymbol<func::FuncOp>(name);
  for (unsigned i = arguments.size(); i < func.getNumArguments(); ++i) {
    auto weight = func.getArgAttrOfType<StringAttr>(i, getWeightAttrName());
    ReferenceParameter parameter;
    parameter.name = weight.str();
    parameter.type = cast<RankedTensorType>(weightTypes[parameter.name]);
    parameter.isWeight = true;
    auto memory = cast<MemRefType>(func.getArgumentTypes()[i]);
    parameter.isWide = memory.getElementType().isF64();
    arguments.push_back(parameter);
  }
  PassManager toLLVM(&context);
  buildReferenceToLLVMPipeline(toLLVM);
  if (failed(toLLVM.run(*module)))
    return Failure("cannot be compiled for the reference");
  return {};
}

//===----------------------------------------------------------------------===//
// Compiling and calling
//===----------------------------------------------------------------------===//

Failure ReferenceProgram::compile() {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto host = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!host)
    return Failure("cannot compile for this machine: " +
                   llvm::toString(host.takeError()));
  auto machine = host->createTargetMachine();
  if (!machine)
    return Failure("cannot compile for this machine: " +
                   llvm::toString(machine.takeError()));
  auto optimize = makeOptimizingTransformer(/*optLevel=*/2, /*sizeLevel=*/0,
                                            machine->get());
  ExecutionEngineOptions options;
  options.transformer = optimize;
  options.enableGDBNotificationListener = false;
  options.enablePerfNotificationListener = false;
  auto created = ExecutionEngine::create(*module, options, std::move(*machine));
  if (!created)
    return Failure("cannot compile the reference: " +
                   llvm::toString(created.takeError()));
  engine = std::move(*created);
  engine->registerSymbols([](llvm::orc::MangleAndInterner interner) {
    llvm::orc::SymbolMap symbols;
    auto add = [&](const char *symbol, auto *function) {
      symbols[interner(symbol)] = {llvm::orc::ExecutorAddr::fromPtr(function),
                                   llvm::JITSymbolFlags::Exported};
    };
    add("_mlir_memref_to_llvm_alloc", &allocateForCode);
    add("_mlir_memref_to_llvm_free", &freeForCode);
    return symbols;
  });
  // Compilation is lazy; a call shall not pay for it.
  auto function = engine->lookupPacked("_mlir_ciface_" + name);
  if (!function)
    return Failure("cannot compile the reference: " +
                   llvm::toString(function.takeError()));
  return {};
}

Failure ReferenceProgram::call(std::vector<std::vector<int64_t>> &descriptors,
                               std::vector<int64_t> &words) {
  size_t count = 0;
  for (const ReferenceParameter &result : results)
    count += 3 + 2 * result.getRank();
  words.assign(count, 0);
  // The C interface takes pointers to descriptors, the results' first, and the
  // packed interface pointers to those.
  std::vector<void *> pointers;
  if (count)
    pointers.push_back(words.data());
  for (std::vector<int64_t> &descriptor : descriptors)
    pointers.push_back(descriptor.data());
  SmallVector<void *> packed;
  for (void *&pointer : pointers)
    packed.push_back(&pointer);
  currentMemory = &memory;
  llvm::Error error = engine->invokePacked("_mlir_ciface_" + name, packed);
  currentMemory = nullptr;
  if (error)
    return Failure("cannot call '" + name +
                   "': " + llvm::toString(std::move(error)));
  return {};
}
