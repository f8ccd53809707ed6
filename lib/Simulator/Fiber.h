//===- Fiber.h - stacks that take turns on one thread ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fiber is a stack and a place in a function. The scheduler resumes one, and
// it runs until it suspends itself; both are a switch of stacks: the registers
// that a call preserves and the stack pointer, a few nanoseconds on x86-64 and
// AArch64. Elsewhere it is ucontext, which asks the kernel each time.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_FIBER_H
#define PEERMLA_LIB_SIMULATOR_FIBER_H

#include <cstddef>
#include <cstdint>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PEERMLA_SIM_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define PEERMLA_SIM_ASAN 1
#endif

#if !defined(__x86_64__) && !defined(__aarch64__)
#define PEERMLA_SIM_UCONTEXT 1
#include <ucontext.h>
#endif

namespace peermla::sim {

/// The place at which a stack goes on.
class Context {
public:
  /// Makes the context one that calls `function` (which must not return) on the
  /// stack [stack, stack + size). `stagger` moves the start of the stack a
  /// little, so that equal variables of many fibers do not share cache sets.
  void prepare(char *stack, size_t size, uint32_t stagger, void (*function)());

  /// Saves the running place here and goes on at `next`. `dies` if this one
  /// will never go on.
  void switchTo(Context &next, bool dies = false);

  /// Asks the memory for the top of the stack.
  void prefetch() const {
#ifndef PEERMLA_SIM_UCONTEXT
    __builtin_prefetch(stackPointer);
    __builtin_prefetch(static_cast<char *>(stackPointer) + 64);
#endif
  }

private:
  friend void startFiber(Context &scheduler);
#ifdef PEERMLA_SIM_UCONTEXT
  ucontext_t context;
#else
  void *stackPointer = nullptr;
#endif
#ifdef PEERMLA_SIM_ASAN
  const void *stackBottom = nullptr;
  size_t stackSize = 0;
  void *fakeStack = nullptr;
#endif
};

/// What a new fiber calls first: tells sanitizers which context it came from.
void startFiber(Context &scheduler);

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_FIBER_H
