//===- IndexChecks.cpp - values of index arguments ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With past[b] tokens of sequence b in the cache and new[b] tokens in the call
// (new[b] = cu_seqlens[b+1] - cu_seqlens[b], or T / B without cu_seqlens):
//
//     0 <= past[b] and past[b] + new[b] <= max_blocks page
//     0 <= block_table[b][i] < num_blocks   for i < ceil((past + new) / page)
//
// A sequence without new tokens touches no block.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Text.h"
#include "Words.h"

using namespace peermla;
using namespace peermla::runtime;

namespace {
class IndexChecker {
public:
  IndexChecker(const Entry &entry, DLTensor *const *tensors,
               const SymbolBinding &binding)
      : entry(entry), tensors(tensors), binding(binding) {}

  Status run(uint8_t entryPosition, uint64_t &errorWord);

private:
  using Kind = IndexCheck::Kind;

  const int32_t *getData(int32_t argument) const {
    return static_cast<const int32_t *>(runtime::getData(*tensors[argument]));
  }
  int64_t getExtent(int32_t argument, int32_t dim) const {
    return binding.getExtent(entry.arguments[argument].shape[dim]);
  }

  Status checkRange(int32_t argument);
  Status checkCuSeqlens(int32_t argument);
  Status checkUniform();
  Status checkLengths(int32_t argument);
  Status checkBlockTable(int32_t argument);

  /// Tokens of sequence b in this call.
  int64_t countNewTokens(int64_t b) const {
    if (entry.cuSeqlens < 0)
      return uniformNewTokens;
    const int32_t *cu = getData(entry.cuSeqlens);
    return int64_t(cu[b + 1]) - cu[b];
  }

  /// `expected` as in "values in [0, 10)".
  Status fail(peermla_error_kind kind, int32_t argument, int64_t position,
              const std::string &expected);

  const Entry &entry;
  DLTensor *const *tensors;
  const SymbolBinding &binding;
  int64_t uniformNewTokens = 0;
  uint64_t word = 0;
};
} // namespace

Status IndexChecker::fail(peermla_error_kind kind, int32_t argument,
                          int64_t position, const std::string &expected) {
  word = static_cast<uint64_t>(kind) | static_cast<uint64_t>(argument) << 16 |
         static_cast<uint64_t>(position) << 24;
  const DLTensor &tensor = *tensors[argument];
  std::vector<int64_t> coordinates(tensor.ndim);
  int64_t rest = position;
  for (int32_t d = tensor.ndim; d-- > 0; rest /= tensor.shape[d])
    coordinates[d] = rest % tensor.shape[d];
  return Status(PEERMLA_INDEX_OUT_OF_RANGE,
                "argument " + quote(entry.arguments[argument].name) +
                    " expects " + expected + ", got " +
                    std::to_string(getData(argument)[position]) +
                    " at position " + formatShape(coordinates));
}

Status IndexChecker::checkRange(int32_t argument) {
  const peermla_dim &dim = entry.checks[argument].limit;
  int64_t limit = binding.getExtent(dim);
  // Unsigned: the product of the extents before a zero may be anything.
  uint64_t size = 1;
  for (int32_t d = 0; d < entry.arguments[argument].ndim; ++d)
    size *= static_cast<uint64_t>(getExtent(argument, d));
  const int32_t *data = getData(argument);
  for (uint64_t i = 0; i < size; ++i) {
    if (data[i] >= 0 && data[i] < limit)
      continue;
    return fail(PEERMLA_ERROR_RANGE, argument, static_cast<int64_t>(i),
                "values in [0, " + std::to_string(limit) + ")");
  }
  return Status();
}

Status IndexChecker::checkCuSeqlens(int32_t argument) {
  const peermla_dim &dim = entry.checks[argument].limit;
  int64_t total = binding.getExtent(dim), size = getExtent(argument, 0);
  const int32_t *data = getData(argument);
  if (size == 0)
    return Status(PEERMLA_INVALID_ARGUMENT,
                  "argument " + quote(entry.arguments[argument].name) +
                      " expects at least one value, got none");
  if (data[0] != 0)
    return fail(PEERMLA_ERROR_CU_SEQLENS, argument, 0, "0 as first value");
  for (int64_t i = 1; i < size; ++i)
    if (data[i] < data[i - 1])
      return fail(PEERMLA_ERROR_CU_SEQLENS, argument, i,
                  "values that do not decrease, " +
                      std::to_string(data[i - 1]) + " or more here");
  if (data[size - 1] != total)
    return fail(PEERMLA_ERROR_CU_SEQLENS, argument, size - 1,
                binding.format(dim) + " = " + std::to_string(total) +
                    " as last value");
  return Status();
}

/// Without cu_seqlens all sequences have the same number of new tokens.
Status IndexChecker::checkUniform() {
  if (entry.cuSeqlens >= 0 || entry.lengths < 0)
    return Status();
  int64_t T = binding.getExtent(entry.tokens), B = getExtent(entry.lengths, 0);
  if (B == 0 ? T == 0 : T % B == 0) {
    uniformNewTokens = B == 0 ? 0 : T / B;
    return Status();
  }
  return Status(PEERMLA_INVALID_ARGUMENT,
                "entry " + quote(entry.name) +
                    " expects the same number of tokens for each of " +
                    std::to_string(B) + " sequences, got " + std::to_string(T) +
                    " tokens in all");
}

Status IndexChecker::checkLengths(int32_t argument) {
  const int32_t *data = getData(argument);
  int64_t B = getExtent(argument, 0);
  if (entry.blockTable < 0) {
    for (int64_t b = 0; b < B; ++b)
      if (data[b] < 0)
        return fail(PEERMLA_ERROR_LENGTH, argument, b, "values of 0 or more");
    return Status();
  }
  const peermla_argument &cache = entry.arguments[entry.cache];
  int64_t page = getExtent(entry.cache, cache.ndim - 2), capacity = 0;
  if (__builtin_mul_overflow(getExtent(entry.blockTable, 1), page, &capacity))
    capacity = INT64_MAX;
  for (int64_t b = 0; b < B; ++b) {
    int64_t added = countNewTokens(b);
    if (data[b] >= 0 && data[b] + added <= capacity)
      continue;
    return fail(PEERMLA_ERROR_LENGTH, argument, b,
                "0 or more and, with " + std::to_string(added) +
                    " new tokens, at most the " + std::to_string(capacity) +
                    " that the block table has room for");
  }
  return Status();
}

Status IndexChecker::checkBlockTable(int32_t argument) {
  const peermla_argument &cache = entry.arguments[entry.cache];
  int64_t numBlocks = getExtent(entry.cache, cache.ndim - 3);
  int64_t page = getExtent(entry.cache, cache.ndim - 2);
  int64_t B = getExtent(argument, 0), width = getExtent(argument, 1);
  const int32_t *data = getData(argument), *past = getData(entry.lengths);
  for (int64_t b = 0; b < B; ++b) {
    int64_t added = countNewTokens(b);
    if (added == 0)
      continue;
    // The lengths have passed their check: this fits, and page is not 0.
    int64_t used = (past[b] + added - 1) / page + 1;
    for (int64_t i = b * width; i < b * width + used; ++i) {
      if (data[i] >= 0 && data[i] < numBlocks)
        continue;
      return fail(PEERMLA_ERROR_BLOCK, argument, i,
                  "values in [0, " + std::to_string(numBlocks) + ") for the " +
                      std::to_string(used) + " blocks that the sequence uses");
    }
  }
  return Status();
}

Status IndexChecker::run(uint8_t entryPosition, uint64_t &errorWord) {
  auto checkAll = [&](Kind kind, Status (IndexChecker::*check)(int32_t)) {
    for (size_t i = 0; i < entry.checks.size(); ++i)
      if (entry.checks[i].kind == kind)
        if (Status status = (this->*check)(static_cast<int32_t>(i)))
          return status;
    return Status();
  };
  // Each of these relies on those before it.
  Status status = checkAll(Kind::CuSeqlens, &IndexChecker::checkCuSeqlens);
  if (!status)
    status = checkUniform();
  if (!status)
    status = checkAll(Kind::Lengths, &IndexChecker::checkLengths);
  if (!status)
    status = checkAll(Kind::BlockTable, &IndexChecker::checkBlockTable);
  if (!status)
    status = checkAll(Kind::Range, &IndexChecker::checkRange);
  if (word)
    errorWord = word | static_cast<uint64_t>(entryPosition) << 8;
  return status;
}

Status runtime::checkIndices(const Entry &entry, uint8_t entryPosition,
                             DLTensor *const *tensors,
                             const SymbolBinding &binding,
                             uint64_t &errorWord) {
  return IndexChecker(entry, tensors, binding).run(entryPosition, errorWord);
}
