// RUN: peermla-opt %s -peermla-plan-workspace -split-input-file -verify-diagnostics

// Sizes follow from the shapes of the arguments, before the work begins.

func.func @size_in_a_loop(%x: memref<?xf32>) attributes {peermla.entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  scf.for %i = %c0 to %n step %c1 {
    // expected-error @below {{'memref.alloc' op has a size that changes in a loop, which must follow from the shapes of the arguments}}
    %a = memref.alloc(%i) : memref<?xf32>
  }
  return
}

// -----

func.func @size_from_memory(%x: memref<1xindex>) attributes {peermla.entry} {
  %c0 = arith.constant 0 : index
  // expected-error @below {{'memref.load' op decides the size of a buffer, which must follow from the shapes of the arguments}}
  %n = memref.load %x[%c0] : memref<1xindex>
  %a = memref.alloc(%n) : memref<?xf32>
  return
}

// -----

func.func private @unbounded_kernel(%begin: index, %end: index, %worker: index) attributes {peermla.kernel} {
  // expected-error @below {{has no constant bound, as a buffer inside a kernel must}}
  %a = memref.alloc(%end) : memref<?xf32>
  return
}

// -----

func.func @complex_elements() attributes {peermla.entry} {
  // expected-error @below {{expects integer or float elements, got 'complex<f32>'}}
  %a = memref.alloc() : memref<3xcomplex<f32>>
  return
}

// -----

// expected-error @below {{expects one block}}
func.func private @declaration(memref<3xf32>) attributes {peermla.entry}
