//===- Passes.td - model ops to plain loops in f64 ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

include "mlir/Pass/PassBase.td"

def BindExterns : Pass<"peermla-bind-externs", "mlir::ModuleOp"> {
  let summary = "Turn the extern globals a function reads into its arguments";
  let description = [{
    Weights become the last arguments of each function that reads them, in the
    order of the globals, and say their names. Numerics: unchanged.

    ```mlir
    ml_program.global private @"o_proj.weight"(#ml_program.extern : tensor<4x6xf32>) : tensor<4x6xf32>
    func.func @forward(%x: tensor<?x4xf32>) {
      %w = ml_program.global_load_const @"o_proj.weight" : tensor<4x6xf32>
    ```
    becomes
    ```mlir
    func.func @forward(%x: tensor<?x4xf32>,
                       %w: tensor<4x6xf32> {peermla.weight = "o_proj.weight"}) {
    ```
  }];
}

def WidenFloats : Pass<"peermla-widen-floats", "mlir::ModuleOp"> {
  let summary = "Compute everything in f64";
  let description = [{
    Replaces every float type by f64, in types, constants and attributes alike, and
    erases the conversions between floats. Weights say in `peermla.stored` what
    they were. Numerics: all roundings disappear but
    those of f64 itself.

    ```mlir
    %0 = arith.extf %x : bf16 to f32
    %1 = arith.mulf %0, %w : f32
    %2 = arith.truncf %1 : f32 to bf16
    ```
    becomes
    ```mlir
    %2 = arith.mulf %x, %w : f64
    ```
  }];
}

def ModelToReference
    : InterfacePass<"peermla-model-to-reference", "mlir::FunctionOpInterface"> {
  let summary = "Lower model ops on f64 memrefs to the plainest loops";
  let description = [{
    Each op of the MODEL stage, and each copy, becomes scalar loops that follow
    its description term by term. Numerics: those of f64, sums from the left.

    ```mlir
    mla.positions ins(%cu : memref<?xi32>) outs(%p : memref<?xi32>)
    ```
    becomes
    ```mlir
    scf.for %t = %c0 to %T step %c1 {
      memref.store %c0_i32, %p[%t] : memref<?xi32>
    }
    scf.for %b = %c0 to %B step %c1 {
      ...
      scf.for %t = %begin to %end step %c1 {
        ...
        memref.store %position, %p[%t] : memref<?xi32>
    ```
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::math::MathDialect",
    "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect"];
}

def NarrowWeights
    : InterfacePass<"peermla-narrow-weights", "mlir::FunctionOpInterface"> {
  let summary = "Keep weights as they are stored and widen what is loaded";
  let description = [{
    Arguments that say in `peermla.stored` what their elements were before
    `peermla-widen-floats` get that element type again, if all that is done with
    them is to load, through views or not. Numerics: unchanged.

    ```mlir
    func.func @f(%w: memref<3xf64> {peermla.stored = "bf16", peermla.weight = "w"}) {
      %0 = memref.load %w[%i] : memref<3xf64>
    ```
    becomes
    ```mlir
    func.func @f(%w: memref<3xbf16> {peermla.stored = "bf16", peermla.weight = "w"}) {
      %0 = memref.load %w[%i] : memref<3xbf16>
      %1 = arith.extf %0 : bf16 to f64
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect"];
}
