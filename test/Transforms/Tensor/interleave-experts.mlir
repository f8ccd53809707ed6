// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(builtin.module(peermla-interleave-experts,canonicalize))' | FileCheck %s
// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(builtin.module(peermla-interleave-experts))' --remarks-filter=schedule --remark-format=emitRemark 2>&1 | FileCheck %s --check-prefix=REMARK

// The tables of an op become parts of the rows of one weight.

// REMARK: chose rows of 160 B for 2 tables in 2 ops

// CHECK-LABEL: module @two_tables
//       CHECK:   ml_program.global private @prepared.down(#{{.+}}) : tensor<100x80xbf16> {peermla.rows_of = [@down, @up]}
//   CHECK-NOT:   prepared.down.1
//       CHECK:   func.func @forward(
//       CHECK:     %[[ROWS:.+]] = ml_program.global_load_const @prepared.down : tensor<100x80xbf16>
//       CHECK:     %[[DOWN:.+]] = tensor.extract_slice %[[ROWS]][0, 0] [100, 32] [1, 1]
//       CHECK:     %[[D:.+]] = tensor.expand_shape %[[DOWN]] {{\[\[}}0], [1, 2]] output_shape [100, 1, 32]
//       CHECK:     %[[UP:.+]] = tensor.extract_slice %[[ROWS]][0, 32] [100, 48] [1, 1]
//       CHECK:     %[[U:.+]] = tensor.expand_shape %[[UP]] {{\[\[}}0], [1, 2]] output_shape [100, 1, 48]
//   CHECK-NOT:     global_load_const
//       CHECK:     peer.expert_mlp gelu ins(%{{.+}}, %{{.+}}, %{{.+}}, %[[D]], %[[U]] :
//       CHECK:   func.func @experts(
//       CHECK:     ml_program.global_load_const @prepared.down :
module @two_tables {
  module {
    ml_program.global private @down(#ml_program.extern : tensor<100x32xbf16>) : tensor<100x32xbf16>
    ml_program.global private @up(#ml_program.extern : tensor<100x1x48xbf16>) : tensor<100x1x48xbf16>
    func.func @forward(%x: tensor<?x32xbf16>, %i: tensor<?x2x3xi32>, %g: tensor<?x2x3xf32>, %y: tensor<?x48xbf16>) -> tensor<?x48xbf16> attributes {peermla.entry} {
      %down = ml_program.global_load_const @down : tensor<100x32xbf16>
      %d = tensor.expand_shape %down [[0], [1, 2]] output_shape [100, 1, 32] : tensor<100x32xbf16> into tensor<100x1x32xbf16>
      %u = ml_program.global_load_const @up : tensor<100x1x48xbf16>
      %0 = peer.expert_mlp gelu ins(%x, %i, %g, %d, %u : tensor<?x32xbf16>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<100x1x32xbf16>, tensor<100x1x48xbf16>)
          outs(%y : tensor<?x48xbf16>) -> tensor<?x48xbf16>
      return %0 : tensor<?x48xbf16>
    }
    func.func @experts(%x: tensor<?x32xbf16>, %i: tensor<?x2x3xi32>, %g: tensor<?x2x3xf32>, %y: tensor<?x48xbf16>) -> tensor<?x48xbf16> attributes {peermla.entry} {
      %down = ml_program.global_load_const @down : tensor<100x32xbf16>
      %d = tensor.expand_shape %down [[0], [1, 2]] output_shape [100, 1, 32] : tensor<100x32xbf16> into tensor<100x1x32xbf16>
      %u = ml_program.global_load_const @up : tensor<100x1x48xbf16>
      %0 = peer.expert_mlp relu ins(%x, %i, %g, %d, %u : tensor<?x32xbf16>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<100x1x32xbf16>, tensor<100x1x48xbf16>)
          outs(%y : tensor<?x48xbf16>) -> tensor<?x48xbf16>
      return %0 : tensor<?x48xbf16>
    }
  }
}

// -----

// A row is a neuron; the gate lies between down and up.

// CHECK-LABEL: module @gated_neurons
//       CHECK:   @prepared.down(#{{.+}}) : tensor<28x16xf32> {peermla.rows_of = [@down, @gate, @up]}
//       CHECK:     %[[GATE:.+]] = tensor.extract_slice %{{.+}}[0, 5] [28, 5] [1, 1]
//       CHECK:     tensor.expand_shape %[[GATE]] {{\[\[}}0, 1], [2]] output_shape [7, 4, 5]
//       CHECK:     %[[UP:.+]] = tensor.extract_slice %{{.+}}[0, 10] [28, 6] [1, 1]
//       CHECK:     tensor.expand_shape %[[UP]] {{\[\[}}0, 1], [2]] output_shape [7, 4, 6]
module @gated_neurons {
  module {
    ml_program.global private @down(#ml_program.extern : tensor<7x4x5xf32>) : tensor<7x4x5xf32>
    ml_program.global private @gate(#ml_program.extern : tensor<7x4x5xf32>) : tensor<7x4x5xf32>
    ml_program.global private @up(#ml_program.extern : tensor<7x4x6xf32>) : tensor<7x4x6xf32>
    func.func @forward(%x: tensor<?x5xf32>, %i: tensor<?x2x3xi32>, %g: tensor<?x2x3xf32>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> attributes {peermla.entry} {
      %d = ml_program.global_load_const @down : tensor<7x4x5xf32>
      %a = ml_program.global_load_const @gate : tensor<7x4x5xf32>
      %u = ml_program.global_load_const @up : tensor<7x4x6xf32>
      %0 = peer.expert_mlp silu ins(%x, %i, %g, %d, %u : tensor<?x5xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<7x4x5xf32>, tensor<7x4x6xf32>)
          gate(%a : tensor<7x4x5xf32>) outs(%y : tensor<?x6xf32>) -> tensor<?x6xf32>
      return %0 : tensor<?x6xf32>
    }
  }
}

// -----

// Where up is stored per output, a row is an expert.

// CHECK-LABEL: module @output_major
//       CHECK:   @prepared.down(#{{.+}}) : tensor<7x44xf32> {peermla.rows_of = [@down, @up]}
//       CHECK:     tensor.extract_slice %{{.+}}[0, 0] [7, 20] [1, 1]
//       CHECK:     %[[UP:.+]] = tensor.extract_slice %{{.+}}[0, 20] [7, 24] [1, 1]
//       CHECK:     tensor.expand_shape %[[UP]] {{\[\[}}0], [1, 2]] output_shape [7, 6, 4]
module @output_major {
  module {
    ml_program.global private @down(#ml_program.extern : tensor<7x4x5xf32>) : tensor<7x4x5xf32>
    ml_program.global private @up(#ml_program.extern : tensor<7x6x4xf32>) : tensor<7x6x4xf32>
    func.func @forward(%x: tensor<?x5xf32>, %i: tensor<?x2x3xi32>, %g: tensor<?x2x3xf32>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> attributes {peermla.entry} {
      %d = ml_program.global_load_const @down : tensor<7x4x5xf32>
      %u = ml_program.global_load_const @up : tensor<7x6x4xf32>
      %0 = peer.expert_mlp relu up_layout(output_major) ins(%x, %i, %g, %d, %u : tensor<?x5xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<7x4x5xf32>, tensor<7x6x4xf32>)
          outs(%y : tensor<?x6xf32>) -> tensor<?x6xf32>
      return %0 : tensor<?x6xf32>
    }
  }
}

// -----

// A table that is returned would be there twice.

// REMARK: left tables apart: 'up' is also read by 'func.return'

// CHECK-LABEL: module @leaves_a_returned_table
//   CHECK-NOT:   prepared
module @leaves_a_returned_table {
  module {
    ml_program.global private @down(#ml_program.extern : tensor<7x1x5xf32>) : tensor<7x1x5xf32>
    ml_program.global private @up(#ml_program.extern : tensor<7x1x5xf32>) : tensor<7x1x5xf32>
    func.func @forward(%x: tensor<?x5xf32>, %i: tensor<?x2x3xi32>, %g: tensor<?x2x3xf32>, %y: tensor<?x5xf32>) -> (tensor<?x5xf32>, tensor<35xf32>) attributes {peermla.entry} {
      %d = ml_program.global_load_const @down : tensor<7x1x5xf32>
      %u = ml_program.global_load_const @up : tensor<7x1x5xf32>
      %0 = peer.expert_mlp relu ins(%x, %i, %g, %d, %u : tensor<?x5xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<7x1x5xf32>, tensor<7x1x5xf32>)
          outs(%y : tensor<?x5xf32>) -> tensor<?x5xf32>
      %again = ml_program.global_load_const @up : tensor<7x1x5xf32>
      %flat = tensor.collapse_shape %again [[0, 1, 2]] : tensor<7x1x5xf32> into tensor<35xf32>
      return %0, %flat : tensor<?x5xf32>, tensor<35xf32>
    }
  }
}

// -----

// So would one that two ops pair differently; one table cannot alternate with
// itself, and one that is an argument is where it is.

// REMARK: left tables apart: 'down' is also read by 'peer.expert_mlp'
// REMARK: left tables apart: 'other' is also read by 'peer.expert_mlp'
// REMARK-NOT: left tables apart: 'single'

// CHECK-LABEL: module @leaves_other_pairs
//   CHECK-NOT:   prepared
module @leaves_other_pairs {
  module {
    ml_program.global private @down(#ml_program.extern : tensor<7x1x5xf32>) : tensor<7x1x5xf32>
    ml_program.global private @up(#ml_program.extern : tensor<7x1x5xf32>) : tensor<7x1x5xf32>
    ml_program.global private @other(#ml_program.extern : tensor<7x1x5xf32>) : tensor<7x1x5xf32>
    ml_program.global private @single(#ml_program.extern : tensor<7x1x5xf32>) : tensor<7x1x5xf32>
    func.func @forward(%x: tensor<?x5xf32>, %i: tensor<?x2x3xi32>, %g: tensor<?x2x3xf32>, %y: tensor<?x5xf32>, %w: tensor<7x1x5xf32>)
        -> (tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>) attributes {peermla.entry} {
      %d = ml_program.global_load_const @down : tensor<7x1x5xf32>
      %u = ml_program.global_load_const @up : tensor<7x1x5xf32>
      %o = ml_program.global_load_const @other : tensor<7x1x5xf32>
      %s = ml_program.global_load_const @single : tensor<7x1x5xf32>
      %0 = peer.expert_mlp relu ins(%x, %i, %g, %d, %u : tensor<?x5xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<7x1x5xf32>, tensor<7x1x5xf32>)
          outs(%y : tensor<?x5xf32>) -> tensor<?x5xf32>
      %1 = peer.expert_mlp relu ins(%0, %i, %g, %o, %d : tensor<?x5xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<7x1x5xf32>, tensor<7x1x5xf32>)
          outs(%y : tensor<?x5xf32>) -> tensor<?x5xf32>
      %2 = peer.expert_mlp relu ins(%1, %i, %g, %s, %s : tensor<?x5xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<7x1x5xf32>, tensor<7x1x5xf32>)
          outs(%y : tensor<?x5xf32>) -> tensor<?x5xf32>
      %3 = peer.expert_mlp relu ins(%2, %i, %g, %w, %o : tensor<?x5xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<7x1x5xf32>, tensor<7x1x5xf32>)
          outs(%y : tensor<?x5xf32>) -> tensor<?x5xf32>
      return %0, %1, %2, %3 : tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>
    }
  }
}

// -----

// Nor can a table be in two places: the same tables are rows of neurons for one op
// and rows of experts for another.

// REMARK: left tables apart: 'down' is also read by 'peer.expert_mlp'

// CHECK-LABEL: module @leaves_rows_of_two_lengths
//   CHECK-NOT:   prepared
module @leaves_rows_of_two_lengths {
  module {
    ml_program.global private @down(#ml_program.extern : tensor<7x4x5xf32>) : tensor<7x4x5xf32>
    ml_program.global private @up(#ml_program.extern : tensor<7x24xf32>) : tensor<7x24xf32>
    func.func @forward(%x: tensor<?x5xf32>, %i: tensor<?x2x3xi32>, %g: tensor<?x2x3xf32>, %y: tensor<?x6xf32>) -> (tensor<?x6xf32>, tensor<?x6xf32>) attributes {peermla.entry} {
      %d = ml_program.global_load_const @down : tensor<7x4x5xf32>
      %u = ml_program.global_load_const @up : tensor<7x24xf32>
      %neurons = tensor.expand_shape %u [[0], [1, 2]] output_shape [7, 4, 6] : tensor<7x24xf32> into tensor<7x4x6xf32>
      %outputs = tensor.expand_shape %u [[0], [1, 2]] output_shape [7, 6, 4] : tensor<7x24xf32> into tensor<7x6x4xf32>
      %0 = peer.expert_mlp relu ins(%x, %i, %g, %d, %neurons : tensor<?x5xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<7x4x5xf32>, tensor<7x4x6xf32>)
          outs(%y : tensor<?x6xf32>) -> tensor<?x6xf32>
      %1 = peer.expert_mlp relu up_layout(output_major) ins(%x, %i, %g, %d, %outputs : tensor<?x5xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<7x4x5xf32>, tensor<7x6x4xf32>)
          outs(%y : tensor<?x6xf32>) -> tensor<?x6xf32>
      return %0, %1 : tensor<?x6xf32>, tensor<?x6xf32>
    }
  }
}

// -----

// A table that its own op also reads as tokens stays where it is.

// REMARK: left tables apart: 'down' is also read by 'peer.expert_mlp'

// CHECK-LABEL: module @leaves_a_table_of_tokens
//   CHECK-NOT:   prepared
module @leaves_a_table_of_tokens {
  module {
    ml_program.global private @down(#ml_program.extern : tensor<7x1x5xf32>) : tensor<7x1x5xf32>
    ml_program.global private @up(#ml_program.extern : tensor<7x1x6xf32>) : tensor<7x1x6xf32>
    func.func @forward(%i: tensor<7x2x3xi32>, %g: tensor<7x2x3xf32>, %y: tensor<7x6xf32>) -> tensor<7x6xf32> attributes {peermla.entry} {
      %d = ml_program.global_load_const @down : tensor<7x1x5xf32>
      %u = ml_program.global_load_const @up : tensor<7x1x6xf32>
      %x = tensor.collapse_shape %d [[0, 1], [2]] : tensor<7x1x5xf32> into tensor<7x5xf32>
      %0 = peer.expert_mlp relu ins(%x, %i, %g, %d, %u : tensor<7x5xf32>, tensor<7x2x3xi32>, tensor<7x2x3xf32>, tensor<7x1x5xf32>, tensor<7x1x6xf32>)
          outs(%y : tensor<7x6xf32>) -> tensor<7x6xf32>
      return %0 : tensor<7x6xf32>
    }
  }
}

// -----

// The weight has a free name.

// REMARK: chose rows of 44 B for 2 tables in 1 ops

// CHECK-LABEL: module @finds_a_free_name
//   CHECK-DAG:   ml_program.global private @prepared.down(#{{.+}}) : tensor<3xf32>
//   CHECK-DAG:   ml_program.global private @prepared.down.1(#{{.+}}) : tensor<7x11xf32> {peermla.rows_of = [@down, @up]}
//       CHECK:   ml_program.global_load_const @prepared.down.1
module @finds_a_free_name {
  module {
    ml_program.global private @prepared.down(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
    ml_program.global private @down(#ml_program.extern : tensor<7x1x5xf32>) : tensor<7x1x5xf32>
    ml_program.global private @up(#ml_program.extern : tensor<7x1x6xf32>) : tensor<7x1x6xf32>
    func.func @forward(%x: tensor<?x5xf32>, %i: tensor<?x2x3xi32>, %g: tensor<?x2x3xf32>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> attributes {peermla.entry} {
      %d = ml_program.global_load_const @down : tensor<7x1x5xf32>
      %u = ml_program.global_load_const @up : tensor<7x1x6xf32>
      %0 = peer.expert_mlp relu ins(%x, %i, %g, %d, %u : tensor<?x5xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<7x1x5xf32>, tensor<7x1x6xf32>)
          outs(%y : tensor<?x6xf32>) -> tensor<?x6xf32>
      return %0 : tensor<?x6xf32>
    }
  }
}

// -----

// Tables without rows need no place.

// REMARK-NOT: {{left tables apart|chose rows}}

// CHECK-LABEL: module @leaves_empty_tables
//   CHECK-NOT:   prepared
module @leaves_empty_tables {
  module {
    ml_program.global private @down(#ml_program.extern : tensor<0x1x5xf32>) : tensor<0x1x5xf32>
    ml_program.global private @up(#ml_program.extern : tensor<0x1x6xf32>) : tensor<0x1x6xf32>
    func.func @forward(%x: tensor<?x5xf32>, %i: tensor<?x2x3xi32>, %g: tensor<?x2x3xf32>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> attributes {peermla.entry} {
      %d = ml_program.global_load_const @down : tensor<0x1x5xf32>
      %u = ml_program.global_load_const @up : tensor<0x1x6xf32>
      %0 = peer.expert_mlp relu ins(%x, %i, %g, %d, %u : tensor<?x5xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>, tensor<0x1x5xf32>, tensor<0x1x6xf32>)
          outs(%y : tensor<?x6xf32>) -> tensor<?x6xf32>
      return %0 : tensor<?x6xf32>
    }
  }
}
