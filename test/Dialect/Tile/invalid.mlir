// RUN: peermla-opt %s -split-input-file -verify-diagnostics

// Extents of a schedule are not negative.

// expected-error @below {{expects extents of 'block' to be at least 0, got -3}}
func.func private @block() attributes {s = #tile.schedule<block = [2, -3]>}

// -----

// expected-error @below {{expects extents of 'inner' to be at least 0, got -7}}
func.func private @inner() attributes {s = #tile.schedule<inner = [-7]>}

// -----

// expected-error @below {{expects extents of 'registers' to be at least 0, got -1}}
func.func private @registers() attributes {s = #tile.schedule<registers = [4, -1]>}

// -----

// expected-error @below {{expects extents of 'split' to be at least 0, got -2}}
func.func private @split() attributes {s = #tile.schedule<split = -2>}

// -----

// expected-error @below {{expects 'parts' to be at least 0, got -2}}
func.func private @parts() attributes {s = #tile.schedule<parts = -2>}
