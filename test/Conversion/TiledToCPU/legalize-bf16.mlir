// RUN: peermla-opt %s -peermla-legalize-bf16 | FileCheck %s

// Where the processor has no bf16, it is storage, and conversions are integer
// arithmetic.

// CHECK-LABEL: module @storage
module @storage attributes {peermla.level = "x86-64-v3"} {
  // CHECK: llvm.mlir.global internal constant @table(dense<[16256, -16384]> : tensor<2xi16>) {{.*}} : !llvm.array<2 x i16>
  llvm.mlir.global internal constant @table(dense<[1.0, -2.0]> : tensor<2xbf16>) : !llvm.array<2 x bf16>

  // CHECK-LABEL: llvm.func @moves(
  // CHECK-SAME: %[[P:.*]]: !llvm.ptr, %{{.*}}: i1, %{{.*}}: i16) -> vector<16xi16>
  // CHECK-NOT: bf16
  llvm.func @moves(%p: !llvm.ptr, %c: i1, %s: bf16) -> vector<16xbf16> {
    // CHECK-DAG: llvm.mlir.constant(15 : i32) : i32
    // CHECK-DAG: llvm.mlir.constant(dense<16256> : vector<16xi16>) : vector<16xi16>
    %one = llvm.mlir.constant(dense<1.0> : vector<16xbf16>) : vector<16xbf16>
    %last = llvm.mlir.constant(15 : i32) : i32
    // CHECK: llvm.getelementptr %[[P]][3] : (!llvm.ptr) -> !llvm.ptr, i16
    %q = llvm.getelementptr %p[3] : (!llvm.ptr) -> !llvm.ptr, bf16
    // CHECK: llvm.load %{{.*}} : !llvm.ptr -> vector<16xi16>
    %v = llvm.load %q {alignment = 2 : i64} : !llvm.ptr -> vector<16xbf16>
    // CHECK: llvm.insertelement
    %w = llvm.insertelement %s, %v[%last : i32] : vector<16xbf16>
    // CHECK: llvm.cond_br %{{.*}}, ^bb1(%{{.*}} : vector<16xi16>), ^bb1(%{{.*}} : vector<16xi16>)
    llvm.cond_br %c, ^done(%w : vector<16xbf16>), ^done(%one : vector<16xbf16>)
  // CHECK: ^bb1(%{{.*}}: vector<16xi16>):
  ^done(%r: vector<16xbf16>):
    llvm.return %r : vector<16xbf16>
  }

  // CHECK-LABEL: llvm.func @extends(
  // CHECK-SAME: %[[X:.*]]: vector<16xi16>
  llvm.func @extends(%x: vector<16xbf16>) -> vector<16xf32> {
    // CHECK: %[[W:.*]] = llvm.zext %[[X]] : vector<16xi16> to vector<16xi32>
    // CHECK: %[[S:.*]] = llvm.shl %[[W]], %{{.*}} : vector<16xi32>
    // CHECK: %[[F:.*]] = llvm.bitcast %[[S]] : vector<16xi32> to vector<16xf32>
    %f = llvm.fpext %x : vector<16xbf16> to vector<16xf32>
    // CHECK: llvm.return %[[F]]
    llvm.return %f : vector<16xf32>
  }

  // CHECK-LABEL: llvm.func @extends_to_f64
  llvm.func @extends_to_f64(%x: bf16) -> f64 {
    // CHECK: %[[F:.*]] = llvm.bitcast %{{.*}} : i32 to f32
    // CHECK: llvm.fpext %[[F]] : f32 to f64
    %f = llvm.fpext %x : bf16 to f64
    llvm.return %f : f64
  }

  // CHECK-LABEL: llvm.func @rounds(
  // CHECK-SAME: %[[X:.*]]: f32) -> i16
  llvm.func @rounds(%x: f32) -> bf16 {
    // CHECK: %[[B:.*]] = llvm.bitcast %[[X]] : f32 to i32
    // CHECK: %[[H:.*]] = llvm.lshr %[[B]], %{{.*}} : i32
    // CHECK: %[[ODD:.*]] = llvm.and %[[H]], %{{.*}} : i32
    // CHECK: %[[BIAS:.*]] = llvm.add %[[ODD]], %{{.*}} : i32
    // CHECK: %[[SUM:.*]] = llvm.add %[[B]], %[[BIAS]] : i32
    // CHECK: %[[R:.*]] = llvm.lshr %[[SUM]], %{{.*}} : i32
    // CHECK: %[[Q:.*]] = llvm.or %[[H]], %{{.*}} : i32
    // CHECK: %[[NAN:.*]] = llvm.fcmp "uno" %[[X]], %[[X]] : f32
    // CHECK: %[[S:.*]] = llvm.select %[[NAN]], %[[Q]], %[[R]] : i1, i32
    // CHECK: llvm.trunc %[[S]] : i32 to i16
    %r = llvm.fptrunc %x : f32 to bf16
    llvm.return %r : bf16
  }

  // CHECK-LABEL: llvm.func @pairs_as_words(
  // CHECK-SAME: %[[X:.*]]: vector<32xi16>
  llvm.func @pairs_as_words(%x: vector<32xbf16>) -> vector<16xi32> {
    // CHECK-NEXT: llvm.bitcast %[[X]] : vector<32xi16> to vector<16xi32>
    %w = llvm.bitcast %x : vector<32xbf16> to vector<16xi32>
    llvm.return %w : vector<16xi32>
  }

  // CHECK-LABEL: llvm.func @bits(
  // CHECK-SAME: %[[X:.*]]: i16) -> i16
  llvm.func @bits(%x: bf16) -> i16 {
    // CHECK-NEXT: llvm.return %[[X]] : i16
    %b = llvm.bitcast %x : bf16 to i16
    llvm.return %b : i16
  }
}

// Where it has, bf16 lives between the instruction and a bitcast.

// CHECK-LABEL: module @instructions
module @instructions attributes {peermla.level = "x86-64-v4-bf16"} {
  // CHECK-LABEL: llvm.func @rounds_natively(
  // CHECK-SAME: %[[X:.*]]: vector<16xf32>) -> vector<16xi16>
  llvm.func @rounds_natively(%x: vector<16xf32>) -> vector<16xbf16> {
    // CHECK: %[[R:.*]] = llvm.fptrunc %[[X]] : vector<16xf32> to vector<16xbf16>
    // CHECK: %[[B:.*]] = llvm.bitcast %[[R]] : vector<16xbf16> to vector<16xi16>
    // CHECK: llvm.return %[[B]]
    %r = llvm.fptrunc %x : vector<16xf32> to vector<16xbf16>
    llvm.return %r : vector<16xbf16>
  }

  // CHECK-LABEL: llvm.func @pair_product(
  // CHECK-SAME: %[[A:.*]]: vector<32xi16>, %[[B:.*]]: vector<32xi16>
  llvm.func @pair_product(%a: vector<32xbf16>, %b: vector<32xbf16>, %c: vector<16xf32>) -> vector<16xf32> {
    // CHECK: %[[X:.*]] = llvm.bitcast %[[A]] : vector<32xi16> to vector<32xbf16>
    // CHECK: %[[Y:.*]] = llvm.bitcast %[[B]] : vector<32xi16> to vector<32xbf16>
    // CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%{{.*}}, %[[X]], %[[Y]])
    %r = llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%c, %a, %b) : (vector<16xf32>, vector<32xbf16>, vector<32xbf16>) -> vector<16xf32>
    llvm.return %r : vector<16xf32>
  }
}
