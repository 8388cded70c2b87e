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

// Two weights of a softmax as a pair of bf16: 512 (x + 127) in 16 bits, by the
// factors of the sum that x is, no less than 0; less what a straight line is
// above the exponential; of the fraction the upper 7 bits.
// CHECK-LABEL: @weights(
// CHECK-SAME: %[[S:.*]]: vector<16xf32>, %[[T:.*]]: vector<16xf32>, %[[FACTOR:.*]]: vector<16xf32>, %[[BOUND:.*]]: vector<16xf32>)
// CHECK-NOT: math.exp2
// CHECK: arith.mulf %[[FACTOR]], %{{.*}} : vector<16xf32>
// CHECK: math.fma %[[BOUND]]
// CHECK: %[[SUM:.*]] = math.fma %[[S]]
// CHECK: arith.cmpf ogt, %[[SUM]]
// CHECK: %[[POSITIVE:.*]] = arith.select %{{.*}}, %[[SUM]]
// CHECK: arith.bitcast %[[POSITIVE]] : vector<16xf32> to vector<16xi32>
// CHECK: math.fma %[[T]]
// CHECK: vector.bitcast %{{.*}} : vector<16xi32> to vector<32xi16>
// CHECK: arith.mului_extended %{{.*}} : vector<32xi16>
// CHECK: arith.shrui %{{.*}} : vector<32xi16>
// CHECK: vector.bitcast %{{.*}} : vector<32xi16> to vector<16xi32>
// CHECK-NOT: math.exp2
// CHECK: return
func.func @weights(%s: vector<16xf32>, %t: vector<16xf32>, %scale: vector<16xf32>, %bound: vector<16xf32>) -> vector<16xi32> {
  %half = arith.constant dense<32768> : vector<16xi32>
  %sixteen = arith.constant dense<16> : vector<16xi32>
  %high = arith.constant dense<-65536> : vector<16xi32>
  %x = math.fma %s, %scale, %bound : vector<16xf32>
  %y = math.fma %t, %scale, %bound : vector<16xf32>
  %p = math.exp2 %x fastmath<afn> {infini_attn.weight} : vector<16xf32>
  %q = math.exp2 %y fastmath<afn> {infini_attn.weight} : vector<16xf32>
  %a = arith.bitcast %p : vector<16xf32> to vector<16xi32>
  %b = arith.bitcast %q : vector<16xf32> to vector<16xi32>
  %c = arith.addi %a, %half : vector<16xi32>
  %d = arith.addi %b, %half : vector<16xi32>
  %e = arith.shrui %c, %sixteen : vector<16xi32>
  %f = arith.andi %d, %high : vector<16xi32>
  %pair = arith.ori %e, %f : vector<16xi32>
  return %pair : vector<16xi32>
}

// Other exponentials are not rounded so.
// CHECK-LABEL: @numbers(
// CHECK-NOT: vector<32xi16>
// CHECK: return
func.func @numbers(%x: vector<16xf32>, %y: vector<16xf32>) -> vector<16xi32> {
  %half = arith.constant dense<32768> : vector<16xi32>
  %sixteen = arith.constant dense<16> : vector<16xi32>
  %high = arith.constant dense<-65536> : vector<16xi32>
  %p = math.exp2 %x fastmath<afn> : vector<16xf32>
  %q = math.exp2 %y fastmath<afn> {infini_attn.weight} : vector<16xf32>
  %a = arith.bitcast %p : vector<16xf32> to vector<16xi32>
  %b = arith.bitcast %q : vector<16xf32> to vector<16xi32>
  %c = arith.addi %a, %half : vector<16xi32>
  %d = arith.addi %b, %half : vector<16xi32>
  %e = arith.shrui %c, %sixteen : vector<16xi32>
  %f = arith.andi %d, %high : vector<16xi32>
  %pair = arith.ori %e, %f : vector<16xi32>
  return %pair : vector<16xi32>
}
