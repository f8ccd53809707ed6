//===- Passes.td - passes (Conversion) ---------------------------------------------===//
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
    what beats the last entry of a sorted list is inserted into it. The lists are
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
  let summary = "Lower peer.expert_mlp to loops over rows of the tables";
  let description = [{
    ```mlir
    peer.expert_mlp gelu
        ins(%x, %i, %g, %down, %up : memref<?x64xf32>, memref<?x8x16xi32>,
            memref<?x8x16xf32>, memref<4096x1x64xf32>, memref<4096x1x64xf32>)
        outs(%y : memref<?x64xf32>)
    ```
    becomes an `scf.forall` over tokens (a loop, inside a work item) of groups of
    experts whose rows are read together; with few tokens, work items are parts
    of a token's experts and a second `scf.forall` adds them up. `inner` of the
    op's schedule is the number of rows read together.

    Numerics: the order of the f32 additions is fixed; it depends on neither the
    number of tokens nor the number of threads.
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::math::MathDialect",
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

def PlanWorkspace : Pass<"peermla-plan-workspace", "mlir::ModuleOp"> {
  let summary = "Replace allocations by places in one caller-given workspace";
  let description = [{
    Buffers of an entry whose lifetimes do not overlap share their place. Their
    sizes are products of a constant and dynamic extents; buffers with the same
    dynamic extents are planned together, first fit. Buffers inside a kernel have
    a constant bound and lie in a slice per worker. Each function gets the arguments
    `workspace` and number of workers, and a function `<name>.workspace` that returns
    the bytes it needs.

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
    modules, and marks those that the runtime calls with `peermla.packed`. Numerics:
    unchanged.
  }];
}
