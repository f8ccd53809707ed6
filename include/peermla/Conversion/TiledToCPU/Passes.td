//===- Passes.td - kernels on tensors to code of CPUs -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Model ops on memrefs to loops and vectors, for the CPU
//===----------------------------------------------------------------------===//

def LowerSelect : InterfacePass<"peermla-lower-select", "mlir::FunctionOpInterface"> {
  let summary = "Lower peer.select to a scan with a sorted list";
  let description = [{
    Per token and head, each dimension's scores are scanned a vector at a time;
    what beats the last entry of a sorted list is inserted into it, unless it lies
    below a bound that k scores reach, which a pass before the scan finds. The lists are
    folded from the left, where only pairs with (rank_a + 1)(rank_b + 1) <= k can
    win.

    ```mlir
    peer.select softmax ins(%s0, %s1 : memref<?x8x1024xf32>, memref<?x8x512xf32>)
        outs(%gates, %indices : memref<?x8x16xf32>, memref<?x8x16xi32>)
    ```
    becomes loops over tokens and heads around
    ```mlir
    %list:2 = scf.for %j = %c0 to %c1024 step %c16 iter_args(...) -> (vector<16xf32>, vector<16xi32>) {
      %beats = arith.cmpf ult, %worst, %scores : vector<16xf32>
      ...
    ```
    Numerics: unchanged; NaN scores sort anywhere, and make the gates NaN.
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::math::MathDialect",
    "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect",
    "mlir::vector::VectorDialect"];
}

def LowerExperts : InterfacePass<"peermla-lower-experts", "mlir::FunctionOpInterface"> {
  let summary = "Lower a tile of peer.expert_mlp to loops over rows of the tables";
  let description = [{
    ```mlir
    peer.expert_mlp gelu {peermla.schedule = #tile.schedule<inner = [0, 1, 16], registers = [8, 4]>}
        ins(%x, %i, %g, %down, %up : memref<1x64xf32>, memref<1x8x16xi32>,
            memref<1x8x16xf32>, memref<4096x1x64xf32>, memref<4096x1x64xf32>)
        outs(%y : memref<1x64xf32>)
    ```
    becomes
    ```mlir
    scf.for %head = %c0 to %c8 step %c1 {             // parts, by `inner`
      scf.for %first = %begin to %end step %c8 {      // groups, by `registers`
        memref.prefetch %down[%later, %c0, %c0] ...   // 4 lines of 8 rows
        %dots:8 = scf.for %column = ... {             // 8 rows of down, read together
        ...
        scf.for %column = ... {                       // part += 8 rows of up
      }
      scf.for %column = ...                           // y += part
    ```
    Without a schedule all experts are one part, read one by one.

    Numerics: the order of the f32 additions is fixed by `inner`; it depends on
    neither the number of tokens nor the number of threads.
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::math::MathDialect",
    "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect",
    "mlir::vector::VectorDialect"];
}

def LowerRope : InterfacePass<"peermla-lower-rope", "mlir::FunctionOpInterface"> {
  let summary = "Lower positions, rotations and cache writes to loops";
  let description = [{
    `mla.positions`, `mla.rope_table`, `mla.rope` and `mla.cache_append` on memrefs
    become loops over tokens, or one work item per token if no work item encloses
    them. A rotation in place leaves the other columns alone. Cache writes out of range
    are left out.

    ```mlir
    mla.rope ins(%x, %t : memref<?x4x12xf32>, memref<?x4xf32>)
        outs(%x : memref<?x4x12xf32>)
    ```
    becomes
    ```mlir
    scf.forall (%token) in (%T) {
      scf.for %head = %c0 to %c4 step %c1 {
        %pairs = vector.load %x[%token, %head, %c8] : memref<?x4x12xf32>, vector<4xf32>
        %even, %odd = vector.deinterleave %pairs : vector<4xf32> -> vector<2xf32>
        ...
    ```
    Numerics: as the ops say; angles, cosines and sines are f64.
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::math::MathDialect",
    "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect",
    "mlir::vector::VectorDialect"];
}

def LowerWorkItems : InterfacePass<"peermla-lower-work-items", "mlir::FunctionOpInterface"> {
  let summary = "Lower the table of runs of tokens to loops of the host function";
  let description = [{
    ```mlir
    mla.work_items tokens(4 of %T) ins(%cu : memref<?xi32>) outs(%items : memref<?x3xi32>)
    ```
    becomes
    ```mlir
    %used = scf.for %sequence = %c0 to %B step %c1 iter_args(%row = %c0) -> (index) {
      %next = scf.for %first = %begin to %end step %c4 iter_args(%i = %row) -> (index) {
        ... // items[%i] = (%sequence, %first, min(%end - %first, 4))
      }
      ...
    scf.for %row = %used to %rows step %c1 { ... } // (0, 0, 0)
    ```
    Numerics: integers.
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::memref::MemRefDialect",
    "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
}

def LowerAttention : InterfacePass<"peermla-lower-attention", "mlir::FunctionOpInterface"> {
  let summary = "Lower a tile of mla.online_attention to blocks of keys with a running softmax";
  let description = [{
    ```mlir
    mla.online_attention causal scale(0.25) {peermla.schedule = #tile.schedule<block = [4, 16], inner = [128]>}
        ins(%q, %cache : memref<?x16x80xf32>, memref<?x?x80xf32>)
        ragged(%cu : memref<?xi32>) paged(%past, %blocks : memref<?xi32>, memref<?x?xi32>)
        item(%sequence, %first) outs(%o : memref<?x16x64xf32>)
    ```
    becomes
    ```mlir
    scf.for %block = %begin to %end step %c128 {
      // keys of the page table to scratch memory
      linalg.generic ... // S = K Q
      // running softmax, masked in the blocks that cross the diagonal
      linalg.generic ... // O += P V
    ```
    `block` of the op's schedule is the most tokens and heads that `q` can have,
    `inner` the keys of a block. Items with few tokens run code of fewer rows. With
    `parts`, each part in the destination is computed from its own keys.

    Numerics: scores, softmax and accumulators are f32; probabilities are rounded
    to bf16 where a pair product takes them, and stay f32 elsewhere. Sums over a
    block of keys are complete before they are added to those of all keys. The order
    of additions depends on the lengths of the sequence and its tokens in the item.
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect",
    "mlir::math::MathDialect", "mlir::memref::MemRefDialect",
    "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
}

def LowerMerge : InterfacePass<"peermla-lower-merge", "mlir::FunctionOpInterface"> {
  let summary = "Lower the join of partial attention to loops over rows";
  let description = [{
    ```mlir
    mla.merge ins(%po, %pl : memref<8x?x4x64xf32>, memref<8x?x4xf32>)
        outs(%o : memref<?x4x64xbf16>)
    ```
    becomes
    ```mlir
    scf.for %token = %c0 to %T step %c1 {
      scf.for %head = %c0 to %c4 step %c1 {
        %w0 = math.exp ... // of lse_i minus the largest, for each part
        scf.for %column = %c0 to %c64 step %c16 {
          %sum = vector.fma %values, %weights, %carried : vector<16xf32>
          ...
    ```
    Numerics: f32, in the order of the parts, rounded once.
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::math::MathDialect",
    "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect",
    "mlir::vector::VectorDialect"];
}

//===----------------------------------------------------------------------===//
// Linalg ops on memrefs to loops and vectors, for the CPU
//===----------------------------------------------------------------------===//

def LowerContractions : InterfacePass<"peermla-lower-contractions", "mlir::FunctionOpInterface"> {
  let summary = "Lower sums of products to register tiles";
  let description = [{
    A contraction of memrefs (linalg.matmul, a generic that multiplies and adds,
    in f32, with inputs f32, f16 or bf16) becomes loops around tiles of rows and
    columns whose sums stay in registers. The innermost dimension of the
    accumulator must be the innermost one of an input, or be followed there by the
    two terms of a bf16 pair, on levels that multiply pairs. Other contractions
    are left alone. The tile follows from the level's registers, the block of
    terms from its caches; `registers` and `inner` of the op's schedule replace
    them. A fill of the accumulator with zero just before is folded.

    ```mlir
    linalg.matmul ins(%a, %b : memref<?x64xf32>, memref<64x16xf32>)
        outs(%c : memref<?x16xf32>)
    ```
    becomes, for x86-64-v3,
    ```mlir
    scf.for %row = %c0 to %end step %c6 {
      ...
      %sums:12 = scf.for %k = %c0 to %c64 step %c1 iter_args(...) -> (vector<8xf32>, ...) {
        %b0 = vector.load %b[%k, %c0] : memref<64x16xf32>, vector<8xf32>
        ...
        %sum = vector.fma %element, %b0, %carried : vector<8xf32>
    ```

    On the level `amx`, of a product of pairs whose terms lie together in the rows
    of the broadcast input, whole tiles of 16 columns and 16 pairs are multiplied as
    such, up to two by two at a time, and vectors do the rest. Fewer than 16 rows are
    copied to a frame of 16, and their sums back:
    ```mlir
    %sums:4 = scf.for %k = %c0 to %c288 step %c16 iter_args(...) -> (!amx.tile<16x16xf32>, ...) {
      %a0 = amx.tile_load %rows[%c0, %c0] : ... into !amx.tile<16x32xbf16>
      %b0 = amx.tile_load %columns[%c0, %c0] : ... into !amx.tile<16x32xbf16>
      %sum = amx.tile_mulf %a0, %b0, %carried : ...
    ```
    `registers` of whole tiles that fit are the block of tiles; others choose
    vectors.

    Numerics: products and sums are fused; pair products flush denormals. The sum
    of a block of terms starts from zero and is added to the accumulator when it is
    complete; with tiles a block is 16 pairs. A row's sums do not depend on the number
    of rows.
  }];
  let dependentDialects = [
    "mlir::amx::AMXDialect", "mlir::arith::ArithDialect",
    "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect",
    "mlir::vector::VectorDialect", "mlir::x86vector::X86VectorDialect"];
}

def EmulateAmx : Pass<"peermla-emulate-amx", "mlir::ModuleOp"> {
  let summary = "Compute what AMX and AVX512-BF16 do by plain vectors";
  let description = [{
    Makes code of the level `amx` run on any machine, so that what the compiler
    does there can be tested where there are no tiles. Tiles become vectors of
    vectors; a product of tiles becomes a call of a function that computes it, a
    pair product a few fused multiply-adds. The module is then one of the level that
    the option names. Modules of other levels are left alone.

    ```mlir
    module attributes {peermla.level = "amx"} {
      ...
      %r = amx.tile_mulf %a, %b, %c
          : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
    ```
    becomes
    ```mlir
    module attributes {peermla.level = "x86-64-v3"} {
      func.func private @peermla.tile_mulf_16x16x32(%a: ..., %b: ..., %c: ...) { ... }
      ...
      %r = func.call @peermla.tile_mulf_16x16x32(%a, %b, %c)
          : (vector<16x32xbf16>, vector<16x32xbf16>, vector<16x16xf32>) -> vector<16x16xf32>
    ```

    Numerics: those of the instructions. TDPBF16PS sums the even and the odd terms
    of a tile apart, each from zero and in order, adds the two, and adds that to
    the accumulator; VDPBF16PS adds the odd product of a pair to the accumulator,
    then the even one. Products are exact, each sum is rounded to nearest even,
    numbers below 2^-126 are zero before and after. Which of several NaN comes out
    is not kept.
  }];
  let options = [
    Option<"level", "level", "std::string", /*default=*/"\"x86-64-v3\"",
           "The level whose instructions the result needs">
  ];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::func::FuncDialect",
    "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect",
    "mlir::vector::VectorDialect"];
}

def VectorizeGenerics : InterfacePass<"peermla-vectorize-generics", "mlir::FunctionOpInterface"> {
  let summary = "Lower linalg ops on memrefs to loops over vectors";
  let description = [{
    Fills, copies (memref.copy too), elementwise ops and reductions. The innermost
    dimension of the results is run over in vectors, or the innermost dimension of
    the inputs that is summed. Transposing copies go through squares in registers. What cannot be done in vectors becomes scalar
    loops; no linalg op on memrefs remains.

    ```mlir
    linalg.generic ... ins(%x : memref<?x64xf32>) outs(%sum : memref<?xf32>) // row sums
    ```
    becomes
    ```mlir
    scf.for %row = %c0 to %rows step %c1 {
      %partial = scf.for %j = %c0 to %c64 step %c32 iter_args(%carried = %zero) -> (vector<32xf32>) {
        %v = vector.load %x[%row, %j] : memref<?x64xf32>, vector<32xf32>
        %next = arith.addf %carried, %v : vector<32xf32>
        ...
      %total = vector.reduction <add>, %partial fastmath<reassoc> : vector<32xf32> into f32
    ```
    Numerics: the order of sums over an innermost dimension changes.
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect",
    "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect",
    "mlir::vector::VectorDialect"];
}

//===----------------------------------------------------------------------===//
// The frame of a CPU program: buffers, kernels, workspace, calls
//===----------------------------------------------------------------------===//

def EntriesToMemrefs : Pass<"peermla-entries-to-memrefs", "mlir::ModuleOp"> {
  let summary = "Give entries and preparations destinations for their results";
  let description = [{
    Arguments become memrefs, in the order of the library's interface: the inputs,
    the results that are not the updated value of an in-and-out argument, the
    weights. Loads of globals become arguments. Each argument says what it is in
    `peermla.kind`: `in`, `inout`, `out` or `weight`. Numerics: unchanged.

    ```mlir
    func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {peermla.entry} {
      %w = ml_program.global_load_const @w : tensor<4xf32>
      ...
      return %y : tensor<?x4xf32>
    }
    ```
    becomes
    ```mlir
    func.func @f(%x: memref<?x4xf32>, %out: memref<?x4xf32>, %w: memref<4xf32>) {
      %0 = bufferization.to_tensor %x restrict
      ...
      bufferization.materialize_in_destination %y in restrict writable %out
      return
    }
    ```
  }];
  let dependentDialects = ["mlir::bufferization::BufferizationDialect",
                           "mlir::memref::MemRefDialect"];
}

def CopiesToKernels
    : InterfacePass<"peermla-copies-to-kernels", "mlir::FunctionOpInterface"> {
  let summary = "Cut copies between buffers into work items";
  let description = [{
    A `memref.copy` outside all kernels (the join of two row parts, a result that
    is a slice of a padded one) becomes a kernel over blocks of its first
    dimension. Numerics: unchanged.

    ```mlir
    memref.copy %a, %b : memref<?x40xf32> to memref<?x40xf32>
    ```
    becomes
    ```mlir
    scf.forall (%i) = (0) to (%n) step (16) { memref.copy %a_i, %b_i }
    ```
  }];
  let dependentDialects = ["mlir::affine::AffineDialect",
                           "mlir::memref::MemRefDialect",
                           "mlir::scf::SCFDialect"];
}

def OutlineKernels : Pass<"peermla-outline-kernels", "mlir::ModuleOp"> {
  let summary = "Make each scf.forall a function that threads call on ranges";
  let description = [{
    The iterations of a forall are numbered in row-major order. Numerics: unchanged.

    ```mlir
    scf.forall (%i) = (0) to (%n) step (8) { ... %x ... }
    ```
    becomes
    ```mlir
    call @forward.kernel_0.launch(%items, %x)
    func.func private @forward.kernel_0(%begin: index, %end: index, %worker: index, %x) {
      scf.for %item = %begin to %end step %c1 { ... }
    }
    ```
  }];
  let dependentDialects = ["mlir::affine::AffineDialect",
                           "mlir::arith::ArithDialect",
                           "mlir::func::FuncDialect", "mlir::scf::SCFDialect"];
}

def MergeKernels : Pass<"peermla-merge-kernels", "mlir::ModuleOp"> {
  let summary = "Keep one of several equal kernels";
  let description = [{
    Layers of a model and entries share most of their kernels: weights and buffers
    are arguments. Kernels with the same body become one. Numerics: unchanged.
  }];
  let statistics = [
    Statistic<"numMerged", "num-merged", "Kernels replaced by an equal one">
  ];
}

def CountLaunches : Pass<"peermla-count-launches", "mlir::ModuleOp"> {
  let summary = "Write on each kernel who launches it, and how often";
  let description = [{
    The attribute `peermla.launches` of a kernel lists, for each entry and each
    preparation that launches it, the number of launches in the code (on both sides
    of a choice) and the plan of the first (Support/KernelPlan.h): kernels that
    several entries share have other costs in each. `peermla.launch_count` of an
    entry is the most launches that one call makes. The report reads both. In
    host code of a GPU, a `tile.launch` is such a call. Numerics: unchanged.

    ```mlir
    call @forward.kernel_2.launch(...) {peermla.plan = {...}}
    call @forward.kernel_2.launch(...) {peermla.plan = {...}}
    ```
    makes, besides removing the plans,
    ```mlir
    func.func private @forward.kernel_2(...) attributes {
        peermla.launches = [{count = 2, entry = "forward", plan = {...}}]}
    ```
  }];
}

def PlanWorkspace : Pass<"peermla-plan-workspace", "mlir::ModuleOp"> {
  let summary = "Replace allocations by places in one caller-given workspace";
  let description = [{
    Buffers of an entry whose lifetimes do not overlap share their place. Their
    sizes are products of a constant and dynamic extents; buffers with the same
    dynamic extents are planned together, first fit. Buffers inside a kernel have
    a constant bound and lie in a slice per worker. Each function gets the arguments
    `workspace` and number of workers, and a function `<name>.workspace` that returns
    the bytes it needs. An entry says in `peermla.workspace` that it has been planned;
    a module with such an entry stays as it is.

    Numerics: unchanged.
  }];
  let dependentDialects = ["mlir::affine::AffineDialect",
                           "mlir::arith::ArithDialect",
                           "mlir::func::FuncDialect",
                           "mlir::memref::MemRefDialect"];
}

def LowerLaunches : Pass<"peermla-lower-launches", "mlir::ModuleOp"> {
  let summary = "Make launches calls of the runtime's parallel-for";
  let description = [{
    On the LLVM dialect, after memrefs became scalars: `<kernel>.launch` stores its
    arguments on the stack and calls `peermla_rt_parallel_for` with a thunk that
    loads them again. Numerics: unchanged.
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect"];
}

def DescribeModel : Pass<"peermla-describe-model", "mlir::ModuleOp"> {
  let summary = "Describe entries, weights and programs for the runtime";
  let description = [{
    Writes the attribute `peermla.metadata` of the outer module, JSON text that the
    library carries, makes the names of all functions unique over the nested
    modules, and marks those that the runtime calls with `peermla.packed`. With
    `gpus`, it is the modules of GPU targets that are described, beside what the
    attribute says already; their kernels follow when code is made of them.
    Numerics: unchanged.
  }];
  let options = [
    Option<"gpus", "gpus", "bool", /*default=*/"false",
           "Describe GPU targets rather than CPU levels">,
  ];
}

//===----------------------------------------------------------------------===//
// The end of the CPU lowering
//===----------------------------------------------------------------------===//

def ExpandMath : Pass<"peermla-expand-math"> {
  let summary = "Compute elementwise functions without calls";
  let description = [{
    `math.exp`, `math.exp2`, `math.log`, `math.erf`, `math.tanh` and `math.rsqrt` on
    f32 and `math.cos` and `math.sin` on f64, scalars and vectors of any shape,
    become arithmetic. Other types and functions stay for libm.

    Numerics: errors against exact values, in units in the last place of the
    result: exp and exp2 1.5 (results below 2^-125 may become 0), log, erf and tanh 2;
    rsqrt is the rounded reciprocal of the rounded root. The absolute error of cos
    and sin is 2^-52 for angles below 2^50. NaN stays NaN and limits at infinity are
    exact.

    ```mlir
    %y = math.exp2 %x : vector<16xf32>
    ```
    becomes, with n = round(x) and f = x - n in [-1/2, 1/2],
    ```mlir
    %n = ... // clamp, add and subtract 1.5 * 2^23
    %p = math.fma ... // 2^(f+1), a polynomial
    %y = arith.mulf %p, %scale : vector<16xf32> // scale = 2^(n-1)
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::math::MathDialect"];
}

def LegalizeBf16 : Pass<"peermla-legalize-bf16"> {
  let summary = "Store bf16 as i16 in the LLVM dialect";
  let description = [{
    Every bf16 in types and constants becomes i16; conversions from and to f32
    become integer arithmetic, or the instruction of a level that has one. Ops that
    compute in bf16 are errors, except pair products of such a level.

    Numerics: conversion rounds to nearest even and keeps NaN quiet; an
    instruction (levels x86-64-v4-bf16 and amx) treats subnormal numbers as zero.

    ```mlir
    %f = llvm.fpext %x : vector<16xbf16> to vector<16xf32>
    ```
    becomes
    ```mlir
    %w = llvm.zext %x : vector<16xi16> to vector<16xi32>
    %s = llvm.shl %w, %c16 : vector<16xi32>
    %f = llvm.bitcast %s : vector<16xi32> to vector<16xf32>
    ```
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect"];
}

def PackEntryArguments : Pass<"peermla-pack-entry-arguments"> {
  let summary = "Make functions that take their arguments as an array of words";
  let description = [{
    For every `llvm.func` with the attribute `peermla.packed`, a function of the
    name with `.packed` appended takes one pointer, loads the arguments from 64-bit
    words, calls the first one and returns its result. The attribute is removed.
    Numerics: unchanged.

    ```mlir
    llvm.func @f(%p: !llvm.ptr, %n: i64) attributes {peermla.packed}
    ```
    is joined by
    ```mlir
    llvm.func @f.packed(%words: !llvm.ptr) {
      %p = llvm.load %words : !llvm.ptr -> !llvm.ptr
      %a = llvm.getelementptr %words[1] : (!llvm.ptr) -> !llvm.ptr, i64
      %n = llvm.load %a : !llvm.ptr -> i64
      llvm.call @f(%p, %n) : (!llvm.ptr, i64) -> ()
      llvm.return
    }
    ```
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect"];
}
