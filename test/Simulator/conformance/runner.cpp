//===- runner.cpp - records what a GPU makes of conformance cases ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//     runner FOLDER RECORDING [--module=NAME] [--replay=RESULTS]
//
// Runs every case of FOLDER/manifest.txt, or those of one module, on the first
// GPU and writes one line per case. The CUDA driver is opened at run time, so
// that neither headers nor a toolkit are needed: any C++17 compiler makes this
// program. Lines are written as results arrive; a case that fails costs its own
// line alone, one that does not end within 20 s ends the program.
//
// With --replay the files RESULTS/NAME are the results: the path from manifest
// to recording without a GPU.
//
//===----------------------------------------------------------------------===//

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

using Bytes = std::vector<unsigned char>;

[[noreturn]] static void fail(const std::string &message) {
  std::fprintf(stderr, "runner: %s\n", message.c_str());
  std::exit(2);
}

static Bytes readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    fail("cannot read '" + path + "'");
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

//===-- The manifest --------------------------------------------------------===

namespace {

/// The arguments of cuTensorMapEncodeTiled, and where the tensor is.
struct Map {
  int type = 0, swizzle = 0, fillsNaN = 0, isWritten = 0;
  uint64_t offset = 0, size = 0;
  uint32_t rank = 0;
  uint64_t sizes[5] = {}, strides[4] = {};
  uint32_t box[5] = {}, elementStrides[5] = {};
};

struct Case {
  std::string name, symbol, digest, module;
  uint32_t architecture = 0, threads = 0;
  /// Bytes in inputs.bin; bytes of results before those of the tensor.
  uint64_t offset = 0, size = 0, outputs = 0;
  bool hasMap = false;
  Map map;
};

} // namespace

static bool readMap(std::istream &line, Map &map, uint64_t limit) {
  line >> map.type >> map.offset >> map.size >> map.rank;
  if (!line || map.rank < 1 || map.rank > 5)
    return false;
  auto read = [&](auto *values, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i)
      line >> values[i];
  };
  read(map.sizes, map.rank);
  read(map.strides, map.rank - 1);
  read(map.box, map.rank);
  read(map.elementStrides, map.rank);
  line >> map.swizzle >> map.fillsNaN >> map.isWritten;
  return line && map.offset <= limit && map.size <= limit - map.offset;
}

static std::vector<Case> readManifest(const std::string &path,
                                      uint64_t inputSize) {
  std::ifstream file(path);
  if (!file)
    fail("cannot read '" + path + "'");
  std::string text;
  std::getline(file, text);
  if (text != "peermla-conformance 1")
    fail(path + ":1: expected 'peermla-conformance 1', got '" + text + "'");
  std::vector<Case> cases;
  for (unsigned number = 2; std::getline(file, text); ++number) {
    std::istringstream line(text);
    Case entry;
    line >> entry.name >> entry.symbol >> entry.digest >> entry.module >>
        entry.architecture >> entry.threads >> entry.offset >> entry.size >>
        entry.outputs;
    bool isRight = line && entry.threads >= 1 && entry.threads <= 1024 &&
                   entry.offset <= inputSize &&
                   entry.size <= inputSize - entry.offset;
    std::string next;
    if (isRight && line >> next) {
      entry.hasMap = true;
      isRight = next == "map" && readMap(line, entry.map, inputSize) &&
                !(line >> next);
    }
    if (!isRight)
      fail(path + ":" + std::to_string(number) + ": not a case: '" + text +
           "'");
    cases.push_back(std::move(entry));
  }
  if (cases.empty())
    fail(path + ": no cases");
  return cases;
}

//===-- The CUDA driver -----------------------------------------------------===

namespace {

using Address = uint64_t;
using Handle = void *;

/// The functions of libcuda.so.1 that are needed, with the types of cuda.h
/// spelled out.
class Driver {
public:
  int (*init)(unsigned);
  int (*deviceGet)(int *, int);
  int (*deviceGetName)(char *, int, int);
  int (*deviceGetAttribute)(int *, int, int);
  int (*driverGetVersion)(int *);
  int (*getErrorString)(int, const char **);
  int (*contextCreate)(Handle *, unsigned, int);
  int (*contextDestroy)(Handle);
  int (*synchronize)();
  int (*moduleLoad)(Handle *, const char *);
  int (*moduleGetFunction)(Handle *, Handle, const char *);
  int (*allocate)(Address *, size_t);
  int (*release)(Address);
  int (*fill)(Address, unsigned char, size_t);
  int (*copyIn)(Address, const void *, size_t);
  int (*copyOut)(void *, Address, size_t);
  int (*launch)(Handle, unsigned, unsigned, unsigned, unsigned, unsigned,
                unsigned, unsigned, Handle, void **, void **);
  /// Null before CUDA 12.
  int (*encodeTiled)(void *, int, uint32_t, void *, const uint64_t *,
                     const uint64_t *, const uint32_t *, const uint32_t *, int,
                     int, int, int);

  Driver() {
    library = dlopen("libcuda.so.1", RTLD_NOW);
    if (!library)
      fail(std::string("no CUDA driver on this machine: ") + dlerror());
    find(init, "cuInit");
    find(deviceGet, "cuDeviceGet");
    find(deviceGetName, "cuDeviceGetName");
    find(deviceGetAttribute, "cuDeviceGetAttribute");
    find(driverGetVersion, "cuDriverGetVersion");
    find(getErrorString, "cuGetErrorString");
    find(contextCreate, "cuCtxCreate_v2");
    find(contextDestroy, "cuCtxDestroy_v2");
    find(synchronize, "cuCtxSynchronize");
    find(moduleLoad, "cuModuleLoad");
    find(moduleGetFunction, "cuModuleGetFunction");
    find(allocate, "cuMemAlloc_v2");
    find(release, "cuMemFree_v2");
    find(fill, "cuMemsetD8_v2");
    find(copyIn, "cuMemcpyHtoD_v2");
    find(copyOut, "cuMemcpyDtoH_v2");
    find(launch, "cuLaunchKernel");
    find(encodeTiled, "cuTensorMapEncodeTiled", /*isNeeded=*/false);
  }

  std::string describe(int status) const {
    const char *text = nullptr;
    getErrorString(status, &text);
    return text ? text : "error " + std::to_string(status);
  }

private:
  void *library;

  template <typename T>
  void find(T &function, const char *name, bool isNeeded = true) {
    function = reinterpret_cast<T>(dlsym(library, name));
    if (!function && isNeeded)
      fail(std::string("the CUDA driver has no ") + name);
  }
};

/// Runs cases on the first GPU.
class Gpu {
public:
  std::string name;
  int version = 0, major = 0, minor = 0;

  explicit Gpu(std::string folder) : folder(std::move(folder)) {
    check(driver.init(0), "cuInit");
    check(driver.deviceGet(&device, 0), "cuDeviceGet");
    char text[256] = {};
    check(driver.deviceGetName(text, sizeof text - 1, device),
          "cuDeviceGetName");
    name = text;
    check(driver.driverGetVersion(&version), "cuDriverGetVersion");
    // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR.
    check(driver.deviceGetAttribute(&major, 75, device), "compute capability");
    check(driver.deviceGetAttribute(&minor, 76, device), "compute capability");
    check(driver.contextCreate(&context, 0, device), "cuCtxCreate");
  }
  ~Gpu() { driver.contextDestroy(context); }

  bool canRun(const Case &entry) const {
    uint32_t capability = uint32_t(major) * 10 + uint32_t(minor);
    // wgmma is Hopper's alone.
    return entry.architecture == 90 ? capability == 90
                                    : capability >= entry.architecture;
  }

  /// The results, or a sentence in `error`.
  Bytes run(const Case &entry, const Bytes &inputs, std::string &error) {
    Bytes results;
    error = tryRun(entry, inputs, results);
    for (Address address : allocations)
      driver.release(address);
    allocations.clear();
    if (!error.empty())
      startAgain();
    return results;
  }

private:
  Driver driver;
  std::string folder;
  int device = 0;
  Handle context = nullptr;
  std::map<std::string, Handle> modules;
  std::vector<Address> allocations;

  void check(int status, const char *what) {
    if (status != 0)
      fail(std::string(what) + ": " + driver.describe(status));
  }

  /// A kernel that traps takes its context with it.
  void startAgain() {
    modules.clear();
    driver.contextDestroy(context);
    check(driver.contextCreate(&context, 0, device), "cuCtxCreate");
  }

  int getModule(const std::string &module, Handle &handle) {
    if (auto found = modules.find(module); found != modules.end()) {
      handle = found->second;
      return 0;
    }
    // The assembled one where it fits this GPU.
    int status = 1;
    for (const char *suffix : {".cubin", ".ptx"}) {
      std::string path = folder + "/" + module + suffix;
      if (std::ifstream(path).good())
        status = driver.moduleLoad(&handle, path.c_str());
      if (status == 0) {
        modules[module] = handle;
        break;
      }
    }
    return status;
  }

  int allocate(Address &address, size_t size) {
    int status = driver.allocate(&address, size);
    if (status == 0)
      allocations.push_back(address);
    return status;
  }

  std::string tryRun(const Case &entry, const Bytes &inputs, Bytes &results) {
    int status = 0;
    auto failed = [&](int newStatus) { return (status = newStatus) != 0; };
    auto describe = [&](const char *what) {
      return std::string(what) + ": " + driver.describe(status);
    };
    Handle module = nullptr, function = nullptr;
    if (failed(getModule(entry.module, module)) ||
        failed(
            driver.moduleGetFunction(&function, module, entry.symbol.c_str())))
      return describe("loading");
    const Map &map = entry.map;
    Address in = 0, out = 0, tensor = 0, descriptor = 0;
    if (failed(allocate(in, entry.size)) ||
        failed(allocate(out, entry.outputs)) ||
        failed(driver.copyIn(in, inputs.data() + entry.offset, entry.size)) ||
        failed(driver.fill(out, 0xff, entry.outputs)))
      return describe("memory");
    if (entry.hasMap) {
      if (!driver.encodeTiled)
        return "the CUDA driver has no cuTensorMapEncodeTiled";
      alignas(64) unsigned char bytes[128];
      if (failed(allocate(tensor, map.size)) ||
          failed(driver.copyIn(tensor, inputs.data() + map.offset, map.size)) ||
          failed(driver.encodeTiled(bytes, map.type, map.rank,
                                    reinterpret_cast<void *>(tensor), map.sizes,
                                    map.strides, map.box, map.elementStrides,
                                    /*interleave=*/0, map.swizzle,
                                    /*l2Promotion=*/0, map.fillsNaN)) ||
          failed(allocate(descriptor, sizeof bytes)) ||
          failed(driver.copyIn(descriptor, bytes, sizeof bytes)))
        return describe("tensor map");
    }
    void *arguments[] = {&in, &out, &descriptor};
    if (failed(driver.launch(function, 1, 1, 1, entry.threads, 1, 1, 0, nullptr,
                             arguments, nullptr)) ||
        failed(driver.synchronize()))
      return describe("launch");
    bool isWritten = entry.hasMap && map.isWritten;
    results.resize(entry.outputs + (isWritten ? map.size : 0));
    if (failed(driver.copyOut(results.data(), out, entry.outputs)) ||
        (isWritten && failed(driver.copyOut(results.data() + entry.outputs,
                                            tensor, map.size))))
      return describe("results");
    return "";
  }
};

} // namespace

//===-- Recordings ----------------------------------------------------------===

static void writeHeader(std::FILE *file, const std::string &device,
                        int driver) {
  char date[32] = {};
  std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
  std::fprintf(file, "peermla-recording 1\ndevice %s\ndriver %d\ndate %s\n",
               device.c_str(), driver, date);
}

static void writeCase(std::FILE *file, const Case &entry,
                      const Bytes &results) {
  std::fprintf(file, "%s %s ", entry.name.c_str(), entry.digest.c_str());
  for (unsigned char byte : results)
    std::fprintf(file, "%02x", byte);
  std::fputc('\n', file);
  std::fflush(file);
}

/// What is said of the case that runs, should it not end.
static char running[256];
static constexpr unsigned secondsPerCase = 20;

static void giveUp(int) {
  (void)!write(STDERR_FILENO, running, std::strlen(running));
  _exit(1);
}

static unsigned record(std::FILE *file, const std::vector<Case> &cases,
                       const Bytes &inputs, const std::string &folder) {
  Gpu gpu(folder);
  std::signal(SIGALRM, giveUp);
  writeHeader(file, gpu.name, gpu.version);
  unsigned recorded = 0, skipped = 0, failures = 0;
  for (const Case &entry : cases) {
    if (!gpu.canRun(entry)) {
      ++skipped;
      continue;
    }
    std::string error;
    std::snprintf(running, sizeof running, "runner: %s: does not end\n",
                  entry.name.c_str());
    alarm(secondsPerCase);
    Bytes results = gpu.run(entry, inputs, error);
    alarm(0);
    if (!error.empty()) {
      std::fprintf(stderr, "runner: %s: %s\n", entry.name.c_str(),
                   error.c_str());
      ++failures;
      continue;
    }
    writeCase(file, entry, results);
    ++recorded;
  }
  std::printf("%u recorded on %s, %u failed, %u not for this GPU\n", recorded,
              gpu.name.c_str(), failures, skipped);
  return failures;
}

static unsigned replay(std::FILE *file, const std::vector<Case> &cases,
                       const std::string &results) {
  writeHeader(file, "simulator", 0);
  for (const Case &entry : cases)
    writeCase(file, entry, readFile(results + "/" + entry.name));
  std::printf("%zu replayed\n", cases.size());
  return 0;
}

int main(int argc, char **argv) {
  std::string replayed, module;
  if (argc < 3)
    fail("expected FOLDER RECORDING [--module=NAME] [--replay=RESULTS]");
  for (int i = 3; i < argc; ++i) {
    if (std::strncmp(argv[i], "--replay=", 9) == 0)
      replayed = argv[i] + 9;
    else if (std::strncmp(argv[i], "--module=", 9) == 0)
      module = argv[i] + 9;
    else
      fail(std::string("expected --module=NAME or --replay=RESULTS, got '") +
           argv[i] + "'");
  }
  std::string folder = argv[1];
  Bytes inputs = readFile(folder + "/inputs.bin");
  std::vector<Case> cases =
      readManifest(folder + "/manifest.txt", inputs.size());
  if (!module.empty()) {
    auto isOther = [&](const Case &entry) { return entry.module != module; };
    cases.erase(std::remove_if(cases.begin(), cases.end(), isOther),
                cases.end());
    if (cases.empty())
      fail("no case is of module '" + module + "'");
  }
  std::FILE *file = std::fopen(argv[2], "w");
  if (!file)
    fail(std::string("cannot write '") + argv[2] + "'");
  unsigned failures = replayed.empty() ? record(file, cases, inputs, folder)
                                       : replay(file, cases, replayed);
  if (std::fclose(file) != 0)
    fail(std::string("cannot write '") + argv[2] + "'");
  return failures ? 1 : 0;
}
