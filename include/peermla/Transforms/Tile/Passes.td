//===- Passes.td - passes that prepare and change tile programs -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

include "mlir/Pass/PassBase.td"

def TileContractions
    : InterfacePass<"peermla-tile-contractions", "mlir::FunctionOpInterface"> {
  let summary = "Cut the sum of a matrix product for matrix instructions into steps";
  let description = [{
    A contraction in a kernel whose schedule has `warps` becomes a loop over steps
    of `inner` along its sum, into which elementwise producers of its operands
    are fused. Sums that are no longer than a step stay whole. Sums and maxima of
    rows that the same kernel reads from memory become such loops, too.

    ```mlir
    %d = linalg.matmul {peermla.schedule = #tile.schedule<inner = [64], warps = [4, 2], stages = 2>}
           ins(%a, %b : tensor<?x192xbf16>, tensor<192x128xbf16>) outs(%zero : tensor<?x128xf32>)
    ```
    becomes
    ```mlir
    %d = scf.for %k = %c0 to %c192 step %c64 iter_args(%c = %zero) -> (tensor<?x128xf32>) {
      %ak = tensor.extract_slice %a[0, %k] [%m, 64] [1, 1]
      %bk = tensor.extract_slice %b[%k, 0] [64, 128] [1, 1]
      %ck = linalg.matmul {...} ins(%ak, %bk : tensor<?x64xbf16>, tensor<64x128xbf16>) outs(%c : ...)
    ```
    Numerics: sums are added step by step.
  }];
  let dependentDialects = ["mlir::affine::AffineDialect",
                           "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect"];
}

def AssignLayouts : Pass<"peermla-assign-layouts", "mlir::func::FuncOp"> {
  let summary = "Say where every tile of a tile program lives";
  let description = [{
    A product and what is elementwise with it live in `#tile.mma` over the
    schedule's warps. Operand `b`, and an operand `a` that is loaded, live in
    `#tile.shared`; another `a` in `#tile.mma` with each warp's rows whole. Gathered
    rows live in `#tile.rows` over all threads, in pieces of 16 bytes; gathered
    elements, and matrices read from scratch, in rows of single threads. The lists of
    `tile.topk` and `tile.scan` have rows that lanes of a warp share, or, of the
    former, single threads where there are as many rows; matrices on their way from
    memory to scratch are shared like these. The rest follows: elementwise ops and loops share a layout, a broadcast
    along d has operands in slice<d, layout of the result>.

    ```mlir
    %b = tile.load %w[%j, %k] ... -> tensor<128x64xbf16>
    %d = tile.mma %a, %b, acc %c transpose_b : ... -> tensor<64x128xf32>
    ```
    becomes
    ```mlir
    %b = tile.load %w[%j, %k] ... -> tensor<128x64xbf16, #tile.shared>
    %d = tile.mma %a, %b, acc %c transpose_b : ... -> tensor<64x128xf32, #tile.mma<warps = [4, 2]>>
    ```
    Functions without `tile.schedule` are left alone. Numerics: unchanged.
  }];
}

def StageCopies : Pass<"peermla-stage-copies", "mlir::func::FuncOp"> {
  let summary = "Send loads into shared memory through rings";
  let description = [{
    A load of a `#tile.shared` tile in a loop gets a ring of as many slots as the
    schedule has stages, not more than the loop has iterations or than fit into
    `shared-bytes`, and the fill number (iv - lb) / step; elsewhere one slot and
    fill 0. Unless tensor copies may fill them, rings of loops behind each other have
    the same place, and the threads meet in front of the later loop. Where the schedule
    has roles, a loop that brings the same tiles as the one before, of known length,
    goes on in its rings: fill numbers count on. Scratch gets its place behind the
    rings. The function learns how much shared memory it takes.

    ```mlir
    scf.for %k = %c0 to %c192 step %c64 {
      %b = tile.load %w[%j, %k] ... -> tensor<128x64xbf16, #tile.shared>
    ```
    becomes
    ```mlir
    %ring = tile.ring {offset = 0 : i64} : !tile.ring<2 x tensor<128x64xbf16, #tile.shared>>
    scf.for %k = %c0 to %c192 step %c64 {
      %n = arith.divui (arith.subi %k, %c0), %c64
      %b = tile.load %w[%j, %k] ... via %ring[%n] : ... -> tensor<128x64xbf16, #tile.shared>
    ```
    Numerics: unchanged.
  }];
  let options = [
    Option<"sharedBytes", "shared-bytes", "int64_t", /*default=*/"0",
           "Bytes of shared memory a block may take; 0: those of the target">
  ];
  let dependentDialects = ["mlir::arith::ArithDialect"];
}

def PrefetchCopies : Pass<"peermla-prefetch-copies", "mlir::func::FuncOp"> {
  let summary = "Fill rings ahead of their use";
  let description = [{
    A load through a ring becomes a fill and a consume by all threads, and the
    fill runs one slot less than the ring has ahead:

    ```mlir
    scf.for %k = %c0 to %c192 step %c64 {
      %b = tile.load %w[%j, %k] ... via %ring[%n] : ...
      ...
    ```
    becomes
    ```mlir
    tile.fill %ring[%c0], %w[%j, %c0] ...
    scf.for %k = %c0 to %c192 step %c64 {
      %b = tile.consume %ring[%n] pending 0 : ...
      tile.fill %ring[%n1], %w[%j, %k1] ... if %more
      ...
    ```
    A slot is filled again only after all threads met in the consume of the next
    one. Numerics: unchanged.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect"];
}

def CarryLoads : Pass<"peermla-carry-loads", "mlir::func::FuncOp"> {
  let summary = "Load gathered rows one step before their use";
  let description = [{
    A loop with gathers of rows and a known number of iterations, at least two,
    carries the rows of the next iteration; the last one is peeled. What a later
    loop gathers first moves up behind the last work on rows before it.

    ```mlir
    scf.for %i = %c0 to %c128 step %c8 {
      %ids = tile.load %scratch[%i] ...
      %r = tile.gather %table[%c0, %c0] at(%ids) ...
      work(%i, %r)
    }
    ```
    becomes
    ```mlir
    %r0 = tile.gather %table[%c0, %c0] at(%ids0) ...
    %last = scf.for %i = %c0 to %c120 step %c8 iter_args(%r = %r0) {
      work(%i, %r)
      %ids = tile.load %scratch[%i + 8] ...
      %n = tile.gather %table[%c0, %c0] at(%ids) ...
      scf.yield %n
    }
    work(%c120, %last)
    ```
    Rows and scratch that gathers read are written by no iteration. Numerics:
    unchanged.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::scf::SCFDialect"];
  let statistics = [
    Statistic<"numPipelined", "num-pipelined", "Loops that carry rows">
  ];
}

def PlaceBarriers : Pass<"peermla-place-barriers", "mlir::func::FuncOp"> {
  let summary = "Let threads meet where they hand tiles to each other";
  let description = [{
    In functions with `tile.schedule`: a barrier comes before a `tile.load` of
    scratch that was written since the threads met last, and before a `tile.store`
    to scratch that was read since then. A `tile.consume` is a meeting, too, unless
    the schedule has roles: who does not copy waits for the copies alone.

    ```mlir
    tile.store %ids, %scratch[%c0] ...
    %x = tile.load %scratch[%i] ...
    ```
    becomes
    ```mlir
    tile.store %ids, %scratch[%c0] ...
    gpu.barrier
    %x = tile.load %scratch[%i] ...
    ```
    Numerics: unchanged.
  }];
  let dependentDialects = ["mlir::gpu::GPUDialect"];
  let statistics = [Statistic<"numPlaced", "num-placed", "Barriers placed">];
}

def BufferizeFunctions : Pass<"peermla-bufferize-functions", "mlir::ModuleOp"> {
  let summary = "Turn the tensors of a module's functions into buffers";
  let description = [{
    One-shot bufferization of each function by itself, so that tile programs in
    `gpu.module`s beside them keep their tiles. Numerics: unchanged.

    ```mlir
    %y = tile.launch @k::@k blocks(%n) ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
    becomes
    ```mlir
    tile.launch @k::@k blocks(%n) ins(%x : memref<?x64xf32>) outs(%e : memref<?x64xf32>)
    ```
  }];
  let dependentDialects = ["mlir::bufferization::BufferizationDialect",
                           "mlir::memref::MemRefDialect"];
}

def UseTensorCopies : Pass<"peermla-use-tensor-copies", "mlir::ModuleOp"> {
  let summary = "Fill slots by tensor copies where their rules hold";
  let description = [{
    In programs whose schedule has `instructions = wgmma`, or a role with too few
    registers for other copies, a ring whose fills are whole boxes gets barriers, and
    its fills become tensor copies (TMA):

    ```mlir
    %r = tile.ring {offset = 0 : i64} : !tile.ring<2 x tensor<128x64xbf16, #tile.shared>>
    tile.fill %r[%n], %x[%i, %k] sizes(%rows, %c64) along [0, 1] ...
    %a = tile.consume %r[%n] pending 0 rows %rows : ...
    ```
    becomes
    ```mlir
    %r = tile.ring {barriers = 32768 : i64, offset = 0 : i64} : ...
    tile.fill_box %r[%n], %x[%i, %k] along [0, 1] ...
    %0 = tile.consume %r[%n] pending 0 : ...
    %a = tile.clear_rows %0 from %rows : ...
    ```
    The rows are not cleared if they are known to end with the tile or with the
    memory, where tensor copies have zeros themselves. A ring keeps its copies
    (`cp.async`), and a remark says why, if its rows are grouped or found by a
    table, if the box may end before the columns of the memory do, has more than
    256 rows, or if strides of the memory are not known to be multiples of 16
    bytes. Numerics: unchanged.
  }];
  let dependentDialects = ["peermla::tile::TileDialect"];
  let statistics = [
    Statistic<"numConverted", "num-converted", "Rings filled by tensor copies">
  ];
}

def SpecializeWarps : Pass<"peermla-specialize-warps", "mlir::func::FuncOp"> {
  let summary = "Let a warpgroup fill slots while others compute";
  let description = [{
    A program whose schedule has `roles` is split: a warpgroup of its own fills the
    slots of loops, as far ahead as there are any; the others wait for fills. One thread
    of it starts tensor copies. Where a loop has other copies (`tile.fill`), all its
    threads make these, if the schedule leaves them 64 registers at least. Targets
    whose threads cannot wait at mbarriers, those before sm_90, have no roles.

    ```mlir
    scf.for %k = ... iter_args(%c = %zero) {
      %a = tile.consume %ra[%n] pending 0 : ...
      %b = tile.consume %rb[%n] pending 0 : ...
      tile.fill_box %ra[%n1], %x[%i, %k1] ... if %more
      tile.fill_box %rb[%n1], %w[%j, %k1] ... if %more
      %d = tile.mma %a, %b, acc %c transpose_b : ...
      scf.yield %d
    }
    ```
    becomes
    ```mlir
    tile.specialize registers [24, 240] {
      scf.for %k = ... {
        tile.fill_box %ra[%n1], %x[%i, %k1] ... if %more
        tile.fill_box %rb[%n1], %w[%j, %k1] ... if %more
      }
    }, {
      %d = scf.for %k = ... iter_args(%c = %zero) {
        %a = tile.consume %ra[%n] pending 0 : ...
        %b = tile.consume %rb[%n] pending 0 : ...
        %d = tile.mma %a, %b, acc %c transpose_b : ...
        scf.yield %d
      }
    }
    ```
    A remark says why a program with `roles` is not split; its threads meet in front of
    a loop that goes on in the slots of another one. Who computes has to release the
    slots yet. Numerics: unchanged.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "peermla::tile::TileDialect"];
  let statistics = [
    Statistic<"numSpecialized", "num-specialized", "Programs split into roles">
  ];
}

def PeelMasks : Pass<"peermla-peel-masks", "mlir::func::FuncOp"> {
  let summary = "Split loops where their masks start to matter";
  let description = [{
    A loop of a `consumer` with a choice whose condition is `iv + offset > bound`, false
    in some iterations and then true, becomes two:

    ```mlir
    %r = scf.for %j = %lb to %ub step %c128 iter_args(%o = %zero) {
      %end = arith.addi %j, %c128
      %isMasked = arith.cmpi sgt, %end, %bound
      %s = scf.if %isMasked { ... } else { ... }
    ```
    becomes
    ```mlir
    %r0 = scf.for %j = %lb to %middle step %c128 iter_args(%o = %zero) { else }
    %r = scf.for %j = %middle to %ub step %c128 iter_args(%o = %r0) { then }
    ```
    Where the bound is not more than `%e`, `min(%e - %j, %c128)` in the first loop is
    `%c128`, and a product `until %e - %j` is whole. Numerics: unchanged.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect"];
  let statistics = [Statistic<"numPeeled", "num-peeled", "Loops split">];
}

def OverlapProducts : Pass<"peermla-overlap-products", "mlir::func::FuncOp"> {
  let summary = "Let products run under what does not need them";
  let description = [{
    In loops of a `consumer`, which release their slots here. A sum of products of
    slots that nobody else reads stays in flight:

    ```mlir
    %p = scf.for %k = ... iter_args(%c = %zero) {
      %a = tile.consume %ra[%n] pending 0 : ...
      %d = tile.mma %a, %b, acc %c transpose_b flight : ...
      tile.mma_wait 1
      tile.release %ra[%n - 1] if %later : ...
      scf.yield %d
    }
    %d = tile.mma_wait 0, %p : ...
    ```

    Of two products, where the second needs the first and is a sum, the second moves to
    the next iteration:

    ```mlir
    %k = tile.consume %rk[%n] ...;  %s = tile.mma %q, %k transpose_b
    %v = tile.consume %rv[%n] ...;  %p = softmax(%s)
    %o1 = tile.mma %p, %v, acc (%o * %a)
    ```
    becomes, in a loop from the second iteration on that carries %p, %v and %os,
    ```mlir
    %k = tile.consume %rk[%n] ...
    %s0 = tile.mma %q, %k transpose_b flight
    %o0 = tile.mma %p, %v, acc %os flight
    %s = tile.mma_wait 1, %s0;  tile.release %rk[%n];  softmax(%s)
    %o = tile.mma_wait 0, %o0;  tile.release %rv[%n - 1]
    %v1 = tile.consume %rv[%n] ...;  %p1 = arith.truncf ...;  %os1 = %o * %a
    ```
    Its other ops are pure and have no regions: peel masks first. Numerics: unchanged.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::scf::SCFDialect",
                           "peermla::tile::TileDialect"];
  let statistics = [
    Statistic<"numSums", "num-sums", "Loops with sums in flight">,
    Statistic<"numRotated", "num-rotated", "Loops with a product of the iteration before">
  ];
}

def ReleaseSlots : Pass<"peermla-release-slots", "mlir::func::FuncOp"> {
  let summary = "Release slots behind their last use";
  let description = [{
    What a loop of a `consumer` consumes and does not release yet is released behind the
    last op that reads the slot, under any name:

    ```mlir
    %k = tile.consume %rk[%n] pending 0 : ...
    %s = tile.mma %q, %k transpose_b : ...
    tile.release %rk[%n] : ...
    ```
    Numerics: unchanged.
  }];
  let dependentDialects = ["peermla::tile::TileDialect"];
}
