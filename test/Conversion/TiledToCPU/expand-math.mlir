// RUN: peermla-opt %s -peermla-expand-math | FileCheck %s

// 13 vector instructions: two clamps, the rounding sum, two differences, a
// polynomial of degree 6, and the factor 2^(n-1) from a shift.

// CHECK-LABEL: func.func @exp2
// CHECK-SAME: %[[X:.*]]: vector<16xf32>
// CHECK-NOT: math.exp2
// CHECK: %[[HIGH:.*]] = arith.cmpf ogt, %[[X]], %[[MAX:.*]] : vector<16xf32>
// CHECK: %[[X1:.*]] = arith.select %[[HIGH]], %[[MAX]], %[[X]]
// CHECK: %[[LOW:.*]] = arith.cmpf olt, %[[X1]], %[[MIN:.*]] : vector<16xf32>
// CHECK: %[[X2:.*]] = arith.select %[[LOW]], %[[MIN]], %[[X1]]
// CHECK: %[[SHIFTED:.*]] = arith.addf %[[X2]], %[[SHIFT:.*]] : vector<16xf32>
// CHECK: %[[N:.*]] = arith.subf %[[SHIFTED]], %[[SHIFT]] : vector<16xf32>
// CHECK: %[[F:.*]] = arith.subf %[[X2]], %[[N]] : vector<16xf32>
// CHECK-COUNT-6: math.fma %{{.*}}, %[[F]], %{{.*}} : vector<16xf32>
// CHECK: %[[BITS:.*]] = arith.bitcast %[[SHIFTED]] : vector<16xf32> to vector<16xi32>
// CHECK: %[[EXPONENT:.*]] = arith.shli %[[BITS]], %{{.*}} : vector<16xi32>
// CHECK: %[[SCALE:.*]] = arith.bitcast %[[EXPONENT]] : vector<16xi32> to vector<16xf32>
// CHECK: arith.mulf %{{.*}}, %[[SCALE]] : vector<16xf32>
func.func @exp2(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.exp2 %x : vector<16xf32>
  return %y : vector<16xf32>
}

// CHECK-LABEL: func.func @all_functions
// CHECK-NOT: math.{{exp|exp2|log|erf|tanh|rsqrt|cos|sin}}
// CHECK: return
func.func @all_functions(%x: f32, %v: vector<2x3xf32>, %a: f64, %w: vector<4xf64>)
    -> (f32, f32, f32, vector<2x3xf32>, vector<2x3xf32>, vector<2x3xf32>, f64, vector<4xf64>) {
  %0 = math.exp %x : f32
  %1 = math.rsqrt %x : f32
  %2 = math.erf %x : f32
  %3 = math.tanh %v : vector<2x3xf32>
  %4 = math.exp2 %v : vector<2x3xf32>
  %5 = math.log %v : vector<2x3xf32>
  %6 = math.cos %a : f64
  %7 = math.sin %w : vector<4xf64>
  return %0, %1, %2, %3, %4, %5, %6, %7
      : f32, f32, f32, vector<2x3xf32>, vector<2x3xf32>, vector<2x3xf32>, f64, vector<4xf64>
}

// CHECK-LABEL: func.func @f64_stays
// CHECK: math.exp %{{.*}} : f64
func.func @f64_stays(%x: f64) -> f64 {
  %y = math.exp %x : f64
  return %y : f64
}

// CHECK-LABEL: func.func @other_functions_stay
// CHECK: math.sin %{{.*}} : f32
func.func @other_functions_stay(%x: f32) -> f32 {
  %y = math.sin %x : f32
  return %y : f32
}
