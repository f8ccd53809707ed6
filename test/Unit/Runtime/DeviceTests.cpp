//===- DeviceTests.cpp - sessions of GPUs, in the simulator ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model written by hand with one entry, forward(x [T]) -> y [T]: a kernel
// writes t = 2 x to the workspace, another y = t + 1.
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"
#include "peermla/Runtime/ModelABI.h"
#include "peermla/Simulator/Simulator.h"
#include <cstdlib>
#include <cstring>
#include <thread>

using namespace peermla;
using namespace peermla::test;
using namespace peermla::sim::abi;

static constexpr uint32_t blockThreads = 32;

static const char metadata[] = R"json({
 "schema": 1, "model": "Gpu", "compiler": "by hand", "weights": [],
 "entries": [
  {"name": "forward", "arguments": [
    {"name": "x", "kind": "in", "dtype": "f32", "shape": ["T"]},
    {"name": "y", "kind": "out", "dtype": "f32", "shape": ["T"]}]}],
 "programs": [
  {"target": "sm_80", "prepared": [],
   "kernels": [
    {"name": "twice", "threads": [32, 1, 1], "operands": "rw", "simulated": 2, "parameters": [8, 8, 8, 8],
     "images": []},
    {"name": "plus", "threads": [32], "operands": "rsw", "shared_bytes": 128, "parameters": [8, 4, 8, 8],
     "simulated": 3, "images": []}],
   "entries": [{"name": "forward", "function": 0, "workspace": 1,
                "prepared": []}]}],
 "simulator": 4})json";

/// Mistakes that the host code and kernels of a test make.
struct Mistakes {
  int64_t kernel = 1;
  int64_t moreBlocks = 0;
  /// `twice` writes what it is to read.
  bool writesInput = false;
};
static thread_local Mistakes mistakes;
/// Launches of `plus` that ran.
static std::atomic<int> numPlus{0};

static uint32_t getThread() {
  return peermla_sim_special_register(
             static_cast<uint32_t>(sim::SpecialRegister::CtaidX)) *
             blockThreads +
         peermla_sim_special_register(
             static_cast<uint32_t>(sim::SpecialRegister::TidX));
}

template <typename T> static T &access(T *address, uint32_t flags) {
  return *static_cast<T *>(
      peermla_sim_access(address, sizeof(T), alignof(T), flags, 0));
}

static void twice(void **arguments) {
  float *x = *static_cast<float **>(arguments[0]);
  float *t = *static_cast<float **>(arguments[1]);
  uint32_t i = getThread();
  if (i >= *static_cast<int64_t *>(arguments[2]))
    return;
  float value = access(x + i, sim::AccessFlags::Global);
  access(t + i, sim::AccessFlags::Global | sim::AccessFlags::Write) = 2 * value;
  if (*static_cast<int64_t *>(arguments[3]))
    access(x + i, sim::AccessFlags::Global | sim::AccessFlags::Write) = 0;
}

static void plus(void **arguments) {
  float *t = *static_cast<float **>(arguments[0]);
  float term = *static_cast<float *>(arguments[1]);
  float *y = *static_cast<float **>(arguments[2]);
  uint32_t i = getThread();
  if (i == 0)
    ++numPlus;
  if (i >= *static_cast<int64_t *>(arguments[3]))
    return;
  access(y + i, sim::AccessFlags::Global | sim::AccessFlags::Write) =
      access(t + i, sim::AccessFlags::Global) + term;
}

static const uint64_t parameterSizes[] = {8, 8, 8, 8};
static const sim::SiteDescriptor site = {"op", "here"};

static sim::KernelDescriptor describe(const char *name,
                                      void (*entry)(void **)) {
  sim::KernelDescriptor descriptor = {};
  descriptor.abiVersion = sim::kAbiVersion;
  descriptor.numParameters = 4;
  descriptor.name = name;
  descriptor.entry = entry;
  descriptor.parameterSizes = parameterSizes;
  descriptor.sites = &site;
  descriptor.numSites = 1;
  return descriptor;
}
static const sim::KernelDescriptor twiceDescriptor = describe("twice", twice);
static const sim::KernelDescriptor plusDescriptor = describe("plus", plus);

static void forward(const int64_t *words) {
  int64_t x = words[1], y = words[6], T = words[3];
  int64_t workspace = words[11];
  int64_t blocks = (T + blockThreads - 1) / blockThreads;
  float one = 1;
  int64_t writes = mistakes.writesInput;
  void *first[] = {&x, &workspace, &T, &writes};
  int64_t firstBytes[] = {4 * T, 4 * T};
  peermla_rt_launch(0, blocks, 1, 1, first, firstBytes);
  void *second[] = {&workspace, &one, &y, &T};
  int64_t secondBytes[] = {4 * T, 0, 4 * T};
  peermla_rt_launch(mistakes.kernel, blocks + mistakes.moreBlocks, 1, 1, second,
                    secondBytes);
}

static int64_t forwardWorkspace(const int64_t *words) { return 4 * words[3]; }

extern "C" void peermla_rt_create_simulator(const void *, int32_t, void *,
                                            void *);

static void *const functions[] = {
    reinterpret_cast<void *>(forward),
    reinterpret_cast<void *>(forwardWorkspace),
    const_cast<sim::KernelDescriptor *>(&twiceDescriptor),
    const_cast<sim::KernelDescriptor *>(&plusDescriptor),
    reinterpret_cast<void *>(peermla_rt_create_simulator)};

static const peermla_api &getApi() {
  const void *api = peermla_rt_api(PEERMLA_API_VERSION, metadata,
                                   sizeof(metadata) - 1, functions);
  EXPECT_NE(api, nullptr);
  return *static_cast<const peermla_api *>(api);
}

namespace {
class SimulatorSession : public testing::Test {
protected:
  void SetUp() override {
    mistakes = {};
    numPlus = 0;
    options.struct_size = sizeof(options);
    options.device = "sim:sm_80";
    options.threads = 1;
    ASSERT_EQ(api.session_create(api.model, &options, &session), PEERMLA_OK)
        << api.last_message();
    ASSERT_EQ(api.context_create(session, nullptr, &context), PEERMLA_OK);
  }
  void TearDown() override {
    EXPECT_EQ(api.context_destroy(context), PEERMLA_OK);
    EXPECT_EQ(api.session_destroy(session), PEERMLA_OK);
  }

  /// The message of a call with T tokens, "" on success.
  std::string call(DLTensor *x, DLTensor *y) {
    DLTensor *tensors[] = {x, y};
    status = api.call(context, 0, tensors, 2);
    return status == PEERMLA_OK ? "" : api.last_message();
  }

  const peermla_api &api = getApi();
  peermla_session_options options = {};
  peermla_session *session = nullptr;
  peermla_context *context = nullptr;
  peermla_status status = PEERMLA_OK;
};
} // namespace

/// x = 0, 1, 2, ... in memory as GPUs want it.
static void fill(Tensor<float> &x) {
  for (size_t i = 0; i < x.values.size(); ++i)
    x.values[i] = static_cast<float>(i);
}

TEST_F(SimulatorSession, RunsKernels) {
  for (int64_t T : {70, 3, 33}) {
    Tensor<float> x({T}), y({T});
    fill(x);
    EXPECT_EQ(call(x, y), "");
    for (int64_t i = 0; i < T; ++i)
      EXPECT_EQ(y.values[i], 2 * i + 1.0f);
  }
  peermla_session_info info = {};
  EXPECT_EQ(api.session_info(session, &info), PEERMLA_OK);
  EXPECT_STREQ(info.device, "sim:sm_80");
}

TEST_F(SimulatorSession, EmptyGridsRunNothing) {
  Tensor<float> x({0}), y({0});
  EXPECT_EQ(call(x, y), "");
  EXPECT_EQ(numPlus, 0);
}

TEST_F(SimulatorSession, ReportsFailTheCallAndStopIt) {
  Tensor<float> x({40}), y({40});
  fill(x);
  mistakes.writesInput = true;
  EXPECT_EQ(call(x, y).rfind("kernel 'twice' on sim:sm_80: out-of-bounds: ", 0),
            0u)
      << api.last_message();
  EXPECT_NE(std::string(api.last_message()).find("read-only"),
            std::string::npos);
  EXPECT_EQ(status, PEERMLA_DEVICE_ERROR);
  EXPECT_EQ(numPlus, 0);
  // The next one is a new call.
  mistakes = {};
  fill(x);
  EXPECT_EQ(call(x, y), "");
  EXPECT_EQ(y.values[39], 79.0f);
}

TEST_F(SimulatorSession, RefusesImpossibleLaunches) {
  Tensor<float> x({4}), y({4});
  mistakes.kernel = 2;
  EXPECT_EQ(call(x, y), "expected a kernel below 2, got 2");
  EXPECT_EQ(status, PEERMLA_INVALID_LIBRARY);
  mistakes = {};
  mistakes.moreBlocks = INT64_C(1) << 31;
  EXPECT_EQ(call(x, y), "kernel 'plus' expects a grid of up to 2147483647 "
                        "blocks in dimension 0, got 2147483649");
  mistakes.moreBlocks = -5;
  EXPECT_EQ(call(x, y), "kernel 'plus' expects a grid of up to 2147483647 "
                        "blocks in dimension 0, got -4");
}

TEST_F(SimulatorSession, ExpectsAlignedTensors) {
  Tensor<float> x({8}), y({8});
  x.shape[0] = y.shape[0] = 4;
  x.tensor.byte_offset = 4;
  EXPECT_EQ(call(x, y), "argument 'x' expects data aligned to 16 bytes, got an "
                        "address 4 beyond that");
}

TEST_F(SimulatorSession, ContextsRunBesideEachOther) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      mistakes = {};
      peermla_context *own = nullptr;
      ASSERT_EQ(api.context_create(session, nullptr, &own), PEERMLA_OK);
      Tensor<float> x({50}), y({50});
      fill(x);
      DLTensor *tensors[] = {x, y};
      for (int turn = 0; turn < 20; ++turn) {
        ASSERT_EQ(api.call(own, 0, tensors, 2), PEERMLA_OK);
        EXPECT_EQ(y.values[49], 99.0f);
      }
      EXPECT_EQ(api.context_destroy(own), PEERMLA_OK);
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST_F(SimulatorSession, GraphsRunAgainOnOtherValues) {
  Tensor<float> x({40}), y({40});
  DLTensor *tensors[] = {x, y};
  peermla_graph *graph = nullptr;
  ASSERT_EQ(api.graph_create(context, 0, tensors, 2, &graph), PEERMLA_OK);
  EXPECT_EQ(y.values[39], 0.0f);
  for (float first : {0.0f, 5.0f}) {
    for (size_t i = 0; i < x.values.size(); ++i)
      x.values[i] = first + static_cast<float>(i);
    ASSERT_EQ(api.graph_launch(graph), PEERMLA_OK) << api.last_message();
    for (size_t i = 0; i < x.values.size(); ++i)
      EXPECT_EQ(y.values[i], 2 * x.values[i] + 1);
  }
  // The workspace is the graph's.
  Tensor<float> longX({400}), longY({400});
  EXPECT_EQ(call(longX, longY), "entry 'forward' expects a workspace of 1600 "
                                "bytes, but graphs use the one of 160");
  EXPECT_EQ(api.context_destroy(context), PEERMLA_INVALID_ARGUMENT);
  EXPECT_EQ(api.graph_destroy(graph), PEERMLA_OK);
  EXPECT_EQ(call(longX, longY), "");
  EXPECT_EQ(api.graph_destroy(nullptr), PEERMLA_OK);
}

TEST_F(SimulatorSession, GivesMemory) {
  void *data = nullptr;
  ASSERT_EQ(api.memory_allocate(session, 12, &data), PEERMLA_OK);
  const float source[3] = {1, 2, 3};
  float copy[3] = {};
  EXPECT_EQ(api.memory_upload(session, data, source, 12), PEERMLA_OK);
  EXPECT_EQ(api.memory_download(session, copy, data, 12), PEERMLA_OK);
  EXPECT_EQ(copy[2], 3.0f);
  EXPECT_EQ(api.memory_free(session, copy), PEERMLA_INVALID_ARGUMENT);
  EXPECT_STREQ(api.last_message(),
               "expected memory of this session, got another address");
  EXPECT_EQ(api.memory_free(session, data), PEERMLA_OK);
  EXPECT_EQ(api.memory_free(session, nullptr), PEERMLA_OK);
  // What is not freed goes with the session.
  EXPECT_EQ(api.memory_allocate(session, 0, &data), PEERMLA_OK);
  EXPECT_NE(data, nullptr);
  EXPECT_EQ(api.context_synchronize(context), PEERMLA_OK);
}

TEST(DeviceMetadata, ReadsKernels) {
  const struct {
    const char *from, *to, *message;
  } cases[] = {
      {"\"operands\": \"rw\"", "\"operands\": \"rx\"",
       "metadata: target 'sm_80' kernel 'twice': expected r, w or s for each "
       "operand, got 'rx'"},
      {"[32, 1, 1]", "[32, 1, 2000]",
       "metadata: target 'sm_80' kernel 'twice': expected a number of threads "
       "below 1025, got 2000"},
      {"[8, 8, 8, 8]", "[8, 8, 8, 128], \"tensor_maps\": 2",
       "metadata: target 'sm_80' kernel 'twice': expected the bytes of a "
       "tensor "
       "map, 128, got 8"},
      {"[8, 8, 8, 8]", "[8, 8, 8, 128], \"tensor_maps\": 5",
       "metadata: target 'sm_80' kernel 'twice': expected a number of tensor "
       "maps below 5, got 5"},
      {"\"images\": []", "\"images\": [{\"kind\": \"elf\"}]",
       "metadata: target 'sm_80' kernel 'twice': expected an image of kind ptx "
       "or cubin, got 'elf'"}};
  // Registered tables refer to their text for good.
  static std::vector<std::string> texts;
  texts.reserve(5);
  for (const auto &[from, to, message] : cases) {
    std::string &text = texts.emplace_back(metadata);
    text.replace(text.find(from), std::strlen(from), to);
    auto &api = *static_cast<const peermla_api *>(peermla_rt_api(
        PEERMLA_API_VERSION, text.c_str(), text.size(), functions));
    const peermla_description *description = nullptr;
    EXPECT_EQ(api.describe(api.model, &description), PEERMLA_INVALID_LIBRARY);
    EXPECT_STREQ(api.last_message(), message);
  }
}

TEST(Devices, AreMissingByName) {
  const peermla_api &api = getApi();
  peermla_session_options options = {};
  options.struct_size = sizeof(options);
  peermla_session *session = nullptr;
  auto create = [&](const char *device) {
    options.device = device;
    EXPECT_EQ(session, nullptr);
    return api.session_create(api.model, &options, &session) == PEERMLA_OK
               ? ""
               : api.last_message();
  };
  EXPECT_STREQ(create(nullptr), "device 'cpu' is not built into this library, "
                                "only kernels of sm_80 are");
  EXPECT_STREQ(create("sim:sm_70"),
               "device 'sim:sm_70' is not built into this library, only "
               "kernels of sm_80 are");
  EXPECT_STREQ(create("cuda:x"), "unknown device 'cuda:x', expected cpu, "
                                 "cuda[:N] or sim[:TARGET]");
  options.level = "x86-64-v3";
  EXPECT_STREQ(create("sim"), "expected no CPU level with device 'sim', got "
                              "'x86-64-v3'");
  options.level = nullptr;
  for (auto [name, value] : {std::pair("PEERMLA_SIM_ASYNC", "late"),
                             std::pair("PEERMLA_SIM_CHECKS", "race,"),
                             std::pair("PEERMLA_SIM_SEED", "-1")}) {
    setenv(name, value, 1);
    EXPECT_EQ(std::string(create("sim")).rfind(name, 0), 0u)
        << api.last_message();
    unsetenv(name);
  }
}
