//===- KernelArguments.cpp - tensors of a file as a kernel's arguments ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelArguments.h"
#include "llvm/ADT/StringExtras.h"
#include <cstring>

using namespace llvm;
using namespace peermla;
using namespace peermla::simulate;

static Error toError(const Failure &failure) {
  return failure ? createStringError(failure.getMessage()) : Error::success();
}

static unsigned getBits(mlir::Type type) {
  return type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
}

KernelArguments::~KernelArguments() {
  for (auto &buffer : buffers)
    sim::freeGlobal(buffer->data);
}

std::string KernelArguments::describe(unsigned index) const {
  std::string text = "parameter " + std::to_string(index);
  return parameters[index].name.empty()
             ? text
             : text + " ('" + parameters[index].name + "')";
}

template <typename T>
const T *KernelArguments::find(const std::map<std::string, T> &specs,
                               unsigned index) {
  for (const std::string &name :
       {parameters[index].name, std::to_string(index)}) {
    auto found = specs.find(name);
    if (found == specs.end())
      continue;
    used.insert(name);
    return &found->second;
  }
  return nullptr;
}

const SafetensorsEntry *KernelArguments::findTensor(unsigned index) {
  for (const SafetensorsEntry &entry : file.getHeader().entries)
    if (entry.name == parameters[index].name ||
        entry.name == std::to_string(index)) {
      used.insert(entry.name);
      return &entry;
    }
  return nullptr;
}

/// The compiler's name of a type, or that of the format: `f32`, `F32`.
static bool parseDtype(StringRef name, SafetensorsDtype &dtype) {
  std::string upper = name.upper();
  return parseSafetensorsDtype(upper, dtype);
}

Error KernelArguments::fill(Buffer &buffer) {
  if (buffer.source)
    return toError(file.read(*buffer.source, 0, buffer.size, buffer.data));
  std::memset(buffer.data, 0xff, buffer.size);
  return Error::success();
}

Expected<KernelArguments::Buffer *> KernelArguments::addBuffer(unsigned index) {
  auto buffer = std::make_unique<Buffer>();
  buffer->name = parameters[index].name.empty() ? std::to_string(index)
                                                : parameters[index].name;
  if (const OutputSpec *output = find(request.outputSpecs, index)) {
    if (!parseDtype(output->dtype, buffer->dtype))
      return createStringError(describe(index) +
                               " has an unknown type of elements: '" +
                               output->dtype + "'");
    buffer->shape = output->shape;
    buffer->isWritten = true;
  } else if (const SafetensorsEntry *entry = findTensor(index)) {
    buffer->dtype = entry->dtype;
    buffer->shape = entry->shape;
    buffer->source = entry;
    for (const std::string &inout : request.inouts)
      if (inout == buffer->name || inout == std::to_string(index)) {
        buffer->isWritten = true;
        used.insert(inout);
      }
  } else {
    return createStringError(
        describe(index) +
        " has no value: expected a tensor of --args, --output, or --set");
  }
  size_t size = getSize(buffer->dtype);
  for (int64_t extent : buffer->shape)
    if (__builtin_mul_overflow(size, static_cast<size_t>(extent), &size))
      return createStringError(describe(index) +
                               " is too large: " + formatShape(buffer->shape));
  buffer->size = size;
  buffer->data = sim::allocateGlobal(size);
  if (!buffer->data)
    return createStringError("out of memory for " + describe(index) + " of " +
                             formatShape(buffer->shape));
  buffers.push_back(std::move(buffer));
  if (Error error = fill(*buffers.back()))
    return std::move(error);
  return buffers.back().get();
}

static std::optional<sim::ElementType> getElementType(SafetensorsDtype dtype) {
  using D = SafetensorsDtype;
  using E = sim::ElementType;
  switch (dtype) {
  case D::U8:
  case D::I8:
  case D::Bool:
  case D::F8E4M3:
  case D::F8E5M2:
    return E::U8;
  case D::U16:
  case D::I16:
    return E::U16;
  case D::F16:
    return E::F16;
  case D::BF16:
    return E::BF16;
  case D::I32:
    return E::S32;
  case D::U32:
    return E::U32;
  case D::F32:
    return E::F32;
  case D::F64:
    return E::F64;
  case D::I64:
    return E::S64;
  case D::U64:
    return E::U64;
  }
  return std::nullopt;
}

Error KernelArguments::addMap(unsigned index, const TensorMapSpec &spec) {
  Expected<Buffer *> buffer = addBuffer(index);
  if (!buffer)
    return buffer.takeError();
  const std::vector<int64_t> &shape = (*buffer)->shape;
  if (shape.empty() || shape.size() > 5 || spec.box.size() != shape.size())
    return createStringError(
        describe(index) + " expects a box of as many extents as the tensor " +
        formatShape(shape) + " has, 1 to 5, got " +
        std::to_string(spec.box.size()));
  sim::TensorMapDesc desc;
  desc.type = *getElementType((*buffer)->dtype);
  desc.rank = shape.size();
  desc.base = (*buffer)->data;
  desc.swizzle = spec.swizzle;
  desc.fillNaN = spec.fillNaN;
  uint64_t stride = getSize((*buffer)->dtype);
  for (unsigned i = 0; i < desc.rank; ++i) {
    desc.sizes[i] = shape[desc.rank - 1 - i];
    desc.box[i] = spec.box[i];
    if (i < spec.elementStrides.size())
      desc.elementStrides[i] = spec.elementStrides[i];
    stride *= desc.sizes[i];
    if (i + 1 < desc.rank)
      desc.strides[i] = stride;
  }
  maps.push_back(std::make_unique<sim::TensorMap>());
  std::string failure = sim::encodeTensorMap(*maps.back(), desc);
  if (!failure.empty())
    return createStringError(describe(index) + ": " + failure);
  // By value the argument is the map itself, otherwise its address.
  if (parameters[index].isByValue) {
    pointers.push_back(maps.back().get());
    return Error::success();
  }
  words.push_back(std::make_unique<uint64_t>(
      reinterpret_cast<uintptr_t>(maps.back().get())));
  pointers.push_back(words.back().get());
  return Error::success();
}

Error KernelArguments::addScalar(unsigned index, StringRef text) {
  mlir::Type type = parameters[index].type;
  uint64_t bits = 0;
  if (isa<mlir::IntegerType>(type) && getBits(type) <= 64) {
    int64_t value;
    if (text.getAsInteger(0, value))
      return createStringError(describe(index) + " expects an integer, got '" +
                               text + "'");
    bits = static_cast<uint64_t>(value);
  } else if (type.isF32() || type.isF64()) {
    double value;
    if (text.getAsDouble(value))
      return createStringError(describe(index) + " expects a number, got '" +
                               text + "'");
    float narrow = static_cast<float>(value);
    if (type.isF32())
      std::memcpy(&bits, &narrow, sizeof narrow);
    else
      std::memcpy(&bits, &value, sizeof value);
  } else {
    return createStringError(describe(index) +
                             " is neither an integer nor f32 or f64: --set " +
                             "cannot give its value");
  }
  words.push_back(std::make_unique<uint64_t>(bits));
  pointers.push_back(words.back().get());
  return Error::success();
}

Error KernelArguments::addScalar(unsigned index,
                                 const SafetensorsEntry &entry) {
  unsigned bits = getBits(parameters[index].type);
  if (bits == 0 || bits > 64 || entry.getSizeInBytes() * 8 != bits)
    return createStringError(
        describe(index) + " expects " + std::to_string(bits / 8) +
        " bytes, got " + getName(entry.dtype) + " " + formatShape(entry.shape));
  words.push_back(std::make_unique<uint64_t>(0));
  pointers.push_back(words.back().get());
  return toError(
      file.read(entry, 0, entry.getSizeInBytes(), words.back().get()));
}

Error KernelArguments::addArgument(unsigned index) {
  bool isPointer = isa<mlir::LLVM::LLVMPointerType>(parameters[index].type);
  if (const TensorMapSpec *map = find(request.tensorMaps, index)) {
    if (isPointer)
      return addMap(index, *map);
    return createStringError(describe(index) +
                             " is no pointer: it cannot be a tensor map");
  }
  if (const std::string *scalar = find(request.scalars, index))
    return addScalar(index, *scalar);
  if (!isPointer)
    if (const SafetensorsEntry *entry = findTensor(index))
      return addScalar(index, *entry);
  Expected<Buffer *> buffer = addBuffer(index);
  if (!buffer)
    return buffer.takeError();
  if (!isPointer)
    return createStringError(describe(index) +
                             " is no pointer: it cannot be a buffer");
  words.push_back(
      std::make_unique<uint64_t>(reinterpret_cast<uintptr_t>((*buffer)->data)));
  pointers.push_back(parameters[index].isByValue
                         ? (*buffer)->data
                         : static_cast<void *>(words.back().get()));
  return Error::success();
}

Error KernelArguments::load(ArrayRef<Parameter> kernelParameters) {
  parameters = kernelParameters;
  if (!request.arguments.empty())
    if (Error error = toError(file.open(request.arguments)))
      return error;
  for (unsigned index = 0; index < parameters.size(); ++index)
    if (Error error = addArgument(index))
      return error;
  // A name that is no parameter's is most likely a slip.
  auto verify = [&](StringRef what, const std::string &name) {
    return used.contains(name)
               ? Error::success()
               : createStringError(what + " '" + name +
                                   "': the kernel has no such parameter");
  };
  for (auto &entry : request.tensorMaps)
    if (Error error = verify("--tensor-map", entry.first))
      return error;
  for (auto &entry : request.outputSpecs)
    if (Error error = verify("--output", entry.first))
      return error;
  for (auto &entry : request.scalars)
    if (Error error = verify("--set", entry.first))
      return error;
  for (const std::string &name : request.inouts)
    if (Error error = verify("--inout", name))
      return error;
  for (const SafetensorsEntry &entry : file.getHeader().entries)
    if (Error error = verify("tensor", entry.name))
      return error;
  return Error::success();
}

Error KernelArguments::reset() {
  for (auto &buffer : buffers)
    if (Error error = fill(*buffer))
      return error;
  return Error::success();
}

void KernelArguments::addTo(sim::Launch &launch) {
  launch.arguments = pointers.data();
  for (auto &buffer : buffers)
    launch.buffers.push_back({buffer->data, buffer->size, buffer->name});
  for (auto &map : maps)
    launch.buffers.push_back(
        {map.get(), sizeof(sim::TensorMap), "a tensor map", /*readOnly=*/true});
}

Error KernelArguments::write(const std::string &path) const {
  std::vector<SafetensorsTensor> tensors;
  for (auto &buffer : buffers)
    if (buffer->isWritten)
      tensors.push_back(
          {buffer->name, buffer->dtype, buffer->shape, buffer->data});
  return toError(writeSafetensors(path, tensors));
}
