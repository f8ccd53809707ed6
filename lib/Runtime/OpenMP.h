//===- OpenMP.h - the OpenMP runtime by its symbols -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Hosts such as PyTorch, oneDNN and OpenBLAS bring libgomp, and two pools of
// spinning threads in one process halve both. clang's -fopenmp would emit calls
// of its own runtime (__kmpc_*), which libgomp lacks. The functions below are
// what GCC has emitted since 4.9; libgomp keeps them stable and LLVM's libomp
// provides them too, so that whichever of the two a process has already loaded
// serves model and host alike.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_OPENMP_H
#define PEERMLA_LIB_RUNTIME_OPENMP_H

extern "C" {
/// Runs `function(data)` in a team of at most `num_threads` threads.
__attribute__((visibility("default"))) void
GOMP_parallel(void (*function)(void *), void *data, unsigned num_threads,
              unsigned flags);
__attribute__((visibility("default"))) int omp_get_max_threads();
/// The number of the calling thread in its team.
__attribute__((visibility("default"))) int omp_get_thread_num();
}

#endif // PEERMLA_LIB_RUNTIME_OPENMP_H
