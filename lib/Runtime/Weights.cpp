//===- Weights.cpp - from files to prepared weights -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Weights.h"
#include "Launches.h"
#include "Text.h"
#include "Words.h"
#include <algorithm>
#include <cstring>
#include <mutex>
#include <unordered_set>

using namespace peermla;
using namespace peermla::runtime;

/// Messages list this many tensors.
static constexpr size_t maxListed = 8;

/// `a; b; ... and 3 more`
static std::string list(const std::vector<std::string> &parts,
                        const char *separator) {
  std::string result;
  for (size_t i = 0; i < parts.size() && i < maxListed; ++i)
    result += (i ? separator : "") + parts[i];
  if (parts.size() > maxListed)
    result += " and " + std::to_string(parts.size() - maxListed) + " more";
  return result;
}

/// Checks names, types and shapes of all of the model's weights.
static Status checkWeights(const Metadata &metadata,
                           const SafetensorsCheckpoint &checkpoint) {
  std::vector<std::string> mismatches;
  for (const Weight &weight : metadata.weights) {
    std::string expected = std::string(getName(weight.dtype->safetensors)) +
                           " " + formatShape(weight.shape);
    const SafetensorsCheckpoint::Tensor *tensor = checkpoint.find(weight.name);
    std::string subject =
        "tensor " + quote(weight.name) + ": expected " + expected + ", got ";
    if (!tensor)
      mismatches.push_back(subject + "no such tensor");
    else if (tensor->entry->dtype != weight.dtype->safetensors ||
             tensor->entry->shape != weight.shape)
      mismatches.push_back(subject + getName(tensor->entry->dtype) + " " +
                           formatShape(tensor->entry->shape));
  }
  if (mismatches.empty())
    return Status();
  return Status(PEERMLA_INVALID_WEIGHTS,
                checkpoint.getPath() + ": " + list(mismatches, "; "));
}

static void
warnAboutSurplus(const Metadata &metadata,
                 const SafetensorsCheckpoint &checkpoint,
                 const std::function<void(const std::string &)> &warn) {
  std::unordered_set<std::string> used;
  for (const Weight &weight : metadata.weights)
    used.insert(weight.name);
  std::vector<std::string> surplus;
  for (const SafetensorsCheckpoint::Tensor &tensor : checkpoint.getTensors())
    if (used.count(tensor.entry->name) == 0)
      surplus.push_back(quote(tensor.entry->name));
  if (!surplus.empty())
    warn(checkpoint.getPath() +
         ": ignored tensors that the model does not use: " +
         list(surplus, ", "));
}

namespace {
/// Where a tensor goes: rows of `rowBytes`, `stride` apart. One row is a tensor
/// that stays in one piece.
struct Place {
  char *begin;
  uint64_t rowBytes, stride;
};

/// Part of a tensor on its way to memory: whole rows, or part of one.
struct Piece {
  const SafetensorsCheckpoint::Tensor *tensor;
  uint64_t offset, size;
  Place place;
};
} // namespace

static void addPieces(const SafetensorsCheckpoint::Tensor &tensor, Place place,
                      std::vector<Piece> &pieces) {
  constexpr uint64_t pieceSize = 8 << 20;
  uint64_t size = tensor.entry->getSizeInBytes();
  uint64_t step = pieceSize;
  if (place.rowBytes < pieceSize)
    step -= pieceSize % std::max<uint64_t>(place.rowBytes, 1);
  else if (place.rowBytes < size)
    step = place.rowBytes;
  for (uint64_t offset = 0; offset < size; offset += step) {
    Place begin = place;
    // Whole rows, unless the tensor is one.
    begin.begin +=
        place.rowBytes < size ? offset / place.rowBytes * place.stride : offset;
    pieces.push_back({&tensor, offset, std::min(step, size - offset), begin});
  }
}

/// Reads a piece to its place. Rows that lie apart there go through a buffer
/// that stays in the cache, so that a row costs a copy and not a system call.
static Failure readPiece(const Piece &piece) {
  constexpr uint64_t bufferSize = 64 << 10;
  const SafetensorsCheckpoint::Tensor &tensor = *piece.tensor;
  const Place &place = piece.place;
  if (piece.size <= place.rowBytes || place.rowBytes == place.stride)
    return tensor.file->read(*tensor.entry, piece.offset, piece.size,
                             place.begin);
  char buffer[bufferSize];
  uint64_t rowsAtOnce = std::max<uint64_t>(bufferSize / place.rowBytes, 1);
  char *destination = place.begin;
  for (uint64_t done = 0; done < piece.size;) {
    uint64_t size = std::min(rowsAtOnce * place.rowBytes, piece.size - done);
    // A row larger than the buffer needs none.
    char *target = size > bufferSize ? destination : buffer;
    if (Failure failure =
            tensor.file->read(*tensor.entry, piece.offset + done, size, target))
      return failure;
    for (uint64_t row = 0; row < size; row += place.rowBytes) {
      if (target == buffer)
        std::memcpy(destination, buffer + row, place.rowBytes);
      destination += place.stride;
    }
    done += size;
  }
  return Failure();
}

/// Reads the pieces with all workers.
static Status readPieces(const Workers &workers,
                         const std::vector<Piece> &pieces) {
  std::mutex mutex;
  Failure first;
  parallelFor(workers, static_cast<int64_t>(pieces.size()),
              [&](int64_t begin, int64_t end, int64_t) {
                for (int64_t i = begin; i < end; ++i) {
                  Failure failure = readPiece(pieces[i]);
                  if (!failure)
                    continue;
                  std::lock_guard<std::mutex> lock(mutex);
                  if (!first)
                    first = std::move(failure);
                  return;
                }
              });
  return Status(PEERMLA_INVALID_WEIGHTS, first);
}

/// Reads the pieces that `place` names for a buffer of the host, and copies the
/// buffer to `destination`, memory of a device that the host cannot write.
static Status readThroughHost(
    peermla_session &session, char *destination, size_t bytes,
    const std::function<void(char *, std::vector<Piece> &)> &place) {
  Pages buffer;
  if (!buffer.allocate(bytes))
    return makeOutOfMemory("the host's copy of a weight", bytes);
  std::vector<Piece> pieces;
  place(buffer.data(), pieces);
  if (Status status = readPieces(session.workers, pieces))
    return status;
  return session.device->upload(destination, buffer.data(), bytes);
}

/// Places the prepared weights of the program one after the other. Tables begin
/// at a huge page; for smaller tensors that would waste more than it helps.
static Status placeWeights(peermla_session &session) {
  constexpr size_t tableSize = 64 << 20;
  std::vector<size_t> offsets;
  size_t position = 0;
  for (const Prepared &prepared : session.program->prepared) {
    position = alignTo(position, prepared.bytes >= tableSize ? hugePage
                                                             : tensorAlignment);
    offsets.push_back(position);
    if (__builtin_add_overflow(position, prepared.bytes, &position) ||
        position > SIZE_MAX / 2)
      return Status(PEERMLA_OUT_OF_MEMORY,
                    "the weights need more bytes than can be counted");
  }
  if (Status status =
          session.device->allocate(position, "weights", session.weights))
    return status;
  for (size_t offset : offsets)
    session.prepared.push_back(session.weights->data() + offset);
  return Status();
}

namespace {
/// Runs the prepare functions. Sources of one function that the next one needs
/// too are kept: the two halves of a matrix are often prepared in a row.
class Preparation {
public:
  Preparation(peermla_session &session, const SafetensorsCheckpoint &checkpoint)
      : session(session), metadata(session.model->metadata),
        checkpoint(checkpoint) {}

  Status run(const Prepared &prepared, char *destination);

private:
  struct Source {
    int32_t weight;
    std::unique_ptr<DeviceMemory> memory;
  };

  Status loadSources(const std::vector<int32_t> &weights);
  const char *find(int32_t weight) const {
    for (const Source &source : sources)
      if (source.weight == weight)
        return source.memory->data();
    return nullptr;
  }

  peermla_session &session;
  const Metadata &metadata;
  const SafetensorsCheckpoint &checkpoint;
  std::vector<Source> sources;
};
} // namespace

Status Preparation::loadSources(const std::vector<int32_t> &weights) {
  sources.erase(std::remove_if(sources.begin(), sources.end(),
                               [&](const Source &source) {
                                 return std::find(
                                            weights.begin(), weights.end(),
                                            source.weight) == weights.end();
                               }),
                sources.end());
  std::vector<Piece> pieces;
  for (int32_t index : weights) {
    auto isLoaded = [&](const Source &source) {
      return source.weight == index;
    };
    if (std::any_of(sources.begin(), sources.end(), isLoaded))
      continue;
    const Weight &weight = metadata.weights[index];
    Source &source = sources.emplace_back();
    source.weight = index;
    if (Status status = session.device->allocate(
            weight.bytes, "tensor " + quote(weight.name), source.memory))
      return status;
    if (session.device->isHostVisible()) {
      addPieces(*checkpoint.find(weight.name),
                {source.memory->data(), weight.bytes, weight.bytes}, pieces);
      continue;
    }
    auto place = [&](char *begin, std::vector<Piece> &staged) {
      addPieces(*checkpoint.find(weight.name),
                {begin, weight.bytes, weight.bytes}, staged);
    };
    if (Status status = readThroughHost(session, source.memory->data(),
                                        weight.bytes, place))
      return status;
  }
  return readPieces(session.workers, pieces);
}

Status Preparation::run(const Prepared &prepared, char *destination) {
  if (Status status = loadSources(prepared.sources))
    return status;
  size_t numWords = countWords(prepared.shape.size()) + countWords(1) + 1;
  for (int32_t index : prepared.sources)
    numWords += countWords(metadata.weights[index].shape.size());
  std::vector<int64_t> words(numWords);
  auto writeTensors = [&](bool withData) {
    int64_t *next = words.data();
    for (int32_t index : prepared.sources) {
      const Weight &weight = metadata.weights[index];
      next = writeTensor(next, withData ? find(index) : nullptr,
                         weight.shape.size(), weight.shape.data());
    }
    writeTensor(next, withData ? destination : nullptr, prepared.shape.size(),
                prepared.shape.data());
  };
  words.back() = session.workers.count;
  writeTensors(false);
  size_t size = 0;
  if (Status status = computeWorkspaceSize(*session.model, prepared.workspace,
                                           prepared.name, words, size))
    return status;
  std::unique_ptr<DeviceMemory> workspace;
  if (Status status = session.device->allocate(
          size, "a workspace to prepare weight " + quote(prepared.name),
          workspace))
    return status;
  writeTensors(true);
  writeWorkspace(workspace->data(), size, words);
  WorkersScope scope(session.workers);
  session.device->prepareWorkspace(workspace->data(), size);
  LaunchScope launches(*session.device, *session.program, nullptr);
  session.model->getFunction(prepared.function)(words.data());
  if (Status status = launches.takeStatus())
    return status;
  // Sources and workspace may go.
  return session.device->synchronize(nullptr);
}

Status
runtime::loadWeights(peermla_session &session, const char *path,
                     const std::function<void(const std::string &)> &warn) {
  const Metadata &metadata = session.model->metadata;
  SafetensorsCheckpoint checkpoint;
  if (metadata.weights.empty()) {
    if (path)
      warn(std::string(path) + ": ignored, model " + quote(metadata.model) +
           " has no weights");
  } else {
    if (!path)
      return Status(PEERMLA_INVALID_WEIGHTS,
                    "model " + quote(metadata.model) + " has " +
                        std::to_string(metadata.weights.size()) +
                        " weights, expected a file or folder with them");
    if (Failure failure = checkpoint.open(path))
      return Status(PEERMLA_INVALID_WEIGHTS, failure);
    if (Status status = checkWeights(metadata, checkpoint))
      return status;
    warnAboutSurplus(metadata, checkpoint, warn);
  }

  if (Status status = placeWeights(session))
    return status;
  std::vector<Piece> pieces;
  for (size_t i = 0; i < session.prepared.size(); ++i) {
    const Prepared &prepared = session.program->prepared[i];
    auto place = [&](char *begin, std::vector<Piece> &pieces) {
      if (prepared.source >= 0)
        addPieces(*checkpoint.find(metadata.weights[prepared.source].name),
                  {begin, prepared.bytes, prepared.bytes}, pieces);
      for (int32_t index : prepared.rows) {
        const Weight &weight = metadata.weights[index];
        uint64_t numRows = prepared.shape[0];
        addPieces(*checkpoint.find(weight.name),
                  {begin, weight.bytes / numRows, prepared.bytes / numRows},
                  pieces);
        begin += weight.bytes / numRows;
      }
    };
    if (session.device->isHostVisible())
      place(session.prepared[i], pieces);
    else if (prepared.function < 0)
      if (Status status = readThroughHost(session, session.prepared[i],
                                          prepared.bytes, place))
        return status;
  }
  if (Status status = readPieces(session.workers, pieces))
    return status;
  Preparation preparation(session, checkpoint);
  for (size_t i = 0; i < session.prepared.size(); ++i) {
    const Prepared &prepared = session.program->prepared[i];
    if (prepared.function < 0)
      continue;
    if (Status status = preparation.run(prepared, session.prepared[i]))
      return status;
  }
  return Status();
}
