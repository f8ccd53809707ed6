// RUN: peermla-opt %s -peermla-count-launches | FileCheck %s

// A kernel learns who launches it, how often, and what the first launch costs.

// CHECK-LABEL: func.func private @twice(
//  CHECK-SAME:   attributes {peermla.kernel, peermla.launches = [{count = 2 : i64, entry = "forward", plan = {why = "first"}}, {count = 1 : i64, entry = "step", plan = {why = "third"}}, {count = 5 : i64, entry = "choice"}]}
func.func private @twice(index, index, index) attributes {peermla.kernel}
func.func private @twice.launch(index) attributes {peermla.launch = @twice}

// CHECK-LABEL: func.func private @unplanned(
//  CHECK-SAME:   attributes {peermla.kernel, peermla.launches = [{count = 1 : i64, entry = "w.prepare"}]}
func.func private @unplanned(index, index, index) attributes {peermla.kernel}
func.func private @unplanned.launch(index) attributes {peermla.launch = @unplanned}

// CHECK-LABEL: func.func @forward(
//  CHECK-SAME:   attributes {peermla.entry, peermla.launch_count = 2 : i64}
//   CHECK-NOT:   peermla.plan
func.func @forward(%n: index) attributes {peermla.entry} {
  call @twice.launch(%n) {peermla.plan = {why = "first"}} : (index) -> ()
  call @twice.launch(%n) {peermla.plan = {why = "second"}} : (index) -> ()
  return
}
func.func @step(%n: index) attributes {peermla.entry} {
  call @twice.launch(%n) {peermla.plan = {why = "third"}} : (index) -> ()
  return
}
// A call takes one way: three launches on one side, one on the other.

// CHECK-LABEL: func.func @choice(
//  CHECK-SAME:   attributes {peermla.entry, peermla.launch_count = 4 : i64}
func.func @choice(%n: index, %few: i1) attributes {peermla.entry} {
  call @twice.launch(%n) : (index) -> ()
  scf.if %few {
    func.call @twice.launch(%n) : (index) -> ()
    func.call @twice.launch(%n) : (index) -> ()
    func.call @twice.launch(%n) : (index) -> ()
  } else {
    func.call @twice.launch(%n) : (index) -> ()
  }
  return
}
func.func @w.prepare(%n: index) attributes {peermla.prepare} {
  call @unplanned.launch(%n) : (index) -> ()
  return
}

// Kernels of a GPU are in modules of their own.

// CHECK-LABEL: llvm.func @scale()
//  CHECK-SAME:   attributes {nvvm.kernel, peermla.launches = [{count = 2 : i64, entry = "device", plan = {why = "fourth"}}]}
gpu.module @kernels {
  llvm.func @scale() attributes {nvvm.kernel} {
    llvm.return
  }
}
// CHECK-LABEL: func.func @device(
//  CHECK-SAME:   attributes {peermla.entry, peermla.launch_count = 2 : i64}
//   CHECK-NOT:   peermla.plan
func.func @device(%n: index) attributes {peermla.entry} {
  tile.launch @kernels::@scale blocks(%n) {peermla.plan = {why = "fourth"}}
  tile.launch @kernels::@scale blocks(%n)
  return
}
