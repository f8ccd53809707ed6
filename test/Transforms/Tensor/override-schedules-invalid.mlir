// RUN: not peermla-opt %s -pass-pipeline='builtin.module(peermla-override-schedules{schedules="lm_hat = block = [2, 3]"})' 2>&1 | FileCheck %s --check-prefix=ID
// RUN: not peermla-opt %s -pass-pipeline='builtin.module(peermla-override-schedules{schedules="lm_head = block = [2, -3]"})' 2>&1 | FileCheck %s --check-prefix=EXTENT
// RUN: not peermla-opt %s -pass-pipeline='builtin.module(peermla-override-schedules{schedules="lm_head = blok = [2]"})' 2>&1 | FileCheck %s --check-prefix=FIELD
// RUN: not peermla-opt %s -pass-pipeline='builtin.module(peermla-override-schedules{schedules="lm_head"})' 2>&1 | FileCheck %s --check-prefix=EQUALS
// RUN: not peermla-opt %s -pass-pipeline='builtin.module(peermla-override-schedules{schedules="[a = block = [2]"})' 2>&1 | FileCheck %s --check-prefix=GLOB

// ID: error: no op has the id 'lm_hat', there are lm_head, layers.0.norm
// EXTENT: error: expects a schedule such as 'block = [48, 192, 0]' for 'lm_head', got 'block = [2, -3]'
// FIELD: error: expects a schedule such as 'block = [48, 192, 0]' for 'lm_head', got 'blok = [2]'
// EQUALS: error: expects a schedule to be 'ID = block = [..]', got 'lm_head'
// GLOB: error: expects the name of an op, got '[a'

func.func @two_ids(%x: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %0 = linalg.exp {peermla.id = "lm_head"} ins(%x : tensor<?x5xf32>) outs(%x : tensor<?x5xf32>) -> tensor<?x5xf32>
  %1 = linalg.exp {peermla.id = "layers.0.norm"} ins(%0 : tensor<?x5xf32>) outs(%x : tensor<?x5xf32>) -> tensor<?x5xf32>
  return %1 : tensor<?x5xf32>
}
