//===- Fiber.cpp - stacks that take turns on one thread -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fiber.h"
#include <cstdlib>
#include <cstring>

#ifdef PEERMLA_SIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

using namespace peermla::sim;

// void peermla_sim_switch_stack(void **saved, void *next)
#if defined(__x86_64__)
asm(R"(
.text
.p2align 4
.hidden peermla_sim_switch_stack
.globl peermla_sim_switch_stack
.type peermla_sim_switch_stack,@function
peermla_sim_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size peermla_sim_switch_stack,.-peermla_sim_switch_stack
)");
#elif defined(__aarch64__)
asm(R"(
.text
.p2align 4
.hidden peermla_sim_switch_stack
.globl peermla_sim_switch_stack
.type peermla_sim_switch_stack,%function
peermla_sim_switch_stack:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size peermla_sim_switch_stack,.-peermla_sim_switch_stack
)");
#endif

#ifndef PEERMLA_SIM_UCONTEXT
extern "C" void peermla_sim_switch_stack(void **saved, void *next);
#endif

void Context::prepare(char *stack, size_t size, uint32_t stagger,
                      void (*function)()) {
#ifdef PEERMLA_SIM_ASAN
  stackBottom = stack;
  stackSize = size;
  fakeStack = nullptr;
  // Frames of the last fiber that was here may never have been left.
  __asan_unpoison_memory_region(stack, size);
#endif
#ifdef PEERMLA_SIM_UCONTEXT
  (void)stagger;
  getcontext(&context);
  context.uc_stack.ss_sp = stack;
  context.uc_stack.ss_size = size;
  context.uc_link = nullptr;
  makecontext(&context, function, 0);
#else
  uintptr_t top = uintptr_t(stack) + size - (stagger % 61) * 320 - 64;
  void **frame = reinterpret_cast<void **>(top & ~uintptr_t(63));
#if defined(__x86_64__)
  // The function starts as if called: its return address would be at a multiple
  // of 16 less 8, and never is used.
  *--frame = nullptr;
  *--frame = reinterpret_cast<void *>(function);
  for (int i = 0; i < 6; ++i)
    *--frame = nullptr;
#else
  frame -= 20;
  memset(frame, 0, 160);
  frame[11] = reinterpret_cast<void *>(function); // x30
#endif
  stackPointer = frame;
#endif
}

void Context::switchTo(Context &next, bool dies) {
#ifdef PEERMLA_SIM_ASAN
  __sanitizer_start_switch_fiber(dies ? nullptr : &fakeStack, next.stackBottom,
                                 next.stackSize);
#else
  (void)dies;
#endif
#ifdef PEERMLA_SIM_UCONTEXT
  swapcontext(&context, &next.context);
#else
  peermla_sim_switch_stack(&stackPointer, next.stackPointer);
#endif
#ifdef PEERMLA_SIM_ASAN
  __sanitizer_finish_switch_fiber(fakeStack, nullptr, nullptr);
#endif
}

void peermla::sim::startFiber(Context &scheduler) {
#ifdef PEERMLA_SIM_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &scheduler.stackBottom,
                                  &scheduler.stackSize);
#else
  (void)scheduler;
#endif
}
