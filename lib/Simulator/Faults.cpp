//===- Faults.cpp - signals of a kernel's own code ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Faults.h"
#include "Machine.h"
#include <csignal>
#include <cstdio>
#include <mutex>
#include <ucontext.h>

using namespace peermla::sim;

static constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

/// Guards that live, and what was there before the first.
static std::mutex guardMutex;
static unsigned numGuards = 0;
static struct sigaction previous[std::size(kSignals)];

/// What the handler leaves for `land`.
struct Fault {
  int signal;
  const void *address;
};
static thread_local Fault fault;
static thread_local stack_t previousStack;

static std::string describe(const Fault &fault) {
  char address[32];
  snprintf(address, sizeof(address), "%p", fault.address);
  switch (fault.signal) {
  case SIGFPE:
    return "an integer division by zero, or of the least number by -1";
  case SIGILL:
    return "code that must not be reached";
  default:
    return std::string("an access of memory that does not exist, at ") +
           address;
  }
}

/// Where a fiber goes on after a fault.
[[noreturn]] static void land() {
  Thread &thread = *currentThread;
  thread.cluster->report(fault.signal == SIGSEGV || fault.signal == SIGBUS
                             ? ReportKind::OutOfBounds
                             : ReportKind::Trap,
                         &thread, kNoSite, describe(fault));
  thread.cluster->state.stop = true;
  thread.cluster->endThread(thread);
}

static const void *getStackPointer(const ucontext_t &context) {
#if defined(__x86_64__)
  return reinterpret_cast<void *>(context.uc_mcontext.gregs[REG_RSP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void *>(context.uc_mcontext.sp);
#else
  (void)context;
  return nullptr;
#endif
}

/// Makes the interrupted code go on at `land`, on an empty stack of its fiber.
/// False where this processor is not known.
static bool redirect(ucontext_t &context, char *stackTop) {
  uintptr_t top = uintptr_t(stackTop) & ~uintptr_t(63);
#if defined(__x86_64__)
  // As if called: the return address lies below a multiple of 16.
  context.uc_mcontext.gregs[REG_RSP] = greg_t(top - 64 - 8);
  context.uc_mcontext.gregs[REG_RIP] =
      greg_t(reinterpret_cast<uintptr_t>(land));
  return true;
#elif defined(__aarch64__)
  context.uc_mcontext.sp = top - 64;
  context.uc_mcontext.pc = reinterpret_cast<uintptr_t>(land);
  return true;
#else
  (void)context;
  return false;
#endif
}

static void handle(int signal, siginfo_t *info, void *data) {
  Thread *thread = currentThread;
  auto &context = *static_cast<ucontext_t *>(data);
  if (thread && thread->cluster->isOnStacks(getStackPointer(context)) &&
      redirect(context, thread->cluster->getStackTop(*thread))) {
    fault = {signal, info->si_addr};
    return;
  }
  // Not a kernel's: the instruction runs into the signal once more.
  for (size_t i = 0; i < std::size(kSignals); ++i)
    if (kSignals[i] == signal)
      sigaction(signal, &previous[i], nullptr);
}

FaultGuard::FaultGuard() : stack(new char[kStackBytes]) {
  stack_t own = {};
  own.ss_sp = stack.get();
  own.ss_size = kStackBytes;
  sigaltstack(&own, &previousStack);
  std::lock_guard<std::mutex> guard(guardMutex);
  if (numGuards++ > 0)
    return;
  struct sigaction action = {};
  action.sa_sigaction = handle;
  // The handler returns at once, and a thread may fault again.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < std::size(kSignals); ++i)
    sigaction(kSignals[i], &action, &previous[i]);
}

FaultGuard::~FaultGuard() {
  {
    std::lock_guard<std::mutex> guard(guardMutex);
    if (--numGuards == 0)
      for (size_t i = 0; i < std::size(kSignals); ++i)
        sigaction(kSignals[i], &previous[i], nullptr);
  }
  sigaltstack(&previousStack, nullptr);
}
