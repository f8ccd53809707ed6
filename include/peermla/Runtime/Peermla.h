/*===- Peermla.h - the C interface of a compiled model ----------------------===
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===------------------------------------------------------------------------===
 *
 * A compiled library exports one function per model,
 *
 *     const peermla_api *peermla_<model>_api(uint32_t version);
 *
 * which returns the table of functions below, or NULL if the library does not
 * know that version of the interface. From there:
 *
 *     model   -> describe: entries, arguments, weights
 *     session -> weights in memory, the code for this machine; constant after
 *                its creation, may be shared by threads
 *     context -> workspace of one caller; used by one thread at a time
 *     call    -> one entry on DLPack tensors, by position
 *
 * Every function returns a status; PEERMLA_OK is 0. If a function of the table
 * fails, last_message() gives one sentence that says what was expected and what
 * was found; it belongs to the calling thread and lives until the next failure
 * of a function of this library in the same thread. No function aborts, throws
 * or writes to standard output or error.
 *
 * This text needs nothing but the C library. DLPack's structs are declared here
 * unless <dlpack/dlpack.h> has been included before.
 *
 *===----------------------------------------------------------------------===*/

#ifndef PEERMLA_RUNTIME_PEERMLA_H
#define PEERMLA_RUNTIME_PEERMLA_H

#include <stddef.h>
#include <stdint.h>

#ifndef DLPACK_DLPACK_H_
#define DLPACK_DLPACK_H_

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3 } DLDeviceType;

typedef struct {
  DLDeviceType device_type;
  int32_t device_id;
} DLDevice;

typedef enum {
  kDLInt = 0U,
  kDLUInt = 1U,
  kDLFloat = 2U,
  kDLOpaqueHandle = 3U,
  kDLBfloat = 4U,
  kDLComplex = 5U
} DLDataTypeCode;

typedef struct {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} DLDataType;

typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides; /* in elements; NULL: row-major and contiguous */
  uint64_t byte_offset;
} DLTensor;

#ifdef __cplusplus
}
#endif
#endif /* DLPACK_DLPACK_H_ */

#ifdef __cplusplus
extern "C" {
#endif

/* Grows whenever a struct or function below changes its meaning. */
#define PEERMLA_API_VERSION 1

typedef enum {
  PEERMLA_OK = 0,
  /* An argument, tensor or option does not fit the model. */
  PEERMLA_INVALID_ARGUMENT = 1,
  /* A weight file cannot be read or does not fit the model. */
  PEERMLA_INVALID_WEIGHTS = 2,
  /* This library or machine lacks the device or the CPU level. */
  PEERMLA_UNSUPPORTED = 3,
  PEERMLA_OUT_OF_MEMORY = 4,
  /* An index tensor holds a value out of range; nothing was computed. */
  PEERMLA_INDEX_OUT_OF_RANGE = 5,
  /* The workspace that the context was given is too small for the call. */
  PEERMLA_WORKSPACE_TOO_SMALL = 6,
  /* The library contradicts itself. */
  PEERMLA_INVALID_LIBRARY = 7,
  /* A kernel or the driver failed, or the simulator reports an error. */
  PEERMLA_DEVICE_ERROR = 8
} peermla_status;

typedef struct peermla_model peermla_model;
typedef struct peermla_session peermla_session;
typedef struct peermla_context peermla_context;
typedef struct peermla_graph peermla_graph;

/* -- What a model is: constant, valid as long as the library is loaded. -- */

typedef enum {
  PEERMLA_IN = 0,    /* read */
  PEERMLA_INOUT = 1, /* read and updated in place */
  PEERMLA_OUT = 2    /* written; memory of the caller */
} peermla_kind;

/* One dimension: `extent` if `symbol` is -1, else the value of that symbol of
 * the entry plus `extent` ("B+1": the symbol B, extent 1). A symbol has one
 * value in one call. */
typedef struct {
  int32_t symbol;
  int64_t extent;
} peermla_dim;

typedef struct {
  const char *name;
  peermla_kind kind;
  DLDataType dtype;
  int32_t ndim;
  const peermla_dim *shape;
} peermla_argument;

typedef struct {
  const char *name;
  int32_t num_arguments;
  const peermla_argument *arguments; /* in the order of a call */
  int32_t num_symbols;
  const char *const *symbols; /* in the order of their first use */
} peermla_entry;

typedef struct {
  const char *name; /* in the checkpoint */
  DLDataType dtype;
  int32_t ndim;
  const int64_t *shape;
} peermla_weight;

typedef struct {
  const char *model;
  const char *compiler; /* name and version of what made the library */
  int32_t num_entries;
  const peermla_entry *entries;
  int32_t num_weights;
  const peermla_weight *weights;
  int32_t num_levels;
  const char *const *levels; /* CPU levels in the library */
} peermla_description;

/* ---- Sessions ---- */

/* The caller's own threads. `run` calls task(worker, argument) for worker = 0
 * ... num_workers - 1, each at most once and from any threads, at least once in
 * all, and returns after all of these calls have. */
typedef struct {
  void *state;
  int32_t num_workers;
  void (*run)(void *state, int32_t num_workers,
              void (*task)(int32_t worker, void *argument), void *argument);
} peermla_pool;

/* Set struct_size to sizeof(peermla_session_options) and everything else to 0
 * for the defaults. Strings and structs need to live during session_create
 * only, except for what `pool` refers to. */
typedef struct {
  uint64_t struct_size;
  /* A safetensors file, its index (.json), or a folder with either. May be NULL
   * if the model has no weights. */
  const char *weights;
  /* "cpu" (default); "cuda[:N]" and "sim[:TARGET]" if the library has them.
   * In the simulator ("sim") kernels of a GPU run on the CPU and are checked
   * for races, for reads of what nobody wrote and for accesses out of bounds:
   * what it reports makes a call fail. PEERMLA_SIM_ASYNC (eager, lazy, random),
   * PEERMLA_SIM_CHECKS (all, none, or some of race,init,bounds) and
   * PEERMLA_SIM_SEED choose how. */
  const char *device;
  /* A CPU level of the library. NULL: that of the environment variable
   * PEERMLA_CPU_LEVEL, else the best that this machine has. */
  const char *level;
  /* Number of threads, 0: what OpenMP would use (OMP_NUM_THREADS). */
  int32_t threads;
  /* Runs the work instead of OpenMP threads; `threads` must then be 0. */
  const peermla_pool *pool;
  /* Receives remarks, such as tensors that nothing uses; may be NULL. */
  void (*warn)(void *state, const char *message);
  void *warn_state;
} peermla_session_options;

typedef struct {
  const char *device;    /* "cpu", "sim:sm_80", "cuda:0" */
  const char *level;     /* the CPU level in use */
  int32_t threads;       /* workers of one call */
  uint64_t weight_bytes; /* memory of the prepared weights */
} peermla_session_info;

/* ---- Contexts ---- */

/* As for sessions, set struct_size and zero the rest. Without `workspace` the
 * context has its own: it grows in context_reserve, and in the first call that
 * needs more. A given workspace is never grown. */
typedef struct {
  uint64_t struct_size;
  void *workspace; /* of the device, aligned to PEERMLA_WORKSPACE_ALIGNMENT */
  size_t workspace_size;
  /* "cuda": a CUstream (cudaStream_t) of the device's primary context; NULL:
   * the legacy default stream. Of no meaning to other devices. */
  void *stream;
} peermla_context_options;

#define PEERMLA_WORKSPACE_ALIGNMENT 64

/* ---- The error word ----
 *
 * A session remembers the first index out of range that any of its calls met,
 * until it is cleared: 0 if there was none, else
 *
 *     bits 0-7   kind, a PEERMLA_ERROR_... below
 *     bits 8-15  entry
 *     bits 16-23 argument
 *     bits 24-63 position of the value in the argument, row-major
 */
typedef enum {
  PEERMLA_ERROR_NONE = 0,
  PEERMLA_ERROR_RANGE = 1,      /* an index outside [0, limit) */
  PEERMLA_ERROR_CU_SEQLENS = 2, /* not 0 = c[0] <= c[1] <= ... = T */
  PEERMLA_ERROR_LENGTH = 3,     /* negative, or longer than the cache */
  PEERMLA_ERROR_BLOCK = 4       /* a block in use outside the cache */
} peermla_error_kind;

/* ---- The table of functions ---- */

typedef struct {
  uint32_t version;
  uint32_t struct_size;
  const peermla_model *model;

  /* Message of the last failure in this thread, "" if there was none. */
  const char *(*last_message)(void);

  peermla_status (*describe)(const peermla_model *model,
                             const peermla_description **description);
  /* The position of the entry `name` in the description. */
  peermla_status (*find_entry)(const peermla_model *model, const char *name,
                               int32_t *entry);

  /* Loads and prepares the weights. `options` may be NULL. */
  peermla_status (*session_create)(const peermla_model *model,
                                   const peermla_session_options *options,
                                   peermla_session **session);
  /* Fails while a context of the session exists. NULL is fine. */
  peermla_status (*session_destroy)(peermla_session *session);
  peermla_status (*session_info)(const peermla_session *session,
                                 peermla_session_info *info);
  peermla_status (*read_error_word)(const peermla_session *session,
                                    uint64_t *word);
  peermla_status (*clear_error_word)(peermla_session *session);

  /* Bytes of workspace for calls of `entry` with these values of its symbols,
   * in the order of the description. */
  peermla_status (*workspace_size)(const peermla_session *session,
                                   int32_t entry, const int64_t *symbols,
                                   int32_t num_symbols, size_t *size);

  /* `options` may be NULL. */
  peermla_status (*context_create)(peermla_session *session,
                                   const peermla_context_options *options,
                                   peermla_context **context);
  /* Grows the context's own workspace; for a given one, checks its size. */
  peermla_status (*context_reserve)(peermla_context *context, int32_t entry,
                                    const int64_t *symbols,
                                    int32_t num_symbols);
  /* NULL is fine. */
  peermla_status (*context_destroy)(peermla_context *context);

  /* Runs an entry. Tensors are on the CPU, contiguous and aligned to their
   * element size; shapes and types are checked, index tensors are checked
   * before anything is written. `in` and `out` tensors of one call must not
   * overlap. Allocates nothing, unless the context's own workspace has to
   * grow.
   *
   * "sim" and "cuda": tensors are aligned to 16 bytes. "cuda": they are on that
   * device (kDLCUDA), and the call returns when its work is in the stream; it
   * can be captured in a graph once its workspace is there. Values of index
   * tensors are on the device, where the host cannot check them. */
  peermla_status (*call)(peermla_context *context, int32_t entry,
                         DLTensor *const *arguments, int32_t num_arguments);

  /* Memory of the session's device, for programs without another way to it.
   * What is not freed goes with the session. Copies are done when they
   * return. */
  peermla_status (*memory_allocate)(peermla_session *session, size_t size,
                                    void **data);
  peermla_status (*memory_free)(peermla_session *session, void *data);
  peermla_status (*memory_upload)(peermla_session *session, void *device,
                                  const void *host, size_t size);
  peermla_status (*memory_download)(peermla_session *session, void *host,
                                    const void *device, size_t size);
  /* Waits for all work of the context's stream. */
  peermla_status (*context_synchronize)(peermla_context *context);

  /* A call of "sim" or "cuda", checked but not run, to be run many times
   * without its host code. Shapes and addresses are those of these arguments;
   * what is in memory when the graph is launched may be other values, lengths
   * of sequences and tables among them, which are not checked then. The
   * context's workspace cannot grow while it has graphs. */
  peermla_status (*graph_create)(peermla_context *context, int32_t entry,
                                 DLTensor *const *arguments,
                                 int32_t num_arguments, peermla_graph **graph);
  peermla_status (*graph_launch)(peermla_graph *graph);
  /* Before its context. NULL is fine. */
  peermla_status (*graph_destroy)(peermla_graph *graph);
} peermla_api;

#ifdef __cplusplus
}
#endif
#endif /* PEERMLA_RUNTIME_PEERMLA_H */
