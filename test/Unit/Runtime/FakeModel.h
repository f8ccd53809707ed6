//===- FakeModel.h - a model written by hand ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the compiler would emit, in C++:
//
//     weights  w [3, 4], v [3] f32; u = 2 v is prepared with a workspace
//     forward  x [T, 4] -> y [T, 3]: y = x w^T + u, by way of the workspace
//     step     tokens [T], cu_seqlens [B+1], past_lens [B],
//              cache [num_blocks, page, 2], block_table [B, max_blocks],
//              logit_rows [R] -> y [R]
//              appends (token, -token) to the cache; y = tokens[logit_rows]
//     decode   tokens [T], cache, block_table, seq_lens [B] -> y [T]
//              appends as well; y = the new token + the first of its sequence
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TEST_UNIT_RUNTIME_FAKEMODEL_H
#define PEERMLA_TEST_UNIT_RUNTIME_FAKEMODEL_H

#include "TestFolder.h"
#include "peermla/Runtime/Peermla.h"
#include "gtest/gtest.h"
#include <atomic>
#include <initializer_list>

namespace peermla::test {

extern const char fakeMetadata[];
extern void *const fakeFunctions[];

/// The table of the fake model.
const peermla_api &getFakeApi();

/// Bytes of workspace that `forward` asks for.
size_t getForwardWorkspace(int64_t T, int64_t workers);

/// Bytes of workspace that the last `forward` got.
extern std::atomic<int64_t> lastWorkspaceSize;

/// The weights: w counts from 1, v = 10, 20, 30.
std::vector<FloatTensor> getFakeWeights();

/// A tensor with its data.
template <typename T> class Tensor {
public:
  Tensor(std::vector<int64_t> shape, std::vector<T> values = {})
      : shape(std::move(shape)), values(std::move(values)) {
    size_t size = 1;
    for (int64_t extent : this->shape)
      size *= static_cast<size_t>(extent);
    this->values.resize(size);
    tensor.data = this->values.data();
    tensor.device = {kDLCPU, 0};
    tensor.ndim = static_cast<int32_t>(this->shape.size());
    tensor.dtype = {std::is_integral<T>::value ? kDLInt : kDLFloat,
                    8 * sizeof(T), 1};
    tensor.shape = this->shape.data();
  }
  Tensor(const Tensor &) = delete;
  Tensor &operator=(const Tensor &) = delete;

  operator DLTensor *() { return &tensor; }

  std::vector<int64_t> shape;
  std::vector<T> values;
  DLTensor tensor = {};
};

/// A session of the fake model and a context in it.
class FakeSession : public testing::Test {
protected:
  void SetUp() override;
  void TearDown() override;

  /// Calls an entry; returns the message, "" on success.
  std::string call(const char *entry,
                   std::initializer_list<DLTensor *> tensors);
  uint64_t readErrorWord() const;

  TestFolder folder;
  std::string weights;
  const peermla_api &api = getFakeApi();
  peermla_session_options options = {};
  peermla_session *session = nullptr;
  peermla_context *context = nullptr;
  peermla_status status = PEERMLA_OK;
};

} // namespace peermla::test

#endif // PEERMLA_TEST_UNIT_RUNTIME_FAKEMODEL_H
