// RUN: infini-opt %s --infini-attn-approximate-math | FileCheck %s

// CHECK-LABEL: @vector
// CHECK-NOT: math.{{exp|sin|cos|tanh}} %
// CHECK-COUNT-3: math.roundeven %{{.*}} : vector<16xf32>
// CHECK-NOT: math.{{exp|sin|cos|tanh}} %
func.func @vector(%x: vector<16xf32>) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>) {
  %0 = math.exp %x : vector<16xf32>
  %1 = math.sin %x : vector<16xf32>
  %2 = math.cos %x : vector<16xf32>
  %3 = math.tanh %x : vector<16xf32>
  %4 = math.sin %0 : vector<16xf32>
  return %4, %1, %2, %3 : vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>
}

// A scalar goes through the same polynomial.
// CHECK-LABEL: @scalar
// CHECK: math.roundeven %{{.*}} : f32
// CHECK-NOT: math.sin
// CHECK: return
func.func @scalar(%x: f32) -> f32 {
  %0 = math.sin %x : f32
  return %0 : f32
}

// f64 and square roots are left to the machine.
// CHECK-LABEL: @left
// CHECK: math.sin %{{.*}} : f64
// CHECK: math.rsqrt %{{.*}} : f32
func.func @left(%x: f64, %y: f32) -> (f64, f32) {
  %0 = math.sin %x : f64
  %1 = math.rsqrt %y : f32
  return %0, %1 : f64, f32
}
