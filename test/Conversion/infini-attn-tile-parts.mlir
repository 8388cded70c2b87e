// RUN: infini-opt %s --infini-attn-tile="bf16-pairs split-factors" --canonicalize --mlir-print-local-scope --split-input-file --verify-diagnostics | FileCheck %s
// RUN: infini-opt %s --infini-attn-tile=bf16-pairs --canonicalize --split-input-file | FileCheck %s --check-prefix=WHOLE

// The keys' parts: x0 = bf16(x), x1 = bf16(x - x0), x2 of what is left.
// CHECK-LABEL: @six(
// CHECK: linalg.generic {{.*}} outs(%{{.*}}, %{{.*}}, %{{.*}} : tensor<512x64xbf16>, tensor<512x64xbf16>, tensor<512x64xbf16>)
// CHECK: %[[X0:.*]] = arith.truncf %[[X:.*]] : f32 to bf16
// CHECK: %[[W0:.*]] = arith.extf %[[X0]]
// CHECK: %[[R:.*]] = arith.subf %[[X]], %[[W0]]
// CHECK: %[[X1:.*]] = arith.truncf %[[R]] : f32 to bf16
// CHECK: %[[W1:.*]] = arith.extf %[[X1]]
// CHECK: %[[R1:.*]] = arith.subf %[[R]], %[[W1]]
// CHECK: %[[X2:.*]] = arith.truncf %[[R1]] : f32 to bf16
// CHECK: linalg.yield %[[X0]], %[[X1]], %[[X2]] : bf16, bf16, bf16
// Values turned over, in blocks of 64 keys.
// CHECK: scf.for {{.*}} step %c64 {{.*}} -> (tensor<8x64x64xbf16>, tensor<8x64x64xbf16>, tensor<8x64x64xbf16>)
// Weights relative to 0, unless |q| max |k| is past 60.
// CHECK: math.sqrt
// CHECK: arith.subf %cst{{.*}}, %{{.*}} : f32
// CHECK: arith.minimumf
// Panels of Q^T in pairs, a piece of memory for each of the groups of 32 queries.
// CHECK: tensor<8x32x32xi32>
// Twice, unless l is large enough.
// CHECK: scf.for %{{.*}} = %c0 to %c2 step %c1
// CHECK: arith.cmpf ult
// For a block of keys, for a group: six products, the smallest first.
// CHECK: scf.for {{.*}} step %c256
// CHECK: scf.for {{.*}} step %c1
// CHECK: linalg.generic {{.*}} ins(%[[K0:[a-z0-9_]*]], %[[K0]], %[[K1:[a-z0-9_]*]], %[[K1]], %[[K2:[a-z0-9_]*]], %[[K2]], %{{.*}}, %{{.*}}, %{{.*}} : {{.*}}) outs(%{{.*}} : tensor<?x32xf32>) attrs = {infini_attn.pair_product}
// CHECK-COUNT-12: arith.mulf
// CHECK-NOT: arith.mulf
// P^T: exponentials as good as f32's, cut into parts.
// CHECK: linalg.generic
// CHECK-NOT: fastmath
// CHECK-COUNT-2: math.exp2 {{.*}} : f32
// CHECK-COUNT-3: arith.shrui
// CHECK: linalg.yield %{{.*}}, %{{.*}}, %{{.*}} : i32, i32, i32
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<64x32xf32>) attrs = {infini_attn.pair_product}
// Chunks of the diagonal have a mask.
// CHECK: arith.cmpi sle
// What is too large for parts is done again, by products of f32.
// CHECK: arith.cmpf olt, %{{.*}}, %cst{{.*}} : f32
// CHECK: arith.cmpf une
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<64x256xf32>)
// CHECK-NOT: infini_attn.segment_attention
// WHOLE-LABEL: @six(
// WHOLE-NOT: infini_attn.pair_product
func.func @six(%q: tensor<1x1x512x64xf32>, %k: tensor<1x1x512x64xf32>, %v: tensor<1x1x512x64xf32>) -> tensor<1x1x512x64xf32> {
  %o = infini_attn.segment_attention %q, %k, %v {precision = #infini_attn.precision<bf16x6>} : tensor<1x1x512x64xf32>, tensor<1x1x512x64xf32>, tensor<1x1x512x64xf32> -> tensor<1x1x512x64xf32>
  return %o : tensor<1x1x512x64xf32>
}

// Three products of two parts; the last part of P is rounded.
// CHECK-LABEL: @three(
// CHECK: linalg.generic {{.*}} outs(%{{.*}}, %{{.*}} : tensor<512x64xbf16>, tensor<512x64xbf16>)
// CHECK: scf.for {{.*}} step %c256
// CHECK: attrs = {infini_attn.pair_product}
// CHECK-COUNT-6: arith.mulf
// CHECK-NOT: arith.mulf
// CHECK-COUNT-2: math.exp2
// CHECK: %[[HALF:.*]] = arith.addi %{{.*}}, %c32768_i32
// WHOLE-LABEL: @three(
// WHOLE-NOT: infini_attn.pair_product
func.func @three(%q: tensor<1x1x512x64xf32>, %k: tensor<1x1x512x64xf32>, %v: tensor<1x1x512x64xf32>) -> tensor<1x1x512x64xf32> {
  %o = infini_attn.segment_attention %q, %k, %v {precision = #infini_attn.precision<bf16x3>} : tensor<1x1x512x64xf32>, tensor<1x1x512x64xf32>, tensor<1x1x512x64xf32> -> tensor<1x1x512x64xf32>
  return %o : tensor<1x1x512x64xf32>
}

// The read at the keys and the sum, and both again in f32.
// CHECK-LABEL: @update(
// CHECK: attrs = {infini_attn.pair_product}
// CHECK: arith.cmpf une
// CHECK: attrs = {infini_attn.pair_product}
// WHOLE-LABEL: @update(
// WHOLE-NOT: infini_attn.pair_product
func.func @update(%k: tensor<1x1x512x64xf32>, %v: tensor<1x1x512x64xf32>, %m: tensor<1x1x64x64xf32>, %z: tensor<1x1x64xf32>) -> tensor<1x1x64x64xf32> {
  %o:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<1x1x64x64xf32>, tensor<1x1x64xf32>) {rule = #infini_attn.update_rule<delta>, precision = #infini_attn.precision<bf16x6>} : tensor<1x1x512x64xf32>, tensor<1x1x512x64xf32> -> tensor<1x1x64x64xf32>, tensor<1x1x64xf32>
  return %o#0 : tensor<1x1x64x64xf32>
}

// -----

// One query reads each key once: nothing is gained by parts.
func.func @decode(%q: tensor<1x1x1x64xf32>, %k: tensor<1x1x512x64xf32>) -> tensor<1x1x1x64xf32> {
  // expected-remark @below {{products of f32 instead of bf16x6: as exact and no slower here}}
  %o = infini_attn.segment_attention %q, %k, %k {precision = #infini_attn.precision<bf16x6>} : tensor<1x1x1x64xf32>, tensor<1x1x512x64xf32>, tensor<1x1x512x64xf32> -> tensor<1x1x1x64xf32>
  return %o : tensor<1x1x1x64xf32>
}
