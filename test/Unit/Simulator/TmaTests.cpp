//===- TmaTests.cpp - tensor copies and clusters --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"
#include <cstring>

using namespace peermla::sim;

namespace {

constexpr uint32_t kParity = WaitFlags::Parity | WaitFlags::Try;

void wait(char *barrier, uint32_t parity, uint32_t site) {
  while (!peermla_sim_mbarrier_wait(barrier, parity, kParity, site))
    ;
}

/// A tensor whose element number i (in memory) has the value i + 1.
struct Tensor {
  TensorMapDesc desc;
  std::vector<char> storage;
  char *data;
  uint32_t bytes;

  Tensor(ElementType type, uint32_t elementBytes,
         const std::vector<uint64_t> &sizes)
      : bytes(elementBytes) {
    desc.type = type;
    desc.rank = uint32_t(sizes.size());
    uint64_t stride = bytes;
    for (uint32_t i = 0; i < desc.rank; ++i) {
      desc.sizes[i] = sizes[i];
      // Rows are padded to 16 bytes, and 16 more.
      stride = (stride * sizes[i] + 15) / 16 * 16 + 16;
      if (i + 1 < desc.rank)
        desc.strides[i] = stride;
    }
    storage.resize(stride + 64);
    data = reinterpret_cast<char *>(
        (reinterpret_cast<uintptr_t>(storage.data()) + 63) / 64 * 64);
    desc.base = data;
    for (uint64_t i = 0; i * bytes < stride; ++i) {
      uint64_t value = i + 1;
      memcpy(data + i * bytes, &value, bytes);
    }
  }

  uint64_t getSize() const { return storage.size() - 64; }

  /// The address of an element, or null if it is outside.
  char *find(const int64_t *coordinates) const {
    char *address = data;
    for (uint32_t i = 0; i < desc.rank; ++i) {
      if (coordinates[i] < 0 || coordinates[i] >= int64_t(desc.sizes[i]))
        return nullptr;
      address += coordinates[i] * int64_t(i ? desc.strides[i - 1] : bytes);
    }
    return address;
  }
};

/// Calls `body(offset, coordinates)` for the elements of a box at `start`, with
/// their unswizzled offsets.
template <typename Body>
void forEachElement(const Tensor &tensor, const int32_t *start, Body body) {
  const TensorMapDesc &d = tensor.desc;
  uint32_t index[5] = {}, offset = 0;
  for (;;) {
    int64_t coordinates[5];
    for (uint32_t i = 0; i < d.rank; ++i)
      coordinates[i] = start[i] + int64_t(index[i]) * d.elementStrides[i];
    body(offset, coordinates);
    offset += tensor.bytes;
    uint32_t i = 0;
    for (; i < d.rank; ++i) {
      if (++index[i] * d.elementStrides[i] < d.box[i])
        break;
      index[i] = 0;
    }
    if (i == d.rank)
      return;
  }
}

uint32_t swizzle(uint32_t offset, Swizzle mode) {
  uint32_t pieces = 1u << uint32_t(mode);
  return offset ^ (offset / 128 % pieces) * 16;
}

uint32_t getBoxBytes(const Tensor &tensor) {
  uint32_t bytes = tensor.bytes;
  for (uint32_t i = 0; i < tensor.desc.rank; ++i)
    bytes *= (tensor.desc.box[i] + tensor.desc.elementStrides[i] - 1) /
             tensor.desc.elementStrides[i];
  return bytes;
}

/// Loads a box and compares shared memory; stores it back, one larger, and
/// compares global memory.
void check(Tensor &tensor, const std::vector<int32_t> &start,
           const Options &options) {
  TensorMap map;
  ASSERT_EQ(encodeTensorMap(map, tensor.desc), "");
  uint32_t bytes = getBoxBytes(tensor);
  std::vector<char> before(tensor.data, tensor.data + tensor.getSize());
  TestKernel kernel(32, 65536);
  kernel.options = options;
  kernel.launch.buffers.push_back({tensor.data, tensor.getSize(), "tensor"});
  kernel.launch.buffers.push_back({&map, sizeof(map), "map", true});
  Result result = kernel.run([&] {
    char *data = shared(1024), *barrier = shared(0);
    if (getTid() == 0) {
      peermla_sim_mbarrier_init(barrier, 1, 0);
      peermla_sim_fence(uint32_t(FenceKind::MbarrierInit), 1);
      peermla_sim_mbarrier_arrive_expect_tx(barrier, bytes, 0, 2);
      std::vector<int32_t> c = start;
      peermla_sim_tma_load(data, &map, barrier, c.data(), tensor.desc.rank, 0,
                           3);
    }
    peermla_sim_barrier_sync(0, 0, 4);
    wait(barrier, 0, 5);
    if (getTid() == 0)
      forEachElement(
          tensor, start.data(),
          [&](uint32_t offset, const int64_t *coordinates) {
            char *address = data + swizzle(offset, tensor.desc.swizzle);
            uint64_t got = 0, expected = 0;
            peermla_sim_access(address, tensor.bytes, tensor.bytes, 0, 6);
            memcpy(&got, address, tensor.bytes);
            if (const char *element = tensor.find(coordinates))
              memcpy(&expected, element, tensor.bytes);
            ASSERT_EQ(got, expected) << "offset " << offset;
            ++got;
            peermla_sim_access(address, tensor.bytes, tensor.bytes,
                               AccessFlags::Write, 7);
            memcpy(address, &got, tensor.bytes);
          });
    peermla_sim_fence(uint32_t(FenceKind::ProxyAsync), 8);
    peermla_sim_barrier_sync(0, 0, 9);
    if (getTid() == 0) {
      std::vector<int32_t> c = start;
      peermla_sim_tma_store(&map, data, c.data(), tensor.desc.rank,
                            uint32_t(TmaReduction::None), 10);
      peermla_sim_bulk_commit(11);
      peermla_sim_bulk_wait(0, 0, 12);
    }
  });
  EXPECT_EQ(result.getText(kernel.launch), "");
  // What is in the box is one larger, all else is as it was.
  forEachElement(
      tensor, start.data(), [&](uint32_t, const int64_t *coordinates) {
        char *element = tensor.find(coordinates);
        if (!element)
          return;
        uint64_t old = 0;
        memcpy(&old, before.data() + (element - tensor.data), tensor.bytes);
        ++old;
        memcpy(before.data() + (element - tensor.data), &old, tensor.bytes);
      });
  EXPECT_EQ(memcmp(before.data(), tensor.data, before.size()), 0);
}

void setBox(Tensor &tensor, std::vector<uint32_t> box) {
  std::copy(box.begin(), box.end(), tensor.desc.box);
}

TEST(TmaTest, ranksAndEdges) {
  for (Options &options : getAllModes()) {
    Tensor one(ElementType::F32, 4, {37});
    setBox(one, {12});
    check(one, {8}, options);
    check(one, {-5}, options);
    check(one, {30}, options);
    check(one, {100}, options);
    Tensor three(ElementType::BF16, 2, {21, 7, 3});
    setBox(three, {16, 3, 2});
    check(three, {2, 1, 0}, options);
    check(three, {-3, 5, 2}, options);
    check(three, {8, -2, -1}, options);
    Tensor five(ElementType::U8, 1, {17, 3, 4, 2, 3});
    setBox(five, {16, 2, 3, 2, 2});
    check(five, {0, 1, 1, 0, 1}, options);
    check(five, {3, -1, 2, 1, 2}, options);
  }
}

TEST(TmaTest, swizzles) {
  for (Swizzle mode : {Swizzle::Bytes32, Swizzle::Bytes64, Swizzle::Bytes128}) {
    Tensor tensor(ElementType::BF16, 2, {100, 40});
    tensor.desc.swizzle = mode;
    setBox(tensor, {8u << uint32_t(mode), 24});
    check(tensor, {3, 5}, Options());
    check(tensor, {70, 30}, Options());
  }
}

TEST(TmaTest, elementStrides) {
  Tensor tensor(ElementType::F32, 4, {50, 20});
  tensor.desc.elementStrides[0] = 2;
  tensor.desc.elementStrides[1] = 3;
  setBox(tensor, {16, 8});
  check(tensor, {1, 2}, Options());
  check(tensor, {40, 15}, Options());
}

TEST(TmaTest, reducingStoreAdds) {
  alignas(16) float data[3][8] = {};
  TensorMapDesc desc;
  desc.type = ElementType::F32;
  desc.rank = 2;
  desc.base = data;
  desc.sizes[0] = 8;
  desc.sizes[1] = 3;
  desc.strides[0] = 32;
  desc.box[0] = 4;
  desc.box[1] = 2;
  TensorMap map;
  ASSERT_EQ(encodeTensorMap(map, desc), "");
  TestKernel kernel(1, 256, 3);
  Result result = kernel.run([&] {
    for (uint32_t i = 0; i < 8; ++i)
      store(shared(4 * i), float(i + 1), 0);
    peermla_sim_fence(uint32_t(FenceKind::ProxyAsync), 1);
    int32_t c[2] = {2, 2};
    peermla_sim_tma_store(&map, shared(0), c, 2, uint32_t(TmaReduction::Add),
                          2);
    peermla_sim_bulk_commit(3);
    peermla_sim_bulk_wait(0, 0, 4);
  });
  EXPECT_EQ(result.getText(kernel.launch), "");
  for (uint32_t i = 0; i < 4; ++i)
    EXPECT_EQ(data[2][2 + i], 3.0f * float(i + 1));
  EXPECT_EQ(data[2][1], 0);
  EXPECT_EQ(data[2][6], 0);
}

TEST(TmaTest, mapsThatTheDriverRefuses) {
  auto refuse = [](auto change) {
    alignas(16) static char data[1024];
    TensorMapDesc desc;
    desc.type = ElementType::BF16;
    desc.rank = 2;
    desc.base = data;
    desc.sizes[0] = desc.sizes[1] = 16;
    desc.strides[0] = 32;
    desc.box[0] = desc.box[1] = 8;
    change(desc);
    TensorMap map;
    return encodeTensorMap(map, desc);
  };
  using D = TensorMapDesc;
  EXPECT_EQ(refuse([](D &) {}), "");
  EXPECT_EQ(refuse([](D &d) { d.rank = 6; }), "the rank is from 1 to 5, got 6");
  EXPECT_TRUE(contains(refuse([](D &d) { d.strides[0] = 40; }), "got 40"));
  EXPECT_TRUE(contains(refuse([](D &d) { d.box[1] = 257; }), "got 257"));
  EXPECT_TRUE(contains(refuse([](D &d) { d.box[0] = 4; }),
                       "multiple of 16 bytes, got 8"));
  EXPECT_TRUE(contains(refuse([](D &d) {
                         d.box[0] = 32;
                         d.swizzle = Swizzle::Bytes32;
                       }),
                       "32 bytes, got 64"));
  EXPECT_TRUE(contains(
      refuse([](D &d) { d.base = static_cast<char *>(d.base) + 8; }), "base"));
}

TEST(TmaTest, wrongCopiesAreReported) {
  Tensor tensor(ElementType::BF16, 2, {64, 64});
  setBox(tensor, {64, 8});
  TensorMap map, none = {};
  ASSERT_EQ(encodeTensorMap(map, tensor.desc), "");
  auto run = [&](uint32_t offset, TensorMap *used, uint32_t rank) {
    TestKernel kernel(1, 4096);
    kernel.options.checkBounds = true;
    kernel.launch.buffers.push_back({&map, sizeof(map), "map"});
    kernel.launch.buffers.push_back({&none, sizeof(none), "none"});
    kernel.launch.buffers.push_back({tensor.data, 4096, "half"});
    return summarize(kernel.run([&] {
      peermla_sim_mbarrier_init(shared(0), 1, 0);
      int32_t c[5] = {};
      peermla_sim_tma_load(shared(offset), used, shared(0), c, rank, 0, 1);
    }));
  };
  EXPECT_EQ(run(64, &map, 3), "descriptor 1");
  EXPECT_EQ(run(1024, &none, 2), "descriptor 1");
  // The buffer is smaller than the tensor.
  EXPECT_EQ(run(1024, &map, 2), "out-of-bounds 1");
}

TEST(TmaTest, destinationsMustBeAlignedAndInside) {
  Tensor tensor(ElementType::BF16, 2, {64, 64});
  setBox(tensor, {64, 8});
  TensorMap map;
  ASSERT_EQ(encodeTensorMap(map, tensor.desc), "");
  auto run = [&](uint32_t offset) {
    TestKernel kernel(1, 4096);
    return summarize(kernel.run([&] {
      peermla_sim_mbarrier_init(shared(0), 1, 0);
      int32_t c[2] = {};
      peermla_sim_tma_load(shared(offset), &map, shared(0), c, 2, 0, 1);
    }));
  };
  EXPECT_EQ(run(1024 + 64), "misaligned 1");
  EXPECT_EQ(run(3200), "out-of-bounds 1");
}

TEST(TmaTest, missingWaitAndMissingFenceAreRaces) {
  Tensor tensor(ElementType::BF16, 2, {64, 8});
  setBox(tensor, {64, 8});
  TensorMap map;
  ASSERT_EQ(encodeTensorMap(map, tensor.desc), "");
  auto run = [&](bool fences, bool waits) {
    TestKernel kernel(32, 4096);
    kernel.options.checkRaces = true;
    return summarize(kernel.run([&] {
      int32_t c[2] = {};
      if (getTid() == 0) {
        peermla_sim_mbarrier_init(shared(0), 1, 0);
        if (fences)
          peermla_sim_fence(uint32_t(FenceKind::MbarrierInit), 1);
      }
      peermla_sim_barrier_sync(0, 0, 2);
      if (getTid() == 0) {
        peermla_sim_mbarrier_arrive_expect_tx(shared(0), 1024, 0, 3);
        peermla_sim_tma_load(shared(1024), &map, shared(0), c, 2, 0, 4);
      }
      if (waits)
        wait(shared(0), 0, 5);
      load<uint32_t>(shared(1024 + 4 * getTid()), 6);
    }));
  };
  EXPECT_EQ(run(true, true), "");
  EXPECT_EQ(run(false, true), "race 4 0");
  // Threads that run before the copy is issued are on the other side of it.
  EXPECT_TRUE(contains(run(true, false), "race 6 4"));
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

/// A cluster along x.
TestKernel makeCluster(uint32_t threads, uint32_t bytes, uint32_t blocks) {
  TestKernel kernel(threads, bytes, blocks * 2);
  kernel.launch.cluster = {blocks, 1, 1};
  return kernel;
}

uint32_t getRank() {
  return peermla_sim_special_register(
      uint32_t(SpecialRegister::ClusterCtaRank));
}

void clusterSync(uint32_t site) {
  peermla_sim_cluster_arrive(0, site);
  peermla_sim_cluster_wait(site);
}

TEST(ClusterTest, distributedSharedMemory) {
  for (Options &options : getAllModes()) {
    TestKernel kernel = makeCluster(32, 256, 3);
    kernel.options = options;
    Result result = kernel.run([&] {
      uint32_t rank = getRank(), lane = getTid();
      EXPECT_EQ(rank, getBlock() % 3);
      store(shared(4 * lane), 100 * rank + lane, 0);
      clusterSync(1);
      char *remote = static_cast<char *>(
          peermla_sim_map_shared(shared(4 * lane), (rank + 1) % 3, 2));
      EXPECT_EQ(peermla_sim_shared_rank(remote), (rank + 1) % 3);
      EXPECT_EQ(load<uint32_t>(remote, 3), 100 * ((rank + 1) % 3) + lane);
      clusterSync(4);
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
  }
}

TEST(ClusterTest, remoteWriteWithoutBarrierIsARace) {
  TestKernel kernel = makeCluster(32, 256, 2);
  kernel.options.checkRaces = true;
  Result result = kernel.run([&] {
    uint32_t rank = getRank();
    if (rank == 0 && getTid() == 3)
      store(peermla_sim_map_shared(shared(0), 1, 1), 7u, 2);
    if (rank == 1 && getTid() == 4)
      load<uint32_t>(shared(0), 3);
    clusterSync(4);
  });
  ASSERT_EQ(summarize(result), "race 3 2");
  EXPECT_EQ(result.reports[0].other, "thread 3 of block rank 0");
}

TEST(ClusterTest, remoteArrivals) {
  for (Options &options : getAllModes()) {
    TestKernel kernel = makeCluster(32, 256, 2);
    kernel.options = options;
    Result result = kernel.run([&] {
      char *barrier = shared(8);
      if (getTid() == 0) {
        peermla_sim_mbarrier_init(barrier, 64, 0);
        peermla_sim_fence(uint32_t(FenceKind::MbarrierInit), 1);
      }
      clusterSync(2);
      for (uint32_t rank = 0; rank < 2; ++rank)
        peermla_sim_mbarrier_arrive(peermla_sim_map_shared(barrier, rank, 3), 1,
                                    0, 4);
      wait(barrier, 0, 5);
      clusterSync(6);
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
  }
}

TEST(ClusterTest, multicastReachesAllNamedBlocks) {
  Tensor tensor(ElementType::F32, 4, {32, 8});
  setBox(tensor, {32, 4});
  TensorMap map;
  ASSERT_EQ(encodeTensorMap(map, tensor.desc), "");
  for (Options &options : getAllModes()) {
    TestKernel kernel = makeCluster(32, 4096, 3);
    kernel.options = options;
    kernel.launch.buffers.push_back({&map, sizeof(map), "map"});
    kernel.launch.buffers.push_back({tensor.data, tensor.getSize(), "tensor"});
    Result result = kernel.run([&] {
      uint32_t rank = getRank();
      char *barrier = shared(0), *data = shared(1024);
      if (getTid() == 0) {
        peermla_sim_mbarrier_init(barrier, 1, 0);
        peermla_sim_fence(uint32_t(FenceKind::MbarrierInit), 1);
        if (rank != 1)
          peermla_sim_mbarrier_arrive_expect_tx(barrier, 512, 0, 2);
      }
      clusterSync(3);
      int32_t c[2] = {0, 4};
      if (rank == 1 && getTid() == 0)
        peermla_sim_tma_load(data, &map, barrier, c, 2, 5, 4);
      if (rank != 1) {
        wait(barrier, 0, 5);
        int64_t at[2] = {getTid(), 5};
        EXPECT_EQ(load<uint32_t>(data + 128 + 4 * getTid(), 6),
                  *reinterpret_cast<uint32_t *>(tensor.find(at)));
      }
      clusterSync(7);
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
  }
}

TEST(ClusterTest, storeAsyncAndSharedCopies) {
  for (Options &options : getAllModes()) {
    TestKernel kernel = makeCluster(32, 1024, 2);
    kernel.options = options;
    Result result = kernel.run([&] {
      uint32_t rank = getRank(), lane = getTid();
      char *barrier = shared(0);
      if (lane == 0) {
        peermla_sim_mbarrier_init(barrier, 1, 0);
        peermla_sim_fence(uint32_t(FenceKind::MbarrierInit), 1);
        peermla_sim_mbarrier_arrive_expect_tx(barrier, 32 * 4 + 64, 0, 2);
      }
      for (uint32_t i = 0; i < 4; ++i)
        if (lane < 4)
          store(shared(512 + 16 * lane + 4 * i), rank * 1000 + 4 * lane + i, 3);
      peermla_sim_fence(uint32_t(FenceKind::ProxyAsync), 4);
      clusterSync(5);
      auto remote = [&](uint32_t offset) {
        return peermla_sim_map_shared(shared(offset), 1 - rank, 6);
      };
      uint32_t value = 100 * rank + lane;
      peermla_sim_store_async(remote(128 + 4 * lane), remote(0), &value, 4, 7);
      if (lane == 0)
        peermla_sim_bulk_copy_shared(remote(256), shared(512), remote(0), 64,
                                     8);
      wait(barrier, 0, 9);
      EXPECT_EQ(load<uint32_t>(shared(128 + 4 * lane), 10),
                100 * (1 - rank) + lane);
      if (lane < 16)
        EXPECT_EQ(load<uint32_t>(shared(256 + 4 * lane), 11),
                  1000 * (1 - rank) + lane);
      clusterSync(12);
    });
    EXPECT_EQ(result.getText(kernel.launch), "");
  }
}

TEST(ClusterTest, blocksThatHaveEndedHaveNoMemory) {
  TestKernel kernel = makeCluster(1, 256, 2);
  Result result = kernel.run([&] {
    void *remote = peermla_sim_map_shared(shared(0), 1 - getRank(), 0);
    if (getRank() == 0)
      peermla_sim_nanosleep(100, 1);
    if (getRank() == 0)
      load<uint32_t>(remote, 2);
  });
  EXPECT_EQ(summarize(result), "out-of-bounds 2");
}

} // namespace
