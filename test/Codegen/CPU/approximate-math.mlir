// RUN: infini-opt %s --infini-attn-approximate-math | FileCheck %s
// RUN: infini-opt %s --infini-attn-approximate-math=has-scale | FileCheck %s --check-prefix=SCALE

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

// e^x of a register of AVX-512: what is past the bounds of f32 clamped, a NaN
// not; n rounded by a large number, seven products for the polynomial.
// SCALE-LABEL: @exponential
// SCALE-SAME: %[[X:.*]]: vector<16xf32>
// SCALE: %[[IS_BELOW:.*]] = arith.cmpf ogt, %{{.*}}, %[[X]]
// SCALE: %[[ABOVE:.*]] = arith.select %[[IS_BELOW]], %{{.*}}, %[[X]]
// SCALE: %[[IS_ABOVE:.*]] = arith.cmpf olt, %{{.*}}, %[[ABOVE]]
// SCALE: %[[Y:.*]] = arith.select %[[IS_ABOVE]]
// SCALE: %[[SUM:.*]] = math.fma %[[Y]]
// SCALE: %[[N:.*]] = arith.subf %[[SUM]]
// SCALE-COUNT-9: math.fma
// SCALE-NOT: math.fma
// SCALE: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"(%{{.*}}, %[[N]],
// SCALE-NOT: math.
// SCALE: return
// CHECK-LABEL: @exponential
// CHECK-NOT: llvm.
// CHECK: return
func.func @exponential(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.exp %x : vector<16xf32>
  return %0 : vector<16xf32>
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

// 2^x = 2^n p(r): by integers, or by the instructions of AVX-512 for whole
// vectors; of degree 5, or of degree 3 where it may be rough.
// CHECK-LABEL: @exp2
// CHECK-COUNT-5: math.fma %{{.*}} : vector<16xf32>
// CHECK-COUNT-3: math.fma %{{.*}} : vector<16xf32>
// CHECK-COUNT-5: math.fma %{{.*}} : f32
// CHECK-NOT: math.
// SCALE-LABEL: @exp2
// SCALE: llvm.call_intrinsic "llvm.x86.avx512.mask.reduce.ps.512"
// SCALE-COUNT-5: math.fma %{{.*}} : vector<16xf32>
// SCALE: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// SCALE: llvm.call_intrinsic "llvm.x86.avx512.mask.reduce.ps.512"
// SCALE-COUNT-3: math.fma %{{.*}} : vector<16xf32>
// SCALE: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// SCALE: arith.shli %{{.*}} : i32
func.func @exp2(%x: vector<16xf32>, %y: f32) -> (vector<16xf32>, vector<16xf32>, f32) {
  %0 = math.exp2 %x : vector<16xf32>
  %1 = math.exp2 %x fastmath<afn> : vector<16xf32>
  %2 = math.exp2 %y : f32
  return %0, %1, %2 : vector<16xf32>, vector<16xf32>, f32
}
