// RUN: peermla-opt %s -peermla-prepare-weights -verify-diagnostics

// An entry without a body is no entry.

// expected-error @below {{'func.func' op expects an entry to have a body}}
func.func private @declaration(tensor<3xf32>) attributes {peermla.entry}
